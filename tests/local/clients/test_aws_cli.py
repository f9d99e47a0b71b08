"""The AWS CLI: stacks, change sets, templates with short forms, packages, an instance's console."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.local.clients.conftest import Client
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

SIGNALLING = Path(__file__).parents[1] / "signalling.json"
NETWORK = Path(__file__).with_name("network.yaml")

Aws = Callable[..., Any]


@pytest.fixture
def aws(client: Client) -> Aws:
    """What the AWS CLI answers: JSON as it says, None where it says nothing, else its text."""

    def run(*arguments: str | Path) -> Any:  # noqa: ANN401 - as JSON has it
        told = client("aws", *arguments)
        try:
            return json.loads(told.stdout) if told.stdout.strip() else None
        except ValueError:
            return told.stdout + told.stderr

    return run


@pytest.fixture
def bucket(aws: Aws) -> Iterator[str]:
    """A bucket that goes with what is in it."""
    name = f"cli-{uuid.uuid4().hex}"
    aws("s3", "mb", f"s3://{name}")
    yield name
    aws("s3", "rb", "--force", f"s3://{name}")


def new_name() -> str:
    return f"cli-{uuid.uuid4().hex[:8]}"


def test_the_aws_cli_deploys_a_stack_and_deletes_it(aws: Aws) -> None:
    """deploy, wait, describe-stack-events, deploy again without a change, delete-stack."""
    name = new_name()
    stack = ("--stack-name", name)
    deploy = ("cloudformation", "deploy", *stack, "--template-file", SIGNALLING)
    aws(*deploy)
    aws("cloudformation", "wait", "stack-create-complete", *stack)
    events = aws("cloudformation", "describe-stack-events", *stack)["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any(reason.startswith("Received SUCCESS signal with UniqueId i-") for reason in reasons)
    assert "No changes to deploy" in aws(*deploy, "--no-fail-on-empty-changeset")

    (resource,) = aws("cloudformation", "describe-stack-resources", *stack)["StackResources"]
    instance = resource["PhysicalResourceId"]
    aws("ec2", "wait", "instance-status-ok", "--instance-ids", instance)
    console = aws("ec2", "get-console-output", "--instance-id", instance)["Output"]
    assert "BEGIN SSH HOST KEY FINGERPRINTS" in console
    asked = ("--instance-id", instance, "--attribute", "userData")
    attribute = aws("ec2", "describe-instance-attribute", *asked)
    assert base64.b64decode(attribute["UserData"]["Value"]).startswith(b"#!/bin/bash -e\n")

    aws("cloudformation", "delete-stack", *stack)
    aws("cloudformation", "wait", "stack-delete-complete", *stack)
    deleted = ("--stack-status-filter", "DELETE_COMPLETE")
    summaries = aws("cloudformation", "list-stacks", *deleted)["StackSummaries"]
    assert name in {one["StackName"] for one in summaries}
    assert {one["StackStatus"] for one in summaries} == {"DELETE_COMPLETE"}


def test_the_aws_cli_creates_and_changes_a_stack_of_a_yaml_template(aws: Aws) -> None:
    """Short forms of functions, in validate-template, create-stack and change sets."""
    stack = ("--stack-name", new_name())
    body = ("--template-body", f"file://{NETWORK}")
    assert aws("cloudformation", "validate-template", *body)["Parameters"] == [
        {"ParameterKey": "Large", "DefaultValue": "no", "NoEcho": False}
    ]
    summary = aws("cloudformation", "get-template-summary", *body)
    assert summary["ResourceTypes"] == ["AWS::EC2::VPC", "AWS::EC2::Subnet"]

    def outputs() -> dict[str, str]:
        (told,) = aws("cloudformation", "describe-stacks", *stack)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in told["Outputs"]}

    aws("cloudformation", "create-stack", *stack, *body)
    aws("cloudformation", "wait", "stack-create-complete", *stack)
    assert outputs() == {"Block": "10.20.0.16/28", "Whole": "10.20.0.0/24"}
    text = aws("cloudformation", "get-template", *stack)["TemplateBody"]
    assert text == NETWORK.read_text()

    change = ("--change-set-name", "larger", *stack)
    larger = ("--parameters", "ParameterKey=Large,ParameterValue=yes")
    aws("cloudformation", "create-change-set", *change, "--use-previous-template", *larger)
    aws("cloudformation", "wait", "change-set-create-complete", *change)
    changes = aws("cloudformation", "describe-change-set", *change)["Changes"]
    details = [one["ResourceChange"] for one in changes]
    assert [(one["LogicalResourceId"], one["Replacement"]) for one in details] == [
        ("Network", "True"),
        ("Part", "Conditional"),
    ]
    aws("cloudformation", "execute-change-set", *change)
    aws("cloudformation", "wait", "stack-update-complete", *stack)
    assert outputs()["Whole"] == "10.20.0.0/20"
    aws("cloudformation", "delete-stack", *stack)
    aws("cloudformation", "wait", "stack-delete-complete", *stack)


def test_the_aws_cli_packages_and_deploys_through_a_bucket(
    aws: Aws, bucket: str, tmp_path: Path
) -> None:
    """What a template names is uploaded, and its address is one that a template is read from."""
    (tmp_path / "network.yaml").write_text(NETWORK.read_text())
    outer = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "network.yaml"}}
    template, packed = tmp_path / "outer.json", tmp_path / "packed.json"
    template.write_text(json.dumps({"Resources": {"Inner": outer}}))
    files = ("--template-file", template, "--output-template-file", packed, "--use-json")
    aws("cloudformation", "package", *files, "--s3-bucket", bucket)
    url = json.loads(packed.read_text())["Resources"]["Inner"]["Properties"]["TemplateURL"]
    validated = aws("cloudformation", "validate-template", "--template-url", url)
    assert validated["Description"] == "Short forms of every function, and no guest."

    stack = ("--stack-name", new_name())
    through = ("--s3-bucket", bucket, "--s3-prefix", "templates")
    aws("cloudformation", "deploy", *stack, "--template-file", NETWORK, *through)
    listed = ("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "templates/")
    assert len(aws(*listed)["Contents"]) == 1
    aws("cloudformation", "delete-stack", *stack)
    aws("cloudformation", "wait", "stack-delete-complete", *stack)


def test_the_aws_cli_finds_the_newest_image(aws: Aws, site: Site) -> None:
    """By the path of its parameter, and by its owner and name."""
    path = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
    found = aws("ssm", "get-parameters-by-path", "--recursive", "--path", path)["Parameters"]
    assert site.ami in {one["Value"] for one in found}
    name = "Name=name,Values=ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
    images = aws("ec2", "describe-images", "--owners", "099720109477", "--filters", name)["Images"]
    assert site.ami in {one["ImageId"] for one in images}
