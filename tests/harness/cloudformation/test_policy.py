"""Stack policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.policy import StackPolicy
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine

pytestmark = pytest.mark.selftest

ALLOW = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> StackPolicy:
    return StackPolicy.parse(json.dumps({"Statement": list(statements)}))


def test_what_is_not_allowed_is_denied() -> None:
    """A policy without a statement that applies denies."""
    assert policy().denial("Update:Modify", "A", "X") != ""
    assert policy(ALLOW).denial("Update:Modify", "A", "X") == ""


@pytest.mark.parametrize(
    ("statement", "denied"),
    [
        (
            {"Action": "Update:Replace", "Resource": "LogicalResourceId/A"},
            {("Update:Replace", "A")},
        ),
        (
            {"Action": ["Update:Replace", "Update:Delete"], "Resource": "LogicalResourceId/*"},
            {("Update:Replace", "A"), ("Update:Replace", "B")},
        ),
        (
            {"NotAction": "Update:Modify", "NotResource": "LogicalResourceId/A"},
            {("Update:Replace", "B")},
        ),
        (
            {
                "Action": "Update:*",
                "Resource": "*",
                "Condition": {"StringLike": {"ResourceType": ["AWS::EC2::*"]}},
            },
            {("Update:Modify", "A"), ("Update:Replace", "A")},
        ),
    ],
)
def test_a_deny_wins(statement: dict[str, Any], denied: set[tuple[str, str]]) -> None:
    """Over whatever else allows it."""
    held = policy(ALLOW, {"Effect": "Deny", "Principal": "*", **statement})
    types = {"A": "AWS::EC2::VPC", "B": "AWS::S3::Bucket"}
    found = {
        (action, logical_id)
        for action in ("Update:Modify", "Update:Replace")
        for logical_id, its_type in types.items()
        if held.denial(action, logical_id, its_type)
    }
    assert found == denied


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"Statement": 1}',
        '{"Statement": [{"Effect": "Maybe"}]}',
        '{"Statement": {"Effect": "Deny", "Action": "Update:*"}}',
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    """As a whole."""
    with pytest.raises(RequestRefused, match="Error validating stack policy"):
        StackPolicy.parse(text)


def template(**data: str) -> str:
    return json.dumps(
        {
            "Resources": {
                name: {"Type": "AWS::EC2::Instance", "Properties": {"UserData": text}}
                for name, text in data.items()
            }
        }
    )


def test_an_update_that_the_policy_denies_is_taken_back() -> None:
    """The resource's event says which statement; a policy of the update's own may allow it."""
    protect = {"Effect": "Deny", "Action": "Update:Replace", "Resource": "LogicalResourceId/A"}
    keep = {"Effect": "Deny", "Action": "Update:Delete", "Resource": "LogicalResourceId/B"}
    with StackEngine(
        MemoryProvider(replacing={"UserData"}), clock=VirtualClock(), workers=InlineWorkers()
    ) as engine:
        engine.create_stack("demo", template(A="1", B="1"))
        engine.set_stack_policy("demo", json.dumps({"Statement": [ALLOW, protect, keep]}))
        engine.update_stack("demo", template(A="2", B="1"))
        assert engine.stack("demo").status == "UPDATE_ROLLBACK_COMPLETE"
        assert [event.reason for event in engine.events("demo") if event.logical_id == "A"][1] == (
            "Action denied by stack policy: Statement [#2] does not allow [Update:Replace] "
            "for resource [LogicalResourceId/A];"
        )
        engine.update_stack("demo", template(A="1"))
        assert engine.stack("demo").status == "UPDATE_ROLLBACK_COMPLETE"
        assert "Statement [#3] does not allow [Update:Delete]" in str(engine.events("demo"))
        allow = json.dumps({"Statement": [ALLOW]})
        engine.update_stack("demo", template(A="2"), stack_policy=allow)
        assert engine.stack("demo").status == "UPDATE_COMPLETE"
