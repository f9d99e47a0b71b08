"""What of a resource is not acted on: it fails the stack or is listed, as was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from harness.cloudformation.intrinsics import references
from harness.cloudformation.operation import Attempt, Deployment
from harness.cloudformation.own_types import ENTIRELY
from harness.cloudformation.provider import ResourceFailure, ResourceProvider, ResourceRequest
from harness.cloudformation.rolling import KNOWN, ROLLING
from harness.cloudformation.state import Plan
from harness.cloudformation.unsupported import Unsupported, listed
from harness.template import Node, Resource

_SUSPEND: Final = "SuspendProcesses"


def check_supported(
    deployment: Deployment, attempt: Attempt, plan: Plan, request: ResourceRequest
) -> None:
    """Leave an event that lists what is accepted and not simulated.

    Raises:
        ResourceFailure: It is not accepted; its names are in the message.
    """
    around = deployment.around
    resource = plan.active[request.logical_id]
    gaps = around.provider.unsupported(request.type, request.properties)
    told = [f"resource type {request.type}"] if gaps == ENTIRELY else list(gaps)
    told += attribute_gaps(resource, plan.update_policies[request.logical_id])
    idle = [
        f"{path} ({why})"
        for path, why in around.provider.without_effect(request.type, request.properties).items()
    ]
    rolling = request.update_policy.get(ROLLING)
    if isinstance(rolling, Mapping) and _SUSPEND in rolling:
        idle.append(f"UpdatePolicy.{ROLLING}.{_SUSPEND} (nothing here scales a group by itself)")
    if around.unsupported is Unsupported.ACCEPT:
        # Otherwise, resolving them has failed.
        told += unanswered([resource.properties, resource.metadata], plan, around.provider)
    else:
        failing = [*told, *(idle if around.unsupported is Unsupported.STRICT else [])]
        if failing:
            raise ResourceFailure(f"Not simulated: {', '.join(failing)} ({request.type})")
    if told or idle:
        attempt.note(listed([*told, *idle]))


def unanswered(node: Node, plan: Plan, provider: ResourceProvider) -> Iterator[str]:
    """Attributes that a value asks resources for, and that nothing here computes."""
    for name, attribute in dict.fromkeys(references(node)):
        resource = plan.active.get(name)
        if (
            attribute is not None
            and resource is not None
            and not provider.answers(resource.type, attribute)
        ):
            yield f"Fn::GetAtt {name}.{attribute}"


def attribute_gaps(
    resource: Resource, update_policy: Mapping[str, Node] | None = None
) -> list[str]:
    """Attributes of a resource that nothing here acts on.

    Args:
        resource: The resource.
        update_policy: Its UpdatePolicy, resolved; as the template writes it by default.
    """
    policy = resource.update_policy if update_policy is None else update_policy
    gaps = [
        f"{name}: Snapshot"
        for name in ("DeletionPolicy", "UpdateReplacePolicy")
        if resource.body.get(name) == "Snapshot"
    ]
    rolling = policy.get("AutoScalingRollingUpdate")
    gaps += [
        f"UpdatePolicy.AutoScalingRollingUpdate.{name}"
        for name in (rolling if isinstance(rolling, Mapping) else {})
        if name not in {*KNOWN, _SUSPEND}
    ]
    gaps += [
        f"UpdatePolicy.{name}"
        for name in policy
        if name not in {"AutoScalingRollingUpdate", "AutoScalingReplacingUpdate"}
    ]
    gaps += [
        f"CreationPolicy.{name}"
        for name in resource.creation_policy or {}
        if name not in {"ResourceSignal", "AutoScalingCreationPolicy"}
    ]
    return gaps
