"""Stacks from creation to deletion."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cloudformation.clock import InlineWorkers, ManualWorkers, VirtualClock
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings
from harness.cloudformation.unsupported import Unsupported

pytestmark = pytest.mark.selftest

OK = SignalStatus.SUCCESS


class World:
    """An engine on a virtual clock whose workers run at once."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the engine's
        self.faults: dict[tuple[str, str], str] = {}
        self.clock = VirtualClock()
        self.provider = MemoryProvider(
            before=self._fail,
            unsupported={"Odd::Type": ["*"], "AWS::EC2::VPC": ["Odd"]},
            without_effect=options.pop("without_effect", None),
            unanswered=options.pop("unanswered", ()),
        )
        options.setdefault("workers", InlineWorkers())
        self.engine = StackEngine(self.provider, clock=self.clock, **options)

    def _fail(self, verb: str, logical_id: str) -> None:
        if (verb, logical_id) in self.faults:
            raise ResourceFailure(self.faults[verb, logical_id])

    def create(self, resources: dict[str, Any], **options: Any) -> str:  # noqa: ANN401 - the engine's
        sections = {key: options.pop(key) for key in [*options] if key[0].isupper()}
        body = json.dumps({"Resources": resources, **sections})
        return self.engine.create_stack(options.pop("name", "demo"), body, **options)

    def status(self, name: str = "demo") -> str:
        return str(self.engine.stack(name).status)

    def history(self, logical_id: str, name: str = "demo") -> list[tuple[str, str]]:
        return [
            (str(event.status), event.reason)
            for event in reversed(self.engine.events(name))
            if event.logical_id == logical_id
        ]

    def order(self, status: str, name: str = "demo") -> list[str]:
        return [
            event.logical_id
            for event in reversed(self.engine.events(name))
            if event.status == status
        ]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.engine:
        yield made


def vpc(*needs: str, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"Type": "AWS::EC2::VPC", "DependsOn": list(needs), **attributes}


def waiting(**signal: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"Type": "AWS::EC2::Instance", "CreationPolicy": {"ResourceSignal": signal}}


HANDLE = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


def wait_condition(count: int = 1) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60", "Count": count},
    }


# Order


def test_dependencies_come_first_and_go_last(world: World) -> None:
    """Created in order, deleted in reverse."""
    world.create({"C": vpc("B"), "B": vpc("A"), "A": vpc()})
    assert world.order("CREATE_COMPLETE") == ["A", "B", "C", "demo"]
    stack_id = world.engine.stack("demo").id
    world.engine.delete_stack("demo")
    assert world.order("DELETE_COMPLETE", stack_id) == ["C", "B", "A", "demo"]


def test_independent_resources_are_made_side_by_side() -> None:
    """Both are under way before either is done."""
    workers = ManualWorkers()
    world = World(workers=workers)
    with world.engine:
        world.create({"A": vpc(), "B": vpc(), "C": vpc("A", "B")})
        workers.run()
        assert workers.waiting == 2
        workers.run(1)
        assert world.order("CREATE_COMPLETE") == ["B"]
        workers.run_all()
        assert world.status() == "CREATE_COMPLETE"


def test_a_condition_that_does_not_hold_leaves_a_resource_out(world: World) -> None:
    """And the outputs that hang on it."""
    world.create(
        {"A": vpc(Condition="Never"), "B": vpc()},
        Conditions={"Never": {"Fn::Equals": ["a", "b"]}},
        Outputs={
            "A": {"Condition": "Never", "Value": {"Ref": "A"}},
            "B": {"Value": "here", "Description": "of B"},
        },
    )
    assert world.engine.stack("demo").output_values == {"B": "here"}
    assert [one.logical_id for one in world.engine.resources("demo")] == ["B"]


# Failure


