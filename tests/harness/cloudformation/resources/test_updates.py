"""What can change in place changes in place, is seen by who asks the service, and goes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from harness.cloudformation.provider import Interruption, ProvisionedResource, ResourceFailure
from harness.template import Node

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest

NOTHING: Mapping[str, Node] = {"Version": "2012-10-17", "Statement": []}
SOMETHING: Mapping[str, Node] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def trust(service: str) -> Mapping[str, Node]:
    who = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return {"Version": "2012-10-17", "Statement": [who]}


ANYTHING: Mapping[str, Node] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
TAGGED: Mapping[str, Node] = {"Tags": [{"Key": "Name", "Value": "new"}]}

Seen = Callable[["World", ProvisionedResource], object]


@dataclass(frozen=True)
class Update:
    """An update of one resource.

    Args:
        type: Its type.
        before: What it is created with.
        after: What changes.
        seen: What the service says.
        then: What it should say once it is updated.
    """

    type: str
    before: Mapping[str, Node]
    after: Mapping[str, Node]
    seen: Seen
    then: object


def ask(service: str, operation: str, path: str, **parameters: str) -> Seen:
    """Ask the service; ``ID`` in a parameter stands for the physical id."""

    def seen(world: World, made: ProvisionedResource) -> object:
        given = {
            name: {"ID": made.physical_id, "[ID]": [made.physical_id]}.get(value, value)
            for name, value in parameters.items()
        }
        found: Any = getattr(world.client(service), operation)(**given)
        for name in path.split("."):
            found = found[int(name)] if name.isdigit() else found[name]
        return found

    return seen


def name_tag(service: str, operation: str, path: str, **parameters: str) -> Seen:
    """The value of the tag Name."""
    tags = ask(service, operation, path, **parameters)

    def seen(world: World, made: ProvisionedResource) -> object:
        found: Any = tags(world, made)
        pairs = (
            found.items()
            if isinstance(found, dict)
            else [(one["Key"], one["Value"]) for one in found]
        )
        return dict(pairs).get("Name")

    return seen


UPDATES = (
    Update(
        "AWS::EC2::VPC",
        {"CidrBlock": "10.0.0.0/16"},
        {"EnableDnsHostnames": "true"},
        ask(
            "ec2",
            "describe_vpc_attribute",
            "EnableDnsHostnames.Value",
            VpcId="ID",
            Attribute="enableDnsHostnames",
        ),
        then=True,
    ),
    Update(
        "AWS::EC2::VPC",
        {"CidrBlock": "10.0.0.0/16"},
        TAGGED,
        name_tag("ec2", "describe_vpcs", "Vpcs.0.Tags", VpcIds="[ID]"),
        "new",
    ),
    Update(
        "AWS::EC2::Volume",
        {"AvailabilityZone": "us-east-1a", "Size": 1},
        {"Size": "2"},
        ask("ec2", "describe_volumes", "Volumes.0.Size", VolumeIds="[ID]"),
        2,
    ),
    Update(
        "AWS::EC2::LaunchTemplate",
        {"LaunchTemplateData": {"InstanceType": "t3.micro"}},
        {"LaunchTemplateData": {"InstanceType": "t3.small"}},
        lambda world, made: world.get(made, "LatestVersionNumber"),
        "2",
    ),
    Update(
        "AWS::EC2::EIP",
        {},
        TAGGED,
        name_tag("ec2", "describe_addresses", "Addresses.0.Tags", PublicIps="[ID]"),
        "new",
    ),
    Update(
        "AWS::IAM::Role",
        {"AssumeRolePolicyDocument": trust("ec2.amazonaws.com")},
        {
            "AssumeRolePolicyDocument": trust("ssm.amazonaws.com"),
            "Description": "new",
            "Policies": [{"PolicyName": "ours", "PolicyDocument": ANYTHING}],
            **TAGGED,
        },
        lambda world, made: (
            world.client("iam").list_role_policies(RoleName=made.physical_id)["PolicyNames"],
            name_tag("iam", "get_role", "Role.Tags", RoleName="ID")(world, made),
            ask("iam", "get_role", "Role.AssumeRolePolicyDocument", RoleName="ID")(world, made),
        ),
        (["ours"], "new", trust("ssm.amazonaws.com")),
    ),
    Update(
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": SOMETHING},
        {"PolicyDocument": ANYTHING},
        lambda world, made: world.client("iam").get_policy_version(
            PolicyArn=made.physical_id,
            VersionId=str(world.get(made, "DefaultVersionId")),
        )["PolicyVersion"]["Document"],
        ANYTHING,
    ),
    Update(
        "AWS::SSM::Parameter",
        {"Type": "String", "Value": "1"},
        {"Value": "2", **TAGGED},
        lambda world, made: world.get(made, "Value"),
        "2",
    ),
    Update(
        "AWS::S3::Bucket",
        {},
        {"VersioningConfiguration": {"Status": "Enabled"}, **TAGGED},
        lambda world, made: (
            ask("s3", "get_bucket_versioning", "Status", Bucket="ID")(world, made),
            name_tag("s3", "get_bucket_tagging", "TagSet", Bucket="ID")(world, made),
        ),
        ("Enabled", "new"),
    ),
    Update(
        "AWS::SNS::Topic",
        {"TopicName": "ours"},
        {"DisplayName": "new", **TAGGED},
        ask("sns", "get_topic_attributes", "Attributes.DisplayName", TopicArn="ID"),
        "new",
    ),
    Update(
        "AWS::SQS::Queue",
        {"QueueName": "ours"},
        {"DelaySeconds": 5, **TAGGED},
        lambda world, made: world.client("sqs").get_queue_attributes(
            QueueUrl=made.physical_id, AttributeNames=["DelaySeconds"]
        )["Attributes"]["DelaySeconds"],
        "5",
    ),
    Update(
        "AWS::Logs::LogGroup",
        {"LogGroupName": "ours"},
        {"RetentionInDays": "7", **TAGGED},
        ask("logs", "describe_log_groups", "logGroups.0.retentionInDays", logGroupNamePrefix="ID"),
        7,
    ),
    Update(
        "AWS::CloudWatch::Alarm",
        {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "Period": 60,
            "Statistic": "Average",
            "Threshold": 80,
        },
        {"Threshold": "90"},
        ask("cloudwatch", "describe_alarms", "MetricAlarms.0.Threshold", AlarmNames="[ID]"),
        90.0,
    ),
    Update(
        "AWS::SecretsManager::Secret",
        {"SecretString": "old"},
        {"SecretString": "new", **TAGGED},
        ask("secretsmanager", "get_secret_value", "SecretString", SecretId="ID"),
        "new",
    ),
    Update(
        "AWS::Route53::HostedZone",
        {"Name": "example.test."},
        {"HostedZoneConfig": {"Comment": "new"}},
        ask("route53", "get_hosted_zone", "HostedZone.Config.Comment", Id="ID"),
        "new",
    ),
)


@pytest.mark.parametrize("one", UPDATES, ids=lambda one: one.type)
def test_update(world: World, one: Update) -> None:
    """It changes without a replacement, keeps its physical id, goes back, and can be deleted."""
    made = world.create(one.type, one.before)
    wanted = {**one.before, **one.after}
    found = world.provider.interruption(made, world.request(one.type, wanted))
    assert found is not Interruption.REPLACEMENT
    updated = world.update(made, wanted)
    assert (updated.physical_id, updated.ref) == (made.physical_id, made.ref)
    assert one.seen(world, updated) == one.then
    world.provider.delete(world.update(updated, one.before))


def test_route_gets_another_target(world: World) -> None:
    """A route's target changes; a gateway of another network is refused in EC2's words."""
    vpc = world.create("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"})
    table = world.create("AWS::EC2::RouteTable", {"VpcId": vpc.ref})
    gateways = [world.create("AWS::EC2::InternetGateway").ref for _ in range(2)]
    attachment = world.create(
        "AWS::EC2::VPCGatewayAttachment", {"VpcId": vpc.ref, "InternetGatewayId": gateways[0]}
    )
    route: dict[str, Node] = {
        "RouteTableId": table.ref,
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": gateways[0],
    }
    made = world.create("AWS::EC2::Route", route)
    other = {**route, "GatewayId": gateways[1]}
    with pytest.raises(ResourceFailure, match="belong to different networks"):
        world.update(made, other)
    world.update(attachment, {"VpcId": vpc.ref, "InternetGatewayId": gateways[1]})
    world.update(made, other)
    tables = world.client("ec2").describe_route_tables(RouteTableIds=[table.ref])["RouteTables"]
    assert gateways[1] in {one.get("GatewayId") for one in tables[0]["Routes"]}


def test_policy_changes_hands(world: World) -> None:
    """A policy is given to those that it names now, and taken from the others."""
    one, two = (
        world.create("AWS::IAM::Role", {"AssumeRolePolicyDocument": NOTHING}).ref for _ in range(2)
    )
    before: dict[str, Node] = {
        "PolicyName": "ours",
        "PolicyDocument": ANYTHING,
        "Roles": [one],
    }
    made = world.create("AWS::IAM::Policy", before)
    world.update(made, {**before, "PolicyName": "renamed", "Roles": [one, two]})
    iam = world.client("iam")
    assert [iam.list_role_policies(RoleName=role)["PolicyNames"] for role in (one, two)] == [
        ["renamed"],
        ["renamed"],
    ]


def test_policies_of_aws(world: World) -> None:
    """AWS's own policies are taken as they are named where the service has none of them."""
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    role: dict[str, Node] = {
        "AssumeRolePolicyDocument": trust("ec2.amazonaws.com"),
        "ManagedPolicyArns": [arn],
    }
    world.provider.delete(world.create("AWS::IAM::Role", role))
    with pytest.raises(ResourceFailure, match="policy/nope does not exist"):
        world.create(
            "AWS::IAM::Role",
            {**role, "ManagedPolicyArns": ["arn:aws:iam::123456789012:policy/nope"]},
        )


