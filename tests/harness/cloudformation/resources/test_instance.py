"""Instances of stacks get what the template says, and end as CloudFormation lets them end."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from harness.cloudformation.provider import (
    Interruption,
    ProvisionedResource,
    ResourceCancelled,
    ResourceFailure,
)
from harness.cloudformation.resources import AwsProvider, Patience
from harness.template import Node

if TYPE_CHECKING:
    from tests.harness.cloudformation.resources.conftest import World

pytestmark = pytest.mark.selftest

GROUP = "AWS::AutoScaling::AutoScalingGroup"
INSTANCE = "AWS::EC2::Instance"
SCRIPT = "#!/bin/bash -e\necho hello\n"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def described(world: World, instance_id: str) -> dict[str, Any]:
    answer = world.client("ec2").describe_instances(InstanceIds=[instance_id])
    found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
    return found


def user_data(world: World, instance_id: str) -> str:
    answer = world.client("ec2").describe_instance_attribute(
        InstanceId=instance_id, Attribute="userData"
    )
    return base64.b64decode(str(answer["UserData"]["Value"])).decode()


def tags(thing: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in thing["Tags"]}


@pytest.fixture
def image_id(world: World) -> str:
    return world.image_id()


def test_it_gets_what_the_template_says(world: World, image_id: str) -> None:
    """What formation.json says of its instance reaches EC2, strings for numbers and all."""
    world.client("ec2").create_key_pair(KeyName="mine")
    group = world.create("AWS::EC2::SecurityGroup", {"GroupDescription": "ours"})
    made = world.create(
        INSTANCE,
        {
            "ImageId": image_id,
            "InstanceType": "t3.micro",
            "KeyName": "mine",
            "SecurityGroupIds": [group.ref],  # a name, as Ref of a group without VpcId answers
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": "2"},
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": "true", "VolumeSize": "8"}}
            ],
            "PropagateTagsToVolumeOnCreation": "true",
            "Monitoring": "true",
            "Tags": [{"Key": "Name", "Value": "demo"}],
            "UserData": encoded(SCRIPT),
        },
    )
    found = described(world, made.physical_id)
    assert user_data(world, made.physical_id) == SCRIPT
    assert found["InstanceType"] == "t3.micro"
    assert found["KeyName"] == "mine"
    assert found["SecurityGroups"] == [
        {"GroupId": world.get(group, "GroupId"), "GroupName": group.ref}
    ]
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert found["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert found["Monitoring"]["State"] == "enabled"
    own = {
        "Name": "demo",
        "aws:cloudformation:stack-name": "demo",
        "aws:cloudformation:stack-id": made.request.stack_id,
        "aws:cloudformation:logical-id": "Thing",
    }
    assert tags(found) == own
    volume_id = found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    volume = world.client("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
    assert volume["Encrypted"] is True
    assert tags(volume) == own


def test_tags_of_the_stack(world: World, image_id: str) -> None:
    """A stack's tags are its instance's; the template's own win."""
    request = world.request(
        INSTANCE,
        {"ImageId": image_id, "Tags": [{"Key": "Team", "Value": "ours"}]},
        stack_tags={"Team": "theirs", "Run": "7"},
    )
    made = world.provider.create(request, world.progress)
    found = tags(described(world, made.physical_id))
    assert (found["Team"], found["Run"]) == ("ours", "7")


def test_attributes(world: World, image_id: str) -> None:
    """Attributes are what DescribeInstances says."""
    made = world.create(INSTANCE, {"ImageId": image_id, "AvailabilityZone": "us-east-1b"})
    found = described(world, made.physical_id)
    assert world.get(made, "PublicIp") == found["PublicIpAddress"]
    assert world.get(made, "PublicDnsName") == found["PublicDnsName"]
    assert world.get(made, "PrivateIp") == found["PrivateIpAddress"]
    assert world.get(made, "AvailabilityZone") == "us-east-1b"
    assert world.get(made, "InstanceId") == made.ref == made.physical_id
    assert world.get(made, "State.Name") == "running"


