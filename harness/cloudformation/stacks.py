"""The stack engine: the stacks of one account and region, and what may be asked of them.

Requests are checked on the caller's thread and answered at once; what they start goes on through
workers and timers. All state is behind one lock; no provider is ever called under it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from copy import copy
from types import TracebackType
from typing import Final, Self

from harness.cloudformation.changes import NO_UPDATES, find_changes, outputs_differ
from harness.cloudformation.changesets import ChangeSets
from harness.cloudformation.clock import Clock, SystemClock, ThreadWorkers, Workers
from harness.cloudformation.creating import begin_creation, roll_back_creation
from harness.cloudformation.creation import Signal
from harness.cloudformation.deleting import begin_deletion
from harness.cloudformation.own_types import OwnTypes
from harness.cloudformation.parameters import Lookups, NothingToLookUp
from harness.cloudformation.policy import StackPolicy
from harness.cloudformation.provider import ResourceProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.registry import Registry, check_name
from harness.cloudformation.state import (
    USER_INITIATED,
    ResourceState,
    Settings,
    StackEvent,
    Status,
)
from harness.cloudformation.unsupported import Unsupported
from harness.cloudformation.updating import begin_rollback
from harness.cloudformation.views import StackView, view
from harness.template import Template

FAR_FUTURE: Final = 10**9
"""Seconds; longer than any stack takes."""


_UPDATING: Final = frozenset(
    {Status.UPDATE_IN_PROGRESS, Status.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, Status.UPDATE_COMPLETE}
)
"""Statuses in which a request to update that is sent once more has been heard already."""


class StackEngine:
    """The stacks of one account and region.

    Args:
        provider: Makes the resources.
        region: Such as ``us-east-1``.
        account_id: Twelve digits.
        clock: Says what time it is; the wall clock by default.
        workers: Run what blocks; threads by default.
        lookups: Says which key pairs, images and SSM parameters exist.
        unsupported: What becomes of what is not acted on.
        wait_url: Where the signals of a WaitConditionHandle are to be sent, by the handle's
            stack id and logical id.
        availability_zones: Zone names of a region.
        new_id: Makes unique ids.

    The engine owns its clock and its workers, and closes them.
    """

    def __init__(  # noqa: PLR0913 - by keyword, each with a default
        self,
        provider: ResourceProvider,
        *,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        clock: Clock | None = None,
        workers: Workers | None = None,
        lookups: Lookups | None = None,
        unsupported: Unsupported = Unsupported.FAIL,
        wait_url: Callable[[str, str], str] | None = None,
        availability_zones: Callable[[str], list[str]] | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.unsupported = unsupported
        self._clock = clock or SystemClock()
        self._workers = workers or ThreadWorkers()
        self._registry = Registry(
            region=region,
            account_id=account_id,
            clock=self._clock,
            workers=self._workers,
            provider=OwnTypes(provider, wait_url or _no_wait_url),
            lookups=lookups or NothingToLookUp(),
            unsupported=unsupported,
            availability_zones=availability_zones or (lambda name: [f"{name}{c}" for c in "abc"]),
            new_uuid=new_id,
        )
        self.change_sets = ChangeSets(self._registry)
        """The change sets of its stacks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up what is under way and join every thread; what exists is left as it is."""
        with self._registry.turn():
            for deployment in self._registry.deployments.values():
                deployment.abandon()
        self._clock.close()
        self._workers.close()

    # Requests that change something

    def create_stack(
        self,
        name: str,
        template: str | Template,
        parameters: Mapping[str, str] | None = None,
        settings: Settings | None = None,
    ) -> str:
        """Begin to create a stack.

        Args:
            name: Its name.
            template: The template, or its text.
            parameters: Values by name.
            settings: Tags and the like.

        Returns:
            The stack's id.

        Raises:
            RequestRefused: In CloudFormation's words; nothing was begun.
        """
        settings = settings or Settings()
        check_name(name)
        with self._registry.turn():
            taken = self._registry.named(name)
            if taken is not None and settings.token and taken.stack.token == settings.token:
                return taken.stack.id
        stack_id = self._registry.new_id("stack", name)
        plan = self._registry.plan_creation(name, stack_id, template, parameters or {}, settings)
        with self._registry.turn():
            taken = self._registry.named(name)
            if taken is not None:
                raise RequestRefused(
                    f"Stack [{name}] already exists", code="AlreadyExistsException"
                )
            begin_creation(self._registry.add(stack_id, name, plan))
        return stack_id

    def update_stack(
        self,
        name: str,
        template: str | Template | None,
        parameters: Mapping[str, str] | None = None,
        *,
        use_previous: Collection[str] = (),
        settings: Settings | None = None,
        disable_rollback: bool = False,
        stack_policy: str = "",
    ) -> str:
        """Begin to update a stack.

        Args:
            name: Its name or id.
            template: The template, or its text; None for the one it has ("UsePreviousTemplate").
            parameters: Values by name.
            use_previous: Names of parameters that keep the value they have.
            settings: Tags and the like; those it has by default.
            disable_rollback: Leave the stack as it is where the update fails.
            stack_policy: Stands for the stack's own policy during this update.

        Returns:
            The stack's id.

        Raises:
            RequestRefused: In CloudFormation's words; nothing was begun.
        """
        if stack_policy:
            StackPolicy.parse(stack_policy)
        with self._registry.turn():
            stack = self._registry.existing(name).stack
            if settings and settings.token == stack.token != "" and stack.status in _UPDATING:
                return stack.id
        deployment, plan = self._registry.plan_update(
            name, template, parameters or {}, use_previous=use_previous, settings=settings
        )
        if not find_changes(deployment, plan) and not outputs_differ(deployment, plan):
            raise RequestRefused(NO_UPDATES)
        self._registry.execute_update(
            deployment, plan, disable_rollback=disable_rollback, stack_policy=stack_policy
        )
        return deployment.stack.id

    def cancel_update(self, name: str, *, token: str = "") -> None:
        """Take back an update that is under way.

        Raises:
            RequestRefused: None is.
        """
        with self._registry.turn():
            deployment = self._registry.existing(name)
            if deployment.stack.status is not Status.UPDATE_IN_PROGRESS:
                raise RequestRefused("CancelUpdateStack cannot be called from current stack status")
            deployment.stack.token = token
            deployment.abandon()
            begin_rollback(deployment, USER_INITIATED)
            deployment.pump()

    def continue_update_rollback(
        self, name: str, *, skip: Collection[str] = (), token: str = ""
    ) -> None:
        """Go on with a rollback that failed.

        Args:
            name: The stack's name or id.
            skip: Logical ids of resources that could not be rolled back, to be left as they are.
            token: Shown in the events.

        Raises:
            RequestRefused: The stack is not in UPDATE_ROLLBACK_FAILED, or a resource cannot be
                skipped.
        """
        with self._registry.turn():
            deployment = self._registry.existing(name)
            stack = deployment.stack
            if stack.status is not Status.UPDATE_ROLLBACK_FAILED:
                raise RequestRefused(
                    f"Stack:{stack.id} is in {stack.status} state and can not continue rollback."
                )
            failed = {
                one.logical_id
                for one in stack.resources.values()
                if one.status is Status.UPDATE_FAILED
            }
            wrong = sorted(set(skip) - failed)
            if wrong:
                raise RequestRefused(
                    f"The following resources to skip are not in UPDATE_FAILED: {wrong}"
                )
            stack.token = token
            begin_rollback(deployment, USER_INITIATED, skip=frozenset(skip))
            deployment.pump()

    def rollback_stack(self, name: str, *, token: str = "") -> str:
        """Roll back a stack whose failure was left as it was; answers its id.

        Raises:
            RequestRefused: It is neither in CREATE_FAILED nor in UPDATE_FAILED.
        """
        with self._registry.turn():
            deployment = self._registry.existing(name)
            stack = deployment.stack
            stack.token = token
            if stack.status is Status.UPDATE_FAILED and deployment.before is not None:
                begin_rollback(deployment, USER_INITIATED)
                deployment.pump()
            elif stack.status is Status.CREATE_FAILED:
                roll_back_creation(deployment, USER_INITIATED)
                deployment.pump()
            else:
                raise RequestRefused(
                    f"Stack:{stack.id} is in {stack.status} state and can not be rolled back."
                )
            return stack.id

    def delete_stack(self, name: str, *, retain: Collection[str] = (), token: str = "") -> None:
        """Begin to delete a stack; that there is none such is no error.

        Args:
            name: Name or id.
            retain: Logical ids of resources to let go of; of a stack in DELETE_FAILED only.
            token: Shown in the events.

        Raises:
            RequestRefused: It is protected, or its status does not allow it.
        """
        with self._registry.turn():
            deployment = self._registry.find(name)
            if deployment is None or not deployment.stack.exists:
                return
            stack = deployment.stack
            if stack.termination_protection:
                raise RequestRefused(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            if stack.status is Status.DELETE_IN_PROGRESS:
                return
            if stack.status.startswith("UPDATE") and stack.status.in_progress:
                raise RequestRefused(
                    f"Stack [{stack.id}] cannot be deleted while in status {stack.status}"
                )
            if retain and stack.status is not Status.DELETE_FAILED:
                raise RequestRefused(
                    f"Invalid operation on stack [{stack.id}]. RetainResources can be specified "
                    "only for a stack in the DELETE_FAILED state"
                )
            unknown = sorted(set(retain) - stack.resources.keys())
            if unknown:
                raise RequestRefused(
                    f"The specified resources to retain do not belong to stack {stack.name}: "
                    f"[{', '.join(unknown)}]"
                )
            stack.token = token
            begin_deletion(deployment, retain=frozenset(retain))

    def signal_resource(self, name: str, logical_id: str, signal: Signal) -> None:
        """Take a signal.

        Args:
            name: The stack's name or id.
            logical_id: The resource that is signalled.
            signal: The signal.

        Raises:
            RequestRefused: There is no such stack or resource, or it is not waiting.
        """
        with self._registry.turn():
            self._registry.existing(name).signal(logical_id, signal)

    def handle_signal(self, stack_id: str, logical_id: str, signal: Signal) -> None:
        """Take what was sent to a WaitConditionHandle's URL.

        Raises:
            RequestRefused: There is no such handle.
        """
        with self._registry.turn():
            deployment = self._registry.existing(stack_id)
            state = deployment.stack.resources.get(logical_id)
            if state is None or state.resource is None:
                raise RequestRefused(
                    f"There is no handle {logical_id}", code="NoSuchKey", status=404
                )
            deployment.handle_signal(logical_id, signal)

    def resource_lost(self, physical_id: str, reason: str) -> bool:
        """Say that a resource is gone; a stack that still waits for it fails at once.

        Args:
            physical_id: What names it.
            reason: Why; becomes the event's reason.

        Returns:
            Whether anybody waited for it.
        """
        with self._registry.turn():
            return any(one.lost(physical_id, reason) for one in self._registry.deployments.values())

    def set_termination_protection(self, name: str, *, enabled: bool) -> str:
        """Protect a stack from deletion, or no longer; answers its id."""
        with self._registry.turn():
            stack = self._registry.existing(name).stack
            stack.termination_protection = enabled
            return stack.id

    def set_stack_policy(self, name: str, policy: str) -> None:
        """Say what updates may touch.

        Raises:
            RequestRefused: It is no policy, or there is no such stack.
        """
        StackPolicy.parse(policy)
        with self._registry.turn():
            self._registry.existing(name).stack.stack_policy = policy

    # Requests that only ask

    def stack_policy(self, name: str) -> str:
        """A stack's policy; empty where it has none."""
        with self._registry.turn():
            return self._registry.existing(name).stack.stack_policy

    def stack(self, name: str) -> StackView:
        """A stack by name, or, deleted too, by id.

        Raises:
            RequestRefused: There is none.
        """
        with self._registry.turn():
            return view(self._registry.found(name).stack)

    def settings(self, name: str) -> Settings:
        """Tags and the like of a stack that is not deleted.

        Raises:
            RequestRefused: There is none such.
        """
        with self._registry.turn():
            return self._registry.existing(name).stack.plan.settings

    def stacks(self, *, deleted: bool = False) -> list[StackView]:
        """All stacks, newest first."""
        with self._registry.turn():
            return [
                view(one.stack)
                for one in reversed(self._registry.deployments.values())
                if deleted or one.stack.exists
            ]

    def events(self, name: str) -> list[StackEvent]:
        """A stack's events, newest first.

        Raises:
            RequestRefused: There is no such stack.
        """
        with self._registry.turn():
            return self._registry.found(name).stack.events[::-1]

    def resources(self, name: str) -> list[ResourceState]:
        """A stack's resources, as they stand.

        Raises:
            RequestRefused: There is no such stack.
        """
        with self._registry.turn():
            return [copy(one) for one in self._registry.found(name).stack.resources.values()]

    def exports(self) -> list[tuple[str, str, str]]:
        """What stacks export: the exporting stack's id, the export's name, its value."""
        with self._registry.turn():
            return [
                (one.stack.id, name, value)
                for one in self._registry.deployments.values()
                if one.stack.exists
                for name, value in one.stack.exports.items()
            ]

    def importers(self, export: str) -> list[str]:
        """Names of the stacks that import a name."""
        with self._registry.turn():
            return [
                one.stack.name
                for one in self._registry.deployments.values()
                if one.stack.exists and export in one.stack.imports
            ]

    def stack_of(self, physical_id: str) -> tuple[str, str] | None:
        """Stack id and logical id of a resource; None where it is no stack's."""
        with self._registry.turn():
            for deployment in reversed(self._registry.deployments.values()):
                for state in deployment.stack.resources.values():
                    if state.physical_id == physical_id:
                        return deployment.stack.id, state.logical_id
            return None

    def wait(
        self, name: str, until: Callable[[StackView], bool], *, timeout: float = FAR_FUTURE
    ) -> StackView:
        """Block until a stack is as wanted; for a real clock.

        Raises:
            TimeoutError: It was not, in so many seconds.
        """
        with self._registry.changed:
            stack_id = self._registry.found(name).stack.id
            if not self._registry.changed.wait_for(lambda: until(self.stack(stack_id)), timeout):
                raise TimeoutError(f"stack {name} is {self.stack(stack_id).status}")
            return self.stack(stack_id)


def _no_wait_url(stack_id: str, logical_id: str) -> str:
    region = stack_id.split(":")[3]
    return f"https://cloudformation-waitcondition-{region}.invalid/{stack_id}/{logical_id}"
