"""One operation on a stack: steps, a step per resource, each waiting for others.

A :class:`Deployment` runs the operations of one stack, one at a time. Everything here happens
behind the engine's lock; what blocks is handed to workers (:mod:`harness.cloudformation.work`),
which come back through :meth:`Deployment.settle`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from harness.cloudformation.clock import Clock, Timer
from harness.cloudformation.creation import (
    Manner,
    Outcome,
    Signal,
    SignalPolicy,
    Signals,
    SignalStatus,
    decide,
)
from harness.cloudformation.graph import Graph
from harness.cloudformation.own_types import WaitCondition
from harness.cloudformation.parameters import Lookups
from harness.cloudformation.provider import ProvisionedResource, ResourceProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.rolling import Rolling
from harness.cloudformation.state import Output, Plan, ResourceState, Stack, Status
from harness.cloudformation.unsupported import Unsupported

FAILED_STATUS: Final[Mapping[Status, Status]] = {
    Status.CREATE_IN_PROGRESS: Status.CREATE_FAILED,
    Status.UPDATE_IN_PROGRESS: Status.UPDATE_FAILED,
}
COMPLETE_STATUS: Final[Mapping[Status, Status]] = {
    Status.CREATE_IN_PROGRESS: Status.CREATE_COMPLETE,
    Status.UPDATE_IN_PROGRESS: Status.UPDATE_COMPLETE,
}
CANCELLED: Final[Mapping[Status, str]] = {
    Status.CREATE_IN_PROGRESS: "Resource creation cancelled",
    Status.UPDATE_IN_PROGRESS: "Resource update cancelled",
}


@dataclass(frozen=True)
class Surroundings:
    """What a deployment needs of the engine around it.

    Args:
        provider: Makes the resources.
        clock: Says what time it is.
        lookups: Says which AWS things exist.
        turn: Enters the engine's lock, for workers and timers that come back.
        later: Hands blocking work to a worker, once the lock is released.
        unsupported: What becomes of what is not acted on.
        region: Where the stacks are.
        account_id: Whose they are.
        availability_zones: Zone names of a region.
        exports: What all stacks export.
        exporter: Which stack exports a name, the asking one left out.
        importer: The stacks that import a name, as a reason lists them; empty for none.
    """

    provider: ResourceProvider
    clock: Clock
    lookups: Lookups
    turn: Callable[[], AbstractContextManager[None]]
    later: Callable[[Callable[[], None]], None]
    unsupported: Unsupported
    region: str
    account_id: str
    availability_zones: Callable[[str], list[str]]
    exports: Callable[[], Mapping[str, str]]
    exporter: Callable[[str, str], str | None]
    importer: Callable[[str], str]


class Attempt:
    """One try to create, update or replace a resource; what its worker reports to.

    Args:
        deployment: Whose try it is.
        operation: The operation that it is a step of.
        state: The resource.
        creates: Whether something new comes of it; an update may find out later that it does.
    """

    def __init__(
        self,
        deployment: Deployment,
        operation: Operation,
        state: ResourceState,
        *,
        creates: bool,
    ) -> None:
        self._deployment = deployment
        self.operation = operation
        self.state = state
        self.creates = creates
        self.begun = creates
        self.policy: SignalPolicy | None = None
        self.signals = Signals()
        self.started: datetime = deployment.around.clock.now()
        self.timer: Timer | None = None
        self.replacing: ProvisionedResource | None = None
        self.announced = ""
        self.handle = ""
        self.rolling: Rolling | None = None
        self.result: ProvisionedResource | None = None
        self.over = False

    @property
    def cancelled(self) -> bool:
        """Whether the stack no longer wants it."""
        return self.over

    def announce(self, physical_id: str) -> None:
        """Take the physical id, from the worker's thread."""
        with self._deployment.around.turn():
            self._deployment.announced(self, physical_id)

    def note(self, reason: str) -> None:
        """Leave an event of a resource that is under way, from the worker's thread."""
        with self._deployment.around.turn():
            if not self.over:
                self._deployment.stack.note(self.state, self.state.status, reason)


