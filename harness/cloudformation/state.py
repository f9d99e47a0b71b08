"""What is known of a stack: its status, events, resources; kept behind the engine's lock."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from harness.cloudformation.creation import SignalPolicy
from harness.cloudformation.graph import Graph
from harness.cloudformation.hiding import masked
from harness.cloudformation.parameters import Parameters
from harness.cloudformation.provider import ProvisionedResource, ResourceRequest
from harness.cloudformation.unsupported import listed
from harness.template import Node, Resource, Template

STACK_TYPE: Final = "AWS::CloudFormation::Stack"
USER_INITIATED: Final = "User Initiated"


class Status(enum.StrEnum):
    """Statuses of stacks and of resources ("Stack status codes")."""

    REVIEW_IN_PROGRESS = "REVIEW_IN_PROGRESS"
    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    CREATE_FAILED = "CREATE_FAILED"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_COMPLETE = "ROLLBACK_COMPLETE"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_COMPLETE = "DELETE_COMPLETE"
    DELETE_FAILED = "DELETE_FAILED"
    DELETE_SKIPPED = "DELETE_SKIPPED"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATE_ROLLBACK_IN_PROGRESS = "UPDATE_ROLLBACK_IN_PROGRESS"
    UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_ROLLBACK_COMPLETE = "UPDATE_ROLLBACK_COMPLETE"
    UPDATE_ROLLBACK_FAILED = "UPDATE_ROLLBACK_FAILED"

    @property
    def in_progress(self) -> bool:
        """Whether the stack, or the resource, is on its way to another status."""
        return self.endswith("_IN_PROGRESS") and self is not Status.REVIEW_IN_PROGRESS


@dataclass(frozen=True)
class StackEvent:
    """One line of ``DescribeStackEvents``; a ``logical_id`` of the stack's name is the stack's."""

    event_id: str
    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str
    type: str
    timestamp: datetime
    status: Status
    reason: str = ""
    properties: str = ""
    token: str = ""


@dataclass(frozen=True)
class Output:
    """One output of a stack."""

    key: str
    value: str
    description: str = ""
    export_name: str = ""


@dataclass(frozen=True)
class Settings:
    """What a request says of a stack besides its template and parameters.

    Args:
        tags: Tags of the stack, which its resources get too.
        capabilities: What was acknowledged.
        notification_arns: Answered by ``AWS::NotificationARNs``.
        role_arn: The role that was named.
        on_failure: ``ROLLBACK``, ``DELETE`` or ``DO_NOTHING``.
        timeout_minutes: How long the whole stack may take to be created.
        termination_protection: Whether it cannot be deleted.
        token: The ClientRequestToken.
        not_simulated: Names of what was asked for and is not acted on, to be told in an event.
        reviewed: Whether a change set shows what transforms make before anything is done, so that
            it need not be acknowledged.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    notification_arns: tuple[str, ...] = ()
    role_arn: str = ""
    on_failure: str = "ROLLBACK"
    timeout_minutes: int | None = None
    termination_protection: bool = False
    token: str = ""
    not_simulated: tuple[str, ...] = ()
    reviewed: bool = False


@dataclass(frozen=True)
class Plan:
    """What a stack is to be: a template, its parameters, and what follows from both.

    Args:
        template: The template.
        parameters: Values, checked.
        settings: Tags, capabilities and the like.
        active: Resources whose condition holds.
        graph: What each of them waits for.
        policies: Signals that creating each of them waits for.
        update_policies: What the template says of how each of them is to be updated.
    """

    template: Template
    parameters: Parameters
    settings: Settings
    active: Mapping[str, Resource]
    graph: Graph
    policies: Mapping[str, SignalPolicy]
    update_policies: Mapping[str, Mapping[str, Node]]


@dataclass
class ResourceState:
    """A resource of a stack.

    Args:
        logical_id: Its name in the template.
        type: Its type.
        status: Its status.
        updated: When the status changed.
        reason: Why.
        physical_id: What names it; empty until it is known.
        resource: What exists now.
        attempted: What an update in place that did not succeed may have made of it, half or whole.
        obsolete: What exists still and is to be deleted: replaced, or a failed replacement.
        rolled: Instances of a group that its rolling update has launched.
    """

    logical_id: str
    type: str
    status: Status
    updated: datetime
    reason: str = ""
    physical_id: str = ""
    resource: ProvisionedResource | None = None
    obsolete: list[ProvisionedResource] = field(default_factory=list)
    attempted: ResourceRequest | None = None
    rolled: list[str] = field(default_factory=list)
    properties_shown: str = ""
    metadata: Mapping[str, Node] = field(default_factory=dict)
    description: str = ""


