"""Updates of stacks: in place, by replacement, and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.cloudformation.clock import InlineWorkers, ManualWorkers, VirtualClock
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings

pytestmark = pytest.mark.selftest


class Faults:
    """Fails what it is told to fail, as long as it is told so."""

    def __init__(self) -> None:
        self.of: set[tuple[str, str]] = set()

    def __call__(self, verb: str, logical_id: str) -> None:
        if (verb, logical_id) in self.of:
            raise ResourceFailure(f"cannot {verb} {logical_id}")


class World:
    """An engine on a virtual clock, and its provider."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.clock = VirtualClock()
        self.provider = MemoryProvider(
            replacing={"UserData"}, interrupting={"Image"}, before=self.faults
        )
        self.engine = StackEngine(self.provider, clock=self.clock, workers=InlineWorkers())

    def create(self, template: str, **options: Any) -> None:  # noqa: ANN401 - the engine's
        self.engine.create_stack("demo", template, **options)

    def update(self, template: str | None, **options: Any) -> None:  # noqa: ANN401 - the engine's
        self.engine.update_stack("demo", template, **options)

    def signal(self, logical_id: str, unique_id: str, status: str = "SUCCESS") -> None:
        self.engine.signal_resource("demo", logical_id, Signal(unique_id, SignalStatus(status)))

    @property
    def status(self) -> str:
        return str(self.engine.stack("demo").status)

    def physical_id(self, logical_id: str) -> str:
        by_id = {one.logical_id: one for one in self.engine.resources("demo")}
        return by_id[logical_id].physical_id

    def since_update(self) -> list[tuple[str, str, str]]:
        events = [
            (event.logical_id, str(event.status), event.reason)
            for event in reversed(self.engine.events("demo"))
        ]
        begun = max(
            number
            for number, event in enumerate(events)
            if event == ("demo", "UPDATE_IN_PROGRESS", "User Initiated")
        )
        return events[begun + 1 :]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.engine:
        yield made


def template(
    user_data: str = "one",
    *,
    description: str = "a",
    extra: bool = False,
    waits: bool = False,
    text: str = "",
) -> str:
    """An instance behind a security group, whose description can be updated in place."""
    resources: dict[str, Any] = {
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": description},
        },
        "Compute": {
            "Type": "AWS::EC2::Instance",
            "Properties": {"UserData": user_data, "SecurityGroupIds": [{"Ref": "Group"}]},
        },
    }
    if waits:
        resources["Compute"]["CreationPolicy"] = {"ResourceSignal": {"Timeout": "PT1M"}}
    if extra:
        resources["Volume"] = {
            "Type": "AWS::EC2::Volume",
            "Properties": {"Of": {"Ref": "Compute"}},
        }
    return json.dumps(
        {
            "Description": text,
            "Resources": resources,
            "Outputs": {"Id": {"Value": {"Ref": "Compute"}}},
        }
    )


