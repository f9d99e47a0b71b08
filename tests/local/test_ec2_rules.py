"""What EC2 refuses, and what it tells of instances, through its API; most of it boots nothing."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.test_ec2 import IMDS, refused

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local


def launch(site: Site) -> dict[str, Any]:
    """What RunInstances needs at least."""
    return {"ImageId": site.ami, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


def posted(site: Site, body: str, authorization: str) -> tuple[int, str]:
    """Status and body of the answer to a request that no SDK would send."""
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(  # noqa: S310 - the endpoint is on this machine
        site.target.endpoint_url or "", body.encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_requests_that_are_not_signed_as_aws_wants_it(site: Site) -> None:
    """Older signatures, none, and no action: none is taken for another service's."""
    for_ec2 = (
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/ec2/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    asked = "Action=DescribeInstances&Version=2016-11-15"
    for body, authorization, status, code in (
        (asked, for_ec2, 200, "DescribeInstancesResponse"),
        (asked, "", 403, "MissingAuthenticationToken"),
        (asked, "AWS key:signature", 400, "IncompleteSignature"),
        (f"{asked}&SignatureVersion=2&Signature=0", "", 400, "IncompleteSignature"),
        ("Version=2016-11-15", for_ec2, 400, "MissingAction"),
        ("", for_ec2, 400, "MissingAction"),
        ("Action=Nonsense&Version=2016-11-15", for_ec2, 400, "InvalidAction"),
        ("Action=StartInstances", for_ec2, 400, "MissingParameter"),
    ):
        told, text = posted(site, body, authorization)
        assert (told, code in text) == (status, True), (body, authorization, text)


def test_a_dry_run_does_nothing(site: Site) -> None:
    """Of actions that moto answers and of those that are answered here."""
    before = site.ec2.describe_instances()["Reservations"]
    assert refused(site.ec2.run_instances, **launch(site), DryRun=True)[0] == "DryRunOperation"
    assert refused(site.ec2.describe_instances, DryRun=True)[0] == "DryRunOperation"
    assert site.ec2.describe_instances()["Reservations"] == before


def test_launches_that_ec2_refuses(site: Site) -> None:
    """Each by its code, and none leaves an instance."""
    subnet = site.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    spaced = [{"ResourceType": "instance", "Tags": [{"Key": "a b", "Value": "c"}]}]
    unknown_template = {"LaunchTemplateId": "lt-0123456789abcdef0"}
    before = site.ec2.describe_instances()["Reservations"]
    for wanted, code in (
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue"),
        ({"MetadataOptions": {"HttpTokens": "perhaps"}}, "InvalidParameterValue"),
        ({"InstanceInitiatedShutdownBehavior": "hibernate"}, "InvalidParameterValue"),
        (
            {"MetadataOptions": {"InstanceMetadataTags": "enabled"}, "TagSpecifications": spaced},
            "InvalidParameterValue",
        ),
        ({"SubnetId": subnet, "SecurityGroups": ["default"]}, "InvalidParameterCombination"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"SubnetId": subnet, "PrivateIpAddress": "192.0.2.1"}, "InvalidParameterValue"),
        ({"SecurityGroups": ["nobody's"]}, "InvalidGroup.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobody's"}}, "InvalidParameterValue"),
        ({"LaunchTemplate": unknown_template}, "InvalidLaunchTemplateId.NotFound"),
    ):
        assert refused(site.ec2.run_instances, **launch(site), **wanted)[0] == code, wanted
    assert site.ec2.describe_instances()["Reservations"] == before


