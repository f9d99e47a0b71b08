"""formation.json: what it asks of whoever creates it, what it creates, what it promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.embed import embed
from harness.lint import Finding, Severity
from harness.template import MAX_BODY_BYTES, Template

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_has_no_finding_in_any_region(findings: list[Finding]) -> None:
    """cfn-lint, shellcheck and the harness's own rules have nothing to say."""
    assert [one for one in findings if one.severity > Severity.INFO] == []


def test_embeds_provision_sh_as_it_is(template: Template) -> None:
    """The script is the source; ``harness embed`` brings the template up to date."""
    assert template.path is not None
    assert embed(template.path, ROOT / "provision.sh", "Compute").diff == ""


def test_is_deployable_as_it_is(template: Template) -> None:
    """It needs no packaging, no transform and no capability."""
    assert template.text.startswith("{")
    assert len(template.text.encode()) <= MAX_BODY_BYTES
    assert "Transform" not in template.body
    assert template.body["AWSTemplateFormatVersion"] == "2010-09-09"
    assert template.description
    assert [one.type for one in template.resources.values()] == [
        "AWS::EC2::Instance",
        "AWS::EC2::SecurityGroup",
    ]


def test_asks_for_what_it_cannot_know(template: Template) -> None:
    """The key pair and who may log in have no default; all parameters say what they are."""
    parameters = template.parameters
    assert {name: one["Type"] for name, one in parameters.items()} == {
        "KeyName": "AWS::EC2::KeyPair::KeyName",
        "ImageId": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
        "InstanceType": "String",
        "SshCidr": "String",
    }
    assert "Default" not in parameters["KeyName"]
    assert "Default" not in parameters["SshCidr"]
    assert all(one["Description"] for one in parameters.values())


def test_boots_canonicals_ubuntu_by_default(template: Template) -> None:
    """The image is Ubuntu 24.04 for the processors of the instance types, in any region."""
    assert template.parameters["ImageId"]["Default"] == (
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    )


def test_instance_type_is_a_small_x86_one(template: Template) -> None:
    """The default is the cheapest; what is allowed is named to who chooses wrong."""
    parameter = template.parameters["InstanceType"]
    assert parameter["Default"] == "t3.micro"
    assert parameter["Default"] in parameter["AllowedValues"]
    assert all(re.fullmatch(r"t3\.\w+", one) for one in parameter["AllowedValues"])
    assert all(one in parameter["ConstraintDescription"] for one in parameter["AllowedValues"])


@pytest.mark.parametrize(
    "cidr", ["203.0.113.7/32", "10.0.0.0/8", "0.0.0.0/0", "255.255.255.255/9", "192.0.2.0/24"]
)
def test_blocks_that_may_log_in(template: Template, cidr: str) -> None:
    """Any IPv4 block can be given."""
    assert re.fullmatch(template.parameters["SshCidr"]["AllowedPattern"], cidr)


@pytest.mark.parametrize(
    "cidr",
    [
        "",
        "203.0.113.7",
        "203.0.113.7/33",
        "203.0.113.7/032",
        "203.0.113/24",
        "203.0.113.7.1/24",
        "256.0.0.1/32",
        "300.0.0.1/32",
        "01.2.3.4/32",
        "203x0y113z7/32",
        "203.0.113.7/32 ",
        "203.0.113.7/32,0.0.0.0/0",
        "2001:db8::/32",
        "anywhere",
    ],
)
def test_blocks_that_are_none(template: Template, cidr: str) -> None:
    """What EC2 would refuse later is refused at once, with a description."""
    parameter = template.parameters["SshCidr"]
    assert not re.search(parameter["AllowedPattern"], cidr)
    assert "203.0.113.7/32" in parameter["ConstraintDescription"]


def test_waits_five_minutes_for_one_signal(template: Template) -> None:
    """The instance is created when it says so itself."""
    assert template.resources["Compute"].creation_policy == {
        "ResourceSignal": {"Count": 1, "Timeout": "PT5M"}
    }
    assert template.resources["InstanceSecurityGroup"].creation_policy is None


def test_instance_is_what_the_parameters_say(template: Template) -> None:
    """Image, type, key pair and security group are the stack's."""
    properties = template.resources["Compute"].properties
    assert properties["ImageId"] == {"Ref": "ImageId"}
    assert properties["InstanceType"] == {"Ref": "InstanceType"}
    assert properties["KeyName"] == {"Ref": "KeyName"}
    assert properties["SecurityGroupIds"] == [{"Fn::GetAtt": ["InstanceSecurityGroup", "GroupId"]}]


def test_instance_is_hardened(template: Template) -> None:
    """Metadata wants a token; the root volume is encrypted."""
    properties = template.resources["Compute"].properties
    assert properties["MetadataOptions"] == {"HttpTokens": "required"}
    (volume,) = properties["BlockDeviceMappings"]
    assert volume == {
        "DeviceName": "/dev/sda1",
        "Ebs": {"Encrypted": True, "VolumeSize": 8, "VolumeType": "gp3"},
    }


@pytest.mark.parametrize("logical_id", ["Compute", "InstanceSecurityGroup"])
def test_everything_is_named_for_its_stack(template: Template, logical_id: str) -> None:
    """Whoever finds it in the console sees where it comes from."""
    tags = template.resources[logical_id].properties["Tags"]
    assert tags == [{"Key": "Name", "Value": {"Ref": "AWS::StackName"}}]


def test_volumes_are_named_too(template: Template) -> None:
    """The instance's tags go on to its volume."""
    assert template.resources["Compute"].properties["PropagateTagsToVolumeOnCreation"] is True


def test_only_ssh_from_the_given_block_comes_in(template: Template) -> None:
    """One rule, one port, one source."""
    properties = template.resources["InstanceSecurityGroup"].properties
    (rule,) = properties["SecurityGroupIngress"]
    assert {name: value for name, value in rule.items() if name != "Description"} == {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "CidrIp": {"Ref": "SshCidr"},
    }
    assert "SecurityGroupEgress" not in properties
    assert properties["GroupDescription"] == "SSH from SshCidr, nothing else in"


def test_outputs_are_described(template: Template) -> None:
    """Id, name, address and how to log in."""
    assert list(template.outputs) == ["InstanceId", "PublicDnsName", "PublicIp", "SshCommand"]
    assert all(one["Description"] for one in template.outputs.values())