def test_a_failure_cancels_what_is_under_way() -> None:
    """Its neighbours are cancelled, both are named, and what came of them is deleted."""
    workers = ManualWorkers()
    world = World(workers=workers)
    with world.engine:
        world.faults["create", "A"] = "There is no more room."
        world.create({"A": vpc(), "B": vpc(), "C": vpc("B")})
        workers.run()
        workers.run(0)
        assert world.history("A")[1] == ("CREATE_FAILED", "There is no more room.")
        assert world.history("B")[-1] == ("CREATE_FAILED", "Resource creation cancelled")
        assert world.engine.stack("demo").reason == (
            "The following resource(s) failed to create: [A, B]. Rollback requested by user."
        )
        workers.run_all()
        assert world.status() == "ROLLBACK_COMPLETE"
        assert world.history("C") == []
        assert not world.provider.existing


def test_what_failed_half_made_is_deleted(world: World) -> None:
    """A resource that was announced exists, even if its creation failed."""
    world.faults["created", "A"] = "It did not become stable."
    world.create({"A": vpc()})
    assert world.status() == "ROLLBACK_COMPLETE"
    assert not world.provider.existing
    assert ("DELETE_COMPLETE", "") in world.history("A")


def test_a_provider_that_raises_anything_fails_the_resource(world: World) -> None:
    """A bug of a provider is a failed resource, not a stack that hangs."""

    def bug(verb: str, logical_id: str) -> None:
        if verb == "create":
            raise ZeroDivisionError(logical_id)

    world.provider.before = bug
    world.create({"A": vpc()})
    assert world.history("A")[1] == ("CREATE_FAILED", "Internal failure: ZeroDivisionError: A")


def test_an_output_that_does_not_resolve_rolls_back(world: World) -> None:
    """The reason names it."""
    world.create({"A": vpc()}, Outputs={"Bad": {"Value": {"Fn::Select": [9, ["a"]]}}})
    assert world.status() == "ROLLBACK_COMPLETE"
    assert (
        "ROLLBACK_IN_PROGRESS",
        "Fn::Select cannot select nonexistent value at index 9. Rollback requested by user.",
    ) in world.history("demo")


def test_a_rollback_that_fails_says_why(world: World) -> None:
    """Dependencies of what could not be deleted are left too; a delete tries again."""
    world.faults["create", "C"] = "no"
    world.faults["delete", "B"] = "It is in use."
    world.create({"A": vpc(), "B": vpc("A"), "C": vpc("B")})
    assert world.status() == "ROLLBACK_FAILED"
    assert world.engine.stack("demo").reason == (
        "The following resource(s) failed to delete: [B]. "
    )
    assert world.history("B")[-1] == ("DELETE_FAILED", "It is in use.")
    world.engine.delete_stack("demo")
    assert world.status() == "DELETE_FAILED"
    del world.faults["delete", "B"]
    stack_id = world.engine.stack("demo").id
    world.engine.delete_stack("demo")
    assert world.status(stack_id) == "DELETE_COMPLETE"
    assert not world.provider.existing


@pytest.mark.parametrize(
    ("on_failure", "status", "left"),
    [
        ("ROLLBACK", "ROLLBACK_COMPLETE", 0),
        ("DELETE", "DELETE_COMPLETE", 0),
        ("DO_NOTHING", "CREATE_FAILED", 1),
    ],
)
def test_on_failure(world: World, on_failure: str, status: str, left: int) -> None:
    """What a failed creation leads to."""
    world.faults["create", "B"] = "no"
    stack_id = world.create({"A": vpc(), "B": vpc("A")}, settings=Settings(on_failure=on_failure))
    assert world.status(stack_id) == status
    assert len(world.provider.existing) == left


def test_the_time_limit_of_a_stack(world: World) -> None:
    """It counts for the whole stack, however long its resources may take."""
    world.create({"A": waiting(Timeout="PT1H")}, settings=Settings(timeout_minutes=10))
    world.clock.advance(599)
    assert world.status() == "CREATE_IN_PROGRESS"
    world.clock.advance(1)
    assert world.status() == "ROLLBACK_COMPLETE"
    assert (
        "ROLLBACK_IN_PROGRESS",
        "Stack creation time exceeded the specified timeout. Rollback requested by user.",
    ) in world.history("demo")
    assert ("CREATE_FAILED", "Resource creation cancelled") in world.history("A")


