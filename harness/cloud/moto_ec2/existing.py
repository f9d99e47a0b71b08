"""What there is in the account, by the names that requests have it by."""
# ruff: noqa: PLC0415 - as the package says

from __future__ import annotations

from typing import Any

from harness.cloud.moto_ec2.account import ACCOUNT_ID, backend_of
from harness.cloud.moto_ec2.instance_models import interfaces_in_use


def is_group_in_use(region: str, group_id: str) -> bool:
    """Whether an interface has a security group, or another group's rule names it."""
    if any(group_id in one.group_ids for one in interfaces_in_use(region)):
        return True
    return any(
        (rule.source_group or {}).get("GroupId") == group_id
        for group in _groups(region)
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )


def group_name_of(region: str, group_id: str) -> str | None:
    """The name of a security group; None where there is none of that id."""
    return next((str(one.name) for one in _groups(region) if one.id == group_id), None)


def group_id_of(region: str, name: str, vpc_id: str | None = None) -> str | None:
    """The id of the security group of that name, in a VPC or in any; None where there is none."""
    return next(
        (
            str(one.id)
            for one in _groups(region)
            if one.name == name and vpc_id in {None, one.vpc_id}
        ),
        None,
    )


def _groups(region: str) -> list[Any]:
    by_vpc = backend_of(region).groups.values()
    return [group for groups in by_vpc for group in groups.values()]


def has_instance_type(region: str, name: str) -> bool:
    """Whether EC2 has instances of that type."""
    types = backend_of(region).describe_instance_types()
    return any(one["InstanceType"] == name for one in types)


def has_instance_profile(named: str) -> bool:
    """Whether IAM has an instance profile of that name or ARN."""
    from moto.iam.models import iam_backends

    backends = iam_backends[ACCOUNT_ID].values()
    profiles = [one for backend in backends for one in backend.instance_profiles.values()]
    return any(named in {one.name, one.arn} for one in profiles)


def has_launch_template(region: str, named: str) -> bool:
    """Whether a region has a launch template of that id or name."""
    templates = backend_of(region).launch_templates.values()
    return any(named in {one.id, one.name} for one in templates)


def image_id_of(region: str, name: str) -> str | None:
    """The AMI of the account that has a name; None where there is none."""
    images = backend_of(region).amis.values()
    own = (one for one in images if one.owner_id == ACCOUNT_ID and one.state == "available")
    return next((str(one.id) for one in own if one.name == name), None)


def has_key_pair(region: str, name: str) -> bool:
    """Whether a region has a key pair of that name."""
    return name in backend_of(region).key_pairs
