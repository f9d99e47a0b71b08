"""Security groups of stacks have the rules that the template says, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.cloudformation.provider import Interruption, ProvisionedResource, ResourceFailure
from harness.template import Node

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest

GROUP = "AWS::EC2::SecurityGroup"
SSH: dict[str, Node] = {
    "Description": "SSH",
    "IpProtocol": "tcp",
    "FromPort": "22",
    "ToPort": 22,
    "CidrIp": "192.0.2.0/24",
}
HTTPS: dict[str, Node] = {
    "IpProtocol": "tcp",
    "FromPort": 443,
    "ToPort": 443,
    "CidrIpv6": "2001:db8::/32",
}


def described(world: World, made: ProvisionedResource) -> dict[str, Any]:
    group_id = world.get(made, "GroupId")
    answer = world.client("ec2").describe_security_groups(GroupIds=[group_id])
    found: dict[str, Any] = answer["SecurityGroups"][0]
    return found


def rules(permissions: list[dict[str, Any]]) -> list[tuple[str, int | None, list[str]]]:
    """Protocol, first port and sources of each."""
    return [
        (
            one["IpProtocol"],
            one.get("FromPort"),
            [source["CidrIp"] for source in one["IpRanges"]]
            + [source["CidrIpv6"] for source in one["Ipv6Ranges"]]
            + [source["GroupId"] for source in one["UserIdGroupPairs"]],
        )
        for one in permissions
    ]


def vpc(world: World) -> str:
    return str(world.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"])


def test_rules(world: World) -> None:
    """Ingress is what is said; egress without a word is everything."""
    made = world.create(GROUP, {"GroupDescription": "ours", "SecurityGroupIngress": [SSH, HTTPS]})
    found = described(world, made)
    assert rules(found["IpPermissions"]) == [
        ("tcp", 22, ["192.0.2.0/24"]),
        ("tcp", 443, ["2001:db8::/32"]),
    ]
    assert found["IpPermissions"][0]["IpRanges"][0]["Description"] == "SSH"
    assert rules(found["IpPermissionsEgress"]) == [("-1", None, ["0.0.0.0/0"])]
    tags = {one["Key"]: one["Value"] for one in found["Tags"]}
    assert tags["aws:cloudformation:logical-id"] == "Thing"


def test_egress_that_is_said_is_all(world: World) -> None:
    """With egress rules of its own, a group loses the one that allows everything."""
    everything = {"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}
    made = world.create(GROUP, {"GroupDescription": "ours", "SecurityGroupEgress": [everything]})
    assert rules(described(world, made)["IpPermissionsEgress"]) == [("-1", None, ["10.0.0.0/8"])]


def test_what_ref_answers(world: World) -> None:
    """Ref answers the name, made of stack and logical id; with a VPC, the group's id."""
    by_name = world.create(GROUP, {"GroupDescription": "ours"})
    assert str(by_name.ref).startswith("demo-Thing-")
    by_id = world.create(GROUP, {"GroupDescription": "ours", "VpcId": vpc(world)})
    assert by_id.ref == world.get(by_id, "GroupId") == world.get(by_id, "Id")


def test_rules_between_groups(world: World) -> None:
    """A rule may name another group, in the group or as a resource of its own."""
    one = world.create(GROUP, {"GroupDescription": "one", "VpcId": vpc(world)})
    from_one = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "SourceSecurityGroupId": one.ref,
    }
    two = world.create(GROUP, {"GroupDescription": "two", "SecurityGroupIngress": [from_one]})
    assert rules(described(world, two)["IpPermissions"]) == [("tcp", 80, [one.ref])]
    back = world.create(
        "AWS::EC2::SecurityGroupIngress",
        {
            "GroupId": one.ref,
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            "SourceSecurityGroupId": world.get(two, "GroupId"),
        },
    )
    assert back.physical_id.startswith("sgr-")
    assert rules(described(world, one)["IpPermissions"]) == [
        ("tcp", 80, [world.get(two, "GroupId")])
    ]
    world.provider.delete(back)
    assert described(world, one)["IpPermissions"] == []


def test_update(world: World) -> None:
    """An update takes away the rules that go and adds those that come."""
    before: dict[str, Node] = {"GroupDescription": "ours", "SecurityGroupIngress": [SSH]}
    made = world.create(GROUP, before)
    only_dns = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIp": "0.0.0.0/0"}
    wanted: dict[str, Node] = {
        "GroupDescription": "ours",
        "SecurityGroupIngress": [HTTPS],
        "SecurityGroupEgress": [only_dns],
        "Tags": [{"Key": "Name", "Value": "new"}],
    }
    updated = world.update(made, wanted)
    found = described(world, updated)
    assert rules(found["IpPermissions"]) == [("tcp", 443, ["2001:db8::/32"])]
    assert rules(found["IpPermissionsEgress"]) == [("udp", 53, ["0.0.0.0/0"])]
    assert {"Key": "Name", "Value": "new"} in found["Tags"]
    world.update(updated, before)
    assert rules(described(world, made)["IpPermissions"]) == [("tcp", 22, ["192.0.2.0/24"])]


def test_a_group_in_use(world: World) -> None:
    """A group that an instance has cannot be deleted, and the reason says so."""
    group = world.create(GROUP, {"GroupDescription": "ours"})
    world.create(
        "AWS::EC2::Instance",
        {"ImageId": world.image_id(), "SecurityGroupIds": [world.get(group, "GroupId")]},
    )
    with pytest.raises(ResourceFailure, match="has a dependent object"):
        world.provider.delete(group)


def test_a_name_that_is_taken(world: World) -> None:
    """A second group of one name is refused; a named group that must be replaced, too."""
    properties: dict[str, Node] = {"GroupDescription": "ours", "GroupName": "web"}
    made = world.create(GROUP, properties)
    with pytest.raises(ResourceFailure, match="AlreadyExists"):
        world.create(GROUP, properties)
    described_anew = world.request(GROUP, {**properties, "GroupDescription": "new"})
    with pytest.raises(ResourceFailure, match="when a custom-named resource requires replacing"):
        world.provider.interruption(made, described_anew)
    renamed = world.request(GROUP, {"GroupDescription": "new", "GroupName": "web2"})
    assert world.provider.interruption(made, renamed) is Interruption.REPLACEMENT


def test_required(world: World) -> None:
    """A group without a description is refused as CloudFormation refuses it."""
    with pytest.raises(ResourceFailure) as caught:
        world.create(GROUP, {})
    assert caught.value.message == (
        "Properties validation failed for resource Thing with message:\n"
        "#: required key [GroupDescription] not found"
    )