def test_a_stack_that_completed_has_no_time_limit(world: World) -> None:
    """Nothing happens to it when the limit passes."""
    world.create({"A": vpc()}, settings=Settings(timeout_minutes=1))
    world.clock.advance(3600)
    assert world.status() == "CREATE_COMPLETE"


def test_a_key_pair_that_does_not_exist_rolls_the_stack_back() -> None:
    """The request is taken; the stack fails before any resource is begun."""

    class Nothing:
        def exists(self, parameter_type: str, value: str) -> bool:
            del parameter_type, value
            return False

        def ssm_parameter(self, name: str) -> None:
            del name

    world = World(lookups=Nothing())
    with world.engine:
        world.create(
            {"A": vpc()},
            Parameters={"KeyName": {"Type": "AWS::EC2::KeyPair::KeyName"}},
            parameters={"KeyName": "nope"},
        )
        assert world.history("demo") == [
            ("CREATE_IN_PROGRESS", "User Initiated"),
            (
                "ROLLBACK_IN_PROGRESS",
                (
                    "Parameter validation failed: parameter value nope for parameter name "
                    "KeyName does not exist. Rollback requested by user."
                ),
            ),
            ("ROLLBACK_COMPLETE", ""),
        ]


# Signals


def test_a_signal_may_come_before_the_instance_is_ready() -> None:
    """It counts; the resource completes once its worker is done."""
    workers = ManualWorkers()
    world = World(workers=workers)
    with world.engine:
        world.create({"A": waiting()})
        workers.run()
        world.engine.signal_resource("demo", "A", Signal("i-1", OK))
        assert world.status() == "CREATE_IN_PROGRESS"
        workers.run_all()
        assert world.status() == "CREATE_COMPLETE"


def test_a_failure_signal_does_not_wait_for_the_worker() -> None:
    """The stack rolls back at once; the instance is deleted when its creation has ended."""
    workers = ManualWorkers()
    world = World(workers=workers)
    with world.engine:
        world.create({"A": waiting()})
        workers.run()
        world.engine.signal_resource("demo", "A", Signal("i-1", SignalStatus.FAILURE))
        assert world.status() == "ROLLBACK_IN_PROGRESS"
        workers.run_all()
        assert world.status() == "ROLLBACK_COMPLETE"
        assert not world.provider.existing


def test_the_timeout_runs_from_create_in_progress() -> None:
    """Time that the provider takes is not added to it."""
    workers = ManualWorkers()
    world = World(workers=workers)
    with world.engine:
        world.create({"A": waiting(Timeout="PT1M")})
        workers.run()
        world.clock.advance(60)
        assert world.history("A")[-1] == (
            "CREATE_FAILED",
            "Failed to receive 1 resource signal(s) within the specified duration",
        )
        workers.run_all()
        assert world.status() == "ROLLBACK_COMPLETE"


def test_a_policy_may_refer_to_parameters(world: World) -> None:
    """Count and Timeout are resolved like anything else."""
    world.create(
        {"A": waiting(Count={"Ref": "Count"}, Timeout={"Fn::Sub": "PT${Count}M"})},
        Parameters={"Count": {"Type": "Number", "Default": 2}},
    )
    world.engine.signal_resource("demo", "A", Signal("i-1", OK))
    world.clock.advance(119)
    assert world.status() == "CREATE_IN_PROGRESS"
    world.clock.advance(1)
    assert world.status() == "ROLLBACK_COMPLETE"


def test_a_policy_that_cannot_be_is_refused(world: World) -> None:
    """Before anything is created."""
    with pytest.raises(RequestRefused, match="CreationPolicy of resource A: Invalid timeout"):
        world.create({"A": waiting(Timeout="5 minutes")})


