"""Parameters, checked as CloudFormation checks them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cloudformation.parameters import (
    MASK,
    NothingToLookUp,
    Parameters,
    check_parameters,
    missing_things,
)
from harness.cloudformation.refusal import RequestRefused
from harness.template import Template

pytestmark = pytest.mark.selftest


class Account:
    """One key pair, one image, one SSM parameter."""

    def exists(self, parameter_type: str, value: str) -> bool:
        return (parameter_type, value) in {
            ("AWS::EC2::KeyPair::KeyName", "mine"),
            ("AWS::EC2::Image::Id", "ami-1"),
        }

    def ssm_parameter(self, name: str) -> str | None:
        return {"/image": "ami-1", "/gone": "ami-2", "/zones": "a, b"}.get(name)

    def secure_parameter(self, name: str) -> str | None:
        raise AssertionError(name)

    def secret(self, secret_id: str, *, stage: str = "", version_id: str = "") -> str | None:
        raise AssertionError(secret_id, stage, version_id)

    def things(self, parameter_type: str) -> None:
        raise AssertionError(parameter_type)


def check(declared: dict[str, Any], **given: str) -> Parameters:
    body = {"Parameters": declared, "Resources": {"Handle": {"Type": "Custom::Thing"}}}
    return check_parameters(Template.parse(json.dumps(body)), given, Account())


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"Type": "String", "AllowedValues": ["a", "b"]},
        "c",
        "Parameter 'P' must be one of AllowedValues",
    ),
    (
        {"Type": "String", "AllowedPattern": "[a-z]+"},
        "aB",
        "Parameter 'P' must match pattern [a-z]+",
    ),
    (
        {"Type": "String", "AllowedPattern": "x", "ConstraintDescription": "must be an x"},
        "y",
        "Parameter P failed to satisfy constraint: must be an x",
    ),
    ({"Type": "String", "MinLength": 2}, "a", "Parameter 'P' must contain at least 2 characters"),
    (
        {"Type": "String", "MaxLength": "2"},
        "abc",
        "Parameter 'P' must contain at most 2 characters",
    ),
    ({"Type": "Number"}, "one", "Parameter 'P' must be a number"),
    ({"Type": "Number", "MinValue": 3}, "2", "Parameter 'P' must be a number not less than 3"),
    ({"Type": "Number", "MaxValue": 3}, "4", "Parameter 'P' must be a number not greater than 3"),
    ({"Type": "List<Number>"}, "1,x", "Parameter 'P' must be a number"),
    ({"Type": "Text"}, "a", "Template format error: Unrecognized parameter type: Text"),
    (
        {"Type": "CommaDelimitedList", "AllowedValues": ["a"]},
        "a,b",
        "Parameter 'P' must be one of AllowedValues",
    ),
    (
        {"Type": "AWS::SSM::Parameter::Value<String>"},
        "/none",
        "Unable to fetch parameters [/none] from parameter store for this account.",
    ),
    (
        {"Type": "AWS::SSM::Parameter::Name"},
        "/none",
        "Unable to fetch parameters [/none] from parameter store for this account.",
    ),
]


@pytest.mark.parametrize(
    ("declaration", "value", "words"), REFUSALS, ids=[words for _, _, words in REFUSALS]
)
def test_what_is_refused_and_how(declaration: dict[str, Any], value: str, words: str) -> None:
    """A ValidationError in CloudFormation's words."""
    with pytest.raises(RequestRefused) as refused:
        check({"P": declaration}, P=value)
    assert refused.value.message == words
    assert refused.value.code == "ValidationError"


def test_missing_and_unknown_parameters_are_named() -> None:
    """All of them at once."""
    declared = {
        "A": {"Type": "String"},
        "B": {"Type": "String"},
        "C": {"Type": "String", "Default": ""},
    }
    with pytest.raises(RequestRefused, match=r"^Parameters: \[A, B\] must have values$"):
        check(declared)
    with pytest.raises(RequestRefused, match=r"^Parameters: \[X\] do not exist in the template$"):
        check(declared, A="", B="", X="")


def test_values_have_the_type_that_is_declared() -> None:
    """Lists are lists, everything else is a string; SSM types answer what is stored."""
    checked = check(
        {
            "Text": {"Type": "String", "Default": True},
            "Number": {"Type": "Number", "Default": 1.5},
            "List": {"Type": "CommaDelimitedList", "Default": "a, b ,c"},
            "Empty": {"Type": "CommaDelimitedList", "Default": ""},
            "Image": {
                "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
                "Default": "/image",
            },
            "Zones": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/zones"},
        }
    )
    assert checked.values == {
        "Text": "true",
        "Number": "1.5",
        "List": ["a", "b", "c"],
        "Empty": [],
        "Image": "ami-1",
        "Zones": ["a", "b"],
    }
    assert checked.by_name["Image"].shown == "/image"
    assert checked.by_name["Image"].shown_resolved == "ami-1"


@pytest.mark.parametrize("no_echo", [True, "true"])
def test_no_echo_hides_a_value(no_echo: object) -> None:
    """It counts, and is not shown."""
    checked = check({"Secret": {"Type": "String", "NoEcho": no_echo}}, Secret="hunter2")
    assert checked.values == {"Secret": "hunter2"}
    assert checked.masked == {"Secret": MASK}
    assert checked.by_name["Secret"].shown == MASK
    assert "hunter2" not in str(checked.masked)


@pytest.mark.parametrize(
    ("declared_type", "value", "exists"),
    [
        ("AWS::EC2::KeyPair::KeyName", "mine", True),
        ("AWS::EC2::KeyPair::KeyName", "nope", False),
        ("AWS::EC2::KeyPair::KeyName", "", False),
        ("List<AWS::EC2::Image::Id>", "ami-1,ami-2", False),
        ("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/image", True),
        ("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/gone", False),
        ("String", "anything", True),
    ],
)
def test_aws_things_must_exist(declared_type: str, value: str, *, exists: bool) -> None:
    """Found out once the stack is under way, so told as a reason and not refused."""
    checked = check({"P": {"Type": declared_type}}, P=value)
    assert (missing_things(checked, Account()) is None) is exists


def test_a_missing_thing_is_told_in_cloudformations_words() -> None:
    """Value and name of the parameter are in it."""
    checked = check({"KeyName": {"Type": "AWS::EC2::KeyPair::KeyName"}}, KeyName="nope")
    assert missing_things(checked, Account()) == (
        "Parameter validation failed: parameter value nope for parameter name KeyName "
        "does not exist"
    )
    assert missing_things(checked, NothingToLookUp()) is None
