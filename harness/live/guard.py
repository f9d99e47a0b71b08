"""What must hold before anything is created on AWS: who, where, how long, and for how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from harness.cloudformation.intrinsics import PseudoParameters, Resolver
from harness.errors import HarnessError, RefusedError
from harness.live.prices import DATE, FREE_TYPES, instance_cost
from harness.live.session import Clients
from harness.options import Settings
from harness.stack import StackSpec, error_text
from harness.template import Node, Resource
from harness.waiting import AWS_PACE, LOCAL_PACE, patiently

_DEFAULT_GIGABYTES: Final = 30.0
"""What an instance is taken to have on disk where its template does not say; images have less."""

_UNKNOWN_TYPE: Final = "m1.small"
"""What EC2 launches where no instance type is named ("RunInstances")."""


@dataclass(frozen=True)
class Identity:
    """Who the credentials belong to.

    Args:
        account: Twelve digits.
        arn: The user or the role.
    """

    account: str
    arn: str


def confirm_account(clients: Clients, settings: Settings) -> Identity:
    """Ask STS whose credentials these are, and hold the account against the allow-list.

    Raises:
        RefusedError: There is no allow-list, the account is not in it, or the credentials are
            missing, wrong or expired.
    """
    if not settings.accounts:
        raise RefusedError(
            "no AWS account is allowed: live runs need an allow-list",
            remedy="give --account 123456789012, or accounts in [tool.harness] of pyproject.toml",
        )
    pace = LOCAL_PACE if clients.override else AWS_PACE
    try:
        answer = patiently(lambda: clients("sts").get_caller_identity(), pace)
    except ClientError as error:
        raise RefusedError(
            f"STS does not confirm the credentials: {error_text(error)}",
            remedy="renew the credentials",
        ) from error
    except BotoCoreError as error:
        raise RefusedError(
            f"STS cannot be asked whose credentials these are: {error}",
            remedy="set AWS_PROFILE or credentials in the environment",
        ) from error
    identity = Identity(answer["Account"], answer["Arn"])
    if identity.account not in settings.accounts:
        raise RefusedError(
            f"account {identity.account} ({identity.arn}) is not in the allow-list "
            f"({', '.join(settings.accounts)})",
            remedy="use credentials of an allowed account, or allow this one with --account",
        )
    return identity


def confirm_lifetime(environ: Mapping[str, str], settings: Settings, now: datetime) -> None:
    """See that credentials outlive the stack: creation, tests, deletion.

    Where the expiry is not said (``AWS_CREDENTIAL_EXPIRATION``), botocore renews the credentials,
    or nobody knows.

    Raises:
        RefusedError: They expire before the stack could be deleted.
    """
    said = environ.get("AWS_CREDENTIAL_EXPIRATION")
    if not said:
        return
    try:
        expires = datetime.fromisoformat(said)
    except ValueError:
        raise RefusedError(
            f"AWS_CREDENTIAL_EXPIRATION is no date: {said!r}", remedy="renew the credentials"
        ) from None
    expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    seconds = settings.create_timeout + settings.login_timeout + settings.delete_timeout
    if expires < now + timedelta(seconds=seconds):
        raise RefusedError(
            f"the credentials expire at {said}, and creating, testing and deleting a stack may "
            f"take {seconds / 60:.0f} minutes",
            remedy="renew the credentials, or lower the limits (--create-timeout and its kin)",
        )


@dataclass(frozen=True)
class Plan:
    """What a stack would launch.

    Args:
        instances: The instances' types, one for each instance.
        cost: USD over the time to live at most.
    """

    instances: tuple[str, ...]
    cost: float


def plan(spec: StackSpec, region: str, settings: Settings) -> Plan:
    """Hold a stack against the ceiling.

    Raises:
        RefusedError: It is above: an instance type, the number of instances, the cost, or a
            resource whose cost is not known.
    """
    free = FREE_TYPES | set(settings.table("live").get("unpriced-types", ()))
    unknown = [
        f"{one.logical_id} ({one.type})"
        for one in spec.template.resources.values()
        if one.type not in free and one.type != "AWS::EC2::Instance"
    ]
    if unknown:
        raise RefusedError(
            f"stack {spec.name}: the cost of these resources is not known: {', '.join(unknown)}",
            remedy="allow their types with unpriced-types in [tool.harness.live]",
        )
    launched = list(_launched(spec, region))
    _check_ceiling(spec, launched, settings)
    hours = settings.time_to_live / 60
    cost = sum(instance_cost(kind, gigabytes, hours) for kind, gigabytes in launched)
    if cost > settings.max_spend:
        raise RefusedError(
            f"stack {spec.name} may cost {cost:.2f} USD over {settings.time_to_live} minutes, and "
            f"the ceiling is {settings.max_spend:.2f} USD (prices of {DATE})",
            remedy="raise --max-spend, or lower --time-to-live",
        )
    return Plan(tuple(kind for kind, _ in launched), cost)


def announce(
    identity: Identity, region: str, spec: StackSpec, made: Plan, settings: Settings
) -> Sequence[str]:
    """What is said before a stack is created."""
    kinds = ", ".join(sorted(made.instances)) or "no instance"
    cost = f"{made.cost:.3f} USD over {settings.time_to_live} minutes (prices of {DATE})"
    return [
        f"creating stack {spec.name}",
        f"  in account {identity.account} as {identity.arn}, region {region}",
        f"  {kinds}; at most {cost}",
    ]


def _check_ceiling(
    spec: StackSpec, launched: Sequence[tuple[str, float]], settings: Settings
) -> None:
    if len(launched) > settings.max_instances:
        raise RefusedError(
            f"stack {spec.name} would launch {len(launched)} instances, and the ceiling is "
            f"{settings.max_instances}",
            remedy="raise --max-instances",
        )
    for kind, _ in launched:
        if kind not in settings.instance_types:
            raise RefusedError(
                f"stack {spec.name} would launch an instance of type {kind}, which is not among "
                f"those allowed: {', '.join(settings.instance_types)}",
                remedy=f"allow it with --instance-type {kind}",
            )


def _launched(spec: StackSpec, region: str) -> Iterator[tuple[str, float]]:
    """Type and gigabytes of disk of every instance that the stack may launch."""
    resolver = _resolver(spec, region)
    for resource in spec.template.resources.values():
        if resource.type == "AWS::EC2::Instance":
            yield _described(resource.properties, resolver)
        elif resource.type == "AWS::AutoScaling::AutoScalingGroup":
            size = _resolved(resource.properties.get("MaxSize"), resolver)
            launch = _launch_properties(spec, resource, resolver)
            yield from [_described(launch, resolver)] * (int(size) if str(size).isdigit() else 1)


def _resolver(spec: StackSpec, region: str) -> Resolver:
    defaults = {
        name: declared["Default"]
        for name, declared in spec.template.parameters.items()
        if "Default" in declared
    }
    pseudo = PseudoParameters(spec.name, f"arn:aws:cloudformation:{region}::stack/{spec.name}")
    return Resolver(spec.template, {**defaults, **spec.parameters}, pseudo)


def _resolved(node: Node, resolver: Resolver) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return resolver.resolve(node)
    except HarnessError:
        return None


def _described(properties: Mapping[str, Node], resolver: Resolver) -> tuple[str, float]:
    kind = _resolved(properties.get("InstanceType"), resolver) or _UNKNOWN_TYPE
    mappings = _resolved(properties.get("BlockDeviceMappings"), resolver) or []
    sizes = [
        float(one["Ebs"]["VolumeSize"])
        for one in mappings
        if isinstance(one, Mapping) and (one.get("Ebs") or {}).get("VolumeSize")
    ]
    return str(kind), sum(sizes) or _DEFAULT_GIGABYTES


def _launch_properties(spec: StackSpec, group: Resource, resolver: Resolver) -> Mapping[str, Node]:
    """What an Auto Scaling group launches by: its launch template's or configuration's properties.

    Where that is not in the same template nothing is known, so that the type is refused.
    """
    named = group.properties.get("LaunchConfigurationName")
    template = group.properties.get("LaunchTemplate") or {}
    reference = named or template.get("LaunchTemplateId")
    logical_id = reference.get("Ref") if isinstance(reference, Mapping) else None
    found = spec.template.resources.get(str(logical_id))
    if found is None:
        return {}
    data = found.properties.get("LaunchTemplateData") or found.properties
    resolved = _resolved(data, resolver)
    return resolved if isinstance(resolved, Mapping) else data
