"""Instances ("AWS::EC2::Instance")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource, ResourceFailure
from harness.cloudformation.resources.api import Api, ApiError, boolean, refusal
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.launching import (
    decoded_user_data,
    describe_instance,
    from_launch_template,
    launch,
    profile,
    terminate,
    wait_until_running,
    wait_until_stopped,
    with_defaults,
)
from harness.cloudformation.resources.security_group import group_ids
from harness.cloudformation.resources.tags import ec2_tags, update_ec2_tags
from harness.template import Node

_PLACEMENT: Final = {
    "Affinity": "Affinity",
    "AvailabilityZone": "AvailabilityZone",
    "HostId": "HostId",
    "HostResourceGroupArn": "HostResourceGroupArn",
    "PlacementGroupName": "GroupName",
    "Tenancy": "Tenancy",
}
"""Property -> member of RunInstances' ``Placement``."""

_UNCHANGED: Final = (
    "AdditionalInfo",
    "CpuOptions",
    "EbsOptimized",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceType",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "KeyName",
    "LaunchTemplate",
    "MetadataOptions",
    "PrivateIpAddress",
    "SecurityGroups",
    "SubnetId",
)
"""Properties that RunInstances takes under the same name."""

_ONE_MACHINE: Final = "guests share the machine that they run on"
_ONE_DISK: Final = "a guest's disk is the image's, on the machine's own disk"
_WHOLE_INTERFACE: Final = "a guest has one interface, and it goes with the guest"

_ROOT_DEVICES: Final = frozenset({"/dev/sda1", "/dev/xvda"})
"""What images have their root on."""