def test_policies_of_aws_that_do_not_exist(world: World) -> None:
    """Where the service has AWS's own policies, one that it does not have is refused."""
    role: dict[str, Node] = {"AssumeRolePolicyDocument": trust("ec2.amazonaws.com")}
    known, unknown = (
        {**role, "ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{name}"]}
        for name in ("AmazonSSMManagedInstanceCore", "Nonsense")
    )
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        made = world.create("AWS::IAM::Role", known)
        attached = world.client("iam").list_attached_role_policies(RoleName=made.physical_id)
        assert [one["PolicyName"] for one in attached["AttachedPolicies"]] == [
            "AmazonSSMManagedInstanceCore"
        ]
        with pytest.raises(ResourceFailure, match="policy/Nonsense does not exist"):
            world.create("AWS::IAM::Role", unknown)


def test_access_key_keeps_its_secret(world: World) -> None:
    """An access key's secret is answered as long as the stack lives, and shown nowhere."""
    user = world.create("AWS::IAM::User")
    made = world.create("AWS::IAM::AccessKey", {"UserName": user.ref})
    secret = str(world.get(made, "SecretAccessKey"))
    assert len(secret) >= 20
    assert secret not in repr(made)
    updated = world.update(made, {"UserName": user.ref, "Status": "Inactive"})
    assert world.get(updated, "SecretAccessKey") == secret


