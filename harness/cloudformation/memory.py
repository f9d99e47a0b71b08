"""A provider that keeps its resources in memory: any type, no guests, no moto.

It serves simulations of the rules alone, and tests; faults can be scripted.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from harness.cloudformation.provider import (
    Interruption,
    Progress,
    ProvisionedResource,
    ResourceFailure,
    ResourceRequest,
)
from harness.template import Node

_GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
_PREFIXES: Final[Mapping[str, str]] = {
    "AWS::EC2::Instance": "i",
    "AWS::EC2::SecurityGroup": "sg",
    "AWS::EC2::Subnet": "subnet",
    "AWS::EC2::VPC": "vpc",
    "AWS::EC2::Volume": "vol",
}


class MemoryProvider:
    """Creates at once, knows every type, answers every attribute with a name made from it.

    Args:
        replacing: Names of properties whose change replaces the resource; the others are
            updated without interruption.
        interrupting: Names of properties whose change interrupts.
        unsupported: Properties that are said not to be acted on, by resource type.
        without_effect: Properties that are said to have no effect, and why, by resource type.
        unanswered: Names of attributes that are said not to be answered.
        before: Called with a verb (``create``, ``update``, ``delete``) and a logical id before
            anything is done; what it raises fails the operation.
    """

    def __init__(
        self,
        *,
        replacing: Collection[str] = (),
        interrupting: Collection[str] = (),
        unsupported: Mapping[str, list[str]] | None = None,
        without_effect: Mapping[str, Mapping[str, str]] | None = None,
        unanswered: Collection[str] = (),
        before: Callable[[str, str], None] | None = None,
    ) -> None:
        self._replacing = frozenset(replacing)
        self._interrupting = frozenset(interrupting)
        self._unsupported = unsupported or {}
        self._without_effect = without_effect or {}
        self._unanswered = frozenset(unanswered)
        self.before = before or _nothing
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.existing: dict[str, ProvisionedResource] = {}
        """What exists, by physical id."""
        self.instances: dict[str, list[str]] = {}
        """Instances of Auto Scaling groups, by the group's physical id."""

    def unsupported(self, resource_type: str, properties: Mapping[str, Node]) -> list[str]:
        """What was said not to be acted on."""
        named = self._unsupported.get(resource_type, [])
        return [one for one in named if one == "*" or one in properties]

    def without_effect(
        self, resource_type: str, properties: Mapping[str, Node]
    ) -> Mapping[str, str]:
        """What was said to have no effect."""
        named = self._without_effect.get(resource_type, {})
        return {name: why for name, why in named.items() if name in properties}

    def answers(self, resource_type: str, attribute: str) -> bool:
        """What was not said not to be answered."""
        return self._unsupported.get(resource_type) != ["*"] and attribute not in self._unanswered

    def create(self, request: ResourceRequest, progress: Progress) -> ProvisionedResource:
        """Keep it."""
        with self._lock:
            number = next(self._numbers)
        prefix = _PREFIXES.get(request.type)
        physical_id = (
            f"{prefix}-{number:017x}"
            if prefix
            else f"{request.stack_name}-{request.logical_id}-{number:06d}"
        )
        resource = ProvisionedResource(request, physical_id, physical_id)
        self.before("create", request.logical_id)
        with self._lock:
            self.existing[physical_id] = resource
            if request.type == _GROUP:
                size = int(request.properties.get("DesiredCapacity", 1))
                self.instances[physical_id] = self._launched(size)
        progress.announce(physical_id)
        self.before("created", request.logical_id)
        return resource

    def attribute(self, resource: ProvisionedResource, name: str) -> Node:
        """A name made from the attribute's."""
        return f"{resource.physical_id}.{name}"

    def interruption(self, resource: ProvisionedResource, wanted: ResourceRequest) -> Interruption:
        """Whether a property differs whose change replaces."""
        before, after = resource.request.properties, wanted.properties
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        if changed & self._replacing:
            return Interruption.REPLACEMENT
        return Interruption.SOME if changed & self._interrupting else Interruption.NONE

    def update(
        self, resource: ProvisionedResource, wanted: ResourceRequest, progress: Progress
    ) -> ProvisionedResource:
        """Keep the new properties."""
        del progress
        self.before("update", wanted.logical_id)
        updated = ProvisionedResource(wanted, resource.physical_id, resource.ref)
        with self._lock:
            if resource.physical_id not in self.existing:
                raise ResourceFailure(f"{resource.physical_id} does not exist")
            self.existing[resource.physical_id] = updated
        return updated

    def members(self, resource: ProvisionedResource) -> list[str]:
        """A group's instances."""
        with self._lock:
            return [*self.instances.get(resource.physical_id, [])]

    def roll(
        self, resource: ProvisionedResource, end: Sequence[str], launch: int, progress: Progress
    ) -> list[str]:
        """Replace them by others."""
        del progress
        self.before("roll", resource.request.logical_id)
        with self._lock:
            kept = [one for one in self.instances[resource.physical_id] if one not in end]
            launched = self._launched(launch)
            self.instances[resource.physical_id] = [*kept, *launched]
        return launched

    def _launched(self, count: int) -> list[str]:
        return [f"i-{next(self._numbers):017x}" for _ in range(count)]

    def delete(self, resource: ProvisionedResource) -> None:
        """Forget it."""
        self.before("delete", resource.request.logical_id)
        with self._lock:
            self.existing.pop(resource.physical_id, None)


def _nothing(verb: str, logical_id: str) -> None:
    del verb, logical_id
