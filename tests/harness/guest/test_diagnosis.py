"""Why a login does not come about."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from harness.guest.diagnosis import Ingress, describe_instance, explain, ingress_of
from harness.waiting import LOCAL_PACE

pytestmark = pytest.mark.selftest

RUNNING = {"State": {"Name": "running"}}
OPEN = [Ingress("sg-1", 22, 22, "192.0.2.0/24")]
US = "192.0.2.7/32"


@pytest.mark.parametrize(
    ("complaint", "cause", "passing"),
    [
        ("ssh: connect to host x port 22: Connection refused", "nobody listens", True),
        ("ubuntu@x: Permission denied (publickey).", "wrong key", True),
        ("Host key verification failed.", "host key mismatch", False),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "host key mismatch", False),
        ("No ED25519 host key is known for i-1", "host key mismatch", False),
        ('"System is booting up. Unprivileged users are not permitted"', "sshd closes", True),
        ("ssh: connect to host x port 22: Connection timed out", "nothing answers", True),
    ],
)
def test_what_ssh_complains_of_tells_the_cause(complaint: str, cause: str, passing: bool) -> None:  # noqa: FBT001 - a case
    """What may be over when the instance has booted is told from what will not."""
    found = explain(complaint, RUNNING, OPEN, US)
    assert found.text.startswith(cause)
    assert found.passing is passing


def test_a_security_group_that_keeps_us_out_is_named() -> None:
    """With what it does let in, and what to add."""
    found = explain("Connection timed out", RUNNING, [Ingress("sg-1", 443, 443, "0.0.0.0/0")], US)
    assert "no ingress rule" in found.text
    assert "sg-1: TCP 443 from 0.0.0.0/0" in found.text
    assert f"TCP 22 from {US}" in found.remedy
    assert not found.passing
    assert "they let in: nothing" in explain("timed out", RUNNING, [], US).text


@pytest.mark.parametrize(("state", "passing"), [("pending", True), ("terminated", False)])
def test_an_instance_that_is_not_running_is_the_cause(state: str, passing: bool) -> None:  # noqa: FBT001 - a case
    """Whatever ssh says."""
    found = explain("Connection refused", {"State": {"Name": state}}, OPEN, US)
    assert found.text == f"the instance is {state}"
    assert found.passing is passing


@pytest.mark.parametrize(
    ("rule", "admitted"),
    [
        (Ingress("sg-1", 22, 22, "192.0.2.7/32"), True),
        (Ingress("sg-1", 0, 65535, "0.0.0.0/0"), True),
        (Ingress("sg-1", 22, 22, "192.0.2.8/32"), False),
        (Ingress("sg-1", 23, 80, "0.0.0.0/0"), False),
        (Ingress("sg-1", 22, 22, "::/0"), False),
        (Ingress("sg-1", 22, 22, "sg-2"), False),
        (Ingress("sg-1", 22, 22, "pl-1"), True),
    ],
)
def test_a_rule_admits_or_not(rule: Ingress, admitted: bool) -> None:  # noqa: FBT001 - a case
    """By port and by source; a prefix list is given the benefit of the doubt."""
    assert rule.admits(US) is admitted


def test_rules_are_read_from_ec2() -> None:
    """TCP and all-protocol rules of all the instance's groups; UDP opens no login."""
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        group = ec2.create_security_group(GroupName="g", Description="g")["GroupId"]
        rules: list[Any] = [
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": US}]},
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]},
            {"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": US}]},
        ]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
        image = ec2.describe_images()["Images"][0]["ImageId"]
        (launched,) = ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, SecurityGroupIds=[group]
        )["Instances"]
        instance = describe_instance(ec2, launched["InstanceId"], LOCAL_PACE)
        assert {str(one) for one in ingress_of(ec2, instance, LOCAL_PACE)} == {
            f"{group}: TCP 22 from {US}",
            f"{group}: TCP 0-65535 from 2001:db8::/32",
        }
        assert describe_instance(ec2, "i-00000000", LOCAL_PACE) == {}