def test_an_update_in_place_touches_what_differs(world: World) -> None:
    """Only the group is updated; it keeps its physical id."""
    world.create(template())
    group = world.physical_id("Group")
    world.update(template(description="b"))
    assert world.since_update() == [
        ("Group", "UPDATE_IN_PROGRESS", ""),
        ("Group", "UPDATE_COMPLETE", ""),
        ("demo", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
        ("demo", "UPDATE_COMPLETE", ""),
    ]
    assert world.physical_id("Group") == group
    assert world.provider.existing[group].request.properties == {"GroupDescription": "b"}


def test_a_replacement_must_signal_before_the_old_one_goes(world: World) -> None:
    """Both exist until the new one has signalled; then the old one is deleted."""
    world.create(template(waits=True))
    old = world.physical_id("Compute")
    world.signal("Compute", old)
    world.update(template("two", waits=True))
    new = world.physical_id("Compute")
    assert world.status == "UPDATE_IN_PROGRESS"
    assert {old, new} <= world.provider.existing.keys()
    world.signal("Compute", new)
    assert world.status == "UPDATE_COMPLETE"
    assert old not in world.provider.existing
    assert world.engine.stack("demo").output_values == {"Id": new}
    assert world.since_update() == [
        (
            "Compute",
            "UPDATE_IN_PROGRESS",
            (
                "Requested update requires the creation of a new physical resource; "
                "hence creating one."
            ),
        ),
        ("Compute", "UPDATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Compute", "UPDATE_IN_PROGRESS", f"Received SUCCESS signal with UniqueId {new}"),
        ("Compute", "UPDATE_COMPLETE", ""),
        ("demo", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
        ("Compute", "DELETE_IN_PROGRESS", ""),
        ("Compute", "DELETE_COMPLETE", ""),
        ("demo", "UPDATE_COMPLETE", ""),
    ]


def test_a_replacement_that_never_signals_is_taken_back(world: World) -> None:
    """The old instance stays, the new one is deleted, outputs name the old one."""
    world.create(template(waits=True))
    old = world.physical_id("Compute")
    world.signal("Compute", old)
    world.update(template("two", description="b", waits=True))
    new = world.physical_id("Compute")
    world.clock.advance(60)
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.physical_id("Compute") == old
    assert new not in world.provider.existing
    assert world.engine.stack("demo").output_values == {"Id": old}
    group = world.provider.existing[world.physical_id("Group")]
    assert group.request.properties == {"GroupDescription": "a"}
    assert (
        "demo",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "The following resource(s) failed to update: [Compute]. ",
    ) in world.since_update()


def test_added_resources_are_created_and_removed_ones_deleted(world: World) -> None:
    """What the template no longer has goes after the rest is updated."""
    world.create(template(extra=True))
    assert len(world.provider.existing) == 3
    world.update(template())
    assert len(world.provider.existing) == 2
    assert world.since_update() == [
        ("demo", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""),
        ("Volume", "DELETE_IN_PROGRESS", ""),
        ("Volume", "DELETE_COMPLETE", ""),
        ("demo", "UPDATE_COMPLETE", ""),
    ]
    world.update(template(extra=True))
    assert world.since_update()[:3] == [
        ("Volume", "CREATE_IN_PROGRESS", ""),
        ("Volume", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("Volume", "CREATE_COMPLETE", ""),
    ]


def test_a_failed_addition_takes_the_whole_update_back(world: World) -> None:
    """What was replaced for it comes back, and what was created goes."""
    world.create(template())
    old = world.physical_id("Compute")
    world.faults.of = {("create", "Volume")}
    world.update(template("two", extra=True))
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.physical_id("Compute") == old
    assert len(world.provider.existing) == 2
    assert (
        "demo",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "The following resource(s) failed to create: [Volume]. ",
    ) in world.since_update()


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.update(template()),
        lambda world: world.update(template(text="another description")),
        lambda world: world.update(None),
    ],
    ids=["the same", "only the description", "the previous template"],
)
def test_nothing_to_do_is_refused(world: World, change: Callable[[World], None]) -> None:
    """As CloudFormation has it, in its words."""
    world.create(template())
    with pytest.raises(RequestRefused, match=r"^No updates are to be performed\.$"):
        change(world)


def test_a_rollback_that_fails_can_be_continued(world: World) -> None:
    """UPDATE_ROLLBACK_FAILED says what failed; going on works once the cause is mended."""
    world.create(template())
    world.faults.of = {("create", "Compute"), ("update", "Group")}

    def only_forth(verb: str, logical_id: str) -> None:
        # The first update of the group works, the one back does not.
        if verb == "update" and ("updated", "Group") not in world.faults.of:
            world.faults.of.add(("updated", "Group"))
            return
        world.faults(verb, logical_id)

    world.provider.before = only_forth
    world.update(template("two", description="b"))
    assert world.status == "UPDATE_ROLLBACK_FAILED"
    assert world.engine.stack("demo").reason == (
        "The following resource(s) failed to update: [Group]. "
    )
    with pytest.raises(RequestRefused, match="can not be updated"):
        world.update(template("three"))
    world.faults.of = {("updated", "Group")}
    world.engine.continue_update_rollback("demo")
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    group = world.provider.existing[world.physical_id("Group")]
    assert group.request.properties == {"GroupDescription": "a"}


def test_a_resource_can_be_skipped_in_a_continued_rollback(world: World) -> None:
    """It is left as it is, and said to be complete."""
    world.create(template())
    calls: list[str] = []

    def fail_second_update(verb: str, logical_id: str) -> None:
        if verb == "create" and logical_id == "Compute":
            raise ResourceFailure("no capacity")
        if verb == "update":
            calls.append(logical_id)
            if len(calls) > 1:
                raise ResourceFailure("in use")

    world.provider.before = fail_second_update
    world.update(template("two", description="b"))
    assert world.status == "UPDATE_ROLLBACK_FAILED"
    with pytest.raises(RequestRefused, match="not in UPDATE_FAILED"):
        world.engine.continue_update_rollback("demo", skip=["Nope"])
    world.engine.continue_update_rollback("demo", skip=["Group"])
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    assert len(calls) == 2


def test_an_update_can_be_cancelled(world: World) -> None:
    """What is under way is cancelled, then everything goes back."""
    world.create(template(waits=True))
    old = world.physical_id("Compute")
    world.signal("Compute", old)
    with pytest.raises(RequestRefused, match="cannot be called from current stack status"):
        world.engine.cancel_update("demo")
    world.update(template("two", waits=True))
    world.engine.cancel_update("demo")
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.physical_id("Compute") == old
    assert ("Compute", "UPDATE_FAILED", "Resource update cancelled") in world.since_update()
    assert len(world.provider.existing) == 2


def test_disable_rollback_leaves_the_failure_to_be_looked_at(world: World) -> None:
    """UPDATE_FAILED stays until it is rolled back, updated or deleted."""
    world.create(template())
    world.faults.of = {("create", "Compute")}
    world.update(template("two"), disable_rollback=True)
    assert world.status == "UPDATE_FAILED"
    world.engine.rollback_stack("demo")
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    world.faults.of = set()
    world.update(template("two"))
    assert world.status == "UPDATE_COMPLETE"


def test_leftovers_that_cannot_be_deleted_are_reported(world: World) -> None:
    """The update is complete all the same, and says so."""
    world.create(template())
    world.faults.of = {("delete", "Compute")}
    world.update(template("two"))
    assert world.status == "UPDATE_COMPLETE"
    assert world.engine.stack("demo").reason == (
        "Update successful. One or more resources could not be deleted."
    )
    assert ("Compute", "DELETE_FAILED", "cannot delete Compute") in world.since_update()


def test_a_stack_that_rolled_back_its_creation_cannot_be_updated(world: World) -> None:
    """It can only be deleted."""
    world.faults.of = {("create", "Group")}
    world.create(template())
    assert world.status == "ROLLBACK_COMPLETE"
    with pytest.raises(
        RequestRefused, match=r"^Stack:arn:.* is in ROLLBACK_COMPLETE state and can not be updated"
    ):
        world.update(template("two"))


def test_a_stack_left_in_create_failed_can_be_updated(world: World) -> None:
    """What failed is created anew, and nothing of the first try stays."""
    world.faults.of = {("created", "Compute")}
    world.create(template(), settings=Settings(on_failure="DO_NOTHING"))
    assert world.status == "CREATE_FAILED"
    first = world.physical_id("Compute")
    world.faults.of = set()
    world.update(template("two"))
    assert world.status == "UPDATE_COMPLETE"
    assert first not in world.provider.existing
    assert len(world.provider.existing) == 2


def test_tags_reach_resources(world: World) -> None:
    """Changed tags of the stack are an update of every resource."""
    world.create(template())
    world.update(None, settings=Settings(tags={"project": "demo"}))
    assert all(
        one.request.stack_tags == {"project": "demo"} for one in world.provider.existing.values()
    )


def test_a_type_cannot_change(world: World) -> None:
    """CloudFormation refuses it before anything is done."""
    world.create(template())
    changed = template().replace("AWS::EC2::SecurityGroup", "AWS::EC2::VPC")
    with pytest.raises(RequestRefused, match="Update of resource type is not permitted"):
        world.update(changed)


def test_an_update_cannot_be_deleted_under_way() -> None:
    """Deleting waits for nobody; CloudFormation refuses it instead."""
    workers = ManualWorkers()
    with StackEngine(MemoryProvider(), clock=VirtualClock(), workers=workers) as engine:
        engine.create_stack("demo", template())
        workers.run_all()
        engine.update_stack("demo", template(description="b"))
        with pytest.raises(
            RequestRefused, match="cannot be deleted while in status UPDATE_IN_PROGRESS"
        ):
            engine.delete_stack("demo")
        workers.run_all()
        assert engine.stack("demo").status == "UPDATE_COMPLETE"


def test_use_previous_value_keeps_a_parameter(world: World) -> None:
    """A value that was given once need not be given again."""
    text = json.dumps(
        {
            "Parameters": {"Name": {"Type": "String"}, "Size": {"Type": "Number", "Default": 1}},
            "Resources": {
                "Group": {
                    "Type": "AWS::EC2::SecurityGroup",
                    "Properties": {"GroupName": {"Ref": "Name"}, "Size": {"Ref": "Size"}},
                }
            },
        }
    )
    world.create(text, parameters={"Name": "first"})
    with pytest.raises(RequestRefused, match=r"Parameters: \[Name\] must have values"):
        world.update(None, parameters={"Size": "2"})
    world.update(None, parameters={"Size": "2"}, use_previous={"Name"})
    (group,) = world.provider.existing.values()
    assert group.request.properties == {"GroupName": "first", "Size": "2"}


def fleet(image: str, policy: dict[str, Any], size: int = 2) -> str:
    """A group whose image is said."""
    group = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "UpdatePolicy": {"AutoScalingRollingUpdate": policy},
        "Properties": {"DesiredCapacity": str(size), "MaxSize": "5", "Image": image},
    }
    parameters = {"Pause": {"Type": "String", "Default": "PT2M"}}
    return json.dumps({"Parameters": parameters, "Resources": {"Fleet": group}})


