"""What must hold before anything is created on AWS: who, where, how long, and for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import RefusedError
from harness.live.launches import Launch, launches
from harness.live.prices import DATE, FREE_TYPES, instance_cost
from harness.live.session import Clients
from harness.options import Settings
from harness.stack import StackSpec, error_text
from harness.waiting import AWS_PACE, LOCAL_PACE, patiently


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
        RefusedError: It is above: an instance type, the number of instances, the cost, or
            something whose cost is not known.
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
    launched = list(launches(spec, region))
    _check_ceiling(spec, launched, settings)
    hours = settings.time_to_live / 60
    cost = sum(instance_cost(one.instance_type, one.gigabytes, hours) for one in launched)
    if cost > settings.max_spend:
        raise RefusedError(
            f"stack {spec.name} may cost {cost:.2f} USD over {settings.time_to_live} minutes, and "
            f"the ceiling is {settings.max_spend:.2f} USD (prices of {DATE})",
            remedy="raise --max-spend, or lower --time-to-live",
        )
    return Plan(tuple(one.instance_type for one in launched), cost)


def announce(
    identity: Identity, region: str, spec: StackSpec, made: Plan, settings: Settings
) -> Sequence[str]:
    """What is said before a stack is created."""
    kinds = ", ".join(sorted(made.instances)) or "no instance"
    cost = f"{made.cost:.3f} USD over {settings.time_to_live} minutes, traffic left out"
    return [
        f"creating stack {spec.name}",
        f"  in account {identity.account} as {identity.arn}, region {region}",
        f"  {kinds}; at most {cost} (prices of {DATE})",
    ]


def _check_ceiling(spec: StackSpec, launched: Sequence[Launch], settings: Settings) -> None:
    if len(launched) > settings.max_instances:
        raise RefusedError(
            f"stack {spec.name} would launch {len(launched)} instances, and the ceiling is "
            f"{settings.max_instances}",
            remedy="raise --max-instances",
        )
    for kind in [one.instance_type for one in launched]:
        if kind not in settings.instance_types:
            raise RefusedError(
                f"stack {spec.name} would launch an instance of type {kind}, which is not among "
                f"those allowed: {', '.join(settings.instance_types)}",
                remedy=f"allow it with --instance-type {kind}",
            )
