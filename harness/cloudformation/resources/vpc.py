"""Networks and their gateways ("AWS::EC2::VPC", "…Subnet", "…InternetGateway", "…NatGateway")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, ApiError, invalid, not_stabilized
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.ec2_thing import Change, Ec2Thing, exists, find
from harness.template import Node

NO_ROUTING: Final = "guests reach each other and the outside whatever routes and gateways say"
_NAMES: Final = "guests always have names, and always resolve them"


def _vpc_attribute(name: str) -> Change:
    def change(job: Job, vpc_id: str) -> None:
        default = name == "EnableDnsSupport"
        value = {"Value": job.get(name, default)}
        job.api.call("ec2", "ModifyVpcAttribute", VpcId=vpc_id, **{name: value})

    return change


class Vpc(Ec2Thing):
    """``AWS::EC2::VPC``."""

    acts_on = frozenset({"CidrBlock", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = {
        "EnableDnsHostnames": _NAMES,
        "EnableDnsSupport": _NAMES,
        "InstanceTenancy": "guests share the machine that they run on",
    }
    replacing = frozenset({"CidrBlock", "InstanceTenancy"})
    updating = frozenset({"EnableDnsHostnames", "EnableDnsSupport", "Tags"})
    attributes: ClassVar[Mapping[str, str]] = {
        "CidrBlock": "CidrBlock",
        "CidrBlockAssociations": "Associations",
        "DefaultNetworkAcl": "DefaultNetworkAcl",
        "DefaultSecurityGroup": "DefaultSecurityGroup",
        "Ipv6CidrBlocks": "Ipv6CidrBlocks",
        "VpcId": "VpcId",
    }
    kind = "vpc"
    takes = ("CidrBlock", "InstanceTenancy")
    creates = ("CreateVpc", "Vpc.VpcId")
    describes = ("DescribeVpcs", "VpcIds", "Vpcs")
    deletes = ("DeleteVpc", "VpcId")
    stable = ("State", frozenset({"available"}))
    afterwards: ClassVar[Mapping[str, Change]] = {
        "EnableDnsHostnames": _vpc_attribute("EnableDnsHostnames"),
        "EnableDnsSupport": _vpc_attribute("EnableDnsSupport"),
    }

    def attribute(self, api: Api, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers."""
        ask = _VPC_DEFAULTS.get(name)
        if ask:
            operation, path, member = ask
            filters = {"vpc_id": resource.physical_id, **_IS_DEFAULT[name]}
            found = find(api, operation, path, **filters)
            return found[0][member] if found else ""
        return super().attribute(api, resource, name)

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The VPC, with its blocks as attributes have them."""
        vpc = super().describe(api, resource)
        blocks = vpc.get("CidrBlockAssociationSet", [])
        blocks6 = vpc.get("Ipv6CidrBlockAssociationSet", [])
        return {
            **vpc,
            "Associations": [one["AssociationId"] for one in blocks],
            "Ipv6CidrBlocks": [one["Ipv6CidrBlock"] for one in blocks6],
        }


_VPC_DEFAULTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "DefaultSecurityGroup": ("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    "DefaultNetworkAcl": ("DescribeNetworkAcls", "NetworkAcls", "NetworkAclId"),
}
_IS_DEFAULT: Final[Mapping[str, Mapping[str, str]]] = {
    "DefaultSecurityGroup": {"group_name": "default"},
    "DefaultNetworkAcl": {"default": "true"},
}


def _subnet_attribute(name: str) -> Change:
    def change(job: Job, subnet_id: str) -> None:
        value = {name: {"Value": job.get(name, False)}}
        job.api.call("ec2", "ModifySubnetAttribute", SubnetId=subnet_id, **value)

    return change


class VpcCidrBlock(Handler):
    """``AWS::EC2::VPCCidrBlock``, of IPv6 that Amazon provides or of more IPv4."""

    acts_on = frozenset({"AmazonProvidedIpv6CidrBlock", "CidrBlock", "VpcId"})
    required = ("VpcId",)
    replacing = acts_on
    attributes: ClassVar[Mapping[str, str]] = {
        "Id": "AssociationId",
        "Ipv6CidrBlock": "Ipv6CidrBlock",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Associate the block."""
        wanted = job.pick("AmazonProvidedIpv6CidrBlock", "CidrBlock", "VpcId")
        answer = job.api.call("ec2", "AssociateVpcCidrBlock", **wanted)
        both = ("Ipv6CidrBlockAssociation", "CidrBlockAssociation")
        association = next(answer[name] for name in both if answer.get(name))
        return job.made(str(association["AssociationId"]))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The association."""
        vpc_id = str(resource.request.properties["VpcId"])
        (vpc,) = api.call("ec2", "DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
        both = ("Ipv6CidrBlockAssociationSet", "CidrBlockAssociationSet")
        associations: list[dict[str, Any]] = [one for name in both for one in vpc.get(name, [])]
        return next(one for one in associations if one["AssociationId"] == resource.physical_id)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Disassociate it once no subnet uses it any more."""
        api.delete("ec2", "DisassociateVpcCidrBlock", AssociationId=resource.physical_id)


