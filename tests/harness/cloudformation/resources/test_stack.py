"""The stack engine with these resources: whole stacks, made and unmade in moto."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.parameters import NothingToLookUp
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings, Status
from harness.template import Node

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest


def engine(world: World) -> StackEngine:
    return StackEngine(
        world.provider, clock=VirtualClock(), workers=InlineWorkers(), lookups=NothingToLookUp()
    )


def create(stacks: StackEngine, template: Node) -> str:
    settings = Settings(capabilities=("CAPABILITY_IAM",))
    return stacks.create_stack("net", json.dumps(template), settings=settings)


def network(image_id: str) -> dict[str, Node]:
    """A network of its own, with an instance that has a role and an address that stays."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "ec2.amazonaws.com"},
            }
        ],
    }
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": {
                    "Fn::Select": [0, {"Fn::Cidr": [{"Fn::GetAtt": "Vpc.CidrBlock"}, 2, 8]}]
                },
                "AvailabilityZone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
                "MapPublicIpOnLaunch": True,
            },
        },
        "Gateway": {"Type": "AWS::EC2::InternetGateway"},
        "Attachment": {
            "Type": "AWS::EC2::VPCGatewayAttachment",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "Gateway"}},
        },
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Route": {
            "Type": "AWS::EC2::Route",
            "DependsOn": "Attachment",
            "Properties": {
                "RouteTableId": {"Ref": "Table"},
                "DestinationCidrBlock": "0.0.0.0/0",
                "GatewayId": {"Ref": "Gateway"},
            },
        },
        "Routed": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"SubnetId": {"Ref": "Subnet"}, "RouteTableId": {"Ref": "Table"}},
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "ours", "VpcId": {"Ref": "Vpc"}},
        },
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Profile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Properties": {"Roles": [{"Ref": "Role"}]},
        },
        "Compute": {
            "Type": "AWS::EC2::Instance",
            "CreationPolicy": {"ResourceSignal": {"Timeout": "PT5M"}},
            "Properties": {
                "ImageId": image_id,
                "InstanceType": "t3.micro",
                "SubnetId": {"Ref": "Subnet"},
                "SecurityGroupIds": [{"Ref": "Group"}],
                "IamInstanceProfile": {"Ref": "Profile"},
            },
        },
        "Address": {
            "Type": "AWS::EC2::EIP",
            "DependsOn": "Attachment",
            "Properties": {"InstanceId": {"Ref": "Compute"}},
        },
    }


def things(world: World) -> list[int]:
    """How many of everything there is besides what every account has."""
    ec2, iam = world.client("ec2"), world.client("iam")
    return [
        sum(not one["IsDefault"] for one in ec2.describe_vpcs()["Vpcs"]),
        len(ec2.describe_internet_gateways()["InternetGateways"]),
        sum(
            one["GroupName"] != "default"
            for one in ec2.describe_security_groups()["SecurityGroups"]
        ),
        len(ec2.describe_addresses()["Addresses"]),
        len(iam.list_roles()["Roles"]),
        len(iam.list_instance_profiles()["InstanceProfiles"]),
        sum(
            instance["State"]["Name"] != "terminated"
            for reservation in ec2.describe_instances()["Reservations"]
            for instance in reservation["Instances"]
        ),
    ]


def test_a_network_of_its_own(world: World) -> None:
    """It waits for its signal, completes, and leaves nothing behind when it is deleted."""
    image_id, nothing = world.image_id(), [0] * 7
    template = {
        "Resources": network(image_id),
        "Outputs": {
            "Ip": {"Value": {"Ref": "Address"}},
            "Zone": {"Value": {"Fn::GetAtt": ["Compute", "AvailabilityZone"]}},
            "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        },
    }
    assert things(world) == nothing
    with engine(world) as stacks:
        stack_id = create(stacks, template)
        assert stacks.stack(stack_id).status == Status.CREATE_IN_PROGRESS
        resources = {one.logical_id: one for one in stacks.resources(stack_id)}
        instance_id = resources["Compute"].physical_id
        stacks.signal_resource("net", "Compute", Signal(instance_id, SignalStatus.SUCCESS))
        view = stacks.stack(stack_id)
        assert (view.status, view.reason) == (Status.CREATE_COMPLETE, "")
        assert view.output_values["Zone"] == "us-east-1a"
        assert view.output_values["RoleArn"].startswith("arn:aws:iam::123456789012:role/net-Role-")
        [address] = world.client("ec2").describe_addresses()["Addresses"]
        assert (address["PublicIp"], address["InstanceId"]) == (
            view.output_values["Ip"],
            instance_id,
        )
        stacks.delete_stack("net")
        assert stacks.stack(stack_id).status == Status.DELETE_COMPLETE
    assert things(world) == nothing


def test_a_failure_takes_everything_back(world: World) -> None:
    """What one resource is refused for is the event's reason; the others are deleted again."""
    resources = network(world.image_id())
    resources["Compute"]["Properties"]["KeyName"] = "nope"
    with engine(world) as stacks:
        stack_id = create(stacks, {"Resources": resources})
        assert stacks.stack(stack_id).status == Status.ROLLBACK_COMPLETE
        reasons = [
            event.reason
            for event in stacks.events(stack_id)
            if event.logical_id == "Compute" and event.status == Status.CREATE_FAILED
        ]
    [reason] = reasons
    assert "The key pair 'nope' does not exist" in reason
    assert things(world) == [0] * 7


def test_what_is_not_simulated_fails_the_stack(world: World) -> None:
    """A property that nobody acts on is the reason, by its path."""
    resources = network(world.image_id())
    resources["Compute"]["Properties"]["EnclaveOptions"] = {"Enabled": True}
    with engine(world) as stacks:
        stack_id = create(stacks, {"Resources": resources})
        assert stacks.stack(stack_id).status == Status.ROLLBACK_COMPLETE
        reasons = {event.reason for event in stacks.events(stack_id)}
    assert "Not simulated: EnclaveOptions (AWS::EC2::Instance)" in reasons
