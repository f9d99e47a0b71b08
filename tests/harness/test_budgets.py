"""How long a template lets its resources take."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from harness.budgets import signal_budgets
from harness.template import Template

pytestmark = pytest.mark.selftest


def template(policy: Any, **resource: Any) -> Template:  # noqa: ANN401 - JSON
    """One instance with that policy, and one without any."""
    document = {
        "Parameters": {
            "Patience": {"Type": "String", "Default": "PT20M"},
            "Wait": {"Type": "String", "Default": "yes"},
        },
        "Conditions": {"Waits": {"Fn::Equals": [{"Ref": "Wait"}, "yes"]}},
        "Resources": {
            "Compute": {"Type": "AWS::EC2::Instance", "CreationPolicy": policy, **resource},
            "Other": {"Type": "AWS::EC2::Instance"},
        },
    }
    return Template.parse(json.dumps(document))


@pytest.mark.parametrize(
    ("signal", "seconds"),
    [
        ({}, 300),
        ({"Timeout": "PT2M"}, 120),
        ({"Timeout": "PT0.5H", "Count": "2"}, 1800),
        ({"Timeout": {"Ref": "Patience"}}, 1200),
        ({"Timeout": {"Fn::Sub": "PT${AWS::Region}"}}, math.inf),
        ({"Timeout": "5m"}, math.inf),
    ],
)
def test_the_timeout_is_the_policys(signal: dict[str, Any], seconds: float) -> None:
    """A bare ResourceSignal means five minutes; what is no duration is not taken for one."""
    assert signal_budgets(template({"ResourceSignal": signal})) == {"Compute": seconds}


def test_parameters_count() -> None:
    """Those that are given before the defaults."""
    one = template({"ResourceSignal": {"Timeout": {"Ref": "Patience"}}}, Condition="Waits")
    assert signal_budgets(one, {"Patience": "PT1M"}) == {"Compute": 60}
    assert signal_budgets(one, {"Wait": "no"}) == {}


def test_the_region_counts() -> None:
    """A mapping by region has the value of where the stack is created."""
    timeout = {"Fn::FindInMap": ["ByRegion", {"Ref": "AWS::Region"}, "Timeout"]}
    one = template({"ResourceSignal": {"Timeout": timeout}})
    mappings = {"ByRegion": {"eu-west-1": {"Timeout": "PT9M"}}}
    mapped = Template.parse(json.dumps({**one.body, "Mappings": mappings}))
    assert signal_budgets(mapped, region="eu-west-1") == {"Compute": 540}
    assert signal_budgets(mapped) == {"Compute": math.inf}


def test_a_policy_without_signals_has_no_budget() -> None:
    """Nobody waits for anything."""
    assert signal_budgets(template({"StartFleet": True})) == {}