def test_a_signal_to_no_stack_is_refused(world: World) -> None:
    """By name or by id, deleted stacks too."""
    with pytest.raises(RequestRefused, match=r"Stack \[nope\] does not exist"):
        world.engine.signal_resource("nope", "A", Signal("i-1", OK))
    stack_id = world.create({"A": vpc()})
    world.engine.delete_stack("demo")
    with pytest.raises(RequestRefused, match="does not exist"):
        world.engine.signal_resource(stack_id, "A", Signal("i-1", OK))


def test_signals_by_name_and_by_id(world: World) -> None:
    """Both name the stack, while it waits; afterwards both are refused."""
    stack_id = world.create({"A": waiting(Count=2)})
    world.engine.signal_resource("demo", "A", Signal("i-1", OK))
    world.engine.signal_resource(stack_id, "A", Signal("i-2", OK))
    assert world.status() == "CREATE_COMPLETE"
    for name in ("demo", stack_id):
        with pytest.raises(RequestRefused) as refused:
            world.engine.signal_resource(name, "A", Signal("i-3", OK))
        assert refused.value.code == "ValidationError"
        assert refused.value.message == (
            f"Stack {stack_id} is in CREATE_COMPLETE state and cannot be signaled"
        )


def test_a_wait_condition_waits_for_its_handle(world: World) -> None:
    """Signals that were sent before it began to wait count too; Data holds what they said."""
    stack_id = world.create(
        {"Handle": HANDLE, "Late": waiting(), "Wait": {**wait_condition(2), "DependsOn": "Late"}},
        Outputs={"Data": {"Value": {"Fn::GetAtt": ["Wait", "Data"]}}},
    )
    world.engine.handle_signal(stack_id, "Handle", Signal("one", OK, data="1"))
    world.engine.signal_resource("demo", "Late", Signal("i-1", OK))
    assert world.status() == "CREATE_IN_PROGRESS"
    world.engine.handle_signal(stack_id, "Handle", Signal("one", OK, data="again"))
    assert world.status() == "CREATE_IN_PROGRESS"
    world.engine.handle_signal(stack_id, "Handle", Signal("two", OK, data="2"))
    assert world.status() == "CREATE_COMPLETE"
    assert world.engine.stack("demo").output_values == {"Data": '{"one":"1","two":"2"}'}


def test_a_wait_condition_fails_in_its_own_words(world: World) -> None:
    """With the reason that was sent."""
    stack_id = world.create({"Handle": HANDLE, "Wait": wait_condition()})
    failure = Signal("one", SignalStatus.FAILURE, reason="disk full")
    world.engine.handle_signal(stack_id, "Handle", failure)
    assert (
        "CREATE_FAILED",
        "WaitCondition received failed message: 'disk full' for uniqueId: one",
    ) in world.history("Wait")


def test_a_wait_condition_times_out(world: World) -> None:
    """Timeout is in seconds."""
    world.create({"Handle": HANDLE, "Wait": wait_condition()})
    world.clock.advance(60)
    assert (
        "CREATE_FAILED",
        "WaitCondition timed out. Received 0 conditions when expecting 1",
    ) in world.history("Wait")


def test_a_wait_condition_may_have_a_creation_policy_instead(world: World) -> None:
    """Then SignalResource completes it."""
    body = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Count": 2}},
    }
    world.create({"Wait": body})
    world.engine.signal_resource("demo", "Wait", Signal("one", OK))
    world.engine.signal_resource("demo", "Wait", Signal("two", OK))
    assert world.status() == "CREATE_COMPLETE"


def test_a_signal_to_no_handle_is_refused(world: World) -> None:
    """As S3 refuses a PUT to what is not there."""
    stack_id = world.create({"A": vpc()})
    with pytest.raises(RequestRefused) as refused:
        world.engine.handle_signal(stack_id, "Handle", Signal("one", OK))
    assert refused.value.status == 404