class Instance(Handler):
    """``AWS::EC2::Instance``."""

    acts_on = frozenset(
        {
            "AvailabilityZone",
            "DisableApiTermination",
            "IamInstanceProfile",
            "ImageId",
            "InstanceInitiatedShutdownBehavior",
            "InstanceType",
            "Ipv6AddressCount",
            "Ipv6Addresses",
            "KeyName",
            "LaunchTemplate",
            "MetadataOptions.HttpEndpoint",
            "MetadataOptions.HttpPutResponseHopLimit",
            "MetadataOptions.HttpTokens",
            "MetadataOptions.InstanceMetadataTags",
            "NetworkInterfaces.AssociatePublicIpAddress",
            "NetworkInterfaces.DeviceIndex",
            "NetworkInterfaces.GroupSet",
            "NetworkInterfaces.Ipv6AddressCount",
            "NetworkInterfaces.Ipv6Addresses",
            "NetworkInterfaces.NetworkInterfaceId",
            "NetworkInterfaces.PrivateIpAddress",
            "NetworkInterfaces.SubnetId",
            "PrivateIpAddress",
            "PropagateTagsToVolumeOnCreation",
            "SecurityGroupIds",
            "SecurityGroups",
            "SubnetId",
            "Tags",
            "UserData",
        }
    )
    without_effect: ClassVar[Mapping[str, str]] = {
        "Affinity": _ONE_MACHINE,
        "BlockDeviceMappings": _ONE_DISK,
        "CpuOptions": _ONE_MACHINE,
        "CreditSpecification": "nobody counts a guest's CPU credits",
        "EbsOptimized": _ONE_DISK,
        "HostId": _ONE_MACHINE,
        "HostResourceGroupArn": _ONE_MACHINE,
        "MetadataOptions.HttpProtocolIpv6": "a guest's metadata service answers over IPv4",
        "Monitoring": "nobody measures guests",
        "NetworkInterfaces.DeleteOnTermination": _WHOLE_INTERFACE,
        "NetworkInterfaces.Description": _WHOLE_INTERFACE,
        "PlacementGroupName": _ONE_MACHINE,
        "SourceDestCheck": "guests do not route for each other",
        "Tenancy": _ONE_MACHINE,
    }
    replacing = frozenset(
        {
            "AvailabilityZone",
            "CpuOptions",
            "HostResourceGroupArn",
            "ImageId",
            "Ipv6AddressCount",
            "Ipv6Addresses",
            "KeyName",
            "LaunchTemplate",
            "NetworkInterfaces",
            "PlacementGroupName",
            "PrivateIpAddress",
            "SecurityGroups",
            "SubnetId",
            # Some changes of it do not replace the instance; none of them has an effect.
            "BlockDeviceMappings",
        }
    )
    interrupting = frozenset(
        {"Affinity", "EbsOptimized", "HostId", "InstanceType", "Tenancy", "UserData"}
    )
    updating = frozenset(
        {
            "CreditSpecification",
            "DisableApiTermination",
            "IamInstanceProfile",
            "InstanceInitiatedShutdownBehavior",
            "MetadataOptions",
            "Monitoring",
            "PropagateTagsToVolumeOnCreation",
            "SecurityGroupIds",
            "SourceDestCheck",
            "Tags",
        }
    )
    attributes: ClassVar[Mapping[str, str]] = {
        "AvailabilityZone": "Placement.AvailabilityZone",
        "InstanceId": "InstanceId",
        "PrivateDnsName": "PrivateDnsName",
        "PrivateIp": "PrivateIpAddress",
        "PublicDnsName": "PublicDnsName",
        "PublicIp": "PublicIpAddress",
        "State.Code": "State.Code",
        "State.Name": "State.Name",
        "VpcId": "VpcId",
    }

    def gaps(self, properties: Mapping[str, Node]) -> list[str]:
        """Disks besides the root's, which do not appear in a guest."""
        devices = properties.get("BlockDeviceMappings")
        others = isinstance(devices, list) and any(
            one.get("DeviceName") not in _ROOT_DEVICES
            for one in devices
            if isinstance(one, Mapping)
        )
        return ["BlockDeviceMappings.DeviceName"] if others else []

    def create(self, job: Job) -> ProvisionedResource:
        """Run it, and wait until it is running."""
        instance_id = launch(job.api, launch_parameters(job))
        made = job.made(instance_id)
        wait_until_running(job, instance_id)
        _check_address(job, instance_id)
        for name, change in _AFTERWARDS.items():
            if name in job.properties:
                change(job, instance_id)
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The instance."""
        return describe_instance(api, resource.physical_id)

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change it, stopped where EC2 wants it stopped for that."""
        instance_id = resource.physical_id
        stopped = changed & self.interrupting
        if stopped:
            job.api.call("ec2", "StopInstances", InstanceIds=[instance_id])
            wait_until_stopped(job.api, instance_id)
        for name in sorted(changed):
            change = _CHANGES.get(name) or _AFTERWARDS.get(name)
            if change:
                change(job, instance_id)
        if stopped:
            job.api.call("ec2", "StartInstances", InstanceIds=[instance_id])
            wait_until_running(job, instance_id)
        if "Tags" in changed:
            update_ec2_tags(job.api, resource, job.request, instance_id)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Terminate it, and wait until it is."""
        terminate(api, resource.physical_id)


def _check_address(job: Job, instance_id: str) -> None:
    """Hold the address that was asked for against the one that the cloud gave."""
    wanted = job.get("PrivateIpAddress")
    if wanted is None:
        return
    given = describe_instance(job.api, instance_id).get("PrivateIpAddress")
    if wanted != given:
        raise ResourceFailure(f"Not simulated: PrivateIpAddress {wanted}; it is {given} instead")


def launch_parameters(job: Job) -> dict[str, Node]:
    """What RunInstances is called with.

    Raises:
        ResourceFailure: The properties contradict each other, or name what does not exist.
    """
    if "SecurityGroups" in job.properties and "SubnetId" in job.properties:
        raise refusal(
            "The parameter groupName cannot be used with the parameter subnet",
            "InvalidParameterCombination",
        )
    parameters = job.pick(*_UNCHANGED)
    placement = {
        member: job.properties[name]
        for name, member in _PLACEMENT.items()
        if name in job.properties
    }
    if placement:
        parameters["Placement"] = placement
    for name, translate in _TRANSLATED.items():
        if name in job.properties:
            parameters[name] = translate(job, job.properties[name])
    if "LaunchTemplate" in job.properties:
        template = from_launch_template(job.api, job.get("LaunchTemplate"))
        parameters = {**template, **parameters}
    kinds = ["instance"]
    if boolean(job.get("PropagateTagsToVolumeOnCreation", False)):
        kinds.append("volume")
    parameters["TagSpecifications"] = ec2_tags(job.request, *kinds)
    return parameters


def _network_interfaces(job: Job, interfaces: Node) -> list[Node]:
    return [
        {
            **{name: value for name, value in one.items() if name != "GroupSet"},
            **({"Groups": group_ids(job.api, one["GroupSet"])} if "GroupSet" in one else {}),
        }
        for one in interfaces
    ]


_TRANSLATED: Final[Mapping[str, Callable[[Job, Node], Node]]] = {
    "BlockDeviceMappings": lambda _job, mappings: with_defaults(mappings),
    "CreditSpecification": lambda _job, value: {"CpuCredits": value.get("CPUCredits")},
    "IamInstanceProfile": lambda _job, named: profile(named),
    "Monitoring": lambda _job, on: {"Enabled": boolean(on)},
    "NetworkInterfaces": _network_interfaces,
    "SecurityGroupIds": lambda job, groups: group_ids(job.api, groups),
    "UserData": lambda _job, encoded: decoded_user_data(encoded),
}
"""Properties that RunInstances takes in another shape."""


def _modify(name: str, value: Callable[[Job], Node]) -> Callable[[Job, str], None]:
    def change(job: Job, instance_id: str) -> None:
        job.api.call("ec2", "ModifyInstanceAttribute", InstanceId=instance_id, **{name: value(job)})

    return change


def _wrapped(name: str, default: Node) -> Callable[[Job, str], None]:
    return _modify(name, lambda job: {"Value": job.get(name, default)})


def _set_metadata_options(job: Job, instance_id: str) -> None:
    options = job.get("MetadataOptions", {})
    job.api.call("ec2", "ModifyInstanceMetadataOptions", InstanceId=instance_id, **options)


def _set_monitoring(job: Job, instance_id: str) -> None:
    on = boolean(job.get("Monitoring", False))
    operation = "MonitorInstances" if on is True else "UnmonitorInstances"
    job.api.call("ec2", operation, InstanceIds=[instance_id])


def _set_placement(job: Job, instance_id: str) -> None:
    wanted = job.pick("Affinity", "HostId", "Tenancy")
    job.api.call("ec2", "ModifyInstancePlacement", InstanceId=instance_id, **wanted)


def _set_profile(job: Job, instance_id: str) -> None:
    found = job.api.call(
        "ec2",
        "DescribeIamInstanceProfileAssociations",
        Filters=[{"Name": "instance-id", "Values": [instance_id]}],
    )["IamInstanceProfileAssociations"]
    for association in found:
        job.api.call(
            "ec2",
            "DisassociateIamInstanceProfile",
            AssociationId=association["AssociationId"],
        )
    if "IamInstanceProfile" in job.properties:
        job.api.call(
            "ec2",
            "AssociateIamInstanceProfile",
            InstanceId=instance_id,
            IamInstanceProfile=profile(job.get("IamInstanceProfile")),
        )


def _set_user_data(job: Job, instance_id: str) -> None:
    encoded = str(job.get("UserData", ""))
    try:
        _modify("UserData", lambda _job: {"Value": decoded_user_data(encoded)})(job, instance_id)
    except ApiError as error:
        if error.code != "InvalidUserData.Malformed":
            raise
        # The local cloud decodes it twice.
        _modify("UserData", lambda _job: {"Value": encoded.encode()})(job, instance_id)


_AFTERWARDS: Final[Mapping[str, Callable[[Job, str], None]]] = {
    "DisableApiTermination": _wrapped("DisableApiTermination", default=False),
    "SourceDestCheck": _wrapped("SourceDestCheck", default=True),
}
"""Properties that an instance gets once it runs."""

_CHANGES: Final[Mapping[str, Callable[[Job, str], None]]] = {
    "Affinity": _set_placement,
    "EbsOptimized": _wrapped("EbsOptimized", default=False),
    "HostId": _set_placement,
    "IamInstanceProfile": _set_profile,
    "InstanceInitiatedShutdownBehavior": _wrapped(
        "InstanceInitiatedShutdownBehavior", default="stop"
    ),
    "InstanceType": _wrapped("InstanceType", default="m1.small"),
    "MetadataOptions": _set_metadata_options,
    "Monitoring": _set_monitoring,
    "SecurityGroupIds": _modify(
        "Groups", lambda job: group_ids(job.api, job.get("SecurityGroupIds", []))
    ),
    "Tenancy": _set_placement,
    "UserData": _set_user_data,
}
"""Properties that change in place."""

HANDLERS: Final[Mapping[str, Handler]] = {"AWS::EC2::Instance": Instance()}
