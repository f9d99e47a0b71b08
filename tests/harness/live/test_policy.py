"""The policy in the repository allows what a run does, and nothing that it does not do."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from moto import mock_aws

from harness.deployment import Wanted
from harness.errors import UnreachableError
from harness.ledger import Entry, OpenEntry
from harness.live.cleanup import clean
from harness.live.session import Clients
from harness.live.sweep import find, of_run, remove
from harness.naming import TAG_RUN, Naming
from harness.options import resolve
from harness.progress import PlainProgress
from harness.run import Run, Surroundings
from harness.template import Template

pytestmark = pytest.mark.selftest

IMAGE = "ami-12c6146b"
"""An image that moto knows; it does not know the parameter that names Canonical's."""

PREFIXES = {"cloudformation": "cloudformation", "ec2": "ec2", "sts": "sts"}


def statements() -> list[dict[str, Any]]:
    text = importlib.resources.files("harness.live").joinpath("policy.json").read_text()
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def actions(*, of_cloudformation: bool) -> set[str]:
    """What is allowed: to the run itself, or to CloudFormation in its name."""
    return {
        action
        for one in statements()
        if one["Sid"].startswith("CloudFormation") is of_cloudformation
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Every API call that is made through boto3, as IAM names it; AWS is in this process."""
    made: set[str] = set()

    def record(model: Any, **_: Any) -> None:  # noqa: ANN401 - an event of botocore's
        made.add(f"{PREFIXES[model.service_model.service_name]}:{model.name}")

    class Session(boto3.Session):
        """Tells what its clients are asked for."""

        def __init__(self) -> None:
            super().__init__()
            self.events.register("before-call", record)

    with mock_aws():
        monkeypatch.setattr(boto3, "Session", Session)
        yield made


def live_through_a_run(root: Path, template: Template) -> None:
    """Create, look, fail to log in, take evidence, delete; then sweep what another run left."""
    given = {"accounts": ["123456789012"], "ssh_cidr": "192.0.2.1/32", "login_timeout": "0.01"}
    settings = resolve(given, {}, {}, root)
    naming = Naming("harness", "ada", "r", datetime.now(UTC), 60)
    surroundings = Surroundings(
        os.environ,
        lambda: PlainProgress(lambda _: None),
        lambda _: None,
        worker="gw0",  # so that no watchdog is started, which knows no mock
    )
    run = Run(settings, naming, surroundings)
    wanted = Wanted("aws", "us-east-1", template, {"ImageId": IMAGE})
    try:
        deployment = run.deployment(wanted)
        with pytest.raises(UnreachableError):
            run.login(deployment)
        run.note_failure(deployment)
    finally:
        left = run.close()
    assert left == []
    entry = Entry("stack", "harness-gone", "aws", "us-east-1")
    assert clean("r", [OpenEntry(entry, confirmed=True, when=0.0)]) == []


def sweep_an_instance() -> None:
    """Launched past boto3, so that only the sweep is recorded."""
    tag: Any = [{"Key": TAG_RUN, "Value": "left"}]
    session: Any = botocore.session.get_session()
    ec2 = session.create_client("ec2", region_name="us-east-1")
    ec2.run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tag}],
    )
    clients = Clients("us-east-1", None)
    for leftover in find(clients, of_run("left")):
        assert remove(clients, leftover) == []


def test_the_policy_is_what_a_run_needs(
    calls: set[str], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """No call without its permission, no permission without its call.

    ec2:CreateTags is asked for by EC2 itself, for what is created with tags.
    """
    text = (pytestconfig.rootpath / "formation.json").read_text()
    image = text.replace("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "AWS::EC2::Image::Id")
    live_through_a_run(tmp_path, Template.parse(image))
    sweep_an_instance()
    assert calls == actions(of_cloudformation=False) - {"ec2:CreateTags"}


def test_nothing_is_allowed_wholesale() -> None:
    """No action has a wildcard; what changes anything is bound to names, tags or CloudFormation."""
    for one in statements():
        named = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        assert not any("*" in action for action in named), one["Sid"]
        harmless = all(
            action.split(":")[1].startswith(("Describe", "Get", "List")) for action in named
        )
        assert harmless or one["Resource"] != "*" or "Condition" in one, one["Sid"]


def test_cloudformation_may_make_the_stack_of_this_repository() -> None:
    """An instance, a security group, and the image's parameter; launching costs, so it is bound."""
    assert {
        "ec2:RunInstances",
        "ec2:CreateSecurityGroup",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:DeleteSecurityGroup",
        "ssm:GetParameters",
    } <= actions(of_cloudformation=True)
    launch = next(one for one in statements() if one["Sid"] == "CloudFormationLaunches")
    types = launch["Condition"]["StringEquals"]["ec2:InstanceType"]
    assert tuple(types) == resolve({}, {}, {}, Path()).instance_types
