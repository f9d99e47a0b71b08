"""Launching and terminating instances, whichever resource asks for them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.resources.api import Api, ApiError, invalid, not_stabilized, refusal
from harness.cloudformation.resources.base import Job
from harness.cloudformation.resources.security_group import group_ids
from harness.template import MAX_USER_DATA_BYTES, Node

_GONE: Final = frozenset({"shutting-down", "terminated"})


def launch(api: Api, parameters: Mapping[str, Node]) -> str:
    """Launch one instance.

    Args:
        api: The services.
        parameters: What RunInstances is called with, but for how many.

    Returns:
        Its id.

    Raises:
        ResourceFailure: EC2 refuses it, wherever the parameters come from.
    """
    _check_key_pair(api, parameters.get("KeyName"))
    # A simulation has nobody else who would refuse it.
    if len(parameters.get("UserData") or b"") > MAX_USER_DATA_BYTES:
        raise refusal(
            f"User data is limited to {MAX_USER_DATA_BYTES} bytes", "InvalidParameterValue"
        )
    answer = api.call("ec2", "RunInstances", MinCount=1, MaxCount=1, **parameters)
    return str(answer["Instances"][0]["InstanceId"])


def _check_key_pair(api: Api, name: Node) -> None:
    # The local cloud's RunInstances takes any name.
    by_name = [{"Name": "key-name", "Values": [name]}]
    if name is not None and not api.call("ec2", "DescribeKeyPairs", Filters=by_name)["KeyPairs"]:
        raise refusal(f"The key pair '{name}' does not exist", "InvalidKeyPair.NotFound")


def describe_instance(api: Api, instance_id: str) -> dict[str, Any]:
    """An instance as DescribeInstances has it."""
    answer = api.call("ec2", "DescribeInstances", InstanceIds=[instance_id])
    instance: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
    return instance


def wait_until_running(job: Job, instance_id: str) -> None:
    """Wait until an instance runs.

    Raises:
        ResourceFailure: It ended instead, or never came so far.
        ResourceCancelled: The stack no longer wants it.
    """

    def settled() -> bool:
        job.check_cancelled()
        instance = describe_instance(job.api, instance_id)
        state = instance["State"]["Name"]
        if state in _GONE:
            why = instance.get("StateReason", {}).get("Message") or "unknown"
            raise ResourceFailure(
                f"Instance {instance_id} failed to stabilize. Current state: {state}. Reason: {why}"
            )
        return bool(state == "running")

    if not job.api.wait_until(settled, job.api.patience.create):
        raise not_stabilized(f"Instance {instance_id} did not run in time")


def wait_until_stopped(api: Api, instance_id: str) -> None:
    """Wait until an instance is stopped.

    Raises:
        ResourceFailure: It never was.
    """

    def settled() -> bool:
        return bool(describe_instance(api, instance_id)["State"]["Name"] == "stopped")

    if not api.wait_until(settled, api.patience.create):
        raise not_stabilized(f"Instance {instance_id} was not stopped in time")


def terminate(api: Api, instance_id: str) -> None:
    """Terminate an instance, and wait until it is; one that is gone already is no error.

    Raises:
        ResourceFailure: It may not be terminated, or does not end.
    """

    def ended() -> bool:
        return bool(describe_instance(api, instance_id)["State"]["Name"] == "terminated")

    try:
        api.call("ec2", "TerminateInstances", InstanceIds=[instance_id])
        if not api.wait_until(ended, api.patience.delete):
            raise not_stabilized(f"Instance {instance_id} was not terminated in time")
    except ApiError as error:
        if not error.says_gone:
            raise


def decoded_user_data(encoded: Node) -> bytes:
    """User data as boto3 wants it for an instance, to encode it again.

    Raises:
        ResourceFailure: It is not Base64.
    """
    try:
        return base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError):
        raise refusal(
            "Invalid BASE64 encoding of user data.", "InvalidUserData.Malformed"
        ) from None


def with_defaults(mappings: Node) -> list[Node]:
    """Block devices with EC2's default for their end, which the local cloud does not have."""
    ends = {"DeleteOnTermination": True}
    return [
        {**one, **({"Ebs": {**ends, **one["Ebs"]}} if "Ebs" in one else {})} for one in mappings
    ]


def profile(named: Node) -> dict[str, Node]:
    """An instance profile, by name or ARN, as RunInstances takes it."""
    return {"Arn" if str(named).startswith("arn:") else "Name": named}


def from_launch_template(api: Api, specification: Mapping[str, Node]) -> dict[str, Node]:
    """What a launch template says, as parameters of RunInstances.

    They are spelt out beside the template, since the local cloud's RunInstances takes but some of
    them from it; it takes the tags.
    """
    named = {**specification}
    versions = [str(named.pop("Version", "$Default"))]
    answer = api.call("ec2", "DescribeLaunchTemplateVersions", Versions=versions, **named)
    data = dict(answer["LaunchTemplateVersions"][0]["LaunchTemplateData"])
    data.pop("TagSpecifications", None)
    if "UserData" in data:
        data["UserData"] = decoded_user_data(data["UserData"])
    return {"LaunchTemplate": specification, **data}


def from_launch_configuration(api: Api, name: str) -> dict[str, Node]:
    """What a launch configuration says, as parameters of RunInstances.

    Raises:
        ResourceFailure: There is none of that name.
    """
    found = api.call(
        "autoscaling", "DescribeLaunchConfigurations", LaunchConfigurationNames=[name]
    )["LaunchConfigurations"]
    if not found:
        raise invalid(f"Launch configuration name not found - {name}")
    parameters = {name: found[0][name] for name in _SAME if found[0].get(name)}
    if "UserData" in parameters:
        parameters["UserData"] = decoded_user_data(parameters["UserData"])
    if found[0].get("IamInstanceProfile"):
        parameters["IamInstanceProfile"] = profile(found[0]["IamInstanceProfile"])
    if found[0].get("BlockDeviceMappings"):
        parameters["BlockDeviceMappings"] = [
            {name: value for name, value in one.items() if name != "NoDevice" or value}
            for one in with_defaults(found[0]["BlockDeviceMappings"])
        ]
    groups = group_ids(api, found[0].get("SecurityGroups", []))
    if "AssociatePublicIpAddress" in found[0]:
        public = found[0]["AssociatePublicIpAddress"]
        interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": public, "Groups": groups}
        parameters["NetworkInterfaces"] = [interface]
    elif groups:
        parameters["SecurityGroupIds"] = groups
    return parameters


_SAME: Final = (
    "EbsOptimized",
    "ImageId",
    "InstanceType",
    "KeyName",
    "MetadataOptions",
    "UserData",
)


def in_subnet(parameters: Mapping[str, Node], subnet_id: str) -> dict[str, Node]:
    """Those parameters of RunInstances, for an instance in that subnet."""
    interfaces = parameters.get("NetworkInterfaces")
    if not interfaces:
        return {**parameters, "SubnetId": subnet_id}
    first, *others = interfaces
    return {**parameters, "NetworkInterfaces": [{**first, "SubnetId": subnet_id}, *others]}
