"""The provider that makes resources as CloudFormation does: by calling the services' APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.cloudformation.provider import (
    Interruption,
    Progress,
    ProvisionedResource,
    ResourceFailure,
    ResourceRequest,
)
from harness.cloudformation.resources.api import Api, Patience
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.paths import outside, touched
from harness.cloudformation.resources.table import handler_of
from harness.template import Node

TAGS = "Tags"


class AwsProvider:
    """Makes resources through boto3 clients.

    Args:
        client: Makes the client of a service by its name, such as ``ec2``; called when a resource
            first needs the service, and once for each.
        patience: How long to wait for resources.
    """

    def __init__(self, client: Callable[[str], Any], *, patience: Patience | None = None) -> None:
        self._api = Api(client, patience or Patience())

    def unsupported(self, resource_type: str, properties: Mapping[str, Node]) -> list[str]:
        """What of a resource would not be acted on: ``[]``, paths of properties, ``["*"]``."""
        handler = handler_of(resource_type)
        if handler is None:
            return ["*"]
        covered = {*handler.acts_on, *handler.without_effect}
        return [*outside(properties, covered), *handler.gaps(properties)]

    def without_effect(
        self, resource_type: str, properties: Mapping[str, Node]
    ) -> Mapping[str, str]:
        """What the service keeps and shows, though nothing depends on it here; why, by path."""
        handler = handler_of(resource_type)
        if handler is None:
            return {}
        named = touched(properties, handler.without_effect)
        return {path: handler.without_effect[path] for path in named}

    def acts_on(self, resource_type: str, properties: Mapping[str, Node]) -> list[str]:
        """What of a resource is acted on, by path."""
        handler = handler_of(resource_type)
        return [] if handler is None else touched(properties, sorted(handler.acts_on))

    def answers(self, resource_type: str, attribute: str) -> bool:
        """Whether ``Fn::GetAtt`` of that attribute is answered."""
        handler = handler_of(resource_type)
        return handler is not None and attribute in handler.attributes

    def create(self, request: ResourceRequest, progress: Progress) -> ProvisionedResource:
        """Create it and wait until it is stable, for an instance: until it is running.

        Raises:
            ResourceFailure: It could not be created.
        """
        handler = _handler(request)
        missing = [name for name in handler.required if name not in request.properties]
        if missing:
            raise ResourceFailure(
                f"Properties validation failed for resource {request.logical_id} with message:\n"
                + "\n".join(f"#: required key [{name}] not found" for name in missing)
            )
        return handler.create(Job(self._api, request, progress))

    def attribute(self, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers.

        Raises:
            ResourceFailure: The type has no such attribute.
        """
        return _handler(resource.request).attribute(self._api, resource, name)

    def interruption(self, resource: ProvisionedResource, wanted: ResourceRequest) -> Interruption:
        """What updating to the wanted properties would do.

        Raises:
            ResourceFailure: A replacement is needed, and its name is taken by what it replaces.
        """
        handler = _handler(wanted)
        changed = _changed(resource.request, wanted)
        found = handler.interruption(changed)
        name = handler.custom_name
        if found is Interruption.REPLACEMENT and name in wanted.properties and name not in changed:
            raise ResourceFailure(
                "CloudFormation cannot update a stack when a custom-named resource requires "
                f"replacing. Rename {wanted.properties[name]} and update the stack again."
            )
        return found

    def update(
        self, resource: ProvisionedResource, wanted: ResourceRequest, progress: Progress
    ) -> ProvisionedResource:
        """Update in place.

        Raises:
            ResourceFailure: It could not be updated.
        """
        handler = _handler(wanted)
        changed = _changed(resource.request, wanted)
        unknown = sorted(changed - handler.updating - handler.interrupting)
        if unknown:
            raise ResourceFailure(
                f"Not simulated: an update of {', '.join(unknown)} ({wanted.type})"
            )
        return handler.update(Job(self._api, wanted, progress), resource, changed)

    def members(self, resource: ProvisionedResource) -> list[str]:
        """The ids of an Auto Scaling group's instances; none of whatever is no group."""
        return _handler(resource.request).members(self._api, resource)

    def roll(
        self, resource: ProvisionedResource, end: Sequence[str], launch: int, progress: Progress
    ) -> list[str]:
        """Terminate instances of a group, then launch others; answers the new ones' ids.

        Raises:
            ResourceFailure: One could not be terminated or launched.
        """
        job = Job(self._api, resource.request, progress)
        return _handler(resource.request).roll(job, resource, end, launch)

    def delete(self, resource: ProvisionedResource) -> None:
        """Delete it and wait until it is gone; what is gone already is no error.

        Raises:
            ResourceFailure: It could not be deleted.
        """
        _handler(resource.request).delete(self._api, resource)


def _handler(request: ResourceRequest) -> Handler:
    handler = handler_of(request.type)
    if handler is None:
        raise ResourceFailure(f"Not simulated: resource type {request.type}")
    return handler


def _changed(before: ResourceRequest, wanted: ResourceRequest) -> frozenset[str]:
    """Names of the properties that differ, as CloudFormation compares them: ``8`` is ``"8"``."""
    names = {*before.properties, *wanted.properties}
    changed = {
        name
        for name in names
        if _comparable(before.properties.get(name)) != _comparable(wanted.properties.get(name))
    }
    # Tags of the stack are tags of its resources.
    if before.stack_tags != wanted.stack_tags:
        changed.add(TAGS)
    return frozenset(changed)


def _comparable(value: Node) -> Node:
    match value:
        case Mapping():
            return {name: _comparable(one) for name, one in value.items()}
        case list():
            return [_comparable(one) for one in value]
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
    return value
