"""Launch templates ("AWS::EC2::LaunchTemplate")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.instance import Instance
from harness.cloudformation.resources.launching import decoded_user_data, with_defaults
from harness.template import Node

_DATA: Final = "LaunchTemplateData"
_AS_AN_INSTANCE: Final = frozenset(
    {
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "InstanceType",
        "KeyName",
        "MetadataOptions.HttpEndpoint",
        "MetadataOptions.HttpPutResponseHopLimit",
        "MetadataOptions.HttpTokens",
        "MetadataOptions.InstanceMetadataTags",
        "NetworkInterfaces.AssociatePublicIpAddress",
        "NetworkInterfaces.DeviceIndex",
        "NetworkInterfaces.NetworkInterfaceId",
        "NetworkInterfaces.PrivateIpAddress",
        "NetworkInterfaces.SubnetId",
        "SecurityGroupIds",
        "SecurityGroups",
        "UserData",
    }
)
_WITHOUT_EFFECT: Final = {
    "BlockDeviceMappings": "BlockDeviceMappings",
    "CpuOptions": "CpuOptions",
    "CreditSpecification": "CreditSpecification",
    "EbsOptimized": "EbsOptimized",
    "MetadataOptions.HttpProtocolIpv6": "MetadataOptions.HttpProtocolIpv6",
    "Monitoring": "Monitoring",
    "NetworkInterfaces.DeleteOnTermination": "NetworkInterfaces.DeleteOnTermination",
    "NetworkInterfaces.Description": "NetworkInterfaces.Description",
    "Placement.Affinity": "Affinity",
    "Placement.GroupName": "PlacementGroupName",
    "Placement.HostId": "HostId",
    "Placement.Tenancy": "Tenancy",
}
"""Path in the data -> what an instance calls it."""


class LaunchTemplate(Handler):
    """``AWS::EC2::LaunchTemplate``; an update adds a version, which is not made the default."""

    acts_on = frozenset(
        {
            *(f"{_DATA}.{path}" for path in _AS_AN_INSTANCE),
            f"{_DATA}.IamInstanceProfile",
            f"{_DATA}.NetworkInterfaces.Groups",
            f"{_DATA}.Placement.AvailabilityZone",
            f"{_DATA}.TagSpecifications",
            "LaunchTemplateName",
            "TagSpecifications",
            "VersionDescription",
        }
    )
    without_effect: ClassVar[Mapping[str, str]] = {
        f"{_DATA}.{path}": Instance.without_effect[name] for path, name in _WITHOUT_EFFECT.items()
    }
    required = (_DATA,)
    replacing = frozenset({"LaunchTemplateName"})
    updating = frozenset({_DATA, "TagSpecifications", "VersionDescription"})
    custom_name = "LaunchTemplateName"
    attributes: ClassVar[Mapping[str, str]] = {
        "DefaultVersionNumber": "DefaultVersionNumber",
        "LatestVersionNumber": "LatestVersionNumber",
        "LaunchTemplateId": "LaunchTemplateId",
    }

    def gaps(self, properties: Mapping[str, Node]) -> list[str]:
        """Disks besides the root's, which do not appear in a guest."""
        data = properties.get(_DATA)
        if not isinstance(data, Mapping):
            return []
        return [f"{_DATA}.{path}" for path in Instance().gaps(data)]

    def create(self, job: Job) -> ProvisionedResource:
        """Create it with its first version."""
        answer = job.api.call(
            "ec2",
            "CreateLaunchTemplate",
            LaunchTemplateName=job.get("LaunchTemplateName")
            or generated_name(job.request, longest=128),
            LaunchTemplateData=_data(job),
            **job.pick("TagSpecifications", "VersionDescription"),
        )
        return job.made(str(answer["LaunchTemplate"]["LaunchTemplateId"]))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The template, numbers as attributes have them."""
        found = api.call(
            "ec2", "DescribeLaunchTemplates", LaunchTemplateIds=[resource.physical_id]
        )["LaunchTemplates"][0]
        return {name: str(value) for name, value in found.items() if name != "Tags"}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Add a version."""
        if _DATA in changed or "VersionDescription" in changed:
            job.api.call(
                "ec2",
                "CreateLaunchTemplateVersion",
                LaunchTemplateId=resource.physical_id,
                LaunchTemplateData=_data(job),
                **job.pick("VersionDescription"),
            )
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it with all its versions."""
        api.delete("ec2", "DeleteLaunchTemplate", LaunchTemplateId=resource.physical_id)


def _data(job: Job) -> dict[str, Node]:
    data = dict(job.get(_DATA))
    if "UserData" in data:
        decoded_user_data(data["UserData"])  # refuse here what no instance could be launched with
    if "BlockDeviceMappings" in data:
        data["BlockDeviceMappings"] = with_defaults(data["BlockDeviceMappings"])
    return data


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::EC2::LaunchTemplate": LaunchTemplate()}
