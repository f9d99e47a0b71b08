"""What a live run makes, and what is still there of it; bench/kills.py asks the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = "123456789012"
USER_DATA: Final = "#!/bin/bash -e\necho hello\n"


def template(user_data: str = USER_DATA, **instance: Any) -> str:  # noqa: ANN401 - attributes
    """A stack with one instance that anybody named by SshCidr may log in to."""
    image = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    ingress = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": {"Ref": "SshCidr"}}
    return json.dumps(
        {
            "Parameters": {
                "KeyName": {"Type": "AWS::EC2::KeyPair::KeyName"},
                "SshCidr": {"Type": "String"},
                "ImageId": {
                    "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
                    "Default": image,
                },
            },
            "Resources": {
                "Group": {
                    "Type": "AWS::EC2::SecurityGroup",
                    "Properties": {
                        "GroupDescription": "SSH",
                        "SecurityGroupIngress": [ingress],
                    },
                },
                "Compute": {
                    "Type": "AWS::EC2::Instance",
                    **instance,
                    "Properties": {
                        "ImageId": {"Ref": "ImageId"},
                        "InstanceType": "t3.micro",
                        "KeyName": {"Ref": "KeyName"},
                        "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                        "UserData": {"Fn::Base64": user_data},
                    },
                },
            },
        }
    )


def left(client: Callable[[str], Any], project: str, directory: Path) -> Sequence[str]:
    """Stacks, key pairs, instances, private keys and processes of a run that are still there.

    Args:
        client: Makes the boto3 client of a service by its name.
        project: What the names of all that the run makes begin with, before a hyphen.
        directory: Where it runs.
    """
    ec2 = client("ec2")
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    named = [one["StackName"] for one in stacks if one["StackStatus"] != "DELETE_COMPLETE"]
    named += [one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]]
    instances = [
        one["InstanceId"]
        for reservation in ec2.describe_instances()["Reservations"]
        for one in reservation["Instances"]
        if one["State"]["Name"] not in {"shutting-down", "terminated"}
        and any(f"{tag['Value']}-".startswith(f"{project}-") for tag in one.get("Tags", ()))
    ]
    mine = [name for name in named if name.startswith(f"{project}-")]
    secrets = map(str, directory.glob(".harness/runs/*/*.key"))
    return [*mine, *instances, *secrets, *processes(directory)]


def processes(directory: Path) -> Sequence[str]:
    """Command lines of living processes that name the directory."""
    mark = str(directory).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if mark in line:
            found.append(line.replace(b"\0", b" ").decode())
    return found
