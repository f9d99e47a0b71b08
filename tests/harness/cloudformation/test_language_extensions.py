"""Loops, and what else ``AWS::LanguageExtensions`` allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cloudformation.changesets import ChangeSetRequest
from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.language_extensions import expand_by_defaults
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.resources.coverage import coverage
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings
from harness.lint import lint
from harness.template import Template

pytestmark = pytest.mark.selftest

TRANSFORM = "AWS::LanguageExtensions"
EXPAND = Settings(capabilities=("CAPABILITY_AUTO_EXPAND",))


@pytest.fixture
def engine() -> Iterator[StackEngine]:
    provider = MemoryProvider()
    with StackEngine(provider, clock=VirtualClock(), workers=InlineWorkers()) as made:
        yield made


def vpc(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"Type": "AWS::EC2::VPC", "Properties": properties}


def body(resources: dict[str, Any], **sections: Any) -> str:  # noqa: ANN401 - JSON values
    return json.dumps({"Transform": TRANSFORM, "Resources": resources, **sections})


def expanded(resources: dict[str, Any], **sections: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    made = expand_by_defaults(Template.parse(body(resources, **sections)))
    return dict(made.body)


def test_a_loop_over_a_list() -> None:
    """Keys, strings, references to the identifier, other resources' names."""
    fragment = {
        "Net${Zone}": vpc(
            Name={"Fn::Sub": "${AWS::Region}-${Zone}"}, Zone={"Ref": "Zone"}, Plain="${!Zone}"
        ),
        "Sub${Zone}": {**vpc(Of={"Ref": "Net${Zone}"}), "DependsOn": "Net${Zone}"},
    }
    made = expanded({"Fn::ForEach::Zones": ["Zone", ["A", "B"], fragment], "Last": vpc()})
    assert list(made["Resources"]) == ["NetA", "SubA", "NetB", "SubB", "Last"]
    assert made["Resources"]["NetB"]["Properties"] == {
        "Name": {"Fn::Sub": "${AWS::Region}-B"},
        "Zone": "B",
        "Plain": "${!Zone}",
    }
    assert made["Resources"]["SubA"]["DependsOn"] == "NetA"
    assert "Transform" not in made


def test_collections() -> None:
    """Of a parameter, of a function, of names that are not alphanumeric."""
    made = expanded(
        {
            "Fn::ForEach::A": ["X", {"Ref": "Names"}, {"P${X}": vpc()}],
            "Fn::ForEach::B": ["X", {"Fn::FindInMap": ["M", "a", "b"]}, {"M${X}": vpc()}],
            "Fn::ForEach::C": ["X", ["10.0.0.0/16"], {"N&{X}": vpc(CidrBlock="${X}")}],
        },
        Parameters={"Names": {"Type": "CommaDelimitedList", "Default": "One, Two"}},
        Mappings={"M": {"a": {"b": ["Three"]}}},
    )
    assert list(made["Resources"]) == ["POne", "PTwo", "MThree", "N1000016"]
    assert made["Resources"]["N1000016"]["Properties"] == {"CidrBlock": "10.0.0.0/16"}


def test_a_loop_in_a_loop_in_properties_conditions_and_outputs() -> None:
    """Wherever loops may stand."""
    inner = {"Fn::ForEach::Keys": ["Key", ["a", "b"], {"${Key}${Zone}": "${Key}-${Zone}"}]}
    made = expanded(
        {
            "Fn::ForEach::Zones": [
                "Zone",
                ["X", "Y"],
                {"Fn::ForEach::N": ["N", ["1", "2"], {"V${Zone}${N}": vpc(**inner)}]},
            ]
        },
        Conditions={
            "Fn::ForEach::C": ["Zone", ["X", "Y"], {"Is${Zone}": {"Fn::Equals": ["${Zone}", "X"]}}]
        },
        Outputs={
            "Fn::ForEach::O": ["Zone", ["X"], {"Out${Zone}": {"Value": {"Ref": "V${Zone}1"}}}]
        },
    )
    assert list(made["Resources"]) == ["VX1", "VX2", "VY1", "VY2"]
    assert made["Resources"]["VY2"]["Properties"] == {"aY": "a-Y", "bY": "b-Y"}
    assert made["Conditions"]["IsY"] == {"Fn::Equals": ["Y", "X"]}
    assert made["Outputs"] == {"OutX": {"Value": {"Ref": "VX1"}}}


