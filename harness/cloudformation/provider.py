"""How a stack gets its resources: the contract between the stack engine and whoever makes them.

The engine (:mod:`harness.cloudformation.stacks`) decides what is created when; a provider makes it.
One provider keeps moto's models, another boots guests; a test may pass its own.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.errors import HarnessError
from harness.template import Node


class ResourceFailure(HarnessError):  # noqa: N818 - becomes CREATE_FAILED, UPDATE_FAILED, DELETE_FAILED
    """A resource could not be created, updated or deleted; the message is the event's reason."""


class ResourceCancelled(ResourceFailure):
    """The engine asked for the operation to stop, and it did."""


class Interruption(enum.Enum):
    """What an update of a resource does to it ("Update behaviors of stack resources")."""

    NONE = "no interruption"
    SOME = "some interruption"
    REPLACEMENT = "replacement"


@dataclass(frozen=True)
class ResourceRequest:
    """A resource as it is wanted, every intrinsic function resolved.

    Args:
        stack_id: ARN of the stack.
        stack_name: Its name.
        logical_id: The resource's name in the template.
        type: Such as ``AWS::EC2::Instance``.
        properties: Resolved properties.
        metadata: Resolved ``Metadata``.
        stack_tags: Tags of the stack, which CloudFormation passes on to its resources.
        update_policy: Resolved ``UpdatePolicy``: how instances of a group are to be updated.
        declared: The properties with dynamic references as they are written; None where there
            are none.
    """

    stack_id: str
    stack_name: str
    logical_id: str
    type: str
    properties: Mapping[str, Node]
    metadata: Mapping[str, Node] = field(default_factory=dict)
    stack_tags: Mapping[str, str] = field(default_factory=dict)
    update_policy: Mapping[str, Node] = field(default_factory=dict)
    declared: Mapping[str, Node] | None = field(default=None, repr=False)

    @property
    def compared(self) -> Mapping[str, Node]:
        """What an update compares: of dynamic references, the references and not the values."""
        return self.properties if self.declared is None else self.declared


@dataclass(frozen=True)
class ProvisionedResource:
    """A resource that exists.

    Args:
        request: What was asked for.
        physical_id: What ``DescribeStackResource`` names it by.
        ref: What ``Ref`` answers; most often the physical id.
    """

    request: ResourceRequest
    physical_id: str
    ref: Node


class Progress(Protocol):
    """The engine's side of one create or update under way; may be called from any thread."""

    def announce(self, physical_id: str) -> None:
        """Say the physical id as soon as it is known ("Resource creation Initiated").

        From then on a signal may name it, and a failed create is followed by a delete of it.
        """

    @property
    def cancelled(self) -> bool:
        """Whether the stack no longer wants it; whoever waits should look often and give up."""


class ResourceProvider(Protocol):
    """Makes the resources of stacks in one account and region.

    Methods are called on worker threads, several at once for independent resources, and block until
    the operation is over.
    """

    def unsupported(self, resource_type: str, properties: Mapping[str, Node]) -> list[str]:
        """What of a resource would not be acted on: ``[]``, paths of properties, ``["*"]``."""

    def without_effect(
        self, resource_type: str, properties: Mapping[str, Node]
    ) -> Mapping[str, str]:
        """What is kept and shown, though nothing depends on it here; why, by path."""

    def answers(self, resource_type: str, attribute: str) -> bool:
        """Whether :meth:`attribute` answers that one for resources of that type."""

    def create(self, request: ResourceRequest, progress: Progress) -> ProvisionedResource:
        """Create it and wait until it is stable, for an instance: until it is running.

        Raises:
            ResourceFailure: It could not be created.
        """

    def attribute(self, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers.

        Raises:
            ResourceFailure: The type has no such attribute.
        """

    def interruption(self, resource: ProvisionedResource, wanted: ResourceRequest) -> Interruption:
        """What updating to the wanted properties would do; only asked when they differ."""

    def update(
        self, resource: ProvisionedResource, wanted: ResourceRequest, progress: Progress
    ) -> ProvisionedResource:
        """Update in place; a replacement is a create followed by a delete, which the engine does.

        Raises:
            ResourceFailure: It could not be updated.
        """

    def members(self, resource: ProvisionedResource) -> list[str]:
        """The ids of an Auto Scaling group's instances; none of whatever is no group."""

    def roll(
        self,
        resource: ProvisionedResource,
        end: Sequence[str],
        launch: int,
        progress: Progress,
    ) -> list[str]:
        """Terminate instances of a group, then launch as many others as are wanted.

        Returns:
            The ids of the new ones, which run.

        Raises:
            ResourceFailure: One could not be terminated or launched.
        """

    def delete(self, resource: ProvisionedResource) -> None:
        """Delete it and wait until it is gone. Deleting what is gone already is no error.

        Raises:
            ResourceFailure: It could not be deleted.
        """
