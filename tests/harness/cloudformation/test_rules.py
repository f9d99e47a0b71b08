"""Rules: what parameters may be together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.parameters import NothingToLookUp
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine

pytestmark = pytest.mark.selftest

SUBNET = "AWS::EC2::Subnet::Id"
PARAMETERS = {
    "Size": {"Type": "String", "Default": "small"},
    "Zones": {"Type": "CommaDelimitedList", "Default": "a,b"},
    "Subnet": {"Type": SUBNET, "Default": "subnet-1"},
    "Subnets": {"Type": f"List<{SUBNET}>", "Default": "subnet-1,subnet-2"},
    "Key": {"Type": "String", "Default": "mine"},
}


class Account(NothingToLookUp):
    """Two subnets of one VPC."""

    def things(self, parameter_type: str) -> Mapping[str, Mapping[str, str]] | None:
        if parameter_type != SUBNET:
            return super().things(parameter_type)
        common = {"VpcId": "vpc-1"}
        return {
            "subnet-1": {**common, "Tags.Use": "web"},
            "subnet-2": {**common, "Tags.Use": "db"},
        }


def deploy(rule: Any, **parameters: str) -> None:  # noqa: ANN401 - a JSON value
    rules = {"R": rule if "Assertions" in rule else {"Assertions": [{"Assert": rule}]}}
    body = {"Parameters": PARAMETERS, "Rules": rules, "Resources": {"A": {"Type": "AWS::EC2::VPC"}}}
    clock = VirtualClock()
    with StackEngine(
        MemoryProvider(), clock=clock, workers=InlineWorkers(), lookups=Account()
    ) as engine:
        engine.create_stack("demo", json.dumps(body), parameters)
        assert engine.stack("demo").status == "CREATE_COMPLETE"


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


HOLD: list[Any] = [
    {"Fn::Contains": [["small", "large"], ref("Size")]},
    {"Fn::Contains": [ref("Zones"), "a"]},
    {"Fn::Not": [{"Fn::Contains": [["1", "2"], ref("Size")]}]},
    {"Fn::EachMemberEquals": [["small", "small"], ref("Size")]},
    {"Fn::EachMemberIn": [ref("Zones"), ["a", "b", "c"]]},
    {"Fn::EachMemberEquals": [{"Fn::ValueOf": ["Subnets", "VpcId"]}, "vpc-1"]},
    {"Fn::Equals": [{"Fn::ValueOf": ["Subnet", "Tags.Use"]}, "web"]},
    {"Fn::EachMemberIn": [{"Fn::ValueOfAll": [SUBNET, "Tags.Use"]}, ["web", "db"]]},
    {"Fn::EachMemberIn": [ref("Subnets"), {"Fn::RefAll": SUBNET}]},
    {"Fn::And": [{"Fn::Equals": [ref("AWS::Region"), "us-east-1"]}, {"Fn::Equals": ["a", "a"]}]},
    {"Fn::Or": [{"Fn::Equals": [ref("Size"), "x"]}, {"Fn::Contains": [["small"], ref("Size")]}]},
]  # fmt: skip


@pytest.mark.parametrize("rule", HOLD, ids=json.dumps)
def test_an_assertion_that_holds(rule: Any) -> None:  # noqa: ANN401 - a JSON value
    """Lets the stack come up; its opposite does not."""
    deploy(rule)
    with pytest.raises(RequestRefused, match="Rule R: assertion 1 does not hold"):
        deploy({"Fn::Not": [rule]})


def test_descriptions() -> None:
    """Those of the assertions that do not hold are told."""
    rule = {
        "RuleCondition": {"Fn::Equals": [ref("Size"), "large"]},
        "Assertions": [
            {"Assert": {"Fn::Contains": [["a"], ref("Key")]}, "AssertDescription": "the key is a"},
            {"Assert": {"Fn::Contains": [["mine"], ref("Key")]}, "AssertDescription": "unseen"},
            {"Assert": {"Fn::Equals": [ref("Key"), "b"]}, "AssertDescription": "or b"},
        ],
    }
    deploy(rule)
    with pytest.raises(RequestRefused) as refused:
        deploy(rule, Size="large")
    assert refused.value.message == "Template error: Rule R: the key is a; or b"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ([], "[/Rules/R] Every Rules member must be an object."),
        ({"Assertions": []}, "[/Rules/R] Every Rules object must contain a list of Assertions."),
        ({"Assertions": [{}]}, "[/Rules/R/Assertions] Every Assertions member needs an Assert."),
        (
            {"Assertions": [{"Assert": {"Fn::If": ["C", True, False]}}]},
            "[/Rules/R] Fn::If is not allowed in a rule.",
        ),
    ],
)
def test_malformed_rules(rule: Any, words: str) -> None:  # noqa: ANN401 - a JSON value
    """Are refused with their place."""
    body = {"Rules": {"R": rule}, "Resources": {"A": {"Type": "AWS::EC2::VPC"}}}
    with (
        StackEngine(MemoryProvider(), clock=VirtualClock(), workers=InlineWorkers()) as engine,
        pytest.raises(RequestRefused) as refused,
    ):
        engine.create_stack("demo", json.dumps(body))
    assert refused.value.message == f"Template format error: {words}"


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        ({"Fn::Contains": ["a"]}, "Fn::Contains takes two arguments"),
        ({"Fn::Contains": [["a"], ["b"]]}, "Fn::Contains must be a string"),
        ("maybe", "neither true nor false"),
        ({"Fn::Equals": [{"Fn::ValueOf": ["Nope", "VpcId"]}, ""]}, "there is no parameter Nope"),
        ({"Fn::Equals": [{"Fn::ValueOf": ["Subnet", "Odd"]}, ""]}, "the attribute Odd"),
        ({"Fn::Contains": [{"Fn::RefAll": "AWS::Odd"}, ""]}, "values of type AWS::Odd"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated(assertion: Any, words: str) -> None:  # noqa: ANN401 - JSON
    """Is refused, and says why."""
    with pytest.raises(RequestRefused, match="Template error: Rule R: ") as refused:
        deploy(assertion)
    assert words in refused.value.message
