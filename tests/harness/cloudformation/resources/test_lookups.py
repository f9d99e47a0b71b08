"""What parameters name is looked up where it would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from harness.cloudformation.parameters import AWS_TYPES
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.resources.lookups import AwsLookups, registering_images

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest

Ec2 = Any
NOBLE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


def launched(world: World) -> str:
    answer = world.client("ec2").run_instances(ImageId=world.image_id(), MinCount=1, MaxCount=1)
    return str(answer["Instances"][0]["InstanceId"])


def zone_of_names(world: World) -> str:
    answer = world.client("route53").create_hosted_zone(Name="example.", CallerReference="1")
    return str(answer["HostedZone"]["Id"]).removeprefix("/hostedzone/")


THINGS: Mapping[str, tuple[Callable[[World], str], str]] = {
    "AWS::EC2::AvailabilityZone::Name": (lambda _world: "us-east-1a", "us-east-1"),
    "AWS::EC2::Image::Id": (lambda world: world.image_id(), "ami-00000000000000000"),
    "AWS::EC2::Instance::Id": (launched, "i-00000000000000000"),
    "AWS::EC2::KeyPair::KeyName": (
        lambda world: world.client("ec2").create_key_pair(KeyName="mine")["KeyName"],
        "theirs",
    ),
    "AWS::EC2::SecurityGroup::GroupName": (lambda _world: "default", "nope"),
    "AWS::EC2::SecurityGroup::Id": (
        lambda world: world.client("ec2").describe_security_groups()["SecurityGroups"][0][
            "GroupId"
        ],
        "sg-00000000000000000",
    ),
    "AWS::EC2::Subnet::Id": (
        lambda world: world.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"],
        "subnet-00000000000000000",
    ),
    "AWS::EC2::VPC::Id": (
        lambda world: world.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"],
        "vpc-00000000000000000",
    ),
    "AWS::EC2::Volume::Id": (
        lambda world: world.client("ec2").create_volume(Size=1, AvailabilityZone="us-east-1a")[
            "VolumeId"
        ],
        "vol-00000000000000000",
    ),
    "AWS::Route53::HostedZone::Id": (zone_of_names, "Z00000000"),
}
"""Parameter type -> how to get one that exists, and one that does not."""


def test_every_type_is_looked_up() -> None:
    """No type of parameter that names an AWS thing is left out."""
    assert THINGS.keys() == AWS_TYPES


@pytest.mark.parametrize("parameter_type", sorted(THINGS))
def test_exists(world: World, parameter_type: str) -> None:
    """What is there exists, what is not does not."""
    lookups = AwsLookups(world.client)
    make, missing = THINGS[parameter_type]
    assert lookups.exists(parameter_type, make(world))
    assert not lookups.exists(parameter_type, missing)
    assert not lookups.exists(parameter_type, "no such thing")


def test_all_things_of_a_type(world: World) -> None:
    """With the attributes that rules ask for."""
    lookups = AwsLookups(world.client)
    (vpc,) = lookups.things("AWS::EC2::VPC::Id") or {}
    world.client("ec2").create_tags(Resources=[vpc], Tags=[{"Key": "Use", "Value": "all"}])
    vpcs = lookups.things("AWS::EC2::VPC::Id") or {}
    assert vpcs[vpc]["Tags.Use"] == "all"
    subnets = lookups.things("AWS::EC2::Subnet::Id") or {}
    assert {one["VpcId"] for one in subnets.values()} == {vpc}
    assert "us-east-1a" in (lookups.things("AWS::EC2::AvailabilityZone::Name") or {})
    instance_id = launched(world)
    assert instance_id in (lookups.things("AWS::EC2::Instance::Id") or {})
    assert lookups.things("AWS::Route53::HostedZone::Id") is None


def test_secure_strings_and_secrets(world: World) -> None:
    """Decrypted for who may have them; a plain reference to a secure string is refused."""
    ssm, secrets = world.client("ssm"), world.client("secretsmanager")
    ssm.put_parameter(Name="/secure", Value="hunter2", Type="SecureString")
    ssm.put_parameter(Name="/plain", Value="1", Type="String")
    ssm.put_parameter(Name="/plain", Value="2", Type="String", Overwrite=True)
    secrets.create_secret(Name="db", SecretString="first")
    secrets.put_secret_value(SecretId="db", SecretString="second")
    lookups = AwsLookups(world.client)
    assert lookups.secure_parameter("/secure") == "hunter2"
    assert lookups.secure_parameter("/nope") is None
    assert (lookups.ssm_parameter("/plain:1"), lookups.ssm_parameter("/plain")) == ("1", "2")
    with pytest.raises(RequestRefused, match=r"\[/secure\] referenced by template have types not"):
        lookups.ssm_parameter("/secure")
    assert lookups.secret("db") == "second"
    assert lookups.secret("db", stage="AWSPREVIOUS") == "first"
    assert lookups.secret("nope") is None


def test_ssm_parameter(world: World) -> None:
    """A parameter has its value; one that is not there, or cannot be, has none."""
    world.client("ssm").put_parameter(Name="/ours", Type="String", Value="42")
    lookups = AwsLookups(world.client)
    assert lookups.ssm_parameter("/ours") == "42"
    assert lookups.ssm_parameter("/theirs") is None
    assert lookups.ssm_parameter("no name") is None


def test_public_parameters_name_images_that_exist(world: World) -> None:
    """A public parameter's image is registered once, and exists from then on."""
    images = registering_images(world.client, lambda name: "canonical" in name)
    lookups = AwsLookups(world.client, public_parameter=images)
    image_id = lookups.ssm_parameter(NOBLE)
    assert image_id is not None
    assert lookups.ssm_parameter(NOBLE) == image_id
    assert lookups.exists("AWS::EC2::Image::Id", image_id)
    assert lookups.ssm_parameter("/aws/service/nobody/knows") is None
