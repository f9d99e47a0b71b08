"""Whatever comes when: the engine under random interleavings of everything that can happen.

The clock is virtual and work runs when the test says so, so that every order can be tried: a
signal before the instance is announced, a delete while a create is under way, a timeout while a
worker is still busy, an instance that vanishes in the middle of an update.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from harness.cloudformation.clock import ManualWorkers, VirtualClock
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings, Status

pytestmark = pytest.mark.selftest

RESOURCES = ("Network", "Group", "Compute", "Second", "Wait", "Volume")
VERBS = ("create", "created", "update", "delete")
RECEIVED = "Received SUCCESS signal with UniqueId "

VARIANTS = st.fixed_dictionaries(
    {
        "count": st.integers(1, 2),
        "data": st.sampled_from(["one", "two"]),
        "size": st.integers(1, 2),
        "second": st.booleans(),
        "volume": st.booleans(),
        "retain": st.booleans(),
    }
)


def template(variant: dict[str, Any]) -> str:
    """A diamond of resources, two of which wait for signals."""
    resources: dict[str, Any] = {
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"Size": variant["size"]}},
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"Of": {"Ref": "Network"}}},
        "Compute": {
            "Type": "AWS::EC2::Instance",
            "CreationPolicy": {"ResourceSignal": {"Count": variant["count"], "Timeout": "PT5M"}},
            "Properties": {"UserData": variant["data"], "Groups": [{"Ref": "Group"}]},
        },
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "DependsOn": "Compute",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "600"},
        },
    }
    if variant["second"]:
        resources["Second"] = {
            "Type": "AWS::EC2::Instance",
            "CreationPolicy": {"ResourceSignal": {}},
            "Properties": {"UserData": variant["data"], "Groups": [{"Ref": "Group"}]},
        }
    if variant["volume"]:
        resources["Volume"] = {
            "Type": "AWS::EC2::Volume",
            "Properties": {"Of": {"Fn::GetAtt": ["Compute", "Id"]}, "Size": variant["size"]},
        }
        if variant["retain"]:
            resources["Volume"]["DeletionPolicy"] = "Retain"
    return json.dumps({"Resources": resources, "Outputs": {"Id": {"Value": {"Ref": "Compute"}}}})


class Interleavings(RuleBasedStateMachine):
    """One stack after the other in one engine."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = threading.active_count()
        self.faults: set[tuple[str, str]] = set()
        self.clock = VirtualClock()
        self.workers = ManualWorkers()
        self.provider = MemoryProvider(replacing={"UserData"}, before=self._fail)
        self.engine = StackEngine(self.provider, clock=self.clock, workers=self.workers)
        self.ids: list[str] = []

    def _fail(self, verb: str, logical_id: str) -> None:
        if (verb, logical_id) in self.faults:
            raise ResourceFailure(f"cannot {verb} {logical_id}")

    @property
    def status(self) -> Status:
        return self.engine.stack(self.ids[-1]).status

    def gone(self) -> bool:
        return not self.ids or self.status is Status.DELETE_COMPLETE

    @initialize(variant=VARIANTS, on_failure=st.sampled_from(["ROLLBACK", "DELETE", "DO_NOTHING"]))
    def first(self, variant: dict[str, Any], on_failure: str) -> None:
        self._create(variant, on_failure)

    @rule()
    def all_goes_well(self) -> None:
        """Whatever waits for signals gets them; without it, few stacks would ever complete."""
        for _ in range(2):
            self.workers.run_all()
            for logical_id in ("Compute", "Second"):
                for unique_id in ("i-1", "i-2"):
                    self.signal(logical_id=logical_id, unique_id=unique_id, success=True)
            self.put(success=True)
        self.workers.run_all()

    # What clients do; a refusal is an answer too.

    @precondition(gone)
    @rule(variant=VARIANTS, on_failure=st.sampled_from(["ROLLBACK", "DELETE", "DO_NOTHING"]))
    def create(self, variant: dict[str, Any], on_failure: str) -> None:
        self._create(variant, on_failure)

    def _create(self, variant: dict[str, Any], on_failure: str) -> None:
        wanted = Settings(on_failure=on_failure, timeout_minutes=15)
        self.ids.append(self.engine.create_stack("demo", template(variant), {}, wanted))

    @rule(variant=VARIANTS, disable_rollback=st.booleans())
    def update(self, variant: dict[str, Any], *, disable_rollback: bool) -> None:
        self._ask(
            lambda: self.engine.update_stack(
                self.ids[-1], template(variant), disable_rollback=disable_rollback
            )
        )

    @rule()
    def delete(self) -> None:
        self._ask(lambda: self.engine.delete_stack(self.ids[-1]))

    @rule()
    def cancel_update(self) -> None:
        self._ask(lambda: self.engine.cancel_update(self.ids[-1]))

    @rule()
    def continue_rollback(self) -> None:
        self._ask(lambda: self.engine.continue_update_rollback(self.ids[-1]))

    @rule()
    def roll_back(self) -> None:
        self._ask(lambda: self.engine.rollback_stack(self.ids[-1]))

    # What happens; a stack that is at rest stays so.

    @rule(
        logical_id=st.sampled_from(["Compute", "Second", "Wait", "Group"]),
        unique_id=st.sampled_from(["i-1", "i-2", "i-3"]),
        success=st.sampled_from([True, True, True, False]),
    )
    def signal(self, logical_id: str, unique_id: str, *, success: bool) -> None:
        sent = Signal(unique_id, SignalStatus.SUCCESS if success else SignalStatus.FAILURE)
        self._at_rest(
            lambda: self._ask(lambda: self.engine.signal_resource(self.ids[-1], logical_id, sent))
        )

    @rule(success=st.sampled_from([True, True, False]))
    def put(self, *, success: bool) -> None:
        sent = Signal("guest", SignalStatus.SUCCESS if success else SignalStatus.FAILURE)
        self._at_rest(
            lambda: self._ask(lambda: self.engine.handle_signal(self.ids[-1], "Handle", sent))
        )

    @rule(seconds=st.sampled_from([1, 100, 299, 301, 601]))
    def time_passes(self, seconds: int) -> None:
        self._at_rest(lambda: self.clock.advance(seconds))

    @precondition(lambda self: self.workers.waiting)
    @rule(index=st.integers(0, 5))
    def work(self, index: int) -> None:
        self._at_rest(lambda: self.workers.run(index % self.workers.waiting))

    @rule()
    def everything_works(self) -> None:
        self._at_rest(self.workers.run_all)

    @rule(logical_id=st.sampled_from(["Compute", "Second"]))
    def vanish(self, logical_id: str) -> None:
        for state in self.engine.resources(self.ids[-1]):
            if state.logical_id == logical_id and state.physical_id:
                physical_id = state.physical_id
                self._at_rest(lambda: self.engine.resource_lost(physical_id, "It vanished"))  # noqa: B023 - called here

    @rule(verb=st.sampled_from(VERBS), logical_id=st.sampled_from(RESOURCES))
    def break_something(self, verb: str, logical_id: str) -> None:
        self.faults.add((verb, logical_id))

    @rule()
    def mend_everything(self) -> None:
        self.faults.clear()

    def _ask(self, request: Any) -> None:  # noqa: ANN401 - any callable
        with suppress(RequestRefused):
            request()

    def _at_rest(self, happen: Any) -> None:  # noqa: ANN401 - any callable
        before = self.status
        happen()
        if not before.in_progress:
            assert self.status is before

    # What holds at every moment

    @invariant()
    def events_are_ordered(self) -> None:
        for stack_id in self.ids[-1:]:
            events = self.engine.events(stack_id)[::-1]
            times = [event.timestamp for event in events]
            assert times == sorted(set(times))
            assert len({event.event_id for event in events}) == len(events)
            assert (events[0].status, events[0].reason) == ("CREATE_IN_PROGRESS", "User Initiated")

    @invariant()
    def a_unique_id_counts_once(self) -> None:
        for stack_id in self.ids[-1:]:
            counted: dict[str, set[str]] = {}
            for event in self.engine.events(stack_id)[::-1]:
                if event.reason.startswith(RECEIVED):
                    sender = event.reason.removeprefix(RECEIVED)
                    assert sender not in counted.setdefault(event.logical_id, set())
                    counted[event.logical_id].add(sender)
                elif not event.reason.startswith("Resource creation Initiated"):
                    # Another status: another try, with signals of its own.
                    counted.pop(event.logical_id, None)

    @invariant()
    def what_exists_is_known_or_reported(self) -> None:
        if self.workers.waiting:
            return
        known: set[str] = set()
        for stack_id in self.ids:
            deployment = self.engine._registry.found(stack_id)
            known |= {attempt.announced for attempt in deployment.attempts.values()}
            for state in deployment.stack.resources.values():
                known |= {one.physical_id for one in state.obsolete}
                known |= {state.resource.physical_id} if state.resource else set()
            known |= self._reported(stack_id)
        assert self.provider.existing.keys() <= known

    def _reported(self, stack_id: str) -> set[str]:
        return {
            event.physical_id
            for event in self.engine.events(stack_id)
            if event.status in {Status.DELETE_FAILED, Status.DELETE_SKIPPED}
        }

    @invariant()
    def nothing_is_left_of_what_is_deleted(self) -> None:
        if self.ids and self.gone():
            left = {
                physical_id
                for physical_id, one in self.provider.existing.items()
                if one.request.stack_id == self.ids[-1]
            }
            assert left <= self._reported(self.ids[-1])

    @invariant()
    def a_stack_at_rest_has_nothing_under_way(self) -> None:
        if not self.ids or self.status.in_progress:
            return
        deployment = self.engine._registry.found(self.ids[-1])
        assert deployment.operation is None
        assert not deployment.attempts
        assert not any(one.status.in_progress for one in deployment.stack.resources.values())

    def teardown(self) -> None:
        """Left alone, every stack comes to rest; and then it can be deleted."""
        self.faults.clear()
        for _ in range(3):
            self.workers.run_all()
            self.clock.advance(3600)
        self.workers.run_all()
        assert not self.status.in_progress
        self.engine.delete_stack(self.ids[-1])
        self.workers.run_all()
        assert self.status is Status.DELETE_COMPLETE
        self.nothing_is_left_of_what_is_deleted()
        self.what_exists_is_known_or_reported()
        self.engine.close()
        assert threading.active_count() == self.threads


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=int(os.environ.get("HARNESS_EXAMPLES", "60")),
    stateful_step_count=40,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
