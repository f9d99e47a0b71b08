"""Resources of every type live as those of a stack do, in moto."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.resources import AwsProvider
from harness.cloudformation.resources.table import MODULES, handler_of
from harness.template import Node

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest

Properties = Mapping[str, Node]


def default_vpc(world: World) -> str:
    return str(world.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"])


def default_subnet(world: World) -> str:
    return str(world.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"])


def attached_gateway(world: World) -> dict[str, Node]:
    vpc = world.create("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"})
    gateway = world.create("AWS::EC2::InternetGateway")
    both = {"VpcId": vpc.ref, "InternetGatewayId": gateway.ref}
    world.create("AWS::EC2::VPCGatewayAttachment", both)
    return both


def route(world: World) -> dict[str, Node]:
    both = attached_gateway(world)
    table = world.create("AWS::EC2::RouteTable", {"VpcId": both["VpcId"]})
    return {
        "RouteTableId": table.ref,
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": both["InternetGatewayId"],
    }


def running_instance(world: World) -> Node:
    return world.create("AWS::EC2::Instance", {"ImageId": world.image_id()}).ref


def associated_table(world: World) -> dict[str, Node]:
    table = world.create("AWS::EC2::RouteTable", {"VpcId": default_vpc(world)})
    return {"RouteTableId": table.ref, "SubnetId": default_subnet(world)}


def nat_gateway(world: World) -> dict[str, Node]:
    address = world.create("AWS::EC2::EIP", {"Domain": "vpc"})
    return {
        "SubnetId": default_subnet(world),
        "AllocationId": world.get(address, "AllocationId"),
        "Tags": [{"Key": "Name", "Value": "nat"}],
    }


def attached_volume(world: World) -> dict[str, Node]:
    zone = {"AvailabilityZone": "us-east-1a", "Size": "1"}
    volume = world.create("AWS::EC2::Volume", zone)
    return {"VolumeId": volume.ref, "InstanceId": running_instance(world), "Device": "/dev/sdh"}


def associated_address(world: World) -> dict[str, Node]:
    address = world.create("AWS::EC2::EIP")
    return {"EIP": address.ref, "InstanceId": running_instance(world)}


def rule(world: World) -> dict[str, Node]:
    group = world.create("AWS::EC2::SecurityGroup", {"GroupDescription": "ours"})
    return {
        "GroupId": world.get(group, "GroupId"),
        "IpProtocol": "tcp",
        "FromPort": "22",
        "ToPort": 22,
        "CidrIp": "192.0.2.0/24",
    }


def group(world: World) -> dict[str, Node]:
    data = {"ImageId": world.image_id(), "InstanceType": "t3.micro"}
    template = world.create("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": data})
    return {
        "LaunchTemplate": {
            "LaunchTemplateId": template.ref,
            "Version": world.get(template, "LatestVersionNumber"),
        },
        "AvailabilityZones": ["us-east-1a", "us-east-1b"],
        "MinSize": "1",
        "MaxSize": "3",
        "DesiredCapacity": "2",
        "HealthCheckType": "EC2",
        "Cooldown": "60",
    }


ANYTHING: Properties = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def role(world: World) -> Node:
    return world.create("AWS::IAM::Role", {"AssumeRolePolicyDocument": ANYTHING}).ref


LIVES: Mapping[str, Callable[[World], Properties]] = {
    "AWS::AutoScaling::AutoScalingGroup": group,
    "AWS::AutoScaling::LaunchConfiguration": lambda world: {
        "ImageId": world.image_id(),
        "InstanceType": "t3.micro",
        "InstanceMonitoring": "false",
        "SecurityGroups": ["default"],
    },
    "AWS::EC2::EIP": lambda world: {"InstanceId": running_instance(world), "Domain": "vpc"},
    "AWS::EC2::EIPAssociation": associated_address,
    "AWS::EC2::Instance": lambda world: {"ImageId": world.image_id(), "InstanceType": "t3.micro"},
    "AWS::EC2::InternetGateway": lambda _world: {"Tags": [{"Key": "Name", "Value": "way out"}]},
    "AWS::EC2::KeyPair": lambda _world: {"KeyName": "ours", "KeyType": "ed25519"},
    "AWS::EC2::LaunchTemplate": lambda world: {
        "LaunchTemplateData": {
            "ImageId": world.image_id(),
            "UserData": "IyEvYmluL2Jhc2gK",
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": "2"},
        }
    },
    "AWS::EC2::NatGateway": nat_gateway,
    "AWS::EC2::NetworkInterface": lambda world: {"SubnetId": default_subnet(world)},
    "AWS::EC2::Route": route,
    "AWS::EC2::RouteTable": lambda world: {"VpcId": default_vpc(world)},
    "AWS::EC2::SecurityGroup": lambda world: {
        "GroupDescription": "ours",
        "VpcId": default_vpc(world),
    },
    "AWS::EC2::SecurityGroupEgress": rule,
    "AWS::EC2::SecurityGroupIngress": rule,
    "AWS::EC2::Subnet": lambda world: {
        "VpcId": default_vpc(world),
        "CidrBlock": "172.31.240.0/24",
        "MapPublicIpOnLaunch": "true",
    },
    "AWS::EC2::SubnetRouteTableAssociation": associated_table,
    "AWS::EC2::VPC": lambda _world: {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True},
    "AWS::EC2::VPCCidrBlock": lambda world: {
        "VpcId": world.create("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}).ref,
        "AmazonProvidedIpv6CidrBlock": "true",
    },
    "AWS::EC2::VPCGatewayAttachment": lambda world: {
        "VpcId": world.create("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}).ref,
        "InternetGatewayId": world.create("AWS::EC2::InternetGateway").ref,
    },
    "AWS::EC2::Volume": lambda _world: {
        "AvailabilityZone": "us-east-1a",
        "Size": "8",
        "Encrypted": "true",
        "VolumeType": "gp3",
    },
    "AWS::EC2::VolumeAttachment": attached_volume,
    "AWS::IAM::AccessKey": lambda world: {
        "UserName": world.create("AWS::IAM::User").ref,
        "Status": "Inactive",
    },
    "AWS::IAM::InstanceProfile": lambda world: {"Roles": [role(world)], "Path": "/ours/"},
    "AWS::IAM::ManagedPolicy": lambda world: {
        "Roles": [role(world)],
        "PolicyDocument": ANYTHING,
        "Description": "ours",
    },
    "AWS::IAM::Policy": lambda world: {
        "PolicyName": "ours",
        "Roles": [role(world)],
        "PolicyDocument": ANYTHING,
    },
    "AWS::IAM::Role": lambda world: {
        "AssumeRolePolicyDocument": ANYTHING,
        "ManagedPolicyArns": [
            world.create("AWS::IAM::ManagedPolicy", {"PolicyDocument": ANYTHING}).ref
        ],
        "Policies": [{"PolicyName": "ours", "PolicyDocument": ANYTHING}],
        "MaxSessionDuration": "7200",
        "Tags": [{"Key": "Name", "Value": "ours"}],
    },
    "AWS::IAM::User": lambda _world: {
        "Path": "/ours/",
        "Policies": [{"PolicyName": "ours", "PolicyDocument": ANYTHING}],
    },
    "AWS::CloudWatch::Alarm": lambda _world: {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": "2",
        "MetricName": "CPUUtilization",
        "Namespace": "AWS/EC2",
        "Period": "60",
        "Statistic": "Average",
        "Threshold": "80.5",
    },
    "AWS::Logs::LogGroup": lambda _world: {"RetentionInDays": "7", "LogGroupName": "/ours"},
    "AWS::Route53::HostedZone": lambda _world: {
        "Name": "example.test.",
        "HostedZoneConfig": {"Comment": "ours"},
    },
    "AWS::Route53::RecordSet": lambda world: {
        "HostedZoneId": world.create("AWS::Route53::HostedZone", {"Name": "example.test."}).ref,
        "Name": "www.example.test.",
        "Type": "A",
        "TTL": "60",
        "ResourceRecords": ["192.0.2.1"],
    },
    "AWS::S3::Bucket": lambda _world: {
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true"},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "Tags": [{"Key": "Name", "Value": "ours"}],
    },
    "AWS::S3::BucketPolicy": lambda world: {
        "Bucket": world.create("AWS::S3::Bucket").ref,
        "PolicyDocument": ANYTHING,
    },
    "AWS::SNS::Topic": lambda _world: {"DisplayName": "ours", "FifoTopic": "true"},
    "AWS::SQS::Queue": lambda _world: {
        "VisibilityTimeout": 60,
        "FifoQueue": True,
        "Tags": [{"Key": "Name", "Value": "ours"}],
    },
    "AWS::SSM::Parameter": lambda _world: {"Type": "String", "Value": "42"},
    "AWS::SecretsManager::Secret": lambda _world: {
        "GenerateSecretString": {
            "SecretStringTemplate": '{"user": "ours"}',
            "GenerateStringKey": "password",
            "PasswordLength": "20",
        }
    },
}
"""Type -> properties that it can be created with."""

EMPTY: Mapping[str, set[str]] = {
    "AWS::EC2::NetworkInterface": {"SecondaryPrivateIpAddresses"},
    "AWS::EC2::Subnet": {"Ipv6CidrBlocks"},
    "AWS::EC2::VPC": {"Ipv6CidrBlocks"},
}
"""Attributes that have nothing in them here."""

GAPS: Mapping[str, list[str]] = {"AWS::EC2::VolumeAttachment": ["Device"]}


def test_every_type_lives_here() -> None:
    """No type of the table is left out."""
    assert sorted(LIVES) == sorted(MODULES)


@pytest.mark.parametrize("resource_type", sorted(LIVES))
def test_life(world: World, resource_type: str) -> None:
    """It is created and announced, answers its attributes, is deleted, and again without error."""
    properties = LIVES[resource_type](world)
    world.progress.announced.clear()
    assert world.provider.unsupported(resource_type, properties) == GAPS.get(resource_type, [])

    made = world.create(resource_type, properties)
    assert made.physical_id
    assert made.physical_id in world.progress.announced
    handler_attributes = attributes(resource_type)
    empty = {name for name in handler_attributes if world.get(made, name) in ("", [], None)}
    assert empty == EMPTY.get(resource_type, set())
    with pytest.raises(ResourceFailure, match=r"does not support attribute type Nonsense"):
        world.get(made, "Nonsense")

    world.provider.delete(made)
    world.provider.delete(made)


def test_an_attribute_that_only_aws_answers_is_named_as_not_simulated(world: World) -> None:
    """It exists, so that AWS's words for one that does not would mislead."""
    made = world.create("AWS::EC2::VPC", {"CidrBlock": "10.9.0.0/16"})
    request = dataclasses.replace(made.request, type="AWS::EC2::Instance")
    with pytest.raises(
        ResourceFailure, match=r"Not simulated: Fn::GetAtt .*\.Ipv6Addresses \(AWS::EC2::Instance\)"
    ):
        world.get(dataclasses.replace(made, request=request), "Ipv6Addresses")


@pytest.mark.parametrize("resource_type", sorted(LIVES))
def test_unknown_properties(client: Callable[[str], Any], resource_type: str) -> None:
    """A property that is not acted on is named, and nothing else is."""
    assert AwsProvider(client).unsupported(resource_type, {"Nonsense": 1}) == ["Nonsense"]


def attributes(resource_type: str) -> set[str]:
    found = handler_of(resource_type)
    assert found is not None
    return set(found.attributes)
