"""Route tables ("AWS::EC2::RouteTable", "…Route", "…SubnetRouteTableAssociation")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, invalid, refusal
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.ec2_thing import Ec2Thing
from harness.cloudformation.resources.vpc import NO_ROUTING
from harness.template import Node

_DESTINATIONS: Final = (
    "DestinationCidrBlock",
    "DestinationIpv6CidrBlock",
    "DestinationPrefixListId",
)
_TARGETS: Final = (
    "CarrierGatewayId",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
)


class RouteTable(Ec2Thing):
    """``AWS::EC2::RouteTable``."""

    acts_on = frozenset({"Tags", "VpcId"})
    required = ("VpcId",)
    replacing = frozenset({"VpcId"})
    updating = frozenset({"Tags"})
    attributes: ClassVar[Mapping[str, str]] = {"RouteTableId": "RouteTableId"}
    kind = "route-table"
    takes = ("VpcId",)
    creates = ("CreateRouteTable", "RouteTable.RouteTableId")
    describes = ("DescribeRouteTables", "RouteTableIds", "RouteTables")
    deletes = ("DeleteRouteTable", "RouteTableId")


class Route(Handler):
    """``AWS::EC2::Route``; its physical id is the table's and the destination."""

    acts_on = frozenset({"RouteTableId"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (*_DESTINATIONS, *_TARGETS), NO_ROUTING
    )
    required = ("RouteTableId",)
    replacing = frozenset({"RouteTableId", *_DESTINATIONS})
    updating = frozenset(_TARGETS)
    attributes: ClassVar[Mapping[str, str]] = {"CidrBlock": "CidrBlock"}

    def create(self, job: Job) -> ProvisionedResource:
        """Add the route."""
        _check_gateway(job)
        job.api.call("ec2", "CreateRoute", **job.pick("RouteTableId", *_DESTINATIONS, *_TARGETS))
        return job.made(f"{job.get('RouteTableId')}|{_destination(job.properties)}")

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """Where it leads to."""
        del api
        return {"CidrBlock": _destination(resource.request.properties)}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Give it another target."""
        _check_gateway(job)
        job.api.call("ec2", "ReplaceRoute", **job.pick("RouteTableId", *_DESTINATIONS, *_TARGETS))
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take the route away."""
        properties = resource.request.properties
        named = {
            name: properties[name]
            for name in ("RouteTableId", *_DESTINATIONS)
            if name in properties
        }
        api.delete("ec2", "DeleteRoute", **named)


def _destination(properties: Mapping[str, Node]) -> str:
    for name in _DESTINATIONS:
        if name in properties:
            return str(properties[name])
    raise invalid("The request must contain exactly one destination")


def _check_gateway(job: Job) -> None:
    """Refuse a gateway that the table's VPC does not have; without DependsOn it may not yet."""
    gateway_id, table_id = str(job.get("GatewayId", "")), job.get("RouteTableId")
    if not gateway_id.startswith("igw-"):
        return
    gateways = job.api.call("ec2", "DescribeInternetGateways", InternetGatewayIds=[gateway_id])
    tables = job.api.call("ec2", "DescribeRouteTables", RouteTableIds=[table_id])
    attachments = gateways["InternetGateways"][0].get("Attachments", [])
    if tables["RouteTables"][0]["VpcId"] not in {one["VpcId"] for one in attachments}:
        raise refusal(
            f"route table {table_id} and network gateway {gateway_id} belong to different networks",
            "InvalidParameterValue",
        )


class SubnetRouteTableAssociation(Handler):
    """``AWS::EC2::SubnetRouteTableAssociation``."""

    acts_on = frozenset({"RouteTableId", "SubnetId"})
    required = ("RouteTableId", "SubnetId")
    replacing = acts_on
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id"}

    def create(self, job: Job) -> ProvisionedResource:
        """Associate them."""
        answer = job.api.call("ec2", "AssociateRouteTable", **job.pick("RouteTableId", "SubnetId"))
        return job.made(str(answer["AssociationId"]))

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take the association away."""
        api.delete("ec2", "DisassociateRouteTable", AssociationId=resource.physical_id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::EC2::RouteTable": RouteTable(),
    "AWS::EC2::Route": Route(),
    "AWS::EC2::SubnetRouteTableAssociation": SubnetRouteTableAssociation(),
}