class Subnet(Ec2Thing):
    """``AWS::EC2::Subnet``."""

    acts_on = frozenset(
        {
            "AssignIpv6AddressOnCreation",
            "AvailabilityZone",
            "AvailabilityZoneId",
            "CidrBlock",
            "Ipv6CidrBlock",
            "MapPublicIpOnLaunch",
            "Tags",
            "VpcId",
        }
    )
    required = ("VpcId",)
    replacing = frozenset({"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"})
    updating = frozenset(
        {"AssignIpv6AddressOnCreation", "Ipv6CidrBlock", "MapPublicIpOnLaunch", "Tags"}
    )
    attributes: ClassVar[Mapping[str, str]] = {
        "AvailabilityZone": "AvailabilityZone",
        "AvailabilityZoneId": "AvailabilityZoneId",
        "CidrBlock": "CidrBlock",
        "Ipv6CidrBlocks": "Ipv6CidrBlocks",
        "NetworkAclAssociationId": "NetworkAclAssociationId",
        "SubnetId": "SubnetId",
        "VpcId": "VpcId",
    }
    kind = "subnet"
    takes = ("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "Ipv6CidrBlock", "VpcId")
    creates = ("CreateSubnet", "Subnet.SubnetId")
    describes = ("DescribeSubnets", "SubnetIds", "Subnets")
    deletes = ("DeleteSubnet", "SubnetId")
    stable = ("State", frozenset({"available"}))
    afterwards: ClassVar[Mapping[str, Change]] = {
        "AssignIpv6AddressOnCreation": _subnet_attribute("AssignIpv6AddressOnCreation"),
        "MapPublicIpOnLaunch": _subnet_attribute("MapPublicIpOnLaunch"),
    }

    def attribute(self, api: Api, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers."""
        if name != "NetworkAclAssociationId":
            return super().attribute(api, resource, name)
        subnet_id = resource.physical_id
        acls = find(
            api, "DescribeNetworkAcls", "NetworkAcls", **{"association.subnet-id": subnet_id}
        )
        associations = [one for acl in acls for one in acl["Associations"]]
        return next(
            (
                one["NetworkAclAssociationId"]
                for one in associations
                if one["SubnetId"] == subnet_id
            ),
            "",
        )

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change its block of IPv6 before what depends on it."""
        if "Ipv6CidrBlock" in changed:
            subnet = super().describe(job.api, resource)
            for one in subnet.get("Ipv6CidrBlockAssociationSet", []):
                job.api.call(
                    "ec2", "DisassociateSubnetCidrBlock", AssociationId=one["AssociationId"]
                )
            if "Ipv6CidrBlock" in job.properties:
                job.api.call(
                    "ec2",
                    "AssociateSubnetCidrBlock",
                    SubnetId=resource.physical_id,
                    Ipv6CidrBlock=job.get("Ipv6CidrBlock"),
                )
        return super().update(job, resource, changed)

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The subnet, with its blocks as attributes have them."""
        subnet = super().describe(api, resource)
        blocks = subnet.get("Ipv6CidrBlockAssociationSet", [])
        return {**subnet, "Ipv6CidrBlocks": [one["Ipv6CidrBlock"] for one in blocks]}


class InternetGateway(Ec2Thing):
    """``AWS::EC2::InternetGateway``."""

    acts_on = frozenset({"Tags"})
    updating = frozenset({"Tags"})
    attributes: ClassVar[Mapping[str, str]] = {"InternetGatewayId": "InternetGatewayId"}
    kind = "internet-gateway"
    takes = ()
    creates = ("CreateInternetGateway", "InternetGateway.InternetGatewayId")
    describes = ("DescribeInternetGateways", "InternetGatewayIds", "InternetGateways")
    deletes = ("DeleteInternetGateway", "InternetGatewayId")


class VpcGatewayAttachment(Handler):
    """``AWS::EC2::VPCGatewayAttachment``, of an Internet gateway."""

    acts_on = frozenset({"VpcId"})
    without_effect: ClassVar[Mapping[str, str]] = {"InternetGatewayId": NO_ROUTING}
    required = ("VpcId",)
    replacing = frozenset({"VpcId"})
    updating = frozenset({"InternetGatewayId"})
    attributes: ClassVar[Mapping[str, str]] = {"AttachmentType": "AttachmentType"}

    def create(self, job: Job) -> ProvisionedResource:
        """Attach the gateway."""
        if "InternetGatewayId" not in job.properties:
            raise invalid("Either InternetGatewayId or VpnGatewayId must be set")
        job.api.call("ec2", "AttachInternetGateway", **self._both(job.properties))
        return job.made(f"IGW|{job.get('VpcId')}")

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """What kind of attachment it is."""
        del api, resource
        return {"AttachmentType": "IGW"}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Attach another gateway instead."""
        self.delete(job.api, resource)
        job.api.call("ec2", "AttachInternetGateway", **self._both(job.properties))
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Detach the gateway."""
        try:
            api.delete("ec2", "DetachInternetGateway", **self._both(resource.request.properties))
        except ApiError as error:
            if error.code != "Gateway.NotAttached":
                raise

    @staticmethod
    def _both(properties: Mapping[str, Node]) -> dict[str, Node]:
        return {name: properties.get(name) for name in ("InternetGatewayId", "VpcId")}


class NatGateway(Ec2Thing):
    """``AWS::EC2::NatGateway``."""

    acts_on = frozenset({"Tags"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "AllocationId",
            "ConnectivityType",
            "MaxDrainDurationSeconds",
            "PrivateIpAddress",
            "SubnetId",
        ),
        NO_ROUTING,
    )
    replacing = frozenset({"AllocationId", "ConnectivityType", "PrivateIpAddress", "SubnetId"})
    updating = frozenset({"MaxDrainDurationSeconds", "Tags"})
    attributes: ClassVar[Mapping[str, str]] = {
        "EniId": "Eni",
        "NatGatewayId": "NatGatewayId",
    }
    kind = "natgateway"
    takes = ("AllocationId", "ConnectivityType", "PrivateIpAddress", "SubnetId")
    creates = ("CreateNatGateway", "NatGateway.NatGatewayId")
    describes = ("DescribeNatGateways", "NatGatewayIds", "NatGateways")
    deletes = ("DeleteNatGateway", "NatGatewayId")
    stable = ("State", frozenset({"available"}))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The gateway, with its interface as attributes have it."""
        gateway = super().describe(api, resource)
        addresses = gateway.get("NatGatewayAddresses") or [{}]
        return {**gateway, "Eni": addresses[0].get("NetworkInterfaceId", "")}

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it and wait until it is; its address stays in use until then."""
        super().delete(api, resource)

        def gone() -> bool:
            return not exists(
                lambda: [
                    one
                    for one in api.call(
                        "ec2", "DescribeNatGateways", NatGatewayIds=[resource.physical_id]
                    )["NatGateways"]
                    if one["State"] != "deleted"
                ]
            )

        if not api.wait_until(gone, api.patience.delete):
            raise not_stabilized(f"{resource.physical_id} was not deleted in time")


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::EC2::VPC": Vpc(),
    "AWS::EC2::VPCCidrBlock": VpcCidrBlock(),
    "AWS::EC2::Subnet": Subnet(),
    "AWS::EC2::InternetGateway": InternetGateway(),
    "AWS::EC2::VPCGatewayAttachment": VpcGatewayAttachment(),
    "AWS::EC2::NatGateway": NatGateway(),
}