def test_key_pair_that_does_not_exist(world: World, image_id: str) -> None:
    """It is refused in EC2's words, and nothing is launched."""
    with pytest.raises(ResourceFailure) as caught:
        world.create(INSTANCE, {"ImageId": image_id, "KeyName": "nope"})
    assert caught.value.message.startswith(
        "Resource handler returned message: \"The key pair 'nope' does not exist (Service: Ec2, "
        "Status Code: 400, Request ID: "
    )
    assert caught.value.message.endswith("HandlerErrorCode: NotFound)")
    assert world.client("ec2").describe_instances()["Reservations"] == []
    assert world.progress.announced == []


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"UserData": "not Base64!"}, "Invalid BASE64 encoding of user data."),
        (
            {"SecurityGroups": ["default"], "SubnetId": "subnet-1"},
            "The parameter groupName cannot be used with the parameter subnet",
        ),
        ({"SubnetId": "subnet-1"}, "The subnet ID 'subnet-1' does not exist"),
        ({"Monitoring": "perhaps"}, "Invalid type for parameter Monitoring.Enabled"),
        ({"IamInstanceProfile": "nope"}, "nope"),
    ],
)
def test_what_cannot_be(
    world: World, image_id: str, properties: dict[str, Node], words: str
) -> None:
    """Properties that make no sense fail the resource, and the reason names them."""
    with pytest.raises(ResourceFailure) as caught:
        world.create(INSTANCE, {"ImageId": image_id, **properties})
    assert words in caught.value.message


def test_the_stack_gives_up(world: World, image_id: str) -> None:
    """A cancelled create has announced its instance, which can be deleted by that id alone."""
    world.progress.cancelled = True
    with pytest.raises(ResourceCancelled):
        world.create(INSTANCE, {"ImageId": image_id})
    [instance_id] = world.progress.announced
    world.provider.delete(ProvisionedResource(world.request(INSTANCE), instance_id, instance_id))
    assert described(world, instance_id)["State"]["Name"] == "terminated"


class EndingAtOnce:
    """EC2, but for instances that end as soon as they are launched."""

    def __init__(self, ec2: Any) -> None:  # noqa: ANN401 - clients have no common type
        self._ec2 = ec2

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        return getattr(self._ec2, name)

    def run_instances(self, **parameters: Any) -> Any:  # noqa: ANN401 - as above
        answer = self._ec2.run_instances(**parameters)
        self._ec2.terminate_instances(InstanceIds=[answer["Instances"][0]["InstanceId"]])
        return answer


def test_an_instance_that_ends_instead(world: World, image_id: str) -> None:
    """An instance that is terminated before it runs fails the resource with its state reason."""
    ec2 = EndingAtOnce(world.client("ec2"))
    provider = AwsProvider(lambda _service: ec2, patience=Patience(interval=0.0))
    with pytest.raises(ResourceFailure) as caught:
        provider.create(world.request(INSTANCE, {"ImageId": image_id}), world.progress)
    [instance_id] = world.progress.announced
    assert caught.value.message.startswith(
        f"Instance {instance_id} failed to stabilize. Current state: terminated. Reason: Client."
    )


