"""From a request to a plan: everything that CloudFormation checks before it touches anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.cloudformation.creation import (
    PolicyError,
    SignalPolicy,
    creation_policy,
    update_policy,
)
from harness.cloudformation.graph import active_resources, check_template, dependencies
from harness.cloudformation.intrinsics import PseudoParameters, Resolver
from harness.cloudformation.language_extensions import declared_transforms, expand, is_extended
from harness.cloudformation.own_types import GROUP
from harness.cloudformation.parameters import Lookups, NothingToLookUp, Parameters
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.rolling import ROLLING, rolling_policy
from harness.cloudformation.rules import check_rules
from harness.cloudformation.state import Plan, Settings
from harness.errors import IntrinsicError
from harness.template import Node, Resource, Template

_NAMED_IAM: Final[Mapping[str, str]] = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
_IAM: Final = frozenset({*_NAMED_IAM, "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"})


@dataclass(frozen=True)
class Where:
    """Whose stack it is, and where."""

    stack_name: str
    stack_id: str
    region: str
    account_id: str
    availability_zones: Callable[[str], list[str]] = field(repr=False)
    exports: Mapping[str, str] = field(default_factory=dict)
    lookups: Lookups = field(default_factory=NothingToLookUp, repr=False)


def needed_capabilities(template: Template) -> list[str]:
    """What must be acknowledged ("Acknowledging IAM resources in CloudFormation templates")."""
    expands = ["CAPABILITY_AUTO_EXPAND"] if declared_transforms(template.sent) else []
    iam = [one for one in template.resources.values() if one.type in _IAM]
    if any(_NAMED_IAM.get(one.type, "") in one.properties for one in iam):
        return ["CAPABILITY_NAMED_IAM", *expands]
    return ["CAPABILITY_IAM", *expands] if iam else expands


def check_capabilities(template: Template, given: Sequence[str]) -> None:
    """Refuse a template whose capabilities were not acknowledged.

    Raises:
        RequestRefused: An InsufficientCapabilitiesException.
    """
    enough = {*given, *(["CAPABILITY_IAM"] if "CAPABILITY_NAMED_IAM" in given else [])}
    lacking = [one for one in needed_capabilities(template) if one not in enough]
    if lacking:
        raise RequestRefused(
            f"Requires capabilities : [{', '.join(lacking)}]",
            code="InsufficientCapabilitiesException",
        )


def make_plan(template: Template, parameters: Parameters, settings: Settings, where: Where) -> Plan:
    """What a stack is to be.

    Raises:
        RequestRefused: A condition or a creation policy cannot be evaluated, or a capability
            was not acknowledged.
    """
    pseudo = PseudoParameters(
        stack_name=where.stack_name,
        stack_id=where.stack_id,
        region=where.region,
        account_id=where.account_id,
        notification_arns=settings.notification_arns,
    )
    if is_extended(template):
        template = expand(template, parameters.values, pseudo)
        check_template(template)
    reviewed = ["CAPABILITY_AUTO_EXPAND"] if settings.reviewed else []
    check_capabilities(template, [*settings.capabilities, *reviewed])
    resolver = Resolver(
        template=template,
        parameters=parameters.values,
        pseudo=pseudo,
        availability_zones=where.availability_zones,
        exports=where.exports,
    )
    check_rules(template, parameters, resolver, where.lookups)
    active = active_resources(template, resolver)
    return Plan(
        template=template,
        parameters=parameters,
        settings=settings,
        active=active,
        graph=dependencies(template, active),
        policies=_policies(active, resolver),
        update_policies=_update_policies(active, resolver),
    )


def _policies(active: Mapping[str, Resource], resolver: Resolver) -> dict[str, SignalPolicy]:
    policies: dict[str, SignalPolicy] = {}
    for logical_id, resource in active.items():
        try:
            body = resolver.resolve(resource.creation_policy)
            policy = creation_policy(body, group=resource.type == GROUP) if body else None
        except (PolicyError, IntrinsicError) as error:
            raise RequestRefused(
                f"Template error: CreationPolicy of resource {logical_id}: {error.message}"
            ) from None
        if policy is not None:
            policies[logical_id] = policy
    return policies


def _update_policies(
    active: Mapping[str, Resource], resolver: Resolver
) -> dict[str, Mapping[str, Node]]:
    found: dict[str, Mapping[str, Node]] = {}
    for logical_id, resource in active.items():
        try:
            found[logical_id] = update_policy(resolver.resolve(resource.update_policy))
            if resource.type == GROUP and ROLLING in found[logical_id]:
                rolling_policy(found[logical_id][ROLLING])
        except (PolicyError, IntrinsicError) as error:
            raise RequestRefused(
                f"Template error: UpdatePolicy of resource {logical_id}: {error.message}"
            ) from None
    return found