def test_an_instance_that_nobody_waits_for_may_vanish(world: World) -> None:
    """A stack that is complete stays so."""
    world.create({"A": vpc()})
    (physical_id,) = world.provider.existing
    assert world.engine.resource_lost(physical_id, "gone") is False
    assert world.status() == "CREATE_COMPLETE"


# Deletion


def test_a_stack_can_be_deleted_while_it_is_created() -> None:
    """What is under way is cancelled, and deleted once it has ended."""
    workers = ManualWorkers()
    world = World(workers=workers)
    with world.engine:
        stack_id = world.create({"A": vpc(), "B": vpc("A")})
        workers.run()
        world.engine.delete_stack("demo")
        assert world.status() == "DELETE_IN_PROGRESS"
        workers.run_all()
        assert world.status(stack_id) == "DELETE_COMPLETE"
        assert not world.provider.existing
        assert world.history("B", stack_id) == []


def test_a_deleted_stack_is_known_by_its_id_only(world: World) -> None:
    """Its name is free again."""
    stack_id = world.create({"A": vpc()})
    world.engine.delete_stack("demo")
    with pytest.raises(RequestRefused, match=r"^Stack with id demo does not exist$"):
        world.engine.stack("demo")
    assert world.status(stack_id) == "DELETE_COMPLETE"
    assert world.create({"A": vpc()}) != stack_id
    world.engine.delete_stack("never-there")


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_what_is_to_be_retained_stays(world: World, policy: str) -> None:
    """The event says that it was skipped."""
    stack_id = world.create({"A": vpc(DeletionPolicy=policy), "B": vpc()})
    world.engine.delete_stack("demo")
    assert world.history("A", stack_id)[-1] == ("DELETE_SKIPPED", "")
    assert len(world.provider.existing) == 1


@pytest.mark.parametrize(("policy", "left"), [("Retain", 1), ("RetainExceptOnCreate", 0)])
def test_what_is_retained_on_a_failed_creation(world: World, policy: str, left: int) -> None:
    """RetainExceptOnCreate is for stacks that once were complete."""
    world.faults["create", "B"] = "no"
    world.create({"A": vpc(DeletionPolicy=policy), "B": vpc("A")})
    assert len(world.provider.existing) == left


def test_resources_can_be_let_go_of_after_a_failed_delete(world: World) -> None:
    """RetainResources works in DELETE_FAILED, and for resources of the stack."""
    stack_id = world.create({"A": vpc()})
    with pytest.raises(RequestRefused, match="only for a stack in the DELETE_FAILED state"):
        world.engine.delete_stack("demo", retain=["A"])
    world.faults["delete", "A"] = "no"
    world.engine.delete_stack("demo")
    with pytest.raises(RequestRefused, match=r"do not belong to stack demo: \[X\]"):
        world.engine.delete_stack("demo", retain=["X"])
    world.engine.delete_stack("demo", retain=["A"])
    assert world.status(stack_id) == "DELETE_COMPLETE"


def test_termination_protection(world: World) -> None:
    """A protected stack is not deleted until it is protected no longer."""
    stack_id = world.create({"A": vpc()}, settings=Settings(termination_protection=True))
    with pytest.raises(
        RequestRefused,
        match=r"^Stack \[demo\] cannot be deleted while TerminationProtection is enabled$",
    ):
        world.engine.delete_stack("demo")
    assert world.engine.set_termination_protection("demo", enabled=False) == stack_id
    world.engine.delete_stack("demo")
    assert world.status(stack_id) == "DELETE_COMPLETE"


# Names and tokens


def test_a_name_is_taken_until_its_stack_is_deleted(world: World) -> None:
    """AlreadyExistsException, also for a stack that was rolled back."""
    world.faults["create", "A"] = "no"
    world.create({"A": vpc()})
    with pytest.raises(RequestRefused, match=r"^Stack \[demo\] already exists$") as refused:
        world.create({"A": vpc()})
    assert refused.value.code == "AlreadyExistsException"


