"""Instances of Auto Scaling groups: launched with all that the group says, and attached to it.

What a group says is asked of the service, so that it is the same whether a stack or another client
wants more instances.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from harness.cloudformation.resources.api import Api, invalid
from harness.cloudformation.resources.launching import (
    from_launch_configuration,
    from_launch_template,
    in_subnet,
    launch,
)
from harness.template import Node

GROUP_TAG: Final = "aws:autoscaling:groupName"


def describe_group(api: Api, name: str) -> dict[str, Any] | None:
    """A group as the service describes it; None where there is none."""
    found = api.call("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])
    groups: list[dict[str, Any]] = found["AutoScalingGroups"]
    return groups[0] if groups else None


def members(group: Mapping[str, Any]) -> list[str]:
    """The ids of a group's instances, oldest first."""
    return [str(one["InstanceId"]) for one in group.get("Instances", [])]


def add_instances(api: Api, group: Mapping[str, Any], count: int) -> list[str]:
    """Launch instances in a group's subnets or zones in turn, and attach them.

    Args:
        api: The services.
        group: As :func:`describe_group` has it.
        count: How many; none where it is not above 0.

    Returns:
        Their ids; they may be on their way still.

    Raises:
        ResourceFailure: One cannot be launched.
    """
    if count <= 0:
        return []
    launched: list[str] = []
    name = str(group["AutoScalingGroupName"])
    tags = [{"ResourceType": "instance", "Tags": _instance_tags(group)}]
    common = {**_parameters(api, group), "TagSpecifications": tags}
    places = itertools.cycle(_places(group))
    for _ in range(count):
        kind, place = next(places)
        if kind == "subnet":
            parameters = in_subnet(common, place)
        else:
            parameters = {**common, "Placement": {"AvailabilityZone": place}}
        instance_id = launch(api, parameters)
        launched.append(instance_id)
        api.call(
            "autoscaling", "AttachInstances", AutoScalingGroupName=name, InstanceIds=[instance_id]
        )
    return launched


def _places(group: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where a group's instances go in turn: its subnets, else its zones."""
    subnets = [one.strip() for one in str(group.get("VPCZoneIdentifier") or "").split(",")]
    if any(subnets):
        return [("subnet", one) for one in subnets]
    return [("zone", one) for one in group.get("AvailabilityZones", [])]


def _parameters(api: Api, group: Mapping[str, Any]) -> dict[str, Node]:
    template = group.get("LaunchTemplate")
    if template:
        by = "LaunchTemplateId" if template.get("LaunchTemplateId") else "LaunchTemplateName"
        named = {key: template[key] for key in (by, "Version") if template.get(key)}
        return from_launch_template(api, named)
    if group.get("LaunchConfigurationName"):
        return from_launch_configuration(api, str(group["LaunchConfigurationName"]))
    raise invalid("The group has neither a launch template nor a launch configuration")


def _instance_tags(group: Mapping[str, Any]) -> list[Node]:
    tags = {one["Key"]: one["Value"] for one in group.get("Tags", []) if one["PropagateAtLaunch"]}
    tags[GROUP_TAG] = group["AutoScalingGroupName"]
    return [{"Key": key, "Value": value} for key, value in tags.items()]