def test_what_a_launch_tells_stays_true(site: Site) -> None:
    """Addresses and names of every instance, its group, and a role for each of them."""
    iam = site.target.client("iam")
    name = f"role-{uuid.uuid4().hex[:8]}"
    iam.create_instance_profile(InstanceProfileName=name)
    token = uuid.uuid4().hex
    wanted = {**launch(site), "MaxCount": 3, "IamInstanceProfile": {"Name": name}}
    launched = site.ec2.run_instances(**wanted, ClientToken=token)["Instances"]
    ids = [one["InstanceId"] for one in launched]
    try:
        code, _ = refused(site.ec2.run_instances, **{**wanted, "MaxCount": 2}, ClientToken=token)
        assert code == "IdempotentParameterMismatch"
        for told in launched:
            answer = site.ec2.describe_instances(InstanceIds=[told["InstanceId"]])
            true = answer["Reservations"][0]["Instances"][0]
            for member in ("PrivateIpAddress", "PrivateDnsName", "PublicIpAddress", "SubnetId"):
                assert told[member] == true[member], member
            (interface,) = true["NetworkInterfaces"]
            assert interface["PrivateIpAddress"] == told["PrivateIpAddress"]
            assert [group["GroupName"] for group in true["SecurityGroups"]] == ["default"]
            assert true["IamInstanceProfile"]["Arn"].endswith(name)
        assert len({one["PrivateIpAddress"] for one in launched}) == 3
    finally:
        site.ec2.terminate_instances(InstanceIds=ids)
        site.ec2.get_waiter("instance_terminated").wait(
            InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        iam.delete_instance_profile(InstanceProfileName=name)


def test_what_is_in_use_is_not_deleted(site: Site) -> None:
    """Groups, subnets and interfaces, until the instance is terminated; then all are free."""
    ec2 = site.ec2
    referring = str(
        ec2.create_security_group(GroupName=f"g-{uuid.uuid4().hex}", Description="x")["GroupId"]
    )
    with site.group(22) as group:
        peer = [{"GroupId": group}]
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": peer}
        ec2.authorize_security_group_ingress(GroupId=referring, IpPermissions=[rule])
        assert refused(ec2.delete_security_group, GroupId=group)[0] == "DependencyViolation"
        ec2.delete_security_group(GroupId=referring)
        with site.machine(SecurityGroupIds=[group]) as machine:
            (interface,) = machine.describe()["NetworkInterfaces"]
            eni = interface["NetworkInterfaceId"]
            assert refused(ec2.delete_security_group, GroupId=group)[0] == "DependencyViolation"
            code, _ = refused(ec2.delete_subnet, SubnetId=interface["SubnetId"])
            assert code == "DependencyViolation"
            code, _ = refused(ec2.delete_network_interface, NetworkInterfaceId=eni)
            assert code == "InvalidParameterValue"
        ec2.terminate_instances(InstanceIds=[machine.id])  # asking again is no error
        gone = machine.describe()
        assert "NetworkInterfaces" not in gone or not gone["NetworkInterfaces"]
        assert "PrivateIpAddress" not in gone
        left = ec2.describe_network_interfaces()["NetworkInterfaces"]
        assert eni not in {one["NetworkInterfaceId"] for one in left}
    assert refused(ec2.delete_security_group, GroupName="default")[0] == "CannotDelete"


def test_a_rule_that_is_none_does_not_cost_the_others(site: Site) -> None:
    """It is refused, and ICMP of the other family lets nothing in; the rest goes on."""
    with site.group(22) as group, site.machine(SecurityGroupIds=[group]) as machine:
        for bad in (
            {"IpProtocol": "tcp", "FromPort": 99999, "ToPort": 2},
            {"IpProtocol": "nonsense", "FromPort": 1, "ToPort": 2},
            {"IpProtocol": "tcp"},
        ):
            permission = {**bad, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
            code, _ = refused(
                site.ec2.authorize_security_group_ingress,
                GroupId=group,
                IpPermissions=[permission],
            )
            assert code == "InvalidParameterValue", bad
        for odd in (
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "v": 6},
            {"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": -1, "v": 4},
            {"IpProtocol": "47", "v": 4},
            {"IpProtocol": "tcp", "FromPort": -1, "ToPort": -1, "v": 4},
        ):
            block: dict[str, Any] = (
                {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
                if odd.pop("v") == 6
                else {"IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
            )
            for change in (
                site.ec2.authorize_security_group_ingress,
                site.ec2.revoke_security_group_ingress,
            ):
                change(GroupId=group, IpPermissions=[{**odd, **block}])
        assert machine.run("echo in") == "in"
        assert machine.state == "running"


def test_protection_against_termination(site: Site) -> None:
    """Set at launch; whoever shares the zone stays too, and it does not hold for a power-off."""
    with site.machines(2, DisableApiTermination=True) as (one, two):
        site.ec2.modify_instance_attribute(
            InstanceId=two.id, DisableApiTermination={"Value": False}
        )
        code, message = refused(site.ec2.terminate_instances, InstanceIds=[two.id, one.id])
        assert (code, one.id in message) == ("OperationNotPermitted", True)
        assert {one.state, two.state} == {"running"}
        site.ec2.modify_instance_attribute(
            InstanceId=one.id, DisableApiTermination={"Value": False}
        )


def test_attributes_that_are_modified(site: Site) -> None:
    """Some of them while it is stopped only, and none costs the instance its groups."""
    ec2 = site.ec2
    first = "#!/bin/sh\ntrue\n"
    with site.group(22) as group, site.machine(SecurityGroupIds=[group], UserData=first) as machine:
        modify = ec2.modify_instance_attribute
        for wanted, code in (
            ({"InstanceType": {"Value": "t3.small"}}, "IncorrectInstanceState"),
            ({"UserData": {"Value": b"#!/bin/sh\n"}}, "IncorrectInstanceState"),
            ({"Groups": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
            (
                {"InstanceInitiatedShutdownBehavior": {"Value": "hibernate"}},
                "InvalidParameterValue",
            ),
            ({}, "InvalidParameterCombination"),
        ):
            assert refused(modify, InstanceId=machine.id, **wanted)[0] == code, wanted

        def attribute(name: str) -> Any:  # noqa: ANN401 - of any shape
            answer = ec2.describe_instance_attribute(InstanceId=machine.id, Attribute=name)
            member = name[0].upper() + name[1:]
            return answer.get(member, answer)

        modify(InstanceId=machine.id, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
        assert attribute("instanceInitiatedShutdownBehavior") == {"Value": "terminate"}
        assert [one["GroupId"] for one in attribute("groupSet")["Groups"]] == [group]

        (told,) = ec2.stop_instances(InstanceIds=[machine.id])["StoppingInstances"]
        states = told["PreviousState"]["Name"], told["CurrentState"]["Name"]
        assert states == ("running", "stopping")
        machine.wait_for("stopped")
        script = b"#!/bin/sh\necho second > /root/told\n"
        modify(InstanceId=machine.id, UserData={"Value": script})
        code, _ = refused(modify, InstanceId=machine.id, InstanceType={"Value": "t9.huge"})
        assert code == "InvalidInstanceAttributeValue"
        modify(InstanceId=machine.id, InstanceType={"Value": "t3.small"})
        ec2.start_instances(InstanceIds=[machine.id])
        machine.wait_for("running")
        assert machine.run(f"curl -sS {IMDS}/user-data").encode() == script.strip()
        assert machine.run(f"curl -sS {IMDS}/meta-data/instance-type") == "t3.small"
        (told,) = ec2.start_instances(InstanceIds=[machine.id])["StartingInstances"]
        assert told["CurrentState"]["Name"] == "running"


def test_a_status_is_initializing_until_the_guest_is_heard_of(site: Site) -> None:
    """boto3's own waiter sees it become ok; what does not run has no status but by request."""
    ec2 = site.ec2
    with site.machine() as machine:
        ec2.get_waiter("instance_status_ok").wait(
            InstanceIds=[machine.id], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        ec2.stop_instances(InstanceIds=[machine.id])
        machine.wait_for("stopped")
        statuses = ec2.describe_instance_status(InstanceIds=[machine.id])["InstanceStatuses"]
        assert statuses == []
        (status,) = ec2.describe_instance_status(
            InstanceIds=[machine.id], IncludeAllInstances=True
        )["InstanceStatuses"]
        assert status["InstanceStatus"]["Status"] == "not-applicable"
        ec2.start_instances(InstanceIds=[machine.id])
        site.until(lambda: machine.state == "running", "running")
        ec2.get_waiter("instance_status_ok").wait(
            InstanceIds=[machine.id], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )


def test_an_image_of_a_stopped_instance(site: Site) -> None:
    """Its name is its own, and what is booted from it has the disk."""
    ec2 = site.ec2
    with site.machine() as machine:
        machine.run("echo baked | sudo tee /root/baked; sync")
        ec2.stop_instances(InstanceIds=[machine.id])
        code, _ = refused(ec2.create_image, InstanceId=machine.id, Name="too-early")
        machine.wait_for("stopped")
        assert code == "IncorrectState"
        name = f"image-{uuid.uuid4().hex[:8]}"
        code, _ = refused(ec2.create_image, InstanceId=machine.id, Name="what?")
        assert code == "InvalidAMIName.Malformed"
        image = ec2.create_image(InstanceId=machine.id, Name=name)["ImageId"]
        try:
            code, message = refused(ec2.create_image, InstanceId=machine.id, Name=name)
            assert (code, image in message) == ("InvalidAMIName.Duplicate", True)
            assert machine.state == "stopped"
            with site.machine(ImageId=image) as other:
                assert other.run("sudo cat /root/baked") == "baked"
        finally:
            ec2.deregister_image(ImageId=image)
