"""Templates that cannot be deployed, refused before anything is created."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cloudformation.graph import dependencies, parse_template, reverse
from harness.cloudformation.refusal import RequestRefused

pytestmark = pytest.mark.selftest


def text(resources: dict[str, Any], **sections: Any) -> str:  # noqa: ANN401 - JSON values
    return json.dumps({"Resources": resources, **sections})


def thing(*, of: Any = None, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"Type": "AWS::EC2::VPC", "Properties": {"Of": of}, **attributes}


REFUSALS = {
    "{": "Template format error: JSON not well-formed. (line 1, column 2)",
    "a: [": "Template format error: YAML not well-formed.",
    '\ufeff{"Resources": {}}': "JSON not well-formed. (line 1, column 1)",
    '{"Resources": NaN}': "Template format error: JSON not well-formed.",
    "A: &a {Properties: *a}": "YAML aliases are not allowed in CloudFormation templates.",
    "[]": "Template format error: unsupported structure.",
    "{}": "Template format error: At least one Resources member must be defined.",
    text({"A": thing(of={"Ref": "B"})}): (
        "Template format error: Unresolved resource dependencies [B] in the Resources block of "
        "the template"
    ),
    text({"A": thing(of={"Fn::GetAtt": ["B", "Id"]})}): "Unresolved resource dependencies [B]",
    text({"A": thing(of={"Fn::Sub": "${B.Id}-${AWS::Region}"})}): "resource dependencies [B]",
    text({"A": thing(DependsOn=["B"])}): "Unresolved resource dependencies [B]",
    text({"A": thing()}, Outputs={"O": {"Value": {"Ref": "B"}}}): "in the Outputs block",
    text({"A": thing(Condition="C")}): "Unresolved condition dependency C",
    text({"A": thing(of={"Fn::If": ["C", 1, 2]})}): "Unresolved condition dependency C",
    text({"A": thing(of={"Ref": "B"}), "B": thing(DependsOn="A")}): (
        "Circular dependency between resources: [A, B]"
    ),
    text({"A": thing(of={"Ref": "A"})}): "Circular dependency between resources: [A]",
    text({"A": thing()}, Transform="AWS::Serverless-2016-10-31"): "section Transform",
    text({"A": thing()}, Hooks={"H": {}}): "Not simulated: the template's section Hooks",
    text({"A": thing()}, Resource={}): "Invalid template property or properties [Resource]",
    text({"A": thing(of={"Fn::Sub": []})}): "Template error: Fn::Sub",
}


@pytest.mark.parametrize(("body", "words"), REFUSALS.items(), ids=REFUSALS.values())
def test_what_is_refused_and_how(body: str, words: str) -> None:
    """A ValidationError, never anything else."""
    with pytest.raises(RequestRefused) as refused:
        parse_template(body)
    assert words in refused.value.message
    assert refused.value.code == "ValidationError"


def test_dependencies_come_from_every_way_to_refer() -> None:
    """And only among the resources that are asked about."""
    template = parse_template(
        text(
            {
                "A": thing(),
                "B": thing(of={"Ref": "A"}),
                "C": thing(of={"Fn::Join": ["", [{"Fn::GetAtt": ["A", "Id"]}, {"Ref": "B"}]]}),
                "D": thing(of={"Fn::Sub": "${B} ${C.Id} ${!A} ${AWS::StackId}"}),
                "E": thing(DependsOn="D", Metadata={"Of": {"Ref": "A"}}),
            }
        )
    )
    graph = dependencies(template, template.resources)
    assert {name: sorted(needed) for name, needed in graph.items()} == {
        "A": [],
        "B": ["A"],
        "C": ["A", "B"],
        "D": ["B", "C"],
        "E": ["A", "D"],
    }
    assert dependencies(template, ["B", "C"]) == {"B": frozenset(), "C": frozenset({"B"})}
    assert reverse(graph)["A"] == frozenset({"B", "C", "E"})


def test_an_iam_condition_is_no_condition_of_the_template() -> None:
    """``Condition`` is an ordinary key inside a policy document."""
    policy = {"Statement": [{"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": "Text"}]}
    assert list(parse_template(text({"A": thing(of=policy)})).resources) == ["A"]