def test_a_request_that_is_sent_twice_is_done_once(world: World) -> None:
    """The same ClientRequestToken answers the same stack."""
    first = world.create({"A": vpc()}, settings=Settings(token="t-1"))
    assert world.create({"A": vpc()}, settings=Settings(token="t-1")) == first
    assert {event.token for event in world.engine.events(first)} == {"t-1"}
    with pytest.raises(RequestRefused, match="already exists"):
        world.create({"A": vpc()}, settings=Settings(token="t-2"))


@pytest.mark.parametrize("name", ["", "1a", "a_b", "a b", "a" * 129, "é"])
def test_what_names_no_stack(world: World, name: str) -> None:
    """A ValidationError that shows the name."""
    with pytest.raises(RequestRefused, match=r"1 validation error detected: Value '.*' at"):
        world.create({"A": vpc()}, name=name)


def test_capabilities_must_be_acknowledged(world: World) -> None:
    """IAM resources, and named ones more so."""
    role: dict[str, Any] = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "admin"}}
    with pytest.raises(
        RequestRefused, match=r"^Requires capabilities : \[CAPABILITY_NAMED_IAM\]$"
    ) as refused:
        world.create({"A": role}, settings=Settings(capabilities=("CAPABILITY_IAM",)))
    assert refused.value.code == "InsufficientCapabilitiesException"
    world.create({"A": role}, settings=Settings(capabilities=("CAPABILITY_NAMED_IAM",)))
    assert world.status() == "CREATE_COMPLETE"


# Between stacks


def test_exports_and_imports(world: World) -> None:
    """A value that another stack imports keeps its stack from being deleted."""
    world.create(
        {"A": vpc()}, name="net", Outputs={"Id": {"Value": "v-1", "Export": {"Name": "net-id"}}}
    )
    world.create(
        {"B": vpc(Properties={"Of": {"Fn::ImportValue": "net-id"}})},
        name="app",
        Outputs={"Id": {"Value": {"Fn::ImportValue": "net-id"}}},
    )
    assert world.engine.stack("app").output_values == {"Id": "v-1"}
    assert world.engine.importers("net-id") == ["app"]
    world.engine.delete_stack("net")
    assert world.status("net") == "DELETE_FAILED"
    assert world.engine.stack("net").reason == (
        "Delete canceled. Cannot delete export net-id as it is in use by app."
    )
    world.engine.delete_stack("app")
    stack_id = world.engine.stack("net").id
    world.engine.delete_stack("net")
    assert world.status(stack_id) == "DELETE_COMPLETE"
    assert world.engine.exports() == []


def test_a_name_is_exported_once(world: World) -> None:
    """The second stack that exports it fails."""
    output = {"Id": {"Value": "v", "Export": {"Name": "net-id"}}}
    world.create({"A": vpc()}, name="one", Outputs=output)
    world.create({"A": vpc()}, name="two", Outputs=output)
    assert world.status("two") == "ROLLBACK_COMPLETE"
    assert "Export with name net-id is already exported by stack one." in str(
        world.history("two", "two")
    )


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({}, "Export net cannot be deleted as it is in use by app, web"),
        ({"Value": "other"}, "Export net cannot be updated as it is in use by app, web"),
    ],
)
def test_an_export_that_is_imported_stays_as_it_is(
    world: World, outputs: dict[str, str], words: str
) -> None:
    """An update that would take it away is rolled back."""

    def exporting(output: dict[str, Any]) -> dict[str, Any]:
        return {"Outputs": {"O": {**output, "Export": {"Name": "net"}}}} if output else {}

    world.create({"A": vpc()}, **exporting({"Value": "one"}))
    importing = {"B": vpc(Properties={"Of": {"Fn::ImportValue": "net"}})}
    world.create(importing, name="app")
    world.create(importing, name="web")
    body = {"Resources": {"A": vpc(Properties={"Even": 2})}, **exporting(outputs)}
    world.engine.update_stack("demo", json.dumps(body))
    assert world.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert any(reason.startswith(words) for _, reason in world.history("demo"))
    assert world.engine.exports() == [(world.engine.stack("demo").id, "net", "one")]


