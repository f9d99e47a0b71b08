"""Addresses and interfaces ("AWS::EC2::EIP", "…EIPAssociation", "…NetworkInterface")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, ApiError
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.ec2_thing import Change, Ec2Thing
from harness.cloudformation.resources.security_group import group_ids
from harness.cloudformation.resources.tags import ec2_tags, update_ec2_tags
from harness.template import Node


class ElasticIp(Handler):
    """``AWS::EC2::EIP``; its physical id is the address."""

    acts_on = frozenset({"Domain", "InstanceId", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = {
        "NetworkBorderGroup": "there is one network",
        "PublicIpv4Pool": "there is one pool of addresses",
    }
    replacing = frozenset({"NetworkBorderGroup"})
    updating = frozenset({"Domain", "InstanceId", "PublicIpv4Pool", "Tags"})
    attributes: ClassVar[Mapping[str, str]] = {
        "AllocationId": "AllocationId",
        "PublicIp": "PublicIp",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Allocate an address, and associate it where there is an instance."""
        answer = job.api.call(
            "ec2",
            "AllocateAddress",
            Domain=job.get("Domain", "vpc"),
            **job.pick("NetworkBorderGroup", "PublicIpv4Pool"),
            TagSpecifications=ec2_tags(job.request, "elastic-ip"),
        )
        made = job.made(str(answer["PublicIp"]))
        if "InstanceId" in job.properties:
            self._associate(job, str(answer["AllocationId"]))
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The address."""
        found = api.call("ec2", "DescribeAddresses", PublicIps=[resource.physical_id])
        address: Mapping[str, Any] = found["Addresses"][0]
        return address

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Associate it with another instance, change tags."""
        address = self.describe(job.api, resource)
        if "InstanceId" in changed and "InstanceId" in job.properties:
            self._associate(job, address["AllocationId"])
        elif "InstanceId" in changed:
            _disassociate(job.api, address.get("AssociationId"))
        if "Tags" in changed:
            update_ec2_tags(job.api, resource, job.request, address["AllocationId"])
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Release the address."""
        try:
            address = self.describe(api, resource)
        except ApiError as error:
            if error.says_gone:
                return
            raise
        _disassociate(api, address.get("AssociationId"))
        api.delete("ec2", "ReleaseAddress", busy="InUse", AllocationId=address["AllocationId"])

    @staticmethod
    def _associate(job: Job, allocation_id: str) -> None:
        job.api.call(
            "ec2",
            "AssociateAddress",
            AllocationId=allocation_id,
            InstanceId=job.get("InstanceId"),
            AllowReassociation=True,
        )


def _disassociate(api: Api, association_id: str | None) -> None:
    if association_id:
        api.delete("ec2", "DisassociateAddress", AssociationId=association_id)


class ElasticIpAssociation(Handler):
    """``AWS::EC2::EIPAssociation``."""

    acts_on = frozenset(
        {"AllocationId", "EIP", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"}
    )
    replacing = acts_on
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id"}

    def create(self, job: Job) -> ProvisionedResource:
        """Associate them."""
        wanted = job.pick("AllocationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress")
        if "EIP" in job.properties and "AllocationId" not in wanted:
            found = job.api.call("ec2", "DescribeAddresses", PublicIps=[job.get("EIP")])
            wanted["AllocationId"] = found["Addresses"][0]["AllocationId"]
        answer = job.api.call("ec2", "AssociateAddress", **wanted)
        return job.made(str(answer["AssociationId"]))

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take the association away."""
        _disassociate(api, resource.physical_id)


def _attribute(name: str, parameter: str, default: Node) -> Change:
    def change(job: Job, interface_id: str) -> None:
        value = job.get(name, default)
        if name == "GroupSet":
            value = group_ids(job.api, value)
        job.api.call(
            "ec2",
            "ModifyNetworkInterfaceAttribute",
            NetworkInterfaceId=interface_id,
            **{parameter: value if name == "GroupSet" else {"Value": value}},
        )

    return change


class NetworkInterface(Ec2Thing):
    """``AWS::EC2::NetworkInterface``."""

    acts_on = frozenset({"GroupSet", "PrivateIpAddress", "SubnetId", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = {
        "Description": "nothing depends on it",
        "SourceDestCheck": "guests do not route for each other",
    }
    required = ("SubnetId",)
    replacing = frozenset({"PrivateIpAddress", "SubnetId"})
    updating = frozenset({"Description", "GroupSet", "SourceDestCheck", "Tags"})
    attributes: ClassVar[Mapping[str, str]] = {
        "Id": "NetworkInterfaceId",
        "PrimaryPrivateIpAddress": "PrivateIpAddress",
        "SecondaryPrivateIpAddresses": "Secondary",
        "VpcId": "VpcId",
    }
    kind = "network-interface"
    takes = ("Description", "PrivateIpAddress", "SubnetId")
    creates = ("CreateNetworkInterface", "NetworkInterface.NetworkInterfaceId")
    describes = ("DescribeNetworkInterfaces", "NetworkInterfaceIds", "NetworkInterfaces")
    deletes = ("DeleteNetworkInterface", "NetworkInterfaceId")
    afterwards: ClassVar[Mapping[str, Change]] = {
        "Description": _attribute("Description", "Description", ""),
        "GroupSet": _attribute("GroupSet", "Groups", []),
        "SourceDestCheck": _attribute("SourceDestCheck", "SourceDestCheck", default=True),
    }

    def parameters(self, job: Job) -> dict[str, Node]:
        """Its groups by id, beside what is taken as it is."""
        parameters = super().parameters(job)
        if "GroupSet" in job.properties:
            parameters["Groups"] = group_ids(job.api, job.get("GroupSet"))
        return parameters

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The interface, with its further addresses as attributes have them."""
        interface = super().describe(api, resource)
        addresses = interface.get("PrivateIpAddresses", [])
        return {
            **interface,
            "Secondary": [one["PrivateIpAddress"] for one in addresses if not one.get("Primary")],
        }

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it once no instance has it any more."""
        operation, parameter = self.deletes
        api.delete("ec2", operation, busy="InUse", **{parameter: resource.physical_id})


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::EC2::EIP": ElasticIp(),
    "AWS::EC2::EIPAssociation": ElasticIpAssociation(),
    "AWS::EC2::NetworkInterface": NetworkInterface(),
}