class Operation(ABC):
    """Steps in the order that a graph gives.

    Args:
        deployment: Whose operation it is.
        graph: By logical id of each step, the steps to be done before.
    """

    fails_fast = True
    """Whether a step that fails cancels the others; else every step that can be done is done."""

    def __init__(self, deployment: Deployment, graph: Graph) -> None:
        self.deployment = deployment
        self.graph = graph
        self.waiting: dict[str, None] = dict.fromkeys(graph)
        self.running: set[str] = set()
        self.done: set[str] = set()
        self.failed: dict[str, Status] = {}

    @property
    def stack(self) -> Stack:
        """The stack it is an operation on."""
        return self.deployment.stack

    def ready(self) -> list[str]:
        """Steps that nothing holds back but, perhaps, an abandoned try of the same resource."""
        if self.failed and self.fails_fast:
            return []
        return [one for one in self.waiting if self.graph[one] <= self.done]

    @abstractmethod
    def start(self, logical_id: str) -> None:
        """Begin one step; it ends by :meth:`Deployment.step_done` or ``step_failed``."""

    @abstractmethod
    def finish(self) -> None:
        """Nothing is left that can be done: settle the stack's status, go on to what follows."""


@dataclass(frozen=True)
class Before:
    """What a stack was before the update under way, and goes back to where that fails."""

    plan: Plan
    resources: Mapping[str, ProvisionedResource]
    outputs: tuple[Output, ...]
    imports: frozenset[str] = frozenset()


