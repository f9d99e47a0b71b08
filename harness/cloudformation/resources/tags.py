"""Tags of resources: the stack's, CloudFormation's own, and those of the template."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cloudformation.provider import ProvisionedResource, ResourceRequest
from harness.cloudformation.resources.api import Api
from harness.template import Node


def tags_of(request: ResourceRequest, name: str = "Tags", *, system: bool = True) -> dict[str, str]:
    """All tags of a resource, by key.

    Args:
        request: The resource.
        name: The property that has the template's: a list of objects, or an object.
        system: Whether CloudFormation puts its own on this type.
    """
    own = request.properties.get(name) or []
    if isinstance(own, Mapping):
        wanted = {str(key): str(value) for key, value in own.items()}
    else:
        wanted = {str(one["Key"]): str(one.get("Value", "")) for one in own}
    return {**(system_tags(request) if system else {}), **request.stack_tags, **wanted}


def system_tags(request: ResourceRequest) -> dict[str, str]:
    """The tags that tell whose resource it is, which nobody but CloudFormation may set on AWS."""
    return {
        "aws:cloudformation:stack-name": request.stack_name,
        "aws:cloudformation:stack-id": request.stack_id,
        "aws:cloudformation:logical-id": request.logical_id,
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def ec2_tags(request: ResourceRequest, *kinds: str) -> list[Node]:
    """``TagSpecifications`` for the EC2 things of those kinds that a request creates."""
    tags = tag_list(tags_of(request))
    return [{"ResourceType": kind, "Tags": tags} for kind in kinds]


def update_ec2_tags(
    api: Api, before: ProvisionedResource, wanted: ResourceRequest, resource_id: str
) -> None:
    """Bring the tags of an EC2 thing in line."""
    old, new = tags_of(before.request), tags_of(wanted)
    obsolete = [{"Key": key} for key in old if key not in new]
    if obsolete:
        api.call("ec2", "DeleteTags", Resources=[resource_id], Tags=obsolete)
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    if changed:
        api.call("ec2", "CreateTags", Resources=[resource_id], Tags=tag_list(changed))