def reasons(world: World, logical_id: str = "Fleet") -> list[str]:
    """What events have said of a resource since the last time that it began to be updated."""
    told: list[str] = []
    for event in world.engine.events("demo"):
        if event.logical_id == logical_id:
            told.insert(0, event.reason)
            if event.status == "UPDATE_IN_PROGRESS" and not event.reason:
                break
    return told[1:]


def members(world: World) -> list[str]:
    (found,) = world.provider.instances.values()
    return found


def test_a_rolling_update_goes_batch_by_batch(world: World) -> None:
    """Each batch waits for its signals, and the next one does not begin before."""
    policy = {"WaitOnResourceSignals": True, "PauseTime": {"Ref": "Pause"}, "MaxBatchSize": 2}
    world.create(fleet("one", policy, 3))
    old = members(world)
    world.update(fleet("two", policy, 3))
    first = [one for one in members(world) if one not in old]
    assert len(first) == 2
    assert members(world)[0] == old[2]
    world.signal("Fleet", first[0])
    world.clock.advance(119)
    assert world.status == "UPDATE_IN_PROGRESS"
    world.signal("Fleet", first[1])
    (last,) = [one for one in members(world) if one not in {*old, *first}]
    world.clock.advance(119)
    world.signal("Fleet", last)
    assert world.status == "UPDATE_COMPLETE"
    assert not {*old} & {*members(world)}
    waiting = "New instance(s) added to autoscaling group - Waiting on {} resource signal(s) "
    beginning = (
        "Rolling update initiated. Terminating 3 obsolete instance(s) in batches of 2, while "
        "keeping at least 0 instance(s) in service. Waiting on resource signals with a timeout of "
        "PT2M when new instances are added to the autoscaling group."
    )
    assert reasons(world) == [
        beginning,
        f"Terminating instance(s) [{old[0]},{old[1]}]; replacing with 2 new instance(s).",
        f"Successfully terminated instance(s) [{old[0]},{old[1]}] (Progress 66%).",
        f"{waiting.format(2)}with a timeout of PT2M.",
        f"Received SUCCESS signal with UniqueId {first[0]}",
        f"Received SUCCESS signal with UniqueId {first[1]}",
        f"Terminating instance(s) [{old[2]}]; replacing with 1 new instance(s).",
        f"Successfully terminated instance(s) [{old[2]}] (Progress 100%).",
        f"{waiting.format(1)}with a timeout of PT2M.",
        f"Received SUCCESS signal with UniqueId {last}",
        "",
    ]