def test_generated_secret(world: World) -> None:
    """A generated secret fills the template's key, and is as long as is said."""
    made = world.create(
        "AWS::SecretsManager::Secret",
        {
            "GenerateSecretString": {
                "SecretStringTemplate": '{"user": "ours"}',
                "GenerateStringKey": "password",
                "PasswordLength": "20",
                "ExcludePunctuation": "true",
            }
        },
    )
    value = world.client("secretsmanager").get_secret_value(SecretId=made.ref)["SecretString"]
    assert value.startswith('{"user": "ours", "password": "')
    assert len(value) == len('{"user": "ours", "password": ""}') + 20


def test_created_key_pair_leaves_its_private_half(world: World) -> None:
    """The private half is where CloudFormation puts it, until the pair is deleted."""
    made = world.create("AWS::EC2::KeyPair", {"KeyName": "ours"})
    name = f"/ec2/keypair/{world.get(made, 'KeyPairId')}"
    ssm = world.client("ssm")
    parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert "PRIVATE KEY" in parameter["Value"]
    world.provider.delete(made)
    assert ssm.describe_parameters()["Parameters"] == []


def test_a_bucket_that_is_not_empty(world: World) -> None:
    """It cannot be deleted, and the reason says why."""
    made = world.create("AWS::S3::Bucket")
    world.client("s3").put_object(Bucket=made.physical_id, Key="a", Body=b"b")
    with pytest.raises(ResourceFailure, match="not empty"):
        world.provider.delete(made)
