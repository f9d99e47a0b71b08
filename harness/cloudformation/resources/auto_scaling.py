"""Auto Scaling groups ("AWS::AutoScaling::AutoScalingGroup", "…LaunchConfiguration").

The local cloud's own Auto Scaling launches instances with but some of what a launch template or a
launch configuration says. So a group is created empty, and gets instances that are launched with
all of it, and attached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, boolean, not_stabilized
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.ec2_thing import find
from harness.cloudformation.resources.launching import (
    decoded_user_data,
    terminate,
    wait_until_running,
)
from harness.cloudformation.resources.scaling import (
    GROUP_TAG,
    add_instances,
    describe_group,
    members,
)
from harness.cloudformation.resources.tags import system_tags
from harness.template import Node

_NO_SCALING: Final = "nothing here scales a group or judges the health of its instances"
_ONE_MACHINE: Final = "guests share the machine that they run on"
_ONE_DISK: Final = "a guest's disk is the image's, on the machine's own disk"
_NOT_TAKEN: Final = frozenset({"Tags", "VPCZoneIdentifier", "DesiredCapacity", "MinSize"})


class LaunchConfiguration(Handler):
    """``AWS::AutoScaling::LaunchConfiguration``."""

    acts_on = frozenset(
        {
            "AssociatePublicIpAddress",
            "IamInstanceProfile",
            "ImageId",
            "InstanceType",
            "KeyName",
            "LaunchConfigurationName",
            "MetadataOptions",
            "SecurityGroups",
            "UserData",
        }
    )
    without_effect: ClassVar[Mapping[str, str]] = {
        "BlockDeviceMappings": _ONE_DISK,
        "EbsOptimized": _ONE_DISK,
        "InstanceMonitoring": "nobody measures guests",
        "PlacementTenancy": _ONE_MACHINE,
    }
    required = ("ImageId", "InstanceType")
    replacing = acts_on | without_effect.keys()
    custom_name = "LaunchConfigurationName"

    def create(self, job: Job) -> ProvisionedResource:
        """Create it."""
        names = (self.acts_on | self.without_effect.keys()) - {"InstanceMonitoring"}
        wanted = job.pick(*names)
        name = str(job.get("LaunchConfigurationName") or generated_name(job.request))
        wanted["LaunchConfigurationName"] = name
        if "UserData" in wanted:
            wanted["UserData"] = decoded_user_data(wanted["UserData"])
        if "InstanceMonitoring" in job.properties:
            wanted["InstanceMonitoring"] = {"Enabled": boolean(job.get("InstanceMonitoring"))}
        job.api.call("autoscaling", "CreateLaunchConfiguration", **wanted)
        return job.made(name)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        name = resource.physical_id
        if api.call("autoscaling", "DescribeLaunchConfigurations", LaunchConfigurationNames=[name])[
            "LaunchConfigurations"
        ]:
            api.delete(
                "autoscaling",
                "DeleteLaunchConfiguration",
                busy="ResourceInUse",
                LaunchConfigurationName=name,
            )


class AutoScalingGroup(Handler):
    """``AWS::AutoScaling::AutoScalingGroup``.

    A new launch template or configuration is for the instances launched from then on; a rolling
    update replaces the others, batch by batch.
    """

    acts_on = frozenset(
        {
            "AutoScalingGroupName",
            "AvailabilityZones",
            "DesiredCapacity",
            "LaunchConfigurationName",
            "LaunchTemplate",
            "MaxSize",
            "MinSize",
            "Tags",
            "VPCZoneIdentifier",
        }
    )
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "CapacityRebalance",
            "Cooldown",
            "DefaultInstanceWarmup",
            "HealthCheckGracePeriod",
            "HealthCheckType",
            "MaxInstanceLifetime",
            "NewInstancesProtectedFromScaleIn",
            "TerminationPolicies",
        ),
        _NO_SCALING,
    )
    required = ("MaxSize", "MinSize")
    replacing = frozenset({"AutoScalingGroupName"})
    interrupting = frozenset({"LaunchConfigurationName", "LaunchTemplate", "VPCZoneIdentifier"})
    updating = (acts_on | without_effect.keys()) - replacing - interrupting
    custom_name = "AutoScalingGroupName"
    attributes: ClassVar[Mapping[str, str]] = {"AutoScalingGroupARN": "AutoScalingGroupARN"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it empty, fill it, and wait until its instances run."""
        name = str(job.get("AutoScalingGroupName") or generated_name(job.request))
        job.api.call(
            "autoscaling",
            "CreateAutoScalingGroup",
            **self._parameters(job, name),
            DesiredCapacity=0,
            Tags=_group_tags(job, name),
        )
        made = job.made(name)
        self._resize(job, name)
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The group."""
        return describe_group(api, resource.physical_id) or {}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change it, then the number of its instances."""
        name = resource.physical_id
        existing = members(describe_group(job.api, name) or {})
        parameters = self._parameters(job, name)
        parameters["MaxSize"] = max(len(existing), int(job.get("MaxSize")))
        job.api.call("autoscaling", "UpdateAutoScalingGroup", **parameters)
        if "Tags" in changed:
            job.api.call("autoscaling", "CreateOrUpdateTags", Tags=_group_tags(job, name))
        self._resize(job, name)
        return super().update(job, resource, changed)

    def members(self, api: Api, resource: ProvisionedResource) -> list[str]:
        """The ids of its instances, oldest first."""
        return members(describe_group(api, resource.physical_id) or {})

    def roll(
        self, job: Job, resource: ProvisionedResource, end: Sequence[str], launch: int
    ) -> list[str]:
        """Terminate instances, then launch others and wait until they run."""
        name = resource.physical_id
        for instance_id in end:
            _end(job.api, instance_id)
        group = describe_group(job.api, name) or {}
        size = len(members(group)) + launch
        # The group may be larger than it is to be, while new instances come before old ones go.
        job.api.call(
            "autoscaling",
            "UpdateAutoScalingGroup",
            AutoScalingGroupName=name,
            MaxSize=max(size, int(job.get("MaxSize"))),
        )
        launched = add_instances(job.api, group, launch)
        for instance_id in launched:
            wait_until_running(job, instance_id)
        return launched

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Terminate its instances, delete it, and wait until all are gone."""
        name = resource.physical_id
        group = describe_group(api, name)
        if group is not None:
            # Given up on one by one, so that those protected from scaling in go too, and without
            # others in their place.
            for instance_id in members(group):
                _give_up(api, instance_id)
            api.call(
                "autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName=name, ForceDelete=True
            )

        def ended() -> bool:
            found = find(api, "DescribeInstances", "Reservations", **{f"tag:{GROUP_TAG}": name})
            instances = [one for reservation in found for one in reservation["Instances"]]
            return all(one["State"]["Name"] == "terminated" for one in instances)

        if not api.wait_until(ended, api.patience.delete):
            raise not_stabilized(f"Group {name} still has instances")

    def _parameters(self, job: Job, name: str) -> dict[str, Node]:
        """The group as the API has it, free for now to be smaller than it has to be."""
        names = (self.acts_on | self.without_effect.keys()) - _NOT_TAKEN - {"Cooldown"}
        parameters = {**job.pick(*names), "AutoScalingGroupName": name, "MinSize": 0}
        if "Cooldown" in job.properties:
            parameters["DefaultCooldown"] = job.get("Cooldown")
        if "VPCZoneIdentifier" in job.properties:
            parameters["VPCZoneIdentifier"] = ",".join(job.get("VPCZoneIdentifier"))
        return parameters

    def _resize(self, job: Job, name: str) -> None:
        """Bring the number of instances to what is wanted, and wait until they run."""
        wanted = int(job.get("DesiredCapacity", job.get("MinSize")))
        group = describe_group(job.api, name) or {}
        existing = members(group)
        for instance_id in existing[wanted:]:
            _end(job.api, instance_id)
        launched = add_instances(job.api, group, wanted - len(existing))
        job.api.call(
            "autoscaling",
            "UpdateAutoScalingGroup",
            AutoScalingGroupName=name,
            **job.pick("MinSize", "MaxSize"),
        )
        for instance_id in launched:
            wait_until_running(job, instance_id)


def _end(api: Api, instance_id: str) -> None:
    """End one instance of a group, which becomes smaller, and wait until it is terminated."""
    _give_up(api, instance_id)
    terminate(api, instance_id)


def _give_up(api: Api, instance_id: str) -> None:
    api.call(
        "autoscaling",
        "TerminateInstanceInAutoScalingGroup",
        InstanceId=instance_id,
        ShouldDecrementDesiredCapacity=True,
    )


def _tags(job: Job) -> list[tuple[str, str, bool]]:
    """Tags of the group: key, value, and whether its instances get them."""
    system = [(key, value, True) for key, value in system_tags(job.request).items()]
    stack = [(key, value, True) for key, value in job.request.stack_tags.items()]
    own = [
        (str(one["Key"]), str(one["Value"]), boolean(one.get("PropagateAtLaunch")) is True)
        for one in job.get("Tags", [])
    ]
    return [*system, *stack, *own]


def _group_tags(job: Job, name: str) -> list[Node]:
    return [
        {
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagated,
        }
        for key, value, propagated in _tags(job)
    ]


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::AutoScaling::AutoScalingGroup": AutoScalingGroup(),
    "AWS::AutoScaling::LaunchConfiguration": LaunchConfiguration(),
}