def test_launch_template(world: World, image_id: str) -> None:
    """What a launch template says reaches the instance; what the resource says wins."""
    world.client("ec2").create_key_pair(KeyName="mine")
    role = world.create(
        "AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}
    )
    profile = world.create("AWS::IAM::InstanceProfile", {"Roles": [role.ref]})
    template = world.create(
        "AWS::EC2::LaunchTemplate",
        {
            "LaunchTemplateData": {
                "ImageId": image_id,
                "InstanceType": "t3.small",
                "KeyName": "mine",
                "UserData": encoded(SCRIPT),
                "IamInstanceProfile": {"Arn": world.get(profile, "Arn")},
                "MetadataOptions": {"HttpTokens": "required"},
                "InstanceInitiatedShutdownBehavior": "terminate",
                "TagSpecifications": [
                    {"ResourceType": "instance", "Tags": [{"Key": "From", "Value": "template"}]}
                ],
            }
        },
    )
    latest = {"LaunchTemplateId": template.ref, "Version": "1"}
    made = world.create(INSTANCE, {"LaunchTemplate": latest, "InstanceType": "t3.micro"})
    found = described(world, made.physical_id)
    assert found["ImageId"] == image_id
    assert found["InstanceType"] == "t3.micro"
    assert found["KeyName"] == "mine"
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert found["IamInstanceProfile"]["Arn"] == world.get(profile, "Arn")
    assert user_data(world, made.physical_id) == SCRIPT
    assert tags(found)["From"] == "template"
    behavior = world.client("ec2").describe_instance_attribute(
        InstanceId=made.physical_id, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


@pytest.mark.parametrize("launcher", ["itself", "template", "group", "configuration"])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"KeyName": "nope"}, "The key pair 'nope' does not exist"),
        ({"UserData": encoded("x" * 16_385)}, "User data is limited to 16384 bytes"),
        ({"UserData": "not Base64!"}, "Invalid BASE64 encoding of user data."),
    ],
)
def test_whatever_launches_an_instance_is_checked(
    world: World, image_id: str, launcher: str, data: dict[str, Node], words: str
) -> None:
    """A key pair and user data are refused alike, wherever they are written."""
    wanted = {"ImageId": image_id, "InstanceType": "t3.micro", **data}
    places = {"AvailabilityZones": ["us-east-1a"], "MinSize": 1, "MaxSize": 1}

    def template() -> Node:
        made = world.create("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": wanted})
        return {"LaunchTemplateId": made.ref, "Version": world.get(made, "LatestVersionNumber")}

    def launch() -> None:
        if launcher == "itself":
            world.create(INSTANCE, wanted)
        elif launcher == "template":
            world.create(INSTANCE, {"LaunchTemplate": template()})
        elif launcher == "group":
            world.create(GROUP, {"LaunchTemplate": template(), **places})
        else:
            made = world.create("AWS::AutoScaling::LaunchConfiguration", wanted)
            world.create(GROUP, {"LaunchConfigurationName": made.ref, **places})

    with pytest.raises(ResourceFailure) as caught:
        launch()
    assert words in caught.value.message
    assert world.client("ec2").describe_instances()["Reservations"] == []


def test_termination_protection(world: World, image_id: str) -> None:
    """A protected instance cannot be deleted; once it is not, it can."""
    properties: dict[str, Node] = {"ImageId": image_id, "DisableApiTermination": "true"}
    made = world.create(INSTANCE, properties)
    with pytest.raises(ResourceFailure, match="disableApiTermination"):
        world.provider.delete(made)
    made = world.update(made, {"ImageId": image_id})
    world.provider.delete(made)
    assert described(world, made.physical_id)["State"]["Name"] == "terminated"


@pytest.mark.parametrize(
    ("changed", "interruption"),
    [
        ({"ImageId": "ami-2"}, Interruption.REPLACEMENT),
        ({"KeyName": "other"}, Interruption.REPLACEMENT),
        ({"UserData": encoded("#!/bin/sh\n")}, Interruption.SOME),
        ({"InstanceType": "t3.small"}, Interruption.SOME),
        ({"Tags": [{"Key": "Name", "Value": "new"}]}, Interruption.NONE),
        ({"EbsOptimized": "false", "SourceDestCheck": "true"}, Interruption.NONE),
    ],
)
def test_interruption(world: World, changed: dict[str, Node], interruption: Interruption) -> None:
    """A change does what the page of the type says; ``false`` and ``"false"`` are no change."""
    before: dict[str, Node] = {
        "ImageId": "ami-1",
        "InstanceType": "t3.micro",
        "EbsOptimized": False,
        "SourceDestCheck": True,
    }
    resource = ProvisionedResource(world.request(INSTANCE, before), "i-1", "i-1")
    wanted = world.request(INSTANCE, {**before, **changed})
    assert world.provider.interruption(resource, wanted) is interruption


