"""What a handler of a resource type is."""

from __future__ import annotations

import secrets
import string
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import (
    Interruption,
    Progress,
    ProvisionedResource,
    ResourceCancelled,
    ResourceFailure,
    ResourceRequest,
)
from harness.cloudformation.resources.api import Api
from harness.cloudformation.resources.documented import has_attribute
from harness.cloudformation.resources.paths import dig
from harness.template import Node

_SUFFIX_ALPHABET: Final = string.ascii_uppercase + string.digits
_SUFFIX_LENGTH: Final = 12


@dataclass(frozen=True)
class Job:
    """One create or update.

    Args:
        api: The services.
        request: What is wanted.
        progress: The engine's side of it.
    """

    api: Api
    request: ResourceRequest
    progress: Progress

    @property
    def properties(self) -> Mapping[str, Node]:
        """What is wanted."""
        return self.request.properties

    def get(self, name: str, default: Node = None) -> Node:
        """A property of it."""
        return self.request.properties.get(name, default)

    def pick(self, *names: str) -> dict[str, Node]:
        """Those of the named properties that it has."""
        return {name: self.properties[name] for name in names if name in self.properties}

    def made(self, physical_id: str, ref: Node = None) -> ProvisionedResource:
        """The resource, announced; ``Ref`` answers the physical id where nothing else is given."""
        self.progress.announce(physical_id)
        return ProvisionedResource(self.request, physical_id, physical_id if ref is None else ref)

    def check_cancelled(self) -> None:
        """Give up where the stack no longer wants it.

        Raises:
            ResourceCancelled: It does not.
        """
        if self.progress.cancelled:
            raise ResourceCancelled("Resource creation cancelled")


class Handler(ABC):
    """Makes the resources of one type; has no state of its own.

    What it says of properties are paths, as :mod:`harness.cloudformation.resources.paths` has them,
    in the first two tables and names in the others.
    """

    acts_on: ClassVar[frozenset[str]]
    """What it acts on."""

    without_effect: ClassVar[Mapping[str, str]] = {}
    """What it passes on to the service although nothing depends on it there, and why."""

    required: ClassVar[tuple[str, ...]] = ()
    """What must be there."""

    replacing: ClassVar[frozenset[str]] = frozenset()
    """What cannot change ("Update requires: Replacement")."""

    interrupting: ClassVar[frozenset[str]] = frozenset()
    """What changes with "some interruptions"."""

    updating: ClassVar[frozenset[str]] = frozenset()
    """What :meth:`update` can change, besides the interrupting ones."""

    custom_name: ClassVar[str] = ""
    """The property that names the resource, where there is one: a name is there but once."""

    attributes: ClassVar[Mapping[str, str]] = {}
    """Attributes for ``Fn::GetAtt``, and where :meth:`describe` has them."""

    def gaps(self, properties: Mapping[str, Node]) -> list[str]:
        """What is not acted on for its value, although its path is looked at."""
        del properties
        return []

    @abstractmethod
    def create(self, job: Job) -> ProvisionedResource:
        """Create it and wait until it is stable."""

    @abstractmethod
    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it and wait until it is gone; only its request and physical id are sure."""

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """How the service describes it; by default with nothing but its physical id, as ``Id``."""
        del api
        return {"Id": resource.physical_id}

    def attribute(self, api: Api, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers.

        Raises:
            ResourceFailure: There is no such attribute.
        """
        if name not in self.attributes:
            raise no_attribute(resource, name)
        value = dig(self.describe(api, resource), self.attributes[name])
        return "" if value is None else value

    def interruption(self, changed: frozenset[str]) -> Interruption:
        """What changing those properties does."""
        if changed & self.replacing:
            return Interruption.REPLACEMENT
        return Interruption.SOME if changed & self.interrupting else Interruption.NONE

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change those properties in place; ``Tags`` is among them where any tag changes."""
        del changed
        return ProvisionedResource(job.request, resource.physical_id, resource.ref)

    def members(self, api: Api, resource: ProvisionedResource) -> list[str]:
        """The ids of its instances, where it is a group of them."""
        del api, resource
        return []

    def roll(
        self, job: Job, resource: ProvisionedResource, end: Sequence[str], launch: int
    ) -> list[str]:
        """Terminate instances of it, then launch others, where it is a group of them."""
        del job, end, launch
        raise ResourceFailure(f"{resource.request.type} has no instances")


def no_attribute(resource: ProvisionedResource, name: str) -> ResourceFailure:
    """The failure of asking for an attribute that the type does not have, on AWS or here."""
    if has_attribute(resource.request.type, name):
        return ResourceFailure(
            f"Not simulated: Fn::GetAtt {resource.request.logical_id}.{name} "
            f"({resource.request.type})"
        )
    return ResourceFailure(
        f"Template error: resource {resource.request.logical_id} does not support attribute type "
        f"{name} in Fn::GetAtt"
    )


def suffix() -> str:
    """Twelve characters that make a name the only one of its kind."""
    return "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))


def generated_name(request: ResourceRequest, *, longest: int = 255) -> str:
    """A name as CloudFormation makes it: of the stack, the logical id and twelve characters.

    Args:
        request: What it is for.
        longest: How many characters the service takes.
    """
    ending = suffix()
    room = longest - len(ending) - 2
    stack = request.stack_name[: max(room - len(request.logical_id), room // 2)]
    logical_id = request.logical_id[: room - len(stack)]
    return f"{stack}-{logical_id}-{ending}"
