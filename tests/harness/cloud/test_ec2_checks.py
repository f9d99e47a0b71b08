"""What is refused of security groups' rules, before nftables would have to."""

from __future__ import annotations

import pytest

from harness.cloud import ec2_checks
from harness.cloud.crash import AwsError
from harness.cloud.instance import Rule
from harness.cloud.network import HostPorts, ruleset

pytestmark = pytest.mark.selftest

REGION = "us-east-1"


def authorize(protocol: str, first: str | None = None, last: str | None = None) -> None:
    form = {"GroupId": "sg-1", "IpPermissions.1.IpProtocol": protocol}
    form |= {"IpPermissions.1.FromPort": first} if first is not None else {}
    form |= {"IpPermissions.1.ToPort": last} if last is not None else {}
    ec2_checks.check("AuthorizeSecurityGroupIngress", form, REGION)


@pytest.mark.parametrize(
    ("protocol", "first", "last"),
    [
        ("tcp", "22", "22"),
        ("udp", "0", "65535"),
        ("6", "22", "23"),
        ("tcp", "-1", "-1"),
        ("-1", None, None),
        ("all", None, None),
        ("icmp", "8", "0"),
        ("icmpv6", "-1", "-1"),
        ("58", "128", "-1"),
        ("47", None, None),
    ],
)
def test_rules_that_ec2_takes(protocol: str, first: str | None, last: str | None) -> None:
    """By name and by number."""
    authorize(protocol, first, last)


@pytest.mark.parametrize(
    ("protocol", "first", "last"),
    [
        ("tcp", "99999", "2"),
        ("tcp", "90", "2"),
        ("udp", "-2", "5"),
        ("tcp", None, None),
        ("tcp", "22", None),
        ("tcp", "ssh", "ssh"),
        ("icmp", "999", "-1"),
        ("nonsense", "1", "2"),
        ("256", None, None),
        ("", "1", "2"),
    ],
)
def test_rules_that_ec2_refuses(protocol: str, first: str | None, last: str | None) -> None:
    """A guest whose group has one would not get any rule at all."""
    with pytest.raises(AwsError) as caught:
        authorize(protocol, first, last)
    assert caught.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("instance_id", ["nonsense", "i-", "i-12345", "i-0123456789ABCDEF0"])
def test_an_id_that_is_none_is_malformed(instance_id: str) -> None:
    """Not unknown."""
    for name in ("InstanceId.1", "InstanceId"):
        with pytest.raises(AwsError) as caught:
            ec2_checks.check("DescribeInstances", {name: instance_id}, REGION)
        assert caught.value.code == "InvalidInstanceID.Malformed"


@pytest.mark.parametrize(
    ("protocol", "cidr"), [("icmp", "::/0"), ("icmpv6", "0.0.0.0/0"), ("icmpv6", "10.0.0.0/8")]
)
def test_a_protocol_of_the_other_family_lets_nothing_in(protocol: str, cidr: str) -> None:
    """Nor does it keep nftables from taking the other rules."""
    host = HostPorts("10.77.0.1", imds=1, tls=2)
    rule = Rule(protocol, 8, -1, cidr=cidr)
    assert ruleset((rule,), (), members={}, host=host) == ruleset((), (), members={}, host=host)
