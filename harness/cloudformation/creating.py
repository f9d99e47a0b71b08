"""Creating a stack, and what comes of it when that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.cloudformation import work
from harness.cloudformation.clock import Timer
from harness.cloudformation.deleting import Deletion, Why
from harness.cloudformation.operation import Deployment, Operation
from harness.cloudformation.parameters import missing_things
from harness.cloudformation.state import (
    Output,
    Plan,
    ResourceState,
    Status,
)

_IT: Final = "the stack itself"
"""The name of a step that concerns no resource; no logical id has blanks."""


class Asking(Operation):
    """One step that blocks, and then goes on with what it found.

    Args:
        deployment: Whose operation it is.
        ask: Blocks, on a worker's thread; its exceptions become the failure.
        then: Goes on, behind the lock, with the failure, empty where there is none.
    """

    fails_fast = False

    def __init__(
        self, deployment: Deployment, ask: Callable[[], None], then: Callable[[str], None]
    ) -> None:
        super().__init__(deployment, {_IT: frozenset()})
        self._ask = ask
        self._then = then
        self._failure = ""

    def start(self, logical_id: str) -> None:
        """Ask."""
        self.deployment.work(logical_id, self._work)

    def _work(self) -> None:
        failure = work.guarded(self._ask, self.stack.masked)
        with self.deployment.around.turn():
            self.deployment.busy.discard(_IT)
            self._failure = failure
            self.deployment.step_done(self, _IT)
            self.deployment.pump()

    def finish(self) -> None:
        """Go on."""
        self._then(self._failure)


def check_parameters(deployment: Deployment, plan: Plan, then: Callable[[str], None]) -> Asking:
    """Look up the AWS things that parameters name, then go on with why that fails the stack."""
    found: list[str] = []

    def ask() -> None:
        found.append(missing_things(plan.parameters, deployment.around.lookups) or "")

    return Asking(deployment, ask, lambda failure: then(failure or found[0]))


def find_outputs(
    deployment: Deployment, plan: Plan, then: Callable[[str, tuple[Output, ...]], None]
) -> Asking:
    """Resolve the outputs, then go on with them."""
    found: list[tuple[Output, ...]] = []

    def ask() -> None:
        found.append(work.outputs(deployment, plan))

    return Asking(deployment, ask, lambda failure: then(failure, found[0] if found else ()))


def start_creating(operation: Operation, plan: Plan, logical_id: str) -> None:
    """Begin to create one resource; its timeout runs from here."""
    deployment, stack = operation.deployment, operation.stack
    resource = plan.active[logical_id]
    former = stack.resources.get(logical_id)
    left_over = [] if former is None else [*former.obsolete]
    if former is not None and former.resource is not None:
        left_over.append(former.resource)
    state = stack.resources[logical_id] = ResourceState(
        logical_id=logical_id,
        type=resource.type,
        status=Status.CREATE_IN_PROGRESS,
        updated=deployment.around.clock.now(),
        description=str(resource.body.get("Description", "")),
        obsolete=left_over,
    )
    stack.resource_becomes(state, Status.CREATE_IN_PROGRESS)
    attempt = deployment.attempt(operation, state, creates=True)
    if logical_id in plan.policies:
        deployment.watch(attempt, plan.policies[logical_id])
    deployment.work(logical_id, lambda: work.create(deployment, attempt, plan))


class Creation(Operation):
    """Create every resource of the stack's plan, dependencies first."""

    def __init__(self, deployment: Deployment, limit: Timer | None) -> None:
        super().__init__(deployment, deployment.stack.plan.graph)
        self._limit = limit

    def start(self, logical_id: str) -> None:
        """Create one resource."""
        start_creating(self, self.stack.plan, logical_id)

    def finish(self) -> None:
        """Go on to the outputs, or back."""
        if self.failed:
            self._fail(f"The following resource(s) failed to create: [{', '.join(self.failed)}]. ")
        else:
            self.deployment.operation = find_outputs(
                self.deployment, self.stack.plan, self._complete
            )

    def _complete(self, failure: str, outputs: tuple[Output, ...]) -> None:
        if failure:
            self._fail(sentence(failure))
            return
        if self._limit is not None:
            self._limit.cancel()
        self.stack.outputs = outputs
        self.stack.become(Status.CREATE_COMPLETE)

    def _fail(self, reason: str) -> None:
        if self._limit is not None:
            self._limit.cancel()
        fail_creation(self.deployment, reason)


def begin_creation(deployment: Deployment) -> None:
    """Create the stack."""
    stack = deployment.stack
    stack.begin(Status.CREATE_IN_PROGRESS)
    minutes = stack.plan.settings.timeout_minutes
    limit = (
        deployment.around.clock.call_later(minutes * 60, lambda: _out_of_time(deployment))
        if minutes
        else None
    )

    def then(failure: str) -> None:
        if not failure:
            deployment.operation = Creation(deployment, limit)
            return
        if limit is not None:
            limit.cancel()
        fail_creation(deployment, sentence(failure))

    deployment.run(check_parameters(deployment, stack.plan, then))


def sentence(reason: str) -> str:
    """A reason that another may follow: it ends in a full stop and a blank."""
    return f"{reason.rstrip('.')}. "


def _out_of_time(deployment: Deployment) -> None:
    with deployment.around.turn():
        if deployment.stack.status is Status.CREATE_IN_PROGRESS:
            deployment.abandon()
            fail_creation(deployment, "Stack creation time exceeded the specified timeout. ")
            deployment.pump()


def fail_creation(deployment: Deployment, reason: str) -> None:
    """Do what OnFailure says; the reason ends in a blank."""
    stack = deployment.stack
    match stack.plan.settings.on_failure:
        case "DO_NOTHING":
            stack.become(Status.CREATE_FAILED, reason)
        case "DELETE":
            stack.become(Status.DELETE_IN_PROGRESS, f"{reason}Delete requested by user.")
            deployment.operation = Deletion(deployment, Why.DELETE, created_just_now=True)
        case _:
            roll_back_creation(deployment, f"{reason}Rollback requested by user.")


def roll_back_creation(deployment: Deployment, reason: str) -> None:
    """Delete what was created."""
    deployment.stack.become(Status.ROLLBACK_IN_PROGRESS, reason)
    deployment.operation = Deletion(deployment, Why.ROLLBACK, created_just_now=True)