def test_what_is_no_longer_imported_may_go(world: World) -> None:
    """Once the update that gave it up is complete; one that is rolled back gives nothing up."""
    exporting = {"O": {"Value": "one", "Export": {"Name": "net"}}}
    world.create({"A": vpc()}, name="net", Outputs=exporting)
    world.create({"B": vpc(Properties={"Of": {"Fn::ImportValue": "net"}})})
    world.faults["update", "B"] = "not now"
    without = json.dumps({"Resources": {"B": vpc(Properties={"Of": "none"})}})
    world.engine.update_stack("demo", without)
    world.engine.delete_stack("net")
    assert world.status("net") == "DELETE_FAILED"
    world.faults.clear()
    world.engine.continue_update_rollback("demo")
    world.engine.update_stack("demo", without)
    stack_id = world.engine.stack("net").id
    world.engine.delete_stack("net")
    assert world.status(stack_id) == "DELETE_COMPLETE"


# No silent stubs


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"Type": "Odd::Type"}, "Not simulated: resource type Odd::Type (Odd::Type)"),
        (vpc(Properties={"Odd": 1, "Even": 2}), "Not simulated: Odd (AWS::EC2::VPC)"),
        (vpc(DeletionPolicy="Snapshot"), "Not simulated: DeletionPolicy: Snapshot (AWS::EC2::VPC)"),
        (
            vpc(UpdatePolicy={"AutoScalingScheduledAction": {}}),
            "Not simulated: UpdatePolicy.AutoScalingScheduledAction (AWS::EC2::VPC)",
        ),
    ],
)
def test_what_is_not_simulated_fails_the_stack(
    world: World, resource: dict[str, Any], named: str
) -> None:
    """With a reason that names it; or it is noted, where that was chosen."""
    world.create({"A": resource})
    assert world.history("A")[1] == ("CREATE_FAILED", named)
    tolerant = World(unsupported=Unsupported.ACCEPT)
    with tolerant.engine:
        tolerant.create({"A": resource, "B": vpc(Properties={"Of": {"Fn::GetAtt": ["A", "X"]}})})
        assert tolerant.status() == "CREATE_COMPLETE"
        noted = [reason for _, reason in tolerant.history("A")]
        assert any(reason.startswith("accepted, not simulated: ") for reason in noted)
        tolerant.engine.delete_stack("demo")
        assert not tolerant.provider.existing


def test_what_has_no_effect_is_listed_by_default() -> None:
    """An event of the resource names it and says why; all else goes as it goes."""
    world = World(without_effect={"AWS::EC2::VPC": {"Tenancy": "there is one machine"}})
    with world.engine:
        world.create({"A": vpc(Properties={"Tenancy": "x", "Even": 2})})
        assert world.history("A") == [
            ("CREATE_IN_PROGRESS", ""),
            ("CREATE_IN_PROGRESS", "accepted, not simulated: Tenancy (there is one machine)"),
            ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
            ("CREATE_COMPLETE", ""),
        ]


def test_what_has_no_effect_fails_the_stack_where_that_was_chosen() -> None:
    """With the same words."""
    world = World(
        without_effect={"AWS::EC2::VPC": {"Tenancy": "there is one machine"}},
        unsupported=Unsupported.STRICT,
    )
    with world.engine:
        world.create({"A": vpc(Properties={"Tenancy": "x"})})
        failed = "Not simulated: Tenancy (there is one machine) (AWS::EC2::VPC)"
        assert ("CREATE_FAILED", failed) in world.history("A")
        assert world.status() == "ROLLBACK_COMPLETE"


