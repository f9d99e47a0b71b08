"""Templates that are JSON and little else: refused, or deployed, or rolled back; never a crash."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine

pytestmark = pytest.mark.selftest

NAMES = st.sampled_from(["A", "B", "C", "P", "AWS::Region", "AWS::NoValue", "", "a.b"])
FUNCTIONS = st.sampled_from(
    [
        "Ref",
        "Condition",
        *(
            f"Fn::{name}"
            for name in (
                *("And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "GetAtt", "If"),
                *("ImportValue", "Join", "Length", "Not", "Or", "Select", "Split", "Sub", "Nope"),
            )
        ),
    ]
)
NODES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | NAMES | st.just("${A.Id} ${P}"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=2)
        | st.tuples(FUNCTIONS, inner).map(lambda pair: {pair[0]: pair[1]})
    ),
    max_leaves=6,
)
ATTRIBUTES = st.sampled_from(
    [
        *("Properties", "Metadata", "DependsOn", "Condition", "CreationPolicy", "UpdatePolicy"),
        *("DeletionPolicy", "UpdateReplacePolicy", "Description"),
    ]
)
TYPES = st.sampled_from(
    [
        "AWS::EC2::Instance",
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::CloudFormation::WaitCondition",
        "AWS::IAM::Role",
    ]
)
POLICIES = st.fixed_dictionaries({"ResourceSignal": NODES | st.just({})})
RESOURCES = st.tuples(
    TYPES,
    st.dictionaries(ATTRIBUTES, NODES, max_size=3),
    st.none() | POLICIES,
).map(
    lambda parts: {
        **parts[1],
        **({"CreationPolicy": parts[2]} if parts[2] else {}),
        "Type": parts[0],
    }
)
PARAMETER_KEYS = st.sampled_from(
    ["Default", "AllowedValues", "AllowedPattern", "MinLength", "MaxValue", "NoEcho"]
)
PARAMETERS = st.dictionaries(PARAMETER_KEYS, NODES, max_size=3).flatmap(
    lambda body: st.sampled_from(["String", "Number", "List<Number>", "X"]).map(
        lambda declared: {**body, "Type": declared}
    )
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": st.dictionaries(st.sampled_from("ABC"), RESOURCES, min_size=1, max_size=3)},
    optional={
        "Parameters": st.dictionaries(st.just("P"), PARAMETERS | NODES),
        "Conditions": st.dictionaries(st.sampled_from("CD"), NODES, max_size=2),
        "Mappings": NODES,
        "Outputs": st.dictionaries(
            st.just("O"),
            st.fixed_dictionaries({"Value": NODES}, optional={"Export": NODES, "Condition": NODES})
            | NODES,
        ),
        "Description": NODES,
        "Metadata": NODES,
    },
)


@settings(max_examples=300, deadline=None, report_multiple_bugs=False)
@given(template=TEMPLATES, other=TEMPLATES)
def test_no_template_breaks_the_engine(template: dict[str, Any], other: dict[str, Any]) -> None:
    """Nothing but a refusal comes out of a request, and nothing fails in a way of its own."""
    clock = VirtualClock()
    handler = _Recorder()
    logger = logging.getLogger("harness.cloudformation")
    logger.addHandler(handler)
    try:
        with StackEngine(MemoryProvider(), clock=clock, workers=InlineWorkers()) as engine:
            try:
                stack_id = engine.create_stack("demo", json.dumps(template))
            except RequestRefused:
                return
            clock.advance(50_000)
            assert not engine.stack(stack_id).status.in_progress
            try:
                engine.update_stack("demo", json.dumps(other))
            except RequestRefused:
                return
            clock.advance(50_000)
            assert not engine.stack(stack_id).status.in_progress
    finally:
        logger.removeHandler(handler)
    assert handler.messages == []


class _Recorder(logging.Handler):
    """Keeps what was logged: the engine logs only what it did not expect."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))
