"""How much a template and a request may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cloudformation.graph import parse_template
from harness.cloudformation.parameters import NothingToLookUp, check_parameters
from harness.cloudformation.refusal import RequestRefused

pytestmark = pytest.mark.selftest

VPC = {"Type": "AWS::EC2::VPC"}


def many(number: int, what: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON value
    return {f"N{index}": what for index in range(number)}


def body(**sections: Any) -> str:  # noqa: ANN401 - JSON values
    return json.dumps({"Resources": {"A": VPC}, **sections})


MOST = {
    "Resources": many(500, VPC),
    "Parameters": many(200, {"Type": "String", "Default": "x"}),
    "Outputs": many(200, {"Value": "x"}),
    "Mappings": many(200, {"top": {"second": "x"}}),
    "Description": "ü" * 512,
}


@pytest.mark.parametrize("section", MOST)
def test_as_much_as_is_allowed_is_allowed(section: str) -> None:
    """The quota itself is not too much."""
    parse_template(body(**{section: MOST[section]}))


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        (
            {"Resources": many(501, VPC)},
            "Number of resources, 501, is greater than maximum allowed, 500",
        ),
        (
            {"Parameters": many(201, {"Type": "String"})},
            "Number of parameters, 201, is greater than maximum allowed, 200",
        ),
        (
            {"Outputs": many(201, {"Value": "x"})},
            "Number of outputs, 201, is greater than maximum allowed, 200",
        ),
        (
            {"Mappings": many(201, {"top": {"second": "x"}})},
            "Number of mappings, 201, is greater than maximum allowed, 200",
        ),
        (
            {"Mappings": {"M": many(201, {"second": "x"})}},
            "Number of attributes in mapping M, 201, is greater than maximum allowed, 200",
        ),
        ({"Resources": {"a_b": VPC}}, "Resource name a_b is non alphanumeric."),
        ({"Parameters": {"a-b": {"Type": "String"}}}, "Parameter name a-b is non alphanumeric."),
        ({"Outputs": {"a.b": {"Value": 1}}}, "Output name a.b is non alphanumeric."),
        ({"Description": "ü" * 513}, "'Description' length is greater than 1024."),
    ],
)
def test_more_is_refused(sections: dict[str, Any], words: str) -> None:
    """In CloudFormation's words."""
    with pytest.raises(RequestRefused) as refused:
        parse_template(body(**sections))
    assert refused.value.message == f"Template format error: {words}"


def test_a_name_of_256_characters() -> None:
    """Is one too long."""
    parse_template(body(Resources={"a" * 255: VPC}))
    with pytest.raises(RequestRefused, match="longer than 255 characters"):
        parse_template(body(Resources={"a" * 256: VPC}))


def test_a_value_of_4097_bytes() -> None:
    """Is refused, and is not repeated: it may be a secret."""
    parameters = {"P": {"Type": "String"}, "Q": {"Type": "String", "NoEcho": True}}
    template = parse_template(body(Parameters=parameters))
    check_parameters(template, {"P": "", "Q": "ü" * 2048}, NothingToLookUp())
    with pytest.raises(RequestRefused) as refused:
        check_parameters(template, {"P": "", "Q": "ü" * 2048 + "x"}, NothingToLookUp())
    assert refused.value.message == (
        "1 validation error detected: Value at 'parameters.2.member.parameterValue' failed to "
        "satisfy constraint: Member must have length less than or equal to 4096"
    )