def test_a_stack_of_a_loop(engine: StackEngine) -> None:
    """Created and updated over another list; the template that was sent is kept."""
    keep = {"Ref": "Keep"}
    text = body(
        {
            "Fn::ForEach::Names": [
                "Name",
                {"Ref": "Names"},
                {"V${Name}": {**vpc(L={"Fn::Length": {"Ref": "Names"}}), "DeletionPolicy": keep}},
            ]
        },
        Parameters={
            "Names": {"Type": "CommaDelimitedList"},
            "Keep": {"Type": "String", "Default": "Retain"},
        },
        Outputs={"All": {"Value": {"Fn::ToJsonString": {"a": [{"Ref": "VA"}]}}}},
    )  # fmt: skip
    engine.create_stack("demo", text, {"Names": "A,B"}, EXPAND)
    view = engine.stack("demo")
    assert view.status == "CREATE_COMPLETE"
    assert [one.logical_id for one in engine.resources("demo")] == ["VA", "VB"]
    assert view.template.resources["VA"].deletion_policy == "Retain"
    assert view.output_values["All"].startswith('{"a":["vpc-')
    assert view.template.sent.text == text
    engine.update_stack("demo", None, {"Names": "A,C"}, use_previous=["Keep"], settings=EXPAND)
    assert [one.logical_id for one in engine.resources("demo")] == ["VA", "VC"]


def test_capabilities(engine: StackEngine) -> None:
    """A transform is to be acknowledged, unless a change set shows what it makes."""
    text = body({"Fn::ForEach::N": ["N", ["A"], {"V${N}": vpc()}]})
    with pytest.raises(RequestRefused, match=r"Requires capabilities : \[CAPABILITY_AUTO_EXPAND\]"):
        engine.create_stack("demo", text)
    request = ChangeSetRequest("one", "demo", "CREATE", text, {}, (), Settings())
    change_set = engine.change_sets.create(request)
    assert [change.logical_id for change in change_set.changes] == ["VA"]
    engine.change_sets.execute("one", "demo")
    assert engine.stack("demo").status == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"Fn::ForEach::N": ["N", ["A"]]}, "Fn::ForEach::N: a loop has an identifier"),
        ({"Fn::ForEach::N": ["N", "A", {"V${N}": vpc()}]}, "the collection is no list"),
        ({"VA": vpc(), "Fn::ForEach::N": ["N", ["A"], {"V${N}": vpc()}]}, "VA is there already"),
        ({"Fn::ForEach::N": ["N", {"Ref": "Nope"}, {"V${N}": vpc()}]}, "Ref of 'Nope'"),
        ({"Fn::ForEach::N": ["N", ["A"], {"V${N}": vpc(Of={"Ref": "B"})}]}, "dependencies [B]"),
        ({"Fn::ForEach::N": ["N", ["A-"], {"V${N}": vpc()}]}, "VA- is non alphanumeric"),
        (
            {"Fn::ForEach::N": ["N", [str(n) for n in range(501)], {"V${N}": vpc()}]},
            "Number of resources, 501,",
        ),
        ({"Fn::ForEach::N": ["N", ["A"], {"V${N}": {"Properties": {}}}]}, "Type"),
    ],
)  # fmt: skip
def test_loops_that_are_refused(engine: StackEngine, resources: dict[str, Any], words: str) -> None:
    """What a loop makes is checked like what is written out."""
    with pytest.raises(RequestRefused) as refused:
        engine.create_stack("demo", body(resources), {}, EXPAND)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"Resources": {"A": vpc(N={"Fn::Length": ["a"]})}}, "Fn::Length needs the transform"),
        (
            {"Resources": {"A": vpc(N={"Fn::FindInMap": ["M", "a", "b", {"DefaultValue": 1}]})}},
            "the default of Fn::FindInMap needs the transform",
        ),
        (
            {"Resources": {"Fn::ForEach::N": ["N", ["A"], {"V${N}": vpc()}]}},
            "Fn::ForEach::N needs the transform",
        ),
        (
            {"Resources": {"A": vpc()}, "Transform": [TRANSFORM, "AWS::Serverless-2016-10-31"]},
            "Not simulated: the template's section Transform",
        ),
    ],
)
def test_what_needs_the_transform(
    engine: StackEngine, template: dict[str, Any], words: str
) -> None:
    """Is refused without it; and so is every other transform."""
    with pytest.raises(RequestRefused) as refused:
        engine.create_stack("demo", json.dumps(template), {}, EXPAND)
    assert words in refused.value.message


def test_coverage_and_lint_read_it(tmp_path: Any) -> None:  # noqa: ANN401 - a path
    """A template with loops is a template: what they make is covered."""
    path = tmp_path / "template.json"
    path.write_text(body({"Fn::ForEach::N": ["N", ["A", "B"], {"V${N}": vpc(Odd=1)}]}))
    found = coverage(Template.load(path))
    assert [(one.logical_id, one.not_simulated) for one in found] == [
        ("VA", ("Odd",)),
        ("VB", ("Odd",)),
    ]
    assert all(one.code.startswith("E30") for one in lint(path))