class Deployment:
    """The operations of one stack.

    Args:
        stack: The stack.
        around: The engine around it.
    """

    def __init__(self, stack: Stack, around: Surroundings) -> None:
        self.stack = stack
        self.around = around
        self.operation: Operation | None = None
        self.attempts: dict[str, Attempt] = {}
        self.busy: set[str] = set()
        self.before: Before | None = None
        self.mailbox: dict[str, Signals] = {}
        self._pumping = False

    # Steps

    def run(self, operation: Operation) -> None:
        """Begin an operation; the one before it must have ended or been cancelled."""
        self.operation = operation
        self.pump()

    def pump(self) -> None:
        """Start what can be started; where nothing can and nothing runs, finish."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._advance():
                pass
        finally:
            self._pumping = False

    def _advance(self) -> bool:
        operation = self.operation
        if operation is None:
            return False
        ready = operation.ready()
        startable = [one for one in ready if one not in self.busy]
        for logical_id in startable:
            # A step that failed at once may have ended the operation meanwhile.
            if self.operation is operation and logical_id in operation.ready():
                del operation.waiting[logical_id]
                operation.running.add(logical_id)
                operation.start(logical_id)
        if startable:
            return True
        if operation.running or ready:
            return False
        self.operation = None
        operation.finish()
        return True

    def step_done(self, operation: Operation, logical_id: str) -> None:
        """A step is over, and well."""
        operation.running.discard(logical_id)
        operation.done.add(logical_id)

    def step_failed(self, operation: Operation, logical_id: str, status: Status) -> None:
        """A step is over, and badly."""
        operation.running.discard(logical_id)
        operation.failed[logical_id] = status
        if operation.fails_fast:
            self.cancel_attempts()

    def cancel_attempts(self) -> None:
        """Give up everything that is being created or updated."""
        for attempt in list(self.attempts.values()):
            if attempt.over:
                continue
            if attempt.begun:
                self.fail(attempt, CANCELLED[attempt.state.status])
            else:
                self._end(attempt)
                attempt.operation.running.discard(attempt.state.logical_id)

    def abandon(self) -> None:
        """Cancel the operation under way, to make room for another; deletes run on."""
        operation, self.operation = self.operation, None
        if operation is not None:
            self.cancel_attempts()

    # Attempts

    def attempt(self, operation: Operation, state: ResourceState, *, creates: bool) -> Attempt:
        """Begin a try."""
        attempt = Attempt(self, operation, state, creates=creates)
        self.attempts[state.logical_id] = attempt
        return attempt

    def watch(self, attempt: Attempt, policy: SignalPolicy) -> None:
        """Wait for signals, for as long as the policy allows from now on."""
        attempt.policy = policy
        attempt.started = self.around.clock.now()
        attempt.timer = self.around.clock.call_later(
            policy.timeout.total_seconds(), lambda: self._timed_out(attempt)
        )

    def work(self, logical_id: str, work: Callable[[], None]) -> None:
        """Hand a step's blocking part to a worker; until it settles, no other step begins."""
        self.busy.add(logical_id)
        self.around.later(work)

    def announced(self, attempt: Attempt, physical_id: str) -> None:
        """A worker knows the physical id."""
        if attempt.announced:
            return
        attempt.announced = physical_id
        if not attempt.over:
            attempt.state.physical_id = physical_id
            self.stack.note(attempt.state, attempt.state.status, "Resource creation Initiated")

    def settle(self, attempt: Attempt, resource: ProvisionedResource | None, failure: str) -> None:
        """A worker is done: ``resource`` is what exists now, ``failure`` why it is not right."""
        self.busy.discard(attempt.state.logical_id)
        attempt.result = resource
        if resource is not None and attempt.creates:
            self.announced(attempt, resource.physical_id)
        if attempt.over:
            self._keep_for_deletion(attempt)
        elif failure:
            self.fail(attempt, failure)
        else:
            self.judge(attempt, self.around.clock.now())
        self.pump()

    def judge(self, attempt: Attempt, now: datetime) -> None:
        """Complete or fail a resource, if its signals and its worker say so."""
        if attempt.policy is not None:
            decision = decide(attempt.policy, attempt.signals, attempt.started, now)
            if decision.note:
                self.stack.note(attempt.state, attempt.state.status, decision.note)
            if decision.outcome is Outcome.FAILED:
                self.fail(attempt, decision.reason)
                return
            if decision.outcome is Outcome.WAITING:
                return
        if attempt.result is not None:
            self._complete(attempt, attempt.result)

    def fail(self, attempt: Attempt, reason: str) -> None:
        """Give a resource up; what exists of it is kept for the rollback to delete."""
        failed = FAILED_STATUS.get(attempt.state.status, Status.UPDATE_FAILED)
        self._end(attempt)
        if attempt.state.logical_id not in self.busy:
            self._keep_for_deletion(attempt)
        self.stack.resource_becomes(attempt.state, failed, reason)
        self.step_failed(attempt.operation, attempt.state.logical_id, failed)

    def _roll_on(self, attempt: Attempt) -> bool:
        """Go on with a rolling update; whether there is more of it."""
        rolling = attempt.rolling
        if rolling is None:
            return False
        logical_id = attempt.state.logical_id
        if rolling.current is not None and not rolling.paused and not rolling.policy.waits:
            rolling.paused = True
            if rolling.policy.pause and rolling.current.launch:
                seconds = rolling.policy.pause.total_seconds()
                attempt.timer = self.around.clock.call_later(seconds, lambda: self._paused(attempt))
                return True
        sentences = [] if rolling.begun else rolling.beginning()
        step = rolling.advance(len(attempt.signals.of(SignalStatus.SUCCESS)))
        if step is None:
            return False
        for sentence in (*sentences, rolling.before(step)):
            if sentence:
                self.stack.note(attempt.state, attempt.state.status, sentence)
        if attempt.timer is not None:
            attempt.timer.cancel()
        attempt.policy, attempt.signals, attempt.result = None, Signals(), None
        policy = rolling.signals(step)
        if policy is not None:
            self.watch(attempt, policy)
        self.work(logical_id, lambda: rolling.run(step))
        return True

    def _paused(self, attempt: Attempt) -> None:
        with self.around.turn():
            if not attempt.over:
                self.judge(attempt, self.around.clock.now())
                self.pump()

    def _complete(self, attempt: Attempt, resource: ProvisionedResource) -> None:
        if self._roll_on(attempt):
            return
        self._end(attempt)
        state = attempt.state
        if attempt.replacing is not None:
            state.obsolete.append(attempt.replacing)
        if isinstance(resource, WaitCondition):
            resource = replace(resource, data=attempt.signals.data())
        state.resource = resource
        state.attempted = state.attempted if attempt.creates else None
        state.physical_id = resource.physical_id
        state.metadata = resource.request.metadata
        if attempt.begun:
            self.stack.resource_becomes(state, COMPLETE_STATUS[state.status])
        self.step_done(attempt.operation, state.logical_id)

    def _end(self, attempt: Attempt) -> None:
        attempt.over = True
        if attempt.timer is not None:
            attempt.timer.cancel()
        if self.attempts.get(attempt.state.logical_id) is attempt:
            del self.attempts[attempt.state.logical_id]

    @staticmethod
    def _keep_for_deletion(attempt: Attempt) -> None:
        if attempt.result is None:
            return
        if attempt.replacing is None:
            attempt.state.resource = attempt.result
        else:
            attempt.state.obsolete.append(attempt.result)

    def _timed_out(self, attempt: Attempt) -> None:
        with self.around.turn():
            if not attempt.over and attempt.policy is not None:
                deadline = attempt.started + attempt.policy.timeout
                self.judge(attempt, max(self.around.clock.now(), deadline))
                self.pump()

    # Signals

    def signal(self, logical_id: str, signal: Signal) -> None:
        """Take a signal for a resource.

        Raises:
            RequestRefused: The stack or the resource is not waiting for one.
        """
        stack = self.stack
        if logical_id not in stack.plan.template.resources and logical_id not in stack.resources:
            raise RequestRefused(f"Resource {logical_id} does not exist for stack {stack.name}")
        if stack.status not in {
            Status.CREATE_IN_PROGRESS,
            Status.UPDATE_IN_PROGRESS,
            Status.UPDATE_ROLLBACK_IN_PROGRESS,
        }:
            raise RequestRefused(
                f"Stack {stack.id} is in {stack.status} state and cannot be signaled"
            )
        attempt = self.attempts.get(logical_id)
        if attempt is None or attempt.policy is None:
            state = stack.resources.get(logical_id)
            status = "not created yet" if state is None else f"in {state.status} state"
            raise RequestRefused(f"Resource {logical_id} is {status} and cannot be signaled")
        self.receive(attempt, signal)
        self.pump()

    def receive(self, attempt: Attempt, signal: Signal) -> None:
        """Count a signal, once per UniqueId."""
        signals = attempt.signals.add(signal)
        if signals is attempt.signals:
            return
        attempt.signals = signals
        group = attempt.policy is not None and attempt.policy.manner is Manner.GROUP
        if group or signal.status is SignalStatus.SUCCESS:
            self.stack.note(
                attempt.state,
                attempt.state.status,
                f"Received {signal.status} signal with UniqueId {signal.unique_id}",
            )
        self.judge(attempt, self.around.clock.now())

    def handle_signal(self, handle: str, signal: Signal) -> None:
        """Take what was sent to a WaitConditionHandle; a condition may begin to wait later."""
        self.mailbox[handle] = self.mailbox.get(handle, Signals()).add(signal)
        for attempt in list(self.attempts.values()):
            if attempt.handle == handle:
                self.receive(attempt, signal)
        self.pump()

    def wait_on_handle(self, attempt: Attempt, url: str, policy: SignalPolicy) -> None:
        """Let a WaitCondition wait for the signals of its handle, those sent before included."""
        for state in self.stack.resources.values():
            if state.resource is not None and state.resource.physical_id == url:
                attempt.handle = state.logical_id
        self.watch(attempt, policy)
        for signal in self.mailbox.get(attempt.handle, Signals()).counted.values():
            if not attempt.over:
                self.receive(attempt, signal)

    def lost(self, physical_id: str, reason: str) -> bool:
        """A resource vanished; whoever still waits for it fails at once."""
        for attempt in list(self.attempts.values()):
            if physical_id and physical_id == (attempt.announced or attempt.state.physical_id):
                self.fail(attempt, reason)
                self.pump()
                return True
        return False
