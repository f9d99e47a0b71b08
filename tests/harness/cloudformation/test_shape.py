"""What the sections of a template may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.shape import check_shape
from harness.template import Template

pytestmark = pytest.mark.selftest

GOOD: dict[str, Any] = {
    "Description": "all of it",
    "Mappings": {"M": {"a": {"b": "c"}}},
    "Parameters": {"P": {"Type": "Number", "Default": 1, "MinValue": "0", "AllowedValues": [1]}},
    "Resources": {
        "A": {
            "Type": "AWS::EC2::VPC",
            "Properties": None,
            "DependsOn": ["A"],
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdatePolicy": {"AutoScalingReplacingUpdate": {"WillReplace": True}},
        }
    },
    "Outputs": {"O": {"Value": 1, "Export": {"Name": "x"}}},
}

BAD: dict[str, tuple[str, Any]] = {
    "Description must be a string.": ("Description", [1]),
    "[/Mappings/M] Every Mappings member must be a map of maps.": ("Mappings/M", {"a": "b"}),
    "[/Parameters/P] Every Parameters member must be an object.": ("Parameters/P", "String"),
    "[/Parameters/P] Every Parameters object must contain a Type member.": ("Parameters/P", {}),
    "[/Parameters/P/MinValue] Every MinValue member must be a number.": (
        "Parameters/P/MinValue",
        "low",
    ),
    "[/Resources/A/Properties] Every Properties member must be an object.": (
        "Resources/A/Properties",
        [],
    ),
    "[/Resources/A/DependsOn] Every DependsOn value must be a string.": (
        "Resources/A/DependsOn",
        [{"Ref": "A"}],
    ),
    "[/Resources/A/DeletionPolicy] Unrecognized DeletionPolicy.": (
        "Resources/A/DeletionPolicy",
        "Keep",
    ),
    "[/Resources/A/UpdatePolicy] Every UpdatePolicy member must be an object.": (
        "Resources/A/UpdatePolicy",
        True,
    ),
    "[/Outputs/O] Every Outputs object must contain a Value member.": ("Outputs/O", {}),
    "[/Outputs/O/Condition] Every Condition member must be a string.": (
        "Outputs/O/Condition",
        True,
    ),
}


def with_(place: str, value: Any) -> Template:  # noqa: ANN401 - a JSON value
    body = json.loads(json.dumps(GOOD))
    *parents, last = place.split("/")
    node = body
    for name in parents:
        node = node[name]
    node[last] = value
    return Template.parse(json.dumps(body))


def test_a_template_of_the_right_shape_passes() -> None:
    """Nulls and numbers where CloudFormation takes them."""
    check_shape(Template.parse(json.dumps(GOOD)))


@pytest.mark.parametrize(("words", "broken"), BAD.items(), ids=BAD)
def test_what_is_refused_and_how(words: str, broken: tuple[str, Any]) -> None:
    """The message names the place."""
    with pytest.raises(RequestRefused) as refused:
        check_shape(with_(*broken))
    assert refused.value.message == f"Template format error: {words}"
