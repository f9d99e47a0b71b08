"""Security groups and their rules ("AWS::EC2::SecurityGroup", "…Ingress", "…Egress")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource, ResourceRequest
from harness.cloudformation.resources.api import Api, ApiError, invalid, refusal
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.tags import ec2_tags, update_ec2_tags
from harness.template import Node

_RULE: Final = frozenset({"CidrIp", "CidrIpv6", "Description", "FromPort", "IpProtocol", "ToPort"})
_SOURCE: Final = frozenset(
    {"SourceSecurityGroupId", "SourceSecurityGroupName", "SourceSecurityGroupOwnerId"}
)


class SecurityGroup(Handler):
    """``AWS::EC2::SecurityGroup``; named by its id where it says its VPC, else by its name."""

    acts_on = frozenset(
        {
            "GroupDescription",
            "GroupName",
            "VpcId",
            "Tags",
            *(f"SecurityGroupIngress.{name}" for name in _RULE | _SOURCE),
            *(f"SecurityGroupEgress.{name}" for name in {*_RULE, "DestinationSecurityGroupId"}),
        }
    )
    required = ("GroupDescription",)
    replacing = frozenset({"GroupDescription", "GroupName", "VpcId"})
    updating = frozenset({"SecurityGroupIngress", "SecurityGroupEgress", "Tags"})
    custom_name = "GroupName"
    attributes: ClassVar[Mapping[str, str]] = {
        "GroupId": "GroupId",
        "Id": "Id",
        "VpcId": "VpcId",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Create the group, then its rules."""
        name = str(job.get("GroupName") or generated_name(job.request))
        group_id = job.api.call(
            "ec2",
            "CreateSecurityGroup",
            GroupName=name,
            Description=job.get("GroupDescription"),
            VpcId=job.get("VpcId"),
            TagSpecifications=ec2_tags(job.request, "security-group"),
        )["GroupId"]
        made = job.made(group_id if "VpcId" in job.properties else name)
        egress = job.get("SecurityGroupEgress")
        if egress:
            _revoke_default_egress(job.api, group_id)
        _change_rules(job.api, "Authorize", group_id, "Ingress", job.get("SecurityGroupIngress"))
        _change_rules(job.api, "Authorize", group_id, "Egress", egress)
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The group, with its physical id as ``Id``."""
        group = _describe(api, resource.physical_id)
        return {**group, "Id": resource.physical_id}

    def attribute(self, api: Api, resource: ProvisionedResource, name: str) -> Node:
        """What ``Fn::GetAtt`` answers; nobody is asked for an id that is known."""
        if name in ("GroupId", "Id") and _is_id(resource.physical_id):
            return resource.physical_id
        return super().attribute(api, resource, name)

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change rules, those that go before those that come, and tags."""
        group_id = _id_of(job.api, resource.physical_id)
        for direction in ("Ingress", "Egress"):
            name = f"SecurityGroup{direction}"
            if name in changed:
                before = resource.request.properties.get(name) or []
                wanted = job.get(name) or []
                if direction == "Egress" and not before:
                    _revoke_default_egress(job.api, group_id)
                obsolete = [rule for rule in before if rule not in wanted]
                new = [rule for rule in wanted if rule not in before]
                _change_rules(job.api, "Revoke", group_id, direction, obsolete)
                _change_rules(job.api, "Authorize", group_id, direction, new)
        if "Tags" in changed:
            update_ec2_tags(job.api, resource, job.request, group_id)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it once nothing uses it any more."""
        try:
            group_id = _id_of(api, resource.physical_id)
        except ApiError as error:
            if error.says_gone:
                return
            raise
        # The local cloud deletes a group that instances have.
        if not api.wait_until(lambda: not _instances_with(api, group_id), api.patience.delete):
            raise refusal(f"resource {group_id} has a dependent object", "DependencyViolation")
        api.delete("ec2", "DeleteSecurityGroup", GroupId=group_id)


class Rule(Handler):
    """One rule of a group; its physical id is the rule's.

    Args:
        direction: ``Ingress`` or ``Egress``.
        ends: The properties that name the group at the other end.
    """

    updating = frozenset({"Description"})
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id"}

    def __init__(
        self, direction: str, ends: frozenset[str], prefix_list: str, required: tuple[str, ...]
    ) -> None:
        self._direction = direction
        self.required = required  # type: ignore[misc]
        self.acts_on = _RULE | ends | {"GroupId"}  # type: ignore[misc]
        self.replacing = (self.acts_on | {prefix_list}) - self.updating  # type: ignore[misc]

    def create(self, job: Job) -> ProvisionedResource:
        """Add the rule."""
        group_id = _group_of(job.api, job.request)
        answer = _change_rules(job.api, "Authorize", group_id, self._direction, [job.properties])
        return job.made(answer[0]["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change the description."""
        job.api.call(
            "ec2",
            f"UpdateSecurityGroupRuleDescriptions{self._direction}",
            GroupId=_group_of(job.api, job.request),
            IpPermissions=[_permission(job.properties)],
        )
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take the rule away."""
        try:
            _change_rules(
                api,
                "Revoke",
                _group_of(api, resource.request),
                self._direction,
                [resource.request.properties],
            )
        except ApiError as error:
            if not error.says_gone:
                raise


def group_ids(api: Api, named: Sequence[Node]) -> list[str]:
    """Ids of security groups, which may be given by name: ``Ref`` of a group answers one."""
    return [_id_of(api, str(one)) for one in named]


def _is_id(name: str) -> bool:
    return name.startswith("sg-")


def _id_of(api: Api, name: str) -> str:
    return name if _is_id(name) else str(_describe(api, name)["GroupId"])


def _describe(api: Api, physical_id: str) -> dict[str, Any]:
    by = "GroupIds" if _is_id(physical_id) else "GroupNames"
    groups = api.call("ec2", "DescribeSecurityGroups", **{by: [physical_id]})["SecurityGroups"]
    group: dict[str, Any] = groups[0]
    return group


def _instances_with(api: Api, group_id: str) -> list[Node]:
    filters = [
        {"Name": "instance.group-id", "Values": [group_id]},
        {"Name": "instance-state-name", "Values": _THERE},
    ]
    answer = api.call("ec2", "DescribeInstances", Filters=filters)
    instances: list[Node] = answer["Reservations"]
    return instances


_THERE: Final = ["pending", "running", "shutting-down", "stopping", "stopped"]


def _group_of(api: Api, request: ResourceRequest) -> str:
    named = request.properties.get("GroupId") or request.properties.get("GroupName")
    if not named:
        raise invalid("Either GroupId or GroupName must be specified")
    return group_ids(api, [named])[0]


def _revoke_default_egress(api: Api, group_id: str) -> None:
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    try:
        api.call("ec2", "RevokeSecurityGroupEgress", GroupId=group_id, IpPermissions=[everywhere])
    except ApiError as error:
        if not error.says_gone:
            raise


def _change_rules(
    api: Api, verb: str, group_id: str, direction: str, rules: Sequence[Mapping[str, Node]] | None
) -> list[dict[str, Any]]:
    return [
        api.call(
            "ec2",
            f"{verb}SecurityGroup{direction}",
            GroupId=group_id,
            IpPermissions=[_permission(rule)],
        )
        for rule in rules or []
    ]


def _permission(rule: Mapping[str, Node]) -> dict[str, Node]:
    """A rule as the API has it."""
    permission = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    for name, (ranges, member) in _ENDS.items():
        if name in rule:
            permission[ranges] = [{member: rule[name], **described}]
    if "SourceSecurityGroupOwnerId" in rule and "UserIdGroupPairs" in permission:
        permission["UserIdGroupPairs"][0]["UserId"] = rule["SourceSecurityGroupOwnerId"]
    return permission


_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourceSecurityGroupName": ("UserIdGroupPairs", "GroupName"),
    "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
    "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
}

HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::EC2::SecurityGroup": SecurityGroup(),
    "AWS::EC2::SecurityGroupIngress": Rule(
        "Ingress", _SOURCE | {"GroupName"}, "SourcePrefixListId", ("IpProtocol",)
    ),
    "AWS::EC2::SecurityGroupEgress": Rule(
        "Egress",
        frozenset({"DestinationSecurityGroupId"}),
        "DestinationPrefixListId",
        ("GroupId", "IpProtocol"),
    ),
}