def test_an_attribute_that_nothing_computes_is_made_up_and_listed() -> None:
    """By who asks for it: a resource, or an output of the stack."""
    world = World(unanswered=["Odd"], unsupported=Unsupported.ACCEPT)
    with world.engine:
        asking = {"Fn::GetAtt": ["A", "Odd"]}
        outputs = {"Odd": {"Value": asking}, "Even": {"Value": {"Fn::GetAtt": ["A", "Even"]}}}
        world.create({"A": vpc(), "B": vpc(Properties={"Of": asking})}, Outputs=outputs)
        assert world.status() == "CREATE_COMPLETE"
        listed = ("CREATE_IN_PROGRESS", "accepted, not simulated: Fn::GetAtt A.Odd")
        assert [name for name in ("A", "B", "demo") if listed in world.history(name)] == [
            "B",
            "demo",
        ]
        assert world.engine.stack("demo").output_values["Odd"].endswith("-Odd")


# What is shown


def test_no_echo_is_never_shown(world: World) -> None:
    """Neither in the stack's parameters nor in any event."""
    world.create(
        {"A": vpc(Properties={"Text": {"Fn::Base64": {"Fn::Sub": "password ${Secret}"}}})},
        Parameters={"Secret": {"Type": "String", "NoEcho": True}},
        parameters={"Secret": "hunter2"},
    )
    (made,) = world.provider.existing.values()
    assert made.request.properties == {"Text": "cGFzc3dvcmQgaHVudGVyMg=="}
    shown = str(world.engine.events("demo"))
    assert "hunter2" not in shown
    assert "cGFzc3dvcmQgaHVudGVyMg==" not in shown
    assert world.engine.stack("demo").parameters["Secret"].shown == "****"


def test_metadata_is_resolved_while_the_resource_is_being_created(world: World) -> None:
    """cfn-init asks for it from inside the instance."""
    world.create({"Net": vpc(), "A": {**waiting(), "Metadata": {"Net": {"Ref": "Net"}}}})
    by_id = {one.logical_id: one for one in world.engine.resources("demo")}
    assert by_id["A"].metadata == {"Net": by_id["Net"].physical_id}
    assert world.engine.stack_of(by_id["A"].physical_id) == (world.engine.stack("demo").id, "A")
    assert world.engine.stack_of("i-none") is None


# On the wall clock


def test_many_stacks_at_once_leave_no_thread() -> None:
    """Sixteen stacks complete and go, side by side, on threads."""
    before = threading.active_count()
    with StackEngine(MemoryProvider()) as engine:
        body = json.dumps({"Resources": {"A": vpc(), "B": vpc("A"), "C": waiting()}})
        ids = [engine.create_stack(f"demo-{number}", body) for number in range(16)]
        for stack_id in ids:
            engine.wait(
                stack_id,
                lambda view: any(one.logical_id == "C" for one in engine.resources(view.id)),
                timeout=30,
            )
            engine.signal_resource(stack_id, "C", Signal("i-1", OK))
        for stack_id in ids:
            view = engine.wait(stack_id, lambda view: not view.status.in_progress, timeout=30)
            assert view.status == "CREATE_COMPLETE"
            engine.delete_stack(stack_id)
        for stack_id in ids:
            engine.wait(stack_id, lambda view: view.status == "DELETE_COMPLETE", timeout=30)
        with pytest.raises(TimeoutError, match="is DELETE_COMPLETE"):
            engine.wait(ids[0], lambda _: False, timeout=0)
    assert threading.active_count() == before


def test_closing_gives_up_what_is_under_way() -> None:
    """A worker that asks learns that it is not wanted, and is joined."""
    entered = threading.Event()
    before = threading.active_count()

    def linger(verb: str, logical_id: str) -> None:
        del logical_id
        if verb == "created":
            entered.set()

    with StackEngine(MemoryProvider(before=linger)) as engine:
        engine.create_stack("demo", json.dumps({"Resources": {"A": waiting()}}))
        assert entered.wait(10)
    assert threading.active_count() == before
