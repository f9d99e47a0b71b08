"""Change sets, as ``aws cloudformation deploy`` uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cloudformation.changes import Change
from harness.cloudformation.changesets import ChangeSet, ChangeSetRequest
from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings

pytestmark = pytest.mark.selftest


@pytest.fixture
def engine() -> Iterator[StackEngine]:
    with StackEngine(
        MemoryProvider(replacing={"UserData"}), clock=VirtualClock(), workers=InlineWorkers()
    ) as made:
        yield made


def template(data: str = "one", *, name: str = "a", extra: bool = False) -> str:
    resources: dict[str, Any] = {
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"Name": name}},
        "Compute": {
            "Type": "AWS::EC2::Instance",
            "Properties": {"UserData": data, "Groups": [{"Ref": "Group"}]},
        },
    }
    if extra:
        resources["Extra"] = {"Type": "AWS::EC2::Volume"}
    return json.dumps({"Resources": resources})


def ask(engine: StackEngine, body: str, *, kind: str = "UPDATE", name: str = "first") -> ChangeSet:
    return engine.change_sets.create(
        ChangeSetRequest(
            name=name,
            stack_name="demo",
            kind=kind,
            template=body,
            parameters={},
            use_previous=(),
            settings=Settings(),
        )
    )


def test_a_new_stack_is_in_review_until_its_change_set_is_executed(engine: StackEngine) -> None:
    """Then it is created under the same id."""
    made = ask(engine, template(), kind="CREATE")
    assert engine.stack("demo").status == "REVIEW_IN_PROGRESS"
    assert [(one.action, one.logical_id) for one in made.changes] == [
        ("Add", "Group"),
        ("Add", "Compute"),
    ]
    engine.change_sets.execute("first", "demo")
    view = engine.stack("demo")
    assert (view.status, view.id, view.change_set_id) == ("CREATE_COMPLETE", made.stack_id, made.id)
    assert [str(event.status) for event in reversed(engine.events("demo"))][:2] == [
        "REVIEW_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
    ]


def test_what_would_change_is_told(engine: StackEngine) -> None:
    """What is added, changed in place, replaced, changed with it, and removed."""
    engine.create_stack("demo", template(extra=True))
    physical = {one.logical_id: one.physical_id for one in engine.resources("demo")}
    made = ask(engine, template("two", name="b"))
    assert made.changes == (
        Change(
            "Modify",
            "Group",
            "AWS::EC2::SecurityGroup",
            physical["Group"],
            "False",
            ("Properties",),
            ("Name",),
        ),
        Change(
            "Modify",
            "Compute",
            "AWS::EC2::Instance",
            physical["Compute"],
            "True",
            ("Properties",),
            ("UserData",),
        ),
        Change("Remove", "Extra", "AWS::EC2::Volume", physical["Extra"]),
    )
    assert engine.stack("demo").status == "CREATE_COMPLETE"
    engine.change_sets.execute(made.id, None)
    assert engine.stack("demo").status == "UPDATE_COMPLETE"


def test_what_refers_to_what_is_replaced_would_change_with_it() -> None:
    """On through whatever might be replaced for that; each replaced at most conditionally."""
    refer = {name: {"Ref": name} for name in ("First", "Second", "Third")}

    def body(value: str) -> str:
        properties: dict[str, dict[str, Any]] = {
            "Last": {"Groups": [refer["Third"]]},
            "Third": {"Name": "c", "Groups": [refer["Second"]]},
            "Second": {"Fixed": {"Fn::Sub": "${First}-${AWS::Region}"}},
            "First": {"Fixed": value},
            "Aside": {"Name": "d"},
        }
        kind = "AWS::EC2::SecurityGroup"
        return json.dumps(
            {
                "Resources": {
                    name: {"Type": kind, "Properties": each} for name, each in properties.items()
                }
            }
        )

    with StackEngine(
        MemoryProvider(replacing={"Fixed"}), clock=VirtualClock(), workers=InlineWorkers()
    ) as engine:
        engine.create_stack("demo", body("one"))
        made = ask(engine, body("two"))
        assert {one.logical_id: (one.replacement, one.properties) for one in made.changes} == {
            "Third": ("False", ("Groups",)),
            "Second": ("Conditional", ("Fixed",)),
            "First": ("True", ("Fixed",)),
        }
        engine.change_sets.execute("first", "demo")
        assert engine.stack("demo").status == "UPDATE_COMPLETE"


def test_a_change_set_without_changes_has_failed(engine: StackEngine) -> None:
    """In the words that the AWS CLI looks for; it cannot be executed."""
    engine.create_stack("demo", template())
    made = ask(engine, template())
    assert (made.status, made.execution) == ("FAILED", "UNAVAILABLE")
    assert made.reason.startswith("The submitted information didn't contain changes.")
    with pytest.raises(RequestRefused, match="cannot be executed") as refused:
        engine.change_sets.execute("first", "demo")
    assert refused.value.code == "InvalidChangeSetStatus"


def test_executing_one_change_set_forgets_the_others(engine: StackEngine) -> None:
    """They were made for a stack that is another now; the executed one says that it was."""
    engine.create_stack("demo", template())
    ask(engine, template("two"))
    ask(engine, template("three"), name="second")
    engine.change_sets.execute("first", "demo")
    assert [one.request.name for one in engine.change_sets.of_stack("demo")] == ["first"]
    assert engine.change_sets.get("first", "demo").execution == "EXECUTE_COMPLETE"
    with pytest.raises(RequestRefused, match="cannot be executed"):
        engine.change_sets.execute("first", "demo")


def test_what_cannot_be(engine: StackEngine) -> None:
    """Each in its own words and with its own code."""
    with pytest.raises(RequestRefused, match=r"Stack \[demo\] does not exist"):
        ask(engine, template())
    engine.create_stack("demo", template())
    with pytest.raises(RequestRefused, match="already exists and cannot be created again"):
        ask(engine, template(), kind="CREATE")
    ask(engine, template("two"))
    with pytest.raises(RequestRefused, match="ChangeSet first already exists") as refused:
        ask(engine, template("two"))
    assert refused.value.code == "AlreadyExistsException"
    with pytest.raises(RequestRefused, match=r"ChangeSet \[none\] does not exist") as refused:
        engine.change_sets.get("none", "demo")
    assert (refused.value.code, refused.value.status) == ("ChangeSetNotFound", 404)
    with pytest.raises(RequestRefused, match="StackName must be specified"):
        engine.change_sets.get("none", None)


def test_a_change_set_can_be_deleted(engine: StackEngine) -> None:
    """Twice is no error."""
    engine.create_stack("demo", template())
    made = ask(engine, template("two"))
    engine.change_sets.delete("first", "demo")
    engine.change_sets.delete(made.id, None)
    assert engine.change_sets.of_stack("demo") == []


def test_a_stack_in_review_can_be_deleted_or_asked_for_again(engine: StackEngine) -> None:
    """Its name is not lost to a change set that was never executed."""
    made = ask(engine, template(), kind="CREATE")
    again = ask(engine, template("two"), kind="CREATE", name="second")
    assert again.stack_id == made.stack_id
    engine.delete_stack("demo")
    assert engine.stack(made.stack_id).status == "DELETE_COMPLETE"


def test_a_change_that_hangs_on_a_new_resource_is_conditional(engine: StackEngine) -> None:
    """What does not exist yet has no value to compare."""
    engine.create_stack("demo", template())
    body = json.loads(template())
    body["Resources"]["New"] = {"Type": "AWS::EC2::SecurityGroup"}
    body["Resources"]["Compute"]["Properties"]["Groups"] = [{"Ref": "New"}]
    changes = {one.logical_id: one for one in ask(engine, json.dumps(body)).changes}
    assert changes["Compute"].replacement == "Conditional"
    assert changes["New"].action == "Add"
    assert "Group" not in changes
