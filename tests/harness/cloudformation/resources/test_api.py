"""Calls to services: types, words of refusals, and who does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from harness.cloudformation.provider import ResourceFailure, ResourceRequest
from harness.cloudformation.resources.api import Api, Patience
from harness.cloudformation.resources.base import generated_name
from harness.cloudformation.resources.paths import outside, touched

pytestmark = pytest.mark.selftest


def test_a_client_is_made_when_it_is_needed(client: Callable[[str], Any]) -> None:
    """Each service's client is asked for once, and not before the first call."""
    asked: list[str] = []

    def make(service: str) -> Any:  # noqa: ANN401 - clients have no common type
        asked.append(service)
        return client(service)

    api = Api(make, Patience())
    assert asked == []
    assert api.client("ec2") is api.client("ec2")
    assert asked == ["ec2"]


def test_nobody_answers() -> None:
    """An endpoint that is not there fails the resource with a reason, not with a traceback."""

    def client(service: str) -> Any:  # noqa: ANN401 - clients have no common type
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            endpoint_url="http://127.0.0.1:9",
            config=Config(retries={"total_max_attempts": 1}),
        )

    with pytest.raises(ResourceFailure, match="Could not connect to the endpoint URL"):
        Api(client, Patience()).call("ec2", "DescribeVpcs")


@pytest.mark.parametrize("longest", [32, 63, 64, 255])
def test_generated_names(longest: int) -> None:
    """A name is of the stack, the logical id and twelve characters, and never too long."""
    request = ResourceRequest("arn", "s" * 100, "L" * 100, "AWS::IAM::Role", {})
    name = generated_name(request, longest=longest)
    stack, logical_id, ending = name.split("-")
    assert len(name) <= longest
    assert stack
    assert set(stack) == {"s"}
    assert set(logical_id) == {"L"}
    assert len(ending) == 12
    assert generated_name(request, longest=longest) != name


def test_a_short_name_is_whole() -> None:
    """Where there is room, nothing is cut."""
    request = ResourceRequest("arn", "demo", "InstanceSecurityGroup", "AWS::IAM::Role", {})
    assert generated_name(request).startswith("demo-InstanceSecurityGroup-")


def test_paths() -> None:
    """Paths look through lists and stop at what is covered."""
    properties = {
        "A": 1,
        "B": {"C": 1, "D": {"E": 1}},
        "F": [{"G": 1, "H": 1}, {"H": 1}],
        "I": "text",
    }
    assert outside(properties, {"A", "B.C", "F.G"}) == ["B.D", "F.H", "I"]
    assert outside(properties, {"A", "B", "F", "I"}) == []
    assert outside({"B": "not an object"}, {"B.C"}) == ["B"]
    assert touched(properties, ["B.D.E", "F.G", "F.X", "Z"]) == ["B.D.E", "F.G"]