def test_update_in_place(world: World, image_id: str) -> None:
    """What changes in place is changed on the instance that is there."""
    group = world.create("AWS::EC2::SecurityGroup", {"GroupDescription": "ours"})
    before: dict[str, Node] = {
        "ImageId": image_id,
        "InstanceType": "t3.micro",
        "Tags": [{"Key": "Old", "Value": "1"}, {"Key": "Kept", "Value": "1"}],
        "UserData": encoded(SCRIPT),
    }
    made = world.create(INSTANCE, before)
    wanted: dict[str, Node] = {
        "ImageId": image_id,
        "InstanceType": "t3.small",
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required"},
        "SecurityGroupIds": [world.get(group, "GroupId")],
        "SourceDestCheck": "false",
        "Tags": [{"Key": "Kept", "Value": "2"}, {"Key": "New", "Value": "1"}],
        "UserData": encoded("#!/bin/sh\n"),
    }
    updated = world.update(made, wanted)
    assert updated.physical_id == made.physical_id
    assert updated.request.properties == wanted
    found = described(world, made.physical_id)
    assert found["State"]["Name"] == "running"
    assert found["InstanceType"] == "t3.small"
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert [one["GroupId"] for one in found["SecurityGroups"]] == wanted["SecurityGroupIds"]
    assert user_data(world, made.physical_id) == "#!/bin/sh\n"
    kept = {key: value for key, value in tags(found).items() if not key.startswith("aws:")}
    assert kept == {"Kept": "2", "New": "1"}


def test_profile_changes_in_place(world: World, image_id: str) -> None:
    """An instance gets another profile, or none."""
    profiles = [
        world.create("AWS::IAM::InstanceProfile", {"Roles": [], "InstanceProfileName": name}).ref
        for name in ("one", "two")
    ]
    made = world.create(INSTANCE, {"ImageId": image_id, "IamInstanceProfile": profiles[0]})
    made = world.update(made, {"ImageId": image_id, "IamInstanceProfile": profiles[1]})
    arn = described(world, made.physical_id)["IamInstanceProfile"]["Arn"]
    assert arn.endswith("instance-profile/two")
    world.update(made, {"ImageId": image_id})
    assert "IamInstanceProfile" not in described(world, made.physical_id)


def test_an_update_that_nobody_does(world: World, image_id: str) -> None:
    """An update of what is not acted on fails and names it."""
    made = world.create(INSTANCE, {"ImageId": image_id})
    with pytest.raises(ResourceFailure, match=r"an update of EnclaveOptions \(AWS::EC2::Instance"):
        world.update(made, {"ImageId": image_id, "EnclaveOptions": {"Enabled": True}})


def test_what_is_not_simulated_is_named(world: World) -> None:
    """Each path that is not acted on is named once, and no other."""
    properties: dict[str, Node] = {
        "ImageId": "ami-1",
        "EnclaveOptions": {"Enabled": True},
        "MetadataOptions": {"HttpTokens": "required", "Odd": 1},
        "NetworkInterfaces": [
            {"DeviceIndex": "0", "Ipv4Prefixes": []},
            {"DeviceIndex": "1", "Ipv4Prefixes": []},
        ],
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdf"}],
    }
    assert world.provider.unsupported(INSTANCE, properties) == [
        "EnclaveOptions",
        "MetadataOptions.Odd",
        "NetworkInterfaces.Ipv4Prefixes",
        "BlockDeviceMappings.DeviceName",
    ]
    assert list(world.provider.without_effect(INSTANCE, properties)) == ["BlockDeviceMappings"]