@dataclass
class Stack:
    """A stack as it stands; every change of status leaves an event."""

    id: str
    name: str
    plan: Plan
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    created: datetime
    status: Status = Status.REVIEW_IN_PROGRESS
    reason: str = ""
    updated: datetime | None = None
    deleted: datetime | None = None
    resources: dict[str, ResourceState] = field(default_factory=dict)
    events: list[StackEvent] = field(default_factory=list)
    outputs: tuple[Output, ...] = ()
    imports: frozenset[str] = frozenset()
    importing: set[str] = field(default_factory=set, repr=False)
    """What it has imported since the operation under way began."""
    termination_protection: bool = False
    stack_policy: str = ""
    policy_during_update: str = ""
    token: str = ""
    change_set_id: str = ""
    hidden: set[str] = field(default_factory=set, repr=False)
    """Values that no reason shows, besides the NoEcho ones of its parameters."""

    def masked(self, reason: str) -> str:
        """A reason without what is never shown."""
        return masked(reason, self.hidden | self.plan.parameters.hidden) if reason else ""

    @property
    def exists(self) -> bool:
        """Whether its name is taken."""
        return self.status is not Status.DELETE_COMPLETE

    @property
    def exports(self) -> Mapping[str, str]:
        """What it exports, by export name."""
        return {one.export_name: one.value for one in self.outputs if one.export_name}

    def become(self, status: Status, reason: str = "") -> None:
        """Change the stack's status."""
        self.status, self.reason = status, self.masked(reason)
        event = self._event(self.name, self.id, STACK_TYPE, status, reason)
        self.events.append(replace(event, event_id=self.new_id()))
        if status is Status.DELETE_COMPLETE:
            self.deleted = event.timestamp

    def begin(self, status: Status) -> None:
        """Begin what a user asked for, and tell what of it is not acted on."""
        self.become(status, USER_INITIATED)
        if self.plan.settings.not_simulated:
            self.tell(listed(self.plan.settings.not_simulated))

    def tell(self, reason: str) -> None:
        """Leave an event of the stack, which keeps its status."""
        event = self._event(self.name, self.id, STACK_TYPE, self.status, reason)
        self.events.append(replace(event, event_id=self.new_id()))

    def resource_becomes(
        self, state: ResourceState, status: Status, reason: str = "", *, properties: str = ""
    ) -> None:
        """Change a resource's status."""
        state.status, state.reason = status, self.masked(reason)
        state.properties_shown = properties or state.properties_shown
        self.note(state, status, reason)
        state.updated = self.events[-1].timestamp

    def note(
        self,
        state: ResourceState,
        status: Status,
        reason: str = "",
        *,
        physical_id: str | None = None,
    ) -> None:
        """Leave an event of a resource that keeps its status."""
        self.events.append(
            replace(
                self._event(
                    state.logical_id,
                    state.physical_id if physical_id is None else physical_id,
                    state.type,
                    status,
                    reason,
                ),
                properties=state.properties_shown,
            )
        )

    def _event(
        self, logical_id: str, physical_id: str, type_: str, status: Status, reason: str
    ) -> StackEvent:
        timestamp = self.now()
        if self.events:
            # No two events of a stack share a moment, so that their order shows in it.
            timestamp = max(timestamp, self.events[-1].timestamp + timedelta(microseconds=1))
        return StackEvent(
            event_id=f"{logical_id}-{status}-{timestamp:%Y-%m-%dT%H:%M:%S.%fZ}",
            stack_id=self.id,
            stack_name=self.name,
            logical_id=logical_id,
            physical_id=physical_id,
            type=type_,
            timestamp=timestamp,
            status=status,
            reason=self.masked(reason),
            token=self.token,
        )


def shown(properties: Node) -> str:
    """Properties as an event shows them."""
    return json.dumps(properties, separators=(",", ":"), default=str)
