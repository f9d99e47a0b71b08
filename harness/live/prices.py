"""What a stack may cost at most: a small table, with its date, of what these stacks are made of.

Prices are AWS's on-demand prices for Linux in us-east-1, in USD. Other regions cost up to
:data:`REGION_FACTOR` times as much; an estimate is an upper bound, not a bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.errors import RefusedError

DATE: Final = "2025-01"
"""Year and month that the prices were taken down in."""

REGION_FACTOR: Final = 1.7
"""No commercial region costs more than this times us-east-1 for these types."""

INSTANCE_HOUR: Final[Mapping[str, float]] = {
    "t2.micro": 0.0116,
    "t2.small": 0.023,
    "t3.nano": 0.0052,
    "t3.micro": 0.0104,
    "t3.small": 0.0208,
    "t3.medium": 0.0416,
    "t3.large": 0.0832,
    "t3a.micro": 0.0094,
    "t3a.small": 0.0188,
    "t3a.medium": 0.0376,
    "t4g.nano": 0.0042,
    "t4g.micro": 0.0084,
    "t4g.small": 0.0168,
    "t4g.medium": 0.0336,
    "m5.large": 0.096,
    "m6i.large": 0.096,
    "m7i.large": 0.1008,
    "m7g.large": 0.0816,
    "c5.large": 0.085,
    "c6i.large": 0.085,
    "c7g.large": 0.0725,
}
"""USD for an hour of one instance."""

GIGABYTE_MONTH: Final = 0.125
"""USD for a month of one GB of the dearest general purpose SSD volume without extra IOPS."""

SURPLUS_HOUR: Final[Mapping[str, float]] = {"t3": 0.10, "t3a": 0.10, "t4g": 0.08}
"""USD for an hour of both vCPUs of a burstable instance at work beyond its credits, which these
families are allowed by default ("Unlimited mode for burstable performance instances")."""

PUBLIC_ADDRESS_HOUR: Final = 0.005
"""USD for an hour of one public IPv4 address."""

FREE_TYPES: Final = frozenset(
    {
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::AutoScaling::LaunchConfiguration",
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudFormation::WaitConditionHandle",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::KeyPair",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::NetworkAcl",
        "AWS::EC2::NetworkAclEntry",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetNetworkAclAssociation",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::SSM::Parameter",
    }
)
"""Resource types that cost nothing by themselves; instances and volumes are counted apart."""

_MONTH_HOURS: Final = 730.0


def instance_cost(instance_type: str, gigabytes: float, hours: float) -> float:
    """USD that one instance with its volumes and a public address costs at most.

    Raises:
        RefusedError: The table has no price for the type.
    """
    if instance_type not in INSTANCE_HOUR:
        raise RefusedError(
            f"no price is known for instance type {instance_type}",
            remedy=f"use one of {', '.join(sorted(INSTANCE_HOUR))}",
        )
    hourly = INSTANCE_HOUR[instance_type] + PUBLIC_ADDRESS_HOUR
    hourly += SURPLUS_HOUR.get(instance_type.partition(".")[0], 0)
    hourly += gigabytes * GIGABYTE_MONTH / _MONTH_HOURS
    return hourly * hours * REGION_FACTOR
