"""Resource types that CloudFormation itself provides, and stand-ins for those nobody does.

:class:`OwnTypes` stands before another provider and answers for ``WaitConditionHandle`` and
``WaitCondition``; where what is not simulated is accepted, it also keeps a place for types that
the other provider does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.cloudformation.provider import (
    Interruption,
    Progress,
    ProvisionedResource,
    ResourceFailure,
    ResourceProvider,
    ResourceRequest,
)
from harness.template import Node

HANDLE: Final = "AWS::CloudFormation::WaitConditionHandle"
WAIT_CONDITION: Final = "AWS::CloudFormation::WaitCondition"
GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
ENTIRELY: Final = ["*"]
"""What a provider answers for a type that it does not know."""

_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    HANDLE: frozenset(),
    WAIT_CONDITION: frozenset({"Data"}),
}
_WAIT_CONDITION_PROPERTIES: Final = frozenset({"Handle", "Timeout", "Count"})


@dataclass(frozen=True)
class WaitCondition(ProvisionedResource):
    """A wait condition.

    Args:
        data: What ``Fn::GetAtt`` of ``Data`` answers, once its signals came.
    """

    data: str = "{}"


@dataclass(frozen=True)
class Placeholder(ProvisionedResource):
    """Keeps the place of a resource that was accepted and is not simulated."""


class OwnTypes:
    """CloudFormation's own types before a provider of all others.

    Args:
        inner: The other provider.
        wait_url: Where the signals of a handle are to be sent, by stack id and logical id.
    """

    def __init__(self, inner: ResourceProvider, wait_url: Callable[[str, str], str]) -> None:
        self._inner = inner
        self._wait_url = wait_url

    def unsupported(self, resource_type: str, properties: Mapping[str, Node]) -> list[str]:
        """What of a resource would not be acted on."""
        if resource_type == HANDLE:
            return list(properties)
        if resource_type == WAIT_CONDITION:
            return sorted(set(properties) - _WAIT_CONDITION_PROPERTIES)
        return self._inner.unsupported(resource_type, properties)

    def without_effect(
        self, resource_type: str, properties: Mapping[str, Node]
    ) -> Mapping[str, str]:
        """What is kept and shown, though nothing depends on it here; why, by path."""
        return self._inner.without_effect(resource_type, properties)

    def answers(self, resource_type: str, attribute: str) -> bool:
        """Whether ``Fn::GetAtt`` of that attribute is answered."""
        own = _ATTRIBUTES.get(resource_type)
        return (
            attribute in own if own is not None else self._inner.answers(resource_type, attribute)
        )

    def create(self, request: ResourceRequest, progress: Progress) -> ProvisionedResource:
        """Create it."""
        if request.type == HANDLE:
            url = self._wait_url(request.stack_id, request.logical_id)
            return ProvisionedResource(request, url, url)
        if request.type == WAIT_CONDITION:
            arn = f"{request.stack_id}/{request.logical_id}"
            return WaitCondition(request, arn, arn)
        if self._inner.unsupported(request.type, request.properties) == ENTIRELY:
            name = f"{request.stack_name}-{request.logical_id}-not-simulated"
            return Placeholder(request, name, name)
        return self._inner.create(request, progress)

    def attribute(self, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers."""
        if isinstance(resource, WaitCondition) and name == "Data":
            return resource.data
        if resource.request.type in {HANDLE, WAIT_CONDITION}:
            raise ResourceFailure(f"{resource.request.type} has no attribute {name}")
        if isinstance(resource, Placeholder):
            return f"{resource.physical_id}-{name}"
        return self._inner.attribute(resource, name)

    def interruption(self, resource: ProvisionedResource, wanted: ResourceRequest) -> Interruption:
        """What an update would do to it."""
        if wanted.type in {HANDLE, WAIT_CONDITION}:
            raise ResourceFailure(f"Update to resource type {wanted.type} is not supported.")
        if isinstance(resource, Placeholder):
            return Interruption.NONE
        return self._inner.interruption(resource, wanted)

    def update(
        self, resource: ProvisionedResource, wanted: ResourceRequest, progress: Progress
    ) -> ProvisionedResource:
        """Update it in place."""
        if isinstance(resource, Placeholder):
            return Placeholder(wanted, resource.physical_id, resource.ref)
        return self._inner.update(resource, wanted, progress)

    def members(self, resource: ProvisionedResource) -> list[str]:
        """The ids of a group's instances."""
        return [] if isinstance(resource, Placeholder) else self._inner.members(resource)

    def roll(
        self, resource: ProvisionedResource, end: Sequence[str], launch: int, progress: Progress
    ) -> list[str]:
        """Replace instances of a group."""
        return self._inner.roll(resource, end, launch, progress)

    def delete(self, resource: ProvisionedResource) -> None:
        """Delete it."""
        if resource.request.type not in {HANDLE, WAIT_CONDITION} and not isinstance(
            resource, Placeholder
        ):
            self._inner.delete(resource)
