"""Intrinsic functions and pseudo parameters, where they matter most: inside UserData."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.stacks import StackEngine

pytestmark = pytest.mark.selftest

SECTIONS = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "ours"},
        "Size": {"Type": "Number", "Default": 3},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
    },
    "Mappings": {"Ports": {"us-east-1": {"ssh": 22, "all": ["22", "80"]}}},
    "Conditions": {
        "Large": {"Fn::Equals": [{"Ref": "Size"}, "3"]},
        "Small": {"Fn::Not": [{"Condition": "Large"}]},
        "Both": {"Fn::And": [{"Condition": "Large"}, {"Fn::Equals": ["x", "x"]}]},
        "Either": {"Fn::Or": [{"Condition": "Small"}, {"Condition": "Both"}]},
    },
}


@pytest.fixture
def engine() -> Iterator[StackEngine]:
    with StackEngine(MemoryProvider(), clock=VirtualClock(), workers=InlineWorkers()) as exporting:
        exports = {"O": {"Value": "10.1.2.3", "Export": {"Name": "dns"}}}
        body = {"Resources": {"A": {"Type": "AWS::EC2::VPC"}}, "Outputs": exports}
        exporting.create_stack("other", json.dumps(body))
        yield exporting


def user_data(engine: StackEngine, value: Any) -> str:  # noqa: ANN401 - a JSON value
    """What an instance gets, decoded."""
    resources = {
        "Net": {"Type": "AWS::EC2::VPC"},
        "Compute": {
            "Type": "AWS::EC2::Instance",
            "Properties": {"UserData": {"Fn::Base64": value}},
        },
    }
    engine.create_stack("demo", json.dumps({**SECTIONS, "Resources": resources}))
    assert engine.stack("demo").status == "CREATE_COMPLETE", engine.events("demo")
    shown = next(
        json.loads(event.properties)
        for event in engine.events("demo")
        if event.logical_id == "Compute" and event.status == "CREATE_COMPLETE"
    )
    return base64.b64decode(shown["UserData"]).decode()


CASES: dict[str, tuple[Any, str]] = {
    "a parameter": ({"Ref": "Name"}, "ours"),
    "a number": ({"Fn::Sub": "${Size}"}, "3"),
    "pseudo parameters": (
        {"Fn::Sub": "${AWS::StackName} ${AWS::Region} ${AWS::AccountId} ${AWS::Partition}"},
        "demo us-east-1 123456789012 aws",
    ),
    "the URL suffix": ({"Fn::Sub": "s3.${AWS::URLSuffix}"}, "s3.amazonaws.com"),
    "what a shell is to see": ({"Fn::Sub": "${!HOME} $HOME ${Name}"}, "${HOME} $HOME ours"),
    "variables of its own": ({"Fn::Sub": ["${N}-${Name}", {"N": {"Ref": "Size"}}]}, "3-ours"),
    "a list": ({"Fn::Join": [" ", {"Ref": "Zones"}]}, "a b"),
    "lines": ({"Fn::Join": ["\n", ["#!/bin/sh", {"Fn::Sub": "a ${Name}"}]]}, "#!/bin/sh\na ours"),
    "one of a list": ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
    "a part of a text": ({"Fn::Select": [1, {"Fn::Split": ["-", "x-y-z"]}]}, "y"),
    "a mapping": (
        {"Fn::Sub": ["${P}", {"P": {"Fn::FindInMap": ["Ports", {"Ref": "AWS::Region"}, "ssh"]}}]},
        "22",
    ),
    "a mapping's list": (
        {"Fn::Join": [",", {"Fn::FindInMap": ["Ports", {"Ref": "AWS::Region"}, "all"]}]},
        "22,80",
    ),
    "a condition": ({"Fn::If": ["Large", "large", "small"]}, "large"),
    "a condition that does not hold": ({"Fn::If": ["Small", "small", {"Ref": "Name"}]}, "ours"),
    "conditions of conditions": ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
    "what is left out": (
        {"Fn::Join": ["-", ["a", {"Fn::If": ["Small", "b", {"Ref": "AWS::NoValue"}]}, "c"]]},
        "a-c",
    ),
    "zones": ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
    "blocks": ({"Fn::Join": [" ", {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}]}, "10.0.0.0/24 10.0.1.0/24"),
    "an export": ({"Fn::ImportValue": {"Fn::Sub": "dns"}}, "10.1.2.3"),
    "text in Base64": ({"Fn::Base64": "again"}, "YWdhaW4="),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_functions_resolve_inside_user_data(engine: StackEngine, what: str) -> None:
    """As "Intrinsic function reference" says."""
    value, expected = CASES[what]
    assert user_data(engine, value) == expected


def test_what_other_resources_answer(engine: StackEngine) -> None:
    """Their Ref and their attributes, in every way to write them."""
    asked = [{"Ref": "Net"}, {"Fn::GetAtt": ["Net", "Id"]}, {"Fn::Sub": "${Net.Id}"}]
    told = user_data(engine, {"Fn::Join": [" ", asked]})
    ref, attribute, substituted = told.split()
    assert ref.startswith("vpc-")
    assert attribute == substituted == f"{ref}.Id"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::Select": [5, {"Ref": "Zones"}]}, "Fn::Select cannot select nonexistent value"),
        ({"Fn::FindInMap": ["Ports", "nowhere", "ssh"]}, "mapping for Ports::nowhere"),
        ({"Fn::ImportValue": "nobody"}, "No export named nobody found."),
        ({"Fn::Nope": "x"}, "Fn::Nope is no intrinsic function"),
    ],
)  # fmt: skip
def test_what_does_not_resolve_fails_the_resource(
    engine: StackEngine, value: dict[str, Any], words: str
) -> None:
    """With a reason that names it."""
    with pytest.raises(AssertionError):
        user_data(engine, value)
    assert any(words in event.reason for event in engine.events("demo"))