def test_new_instances_come_first_where_enough_are_to_stay_in_service(world: World) -> None:
    """MinInstancesInService; without signals there is a pause after each batch."""
    policy = {"MinInstancesInService": 2, "PauseTime": "PT1M"}
    world.create(fleet("one", policy))
    old = members(world)
    world.update(fleet("two", policy))
    assert members(world)[:2] == old
    assert len(members(world)) == 3
    world.clock.advance(60)
    assert members(world)[0] == old[1]
    assert len(members(world)) == 3
    world.clock.advance(59)
    assert world.status == "UPDATE_IN_PROGRESS"
    world.clock.advance(1)
    assert world.status == "UPDATE_COMPLETE"
    assert len(members(world)) == 2
    assert "Temporarily setting autoscaling group MinSize and DesiredCapacity to 3." in reasons(
        world
    )


def test_a_share_of_all_new_instances_must_signal(world: World) -> None:
    """MinSuccessfulInstancesPercent is of the whole update, not of a batch."""
    policy = {
        "WaitOnResourceSignals": True,
        "PauseTime": "PT2M",
        "MinSuccessfulInstancesPercent": 50,
    }
    world.create(fleet("one", policy))
    world.update(fleet("two", policy))
    world.clock.advance(120)
    assert world.status == "UPDATE_IN_PROGRESS"
    world.signal("Fleet", members(world)[-1])
    assert world.status == "UPDATE_COMPLETE"


