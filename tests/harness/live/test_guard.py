"""What must hold before anything is created on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from harness.errors import RefusedError
from harness.live.guard import Identity, announce, confirm_account, confirm_lifetime, plan
from harness.live.prices import INSTANCE_HOUR, instance_cost
from harness.live.session import Clients
from harness.options import Settings, resolve
from harness.stack import StackSpec
from harness.template import Template

pytestmark = pytest.mark.selftest

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def settings(**given: object) -> Settings:
    return resolve(given, {}, {}, Path())


def spec(resources: dict[str, Any], **parameters: str) -> StackSpec:
    body = {
        "Parameters": {"Type": {"Type": "String", "Default": "t3.micro"}},
        "Resources": resources,
    }
    return StackSpec("s", Template.parse(json.dumps(body)), parameters)


def instance(**properties: object) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::Instance",
        "Properties": {"InstanceType": {"Ref": "Type"}, **properties},
    }


def with_disk(device: str = "/dev/sdb", **disk: object) -> dict[str, Any]:
    """An instance with a second disk, or with something said of its first."""
    ebs = disk if device == "/dev/sda1" else {"VolumeSize": 8, **disk}
    return instance(BlockDeviceMappings=[{"DeviceName": device, "Ebs": ebs}])


def group(**properties: object) -> dict[str, Any]:
    return {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": properties}


@pytest.fixture
def clients() -> Iterator[Clients]:
    """AWS in this process; its account is 123456789012."""
    with mock_aws():
        yield Clients("us-east-1", None)


def test_an_account_must_be_allowed(clients: Clients) -> None:
    """STS says whose the credentials are; the allow-list says whether that is wanted."""
    allowed = confirm_account(clients, settings(accounts=["123456789012"]))
    assert allowed.account == "123456789012"
    with pytest.raises(RefusedError, match=r"123456789012 .* is not in the allow-list"):
        confirm_account(clients, settings(accounts=["210987654321"]))
    with pytest.raises(RefusedError, match="need an allow-list"):
        confirm_account(clients, settings())


def test_missing_credentials_are_refused(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback of botocore's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(RefusedError, match="STS cannot be asked"):
        confirm_account(clients, settings(accounts=["123456789012"]))


@pytest.mark.parametrize(
    ("expires", "refused"),
    [
        ((NOW + timedelta(hours=1)).isoformat(), False),
        ((NOW + timedelta(minutes=30)).isoformat(), True),
        ((NOW + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ"), True),
        ((NOW - timedelta(minutes=1)).isoformat(), True),
        ("tomorrow", True),
        ("", False),
    ],
)
def test_credentials_must_outlive_the_stack(expires: str, refused: bool) -> None:  # noqa: FBT001 - a case
    """Creation, tests and deletion take up to 35 minutes by default."""
    environ = {"AWS_CREDENTIAL_EXPIRATION": expires}
    if not refused:
        confirm_lifetime(environ, settings(), NOW)
        return
    with pytest.raises(RefusedError, match=r"expire|no date"):
        confirm_lifetime(environ, settings(), NOW)


def test_a_stack_below_the_ceiling_is_planned() -> None:
    """Types through parameters and their defaults; disks count."""
    found = plan(spec({"A": instance(), "G": {"Type": "AWS::EC2::SecurityGroup"}}), "r", settings())
    assert found.instances == ("t3.micro",)
    assert found.cost == pytest.approx(instance_cost("t3.micro", 30, 1))
    larger = instance(BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 99}}])
    assert plan(spec({"A": larger}), "r", settings()).cost > found.cost
    both = plan(spec({"A": with_disk(VolumeType="gp3", Iops=3000)}), "r", settings())
    assert both.cost == pytest.approx(instance_cost("t3.micro", 38, 1)), "the root volume counts"
    absent = {"Ref": "AWS::NoValue"}
    nothing = instance(BlockDeviceMappings=absent, Tenancy=absent, Placement={"Tenancy": absent})
    assert plan(spec({"A": nothing}), "r", settings()).cost == found.cost


@pytest.mark.parametrize(
    ("resources", "parameters", "complaint"),
    [
        ({"A": instance()}, {"Type": "m5.24xlarge"}, "type m5.24xlarge, which is not among"),
        ({"A": instance(), "B": instance()}, {}, "would launch 2 instances"),
        ({"A": {"Type": "AWS::EC2::Instance"}}, {}, "type m1.small, which is not among"),
        ({"N": {"Type": "AWS::EC2::NatGateway"}}, {}, r"not known: N \(AWS::EC2::NatGateway\)"),
        (
            {
                "A": instance(
                    BlockDeviceMappings=[{"DeviceName": "a", "Ebs": {"VolumeSize": 16000}}]
                )
            },
            {},
            "the ceiling is 0.50 USD",
        ),
        ({"A": instance(Tenancy="dedicated")}, {}, "what A may cost cannot be told, for its Ten"),
        ({"A": with_disk(VolumeType="io2", Iops=100)}, {}, "for a volume of type io2"),
        ({"A": with_disk(VolumeType="gp3", Iops="9000")}, {}, "for a volume's Iops"),
        ({"A": with_disk(VolumeSize="big")}, {}, "for a volume's VolumeSize"),
        ({"A": instance(BlockDeviceMappings={"Fn::ImportValue": "d"})}, {}, "its BlockDevice"),
        ({"A": instance(BlockDeviceMappings=["x"])}, {}, "its BlockDevice"),
        ({"A": instance(BlockDeviceMappings=[{"Ebs": "x"}])}, {}, "its BlockDevice"),
        ({"A": instance(Placement="here")}, {}, "its Placement"),
        (
            {"A": with_disk("/dev/sda1", VolumeType="io2", Iops=4000)},
            {},
            "for a volume of type io2",
        ),
        ({"A": with_disk("/dev/sda1", VolumeType="gp3", Iops=16000)}, {}, "for a volume's Iops"),
        (
            {
                "A": instance(
                    Placement={
                        "Tenancy": "dedicated",
                        "AvailabilityZone": {"Fn::GetAtt": ["S", "AvailabilityZone"]},
                    }
                )
            },
            {},
            "its Tenancy",
        ),
        (
            {
                "L": {
                    "Type": "AWS::AutoScaling::LaunchConfiguration",
                    "Properties": {"InstanceType": "t3.micro", "PlacementTenancy": "dedicated"},
                },
                "G": group(MaxSize="1", LaunchConfigurationName={"Ref": "L"}),
            },
            {},
            "what G may cost .* its Tenancy",
        ),
        (
            {
                "L": {
                    "Type": "AWS::EC2::LaunchTemplate",
                    "Properties": {"LaunchTemplateData": {"Placement": {"Tenancy": "host"}}},
                },
                "A": instance(LaunchTemplate={"LaunchTemplateId": {"Ref": "L"}, "Version": "1"}),
            },
            {},
            "what A may cost .* its Tenancy",
        ),
        ({"A": instance(LaunchTemplate={"LaunchTemplateName": "x"})}, {}, "not in this template"),
        ({"G": group(MaxSize="1")}, {}, "what it launches by"),
        (
            {"V": {"Type": "AWS::EC2::VPC", "Properties": {"InstanceTenancy": "dedicated"}}},
            {},
            "its InstanceTenancy",
        ),
        ({"G": group(MaxSize={"Fn::ImportValue": "size"})}, {}, "what G may cost .* its MaxSize"),
    ],
)
def test_a_stack_above_the_ceiling_is_refused(
    resources: dict[str, Any], parameters: dict[str, str], complaint: str
) -> None:
    """By type, by number, by cost, and where the cost is not known."""
    with pytest.raises(RefusedError, match=complaint):
        plan(spec(resources, **parameters), "us-east-1", settings())


def test_an_auto_scaling_group_counts_what_it_may_launch() -> None:
    """Its largest size, of the type that its launch template names."""
    resources = {
        "L": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {"LaunchTemplateData": {"InstanceType": "t3.small"}},
        },
        "G": group(MaxSize="3", LaunchTemplate={"LaunchTemplateId": {"Ref": "L"}}),
    }
    found = plan(spec(resources), "us-east-1", settings(max_instances="3", max_spend="1"))
    assert found.instances == ("t3.small",) * 3
    with pytest.raises(RefusedError, match="would launch 3 instances"):
        plan(spec(resources), "us-east-1", settings())


def test_types_without_a_price_may_be_allowed_by_name() -> None:
    """In the project's own settings."""
    table = {"live": {"unpriced-types": ["AWS::EC2::NatGateway"]}}
    allowed = resolve({}, {}, table, Path())
    assert plan(spec({"N": {"Type": "AWS::EC2::NatGateway"}}), "r", allowed).cost == 0


def test_the_announcement_says_where_what_and_how_much() -> None:
    """Account, identity, region, stack, types, cost."""
    wanted = spec({"A": instance()})
    made = plan(wanted, "us-east-1", settings())
    text = "\n".join(announce(Identity("1", "arn:x"), "us-east-1", wanted, made, settings()))
    for part in ("stack s", "account 1 as arn:x", "region us-east-1", "t3.micro", "USD"):
        assert part in text


def test_every_default_type_has_a_price() -> None:
    """Else the default settings could launch nothing."""
    assert set(settings().instance_types) <= set(INSTANCE_HOUR)
    with pytest.raises(RefusedError, match="no price is known"):
        instance_cost("x9.huge", 8, 1)
