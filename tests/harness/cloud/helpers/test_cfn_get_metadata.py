"""The stand-in's cfn-get-metadata."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.cloud.helpers.standin.cfn_get_metadata import main
from harness.cloud.helpers.standin.imds import Imds

if TYPE_CHECKING:
    from tests.harness.cloud.helpers.conftest import Aws

pytestmark = pytest.mark.selftest

METADATA = {"AWS::CloudFormation::Init": {"config": {"a.b": {"c": "leaf"}, "none": {}}}}
Get = Callable[..., int]


@pytest.fixture
def get(tmp_path: Path, imds: Imds, aws: Aws) -> Get:
    detail = {"StackResourceDetail": {"Metadata": json.dumps(METADATA)}}
    body = {"DescribeStackResourceResponse": {"DescribeStackResourceResult": detail}}
    aws.answers((200, json.dumps(body)))

    def run(*arguments: str) -> int:
        names = ["-s", "demo", "-r", "Compute", "-u", aws.url]
        return main([*names, *arguments], imds, str(tmp_path / "cfn-init.log"))

    return run


def test_all_of_it(get: Get, aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """The instance's identity is enough to ask for its own resource."""
    assert get() == 0
    assert json.loads(capsys.readouterr().out) == METADATA
    (request,) = aws.requests
    assert request.query["Action"] == "DescribeStackResource"
    assert request.query["LogicalResourceId"] == "Compute"
    assert request.headers["authorization"].startswith("CFN_V1 ")


def test_one_value(get: Get, capsys: pytest.CaptureFixture[str]) -> None:
    """A path goes into objects, a dot in a name is escaped, a string is printed bare."""
    assert get("-k", r"AWS::CloudFormation::Init.config.a\.b.c") == 0
    assert capsys.readouterr().out == "leaf\n"


@pytest.mark.parametrize("key", ["nope", "AWS::CloudFormation::Init.config.a\\.b.c.d"])
def test_no_such_value(get: Get, capsys: pytest.CaptureFixture[str], key: str) -> None:
    """Exit 1 and the path."""
    assert get("--key", key) == 1
    assert f"Error: {key} is not present in the metadata for Compute" in capsys.readouterr().err


def test_no_metadata(get: Get, aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """A resource without metadata is an error."""
    aws.answers((200, "{}"))
    assert get() == 1
    assert "Error: Compute does not specify any metadata" in capsys.readouterr().err


def test_refused(get: Get, aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """AWS's code and message are shown."""
    body = {"Error": {"Code": "ValidationError", "Message": "no stack", "Type": "Sender"}}
    aws.answers((400, json.dumps(body)))
    assert get() == 1
    assert "ValidationError: no stack" in capsys.readouterr().err


def test_names_are_needed(nowhere: Imds, capsys: pytest.CaptureFixture[str]) -> None:
    """Both the stack and the resource."""
    assert main(["-s", "demo"], nowhere) == 1
    stderr = capsys.readouterr().err
    assert "Error: You must specify both a stack name and logical resource id" in stderr
    assert "Usage: cfn-get-metadata" in stderr