def test_a_rolling_update_that_fails_is_rolled_back_by_another(world: World) -> None:
    """Those that it had launched make way, and are waited for as well."""
    policy = {"WaitOnResourceSignals": True, "PauseTime": "PT2M"}
    world.create(fleet("one", policy))
    old = members(world)
    world.update(fleet("two", policy))
    (new,) = [one for one in members(world) if one not in old]
    world.signal("Fleet", new, "FAILURE")
    assert world.status == "UPDATE_ROLLBACK_IN_PROGRESS"
    assert (
        "Received 1 FAILURE signal(s) out of 1.  Unable to satisfy 100% "
        "MinSuccessfulInstancesPercent requirement"
    ) in [event.reason for event in world.engine.events("demo")]
    assert new not in members(world)
    assert old[1] in members(world)
    world.signal("Fleet", members(world)[-1])
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    (group,) = world.provider.existing.values()
    assert group.request.properties["Image"] == "one"


def test_a_group_that_is_replaced_as_a_whole(world: World) -> None:
    """AutoScalingReplacingUpdate: the old group goes once the new one has signalled."""

    def replaced(image: str) -> str:
        template = json.loads(fleet(image, {}))
        template["Resources"]["Fleet"]["UpdatePolicy"] = {
            "AutoScalingReplacingUpdate": {"WillReplace": "true"}
        }
        template["Resources"]["Fleet"]["CreationPolicy"] = {"ResourceSignal": {"Count": 2}}
        return json.dumps(template)

    world.create(replaced("one"))
    for number in ("1", "2"):
        world.signal("Fleet", f"i-{number}")
    before = world.physical_id("Fleet")
    world.update(replaced("two"))
    assert len(world.provider.existing) == 2
    world.signal("Fleet", "i-3")
    assert world.status == "UPDATE_IN_PROGRESS"
    world.signal("Fleet", "i-4")
    assert world.status == "UPDATE_COMPLETE"
    assert [*world.provider.existing] == [world.physical_id("Fleet")] != [before]


def test_a_group_that_cannot_keep_so_many_in_service(world: World) -> None:
    """MinInstancesInService is below MaxSize."""
    world.create(fleet("one", {}))
    world.update(fleet("two", {"MinInstancesInService": 5}))
    assert world.status == "UPDATE_ROLLBACK_COMPLETE"
    words = "MinInstancesInService (5) must be less than the autoscaling group's MaxSize (5)"
    assert words in [event.reason for event in world.engine.events("demo")]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ([], "must be an object"),
        ({"MaxBatchSize": 0}, "MaxBatchSize must be a number from 1, not 0"),
        ({"MinInstancesInService": "many"}, "MinInstancesInService must be a number from 0"),
        ({"MinSuccessfulInstancesPercent": 101}, "must be at most 100"),
        ({"PauseTime": "soon"}, "Invalid timeout 'soon'"),
        ({"PauseTime": "PT0S", "WaitOnResourceSignals": "true"}, "must be more than zero"),
    ],
)
def test_a_rolling_update_policy_that_is_none(world: World, policy: Any, words: str) -> None:  # noqa: ANN401 - JSON
    """Is refused before anything is updated."""
    with pytest.raises(RequestRefused, match="UpdatePolicy of resource Fleet") as refused:
        world.create(fleet("one", policy))
    assert words in refused.value.message
