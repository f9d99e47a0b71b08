"""Which module makes which type of resource."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from harness.cloudformation.resources.base import Handler

MODULES: Final[Mapping[str, str]] = {
    "AWS::AutoScaling::AutoScalingGroup": "auto_scaling",
    "AWS::AutoScaling::LaunchConfiguration": "auto_scaling",
    "AWS::CloudWatch::Alarm": "monitoring",
    "AWS::EC2::EIP": "addresses",
    "AWS::EC2::EIPAssociation": "addresses",
    "AWS::EC2::Instance": "instance",
    "AWS::EC2::InternetGateway": "vpc",
    "AWS::EC2::KeyPair": "key_pair",
    "AWS::EC2::LaunchTemplate": "launch_template",
    "AWS::EC2::NatGateway": "vpc",
    "AWS::EC2::NetworkInterface": "addresses",
    "AWS::EC2::Route": "routes",
    "AWS::EC2::RouteTable": "routes",
    "AWS::EC2::SecurityGroup": "security_group",
    "AWS::EC2::SecurityGroupEgress": "security_group",
    "AWS::EC2::SecurityGroupIngress": "security_group",
    "AWS::EC2::Subnet": "vpc",
    "AWS::EC2::SubnetRouteTableAssociation": "routes",
    "AWS::EC2::VPC": "vpc",
    "AWS::EC2::VPCCidrBlock": "vpc",
    "AWS::EC2::VPCGatewayAttachment": "vpc",
    "AWS::EC2::Volume": "volumes",
    "AWS::EC2::VolumeAttachment": "volumes",
    "AWS::IAM::AccessKey": "iam",
    "AWS::IAM::InstanceProfile": "iam",
    "AWS::IAM::ManagedPolicy": "iam",
    "AWS::IAM::Policy": "iam",
    "AWS::IAM::Role": "iam",
    "AWS::IAM::User": "iam",
    "AWS::Logs::LogGroup": "monitoring",
    "AWS::Route53::HostedZone": "route53",
    "AWS::Route53::RecordSet": "route53",
    "AWS::S3::Bucket": "s3",
    "AWS::S3::BucketPolicy": "s3",
    "AWS::SNS::Topic": "messaging",
    "AWS::SQS::Queue": "messaging",
    "AWS::SSM::Parameter": "ssm",
    "AWS::SecretsManager::Secret": "secrets_manager",
}
"""Resource type -> the module of this package that has it among its ``HANDLERS``."""


def handler_of(resource_type: str) -> Handler | None:
    """Who makes resources of that type, loaded now if need be; None where nobody does."""
    name = MODULES.get(resource_type)
    if name is None:
        return None
    module = importlib.import_module(f"harness.cloudformation.resources.{name}")
    handlers: Mapping[str, Handler] = module.HANDLERS
    return handlers[resource_type]
