"""Groups of stacks have as many instances as is said, and each has all that is said of it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from harness.cloudformation.provider import Interruption, ProvisionedResource, ResourceFailure
from harness.template import Node

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest

GROUP = "AWS::AutoScaling::AutoScalingGroup"
SCRIPT = base64.b64encode(b"#!/bin/bash -e\n").decode()


def instances(world: World, *, state: str = "running") -> list[dict[str, Any]]:
    found = world.client("ec2").describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": [state]}]
    )
    return [one for reservation in found["Reservations"] for one in reservation["Instances"]]


def described(world: World, made: ProvisionedResource) -> dict[str, Any]:
    found: dict[str, Any] = world.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[made.physical_id]
    )["AutoScalingGroups"][0]
    return found


def group_of(configuration: Node, least: int, most: int) -> dict[str, Node]:
    """The properties of a group in one zone."""
    return {
        "LaunchConfigurationName": configuration,
        "AvailabilityZones": ["us-east-1a"],
        "MinSize": least,
        "MaxSize": most,
    }


def larger(world: World) -> Node:
    """A launch configuration of larger instances."""
    return world.create(
        "AWS::AutoScaling::LaunchConfiguration",
        {"ImageId": world.image_id(), "InstanceType": "t3.small"},
    ).ref


@pytest.fixture
def configuration(world: World) -> Node:
    """A launch configuration that says much."""
    world.client("ec2").create_key_pair(KeyName="mine")
    group = world.create("AWS::EC2::SecurityGroup", {"GroupDescription": "ours"})
    profile = world.create(
        "AWS::IAM::InstanceProfile", {"Roles": [], "InstanceProfileName": "ours"}
    )
    return world.create(
        "AWS::AutoScaling::LaunchConfiguration",
        {
            "ImageId": world.image_id(),
            "InstanceType": "t3.micro",
            "KeyName": "mine",
            "SecurityGroups": [world.get(group, "GroupId")],
            "IamInstanceProfile": profile.ref,
            "MetadataOptions": {"HttpTokens": "required"},
            "AssociatePublicIpAddress": "true",
            "UserData": SCRIPT,
        },
    ).ref


def test_launch_configuration(world: World, configuration: Node) -> None:
    """Instances have key, profile, group, user data and metadata options of the configuration."""
    made = world.create(
        GROUP,
        {
            "LaunchConfigurationName": configuration,
            "AvailabilityZones": ["us-east-1a", "us-east-1b"],
            "MinSize": "2",
            "MaxSize": "4",
            "Tags": [
                {"Key": "Name", "Value": "ours", "PropagateAtLaunch": "true"},
                {"Key": "Group", "Value": "only", "PropagateAtLaunch": "false"},
            ],
        },
    )
    group = described(world, made)
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (2, 4, 2)
    found = instances(world)
    assert {one["InstanceId"] for one in group["Instances"]} == {one["InstanceId"] for one in found}
    assert {one["Placement"]["AvailabilityZone"] for one in found} == {"us-east-1a", "us-east-1b"}
    for one in found:
        assert one["KeyName"] == "mine"
        assert one["MetadataOptions"]["HttpTokens"] == "required"
        assert one["IamInstanceProfile"]["Arn"].endswith("instance-profile/ours")
        assert one["PublicIpAddress"]
        assert len(one["NetworkInterfaces"][0]["Groups"]) == 1
        attribute = world.client("ec2").describe_instance_attribute(
            InstanceId=one["InstanceId"], Attribute="userData"
        )
        assert attribute["UserData"]["Value"] == SCRIPT
        tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        assert tags["Name"] == "ours"
        assert "Group" not in tags
        assert tags["aws:autoscaling:groupName"] == made.physical_id
        assert tags["aws:cloudformation:logical-id"] == "Thing"


def test_subnets(world: World) -> None:
    """Instances go into the group's subnets in turn, with the template's interface."""
    subnets = [one["SubnetId"] for one in world.client("ec2").describe_subnets()["Subnets"]][:2]
    template = world.create(
        "AWS::EC2::LaunchTemplate",
        {
            "LaunchTemplateData": {
                "ImageId": world.image_id(),
                "InstanceType": "t3.micro",
                "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}],
            }
        },
    )
    world.create(
        GROUP,
        {
            "LaunchTemplate": {"LaunchTemplateId": template.ref, "Version": "1"},
            "VPCZoneIdentifier": subnets,
            "MinSize": 2,
            "MaxSize": 2,
        },
    )
    assert {one["SubnetId"] for one in instances(world)} == set(subnets)


def test_size_changes(world: World, configuration: Node) -> None:
    """A group grows and shrinks in place; what it has left stays the same."""
    before = group_of(configuration, 1, 1)
    made = world.create(GROUP, before)
    [first] = [one["InstanceId"] for one in instances(world)]
    made = world.update(made, {**before, "MinSize": 3, "MaxSize": 3})
    assert len(instances(world)) == 3
    world.update(made, before)
    assert [one["InstanceId"] for one in instances(world)] == [first]
    assert described(world, made)["MinSize"] == 1


def test_a_new_launch_configuration_is_for_new_instances(world: World, configuration: Node) -> None:
    """Changing what is launched interrupts, and leaves the instances that are there."""
    before = group_of(configuration, 1, 2)
    made = world.create(GROUP, before)
    other = larger(world)
    wanted: dict[str, Node] = {**before, "LaunchConfigurationName": other}
    assert world.provider.interruption(made, world.request(GROUP, wanted)) is Interruption.SOME
    made = world.update(made, wanted)
    assert [one["InstanceType"] for one in instances(world)] == ["t3.micro"]
    world.update(made, {**wanted, "DesiredCapacity": "2"})
    assert sorted(one["InstanceType"] for one in instances(world)) == ["t3.micro", "t3.small"]


def test_a_batch_of_a_rolling_update(world: World, configuration: Node) -> None:
    """Some instances make way for others of the new configuration, which may come first."""
    before = group_of(configuration, 2, 2)
    made = world.create(GROUP, before)
    other = larger(world)
    made = world.update(made, {**before, "LaunchConfigurationName": other})
    old = world.provider.members(made)
    (new,) = world.provider.roll(made, old[:1], 1, world.progress)
    assert set(world.provider.members(made)) == {old[1], new}
    assert sorted(one["InstanceType"] for one in instances(world)) == ["t3.micro", "t3.small"]
    (newer,) = world.provider.roll(made, [], 1, world.progress)
    assert set(world.provider.members(made)) == {old[1], new, newer}
    assert world.provider.roll(made, old[1:], 0, world.progress) == []
    assert [one["InstanceType"] for one in instances(world)] == ["t3.small"] * 2
    assert (described(world, made)["MinSize"], described(world, made)["MaxSize"]) == (2, 2)


def test_delete_ends_all_instances(world: World, configuration: Node) -> None:
    """Deleting a group ends its instances, and only those."""
    other = world.create("AWS::EC2::Instance", {"ImageId": world.image_id()})
    made = world.create(GROUP, group_of(configuration, 2, 2))
    world.provider.delete(ProvisionedResource(world.request(GROUP), made.physical_id, ""))
    assert [one["InstanceId"] for one in instances(world)] == [other.physical_id]
    world.provider.delete(made)


def test_a_launch_that_fails(world: World) -> None:
    """Where no instance can be launched the group fails, announced, and can be deleted."""
    configuration = world.create(
        "AWS::AutoScaling::LaunchConfiguration",
        {"ImageId": world.image_id(), "InstanceType": "t3.micro", "KeyName": "nope"},
    )
    with pytest.raises(ResourceFailure, match="The key pair 'nope' does not exist"):
        world.create(GROUP, group_of(configuration.ref, 1, 1))
    name = world.progress.announced[-1]
    world.provider.delete(ProvisionedResource(world.request(GROUP), name, name))
    groups = world.client("autoscaling").describe_auto_scaling_groups()
    assert groups["AutoScalingGroups"] == []
