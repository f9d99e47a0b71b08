"""Who waits for signals, and whose scripts are to send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.cloudformation.creation import (
    PolicyError,
    SignalPolicy,
    creation_policy,
    wait_condition_policy,
)
from harness.lint.subject import Subject, as_mapping, referred
from harness.template import Node, Resource, Template
from harness.userdata import Path, value_at

GROUP: Final = "AWS::AutoScaling::AutoScalingGroup"
CONDITION: Final = "AWS::CloudFormation::WaitCondition"
HANDLE: Final = "AWS::CloudFormation::WaitConditionHandle"

_LAUNCHED_FROM: Final[tuple[Path, ...]] = (
    ("Properties", "LaunchTemplate"),
    ("Properties", "LaunchConfigurationName"),
    ("Properties", "MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification"),
)


@dataclass(frozen=True)
class Wait:
    """A resource that is not complete before it got signals.

    Args:
        logical_id: The resource.
        path: Where the template says that it waits.
        policy: How many and for how long; None where that is not known before creation, or wrong.
        problem: Why the policy is none; empty where it is one.
        sources: Resources whose scripts are to send them.
        handle: The WaitConditionHandle that the signals go to; empty for a CreationPolicy.
    """

    logical_id: str
    path: Path
    policy: SignalPolicy | None
    problem: str
    sources: frozenset[str]
    handle: str = ""


def waits(subject: Subject) -> Iterator[Wait]:
    """All that wait, in the order of the template."""
    for resource in subject.template.resources.values():
        if resource.type == CONDITION:
            yield _condition(subject, resource)
        elif value_at(resource.body, ("CreationPolicy", "ResourceSignal")) is not None:
            yield _policy(subject, resource)


def awaited_on_update(subject: Subject) -> frozenset[str]:
    """The groups whose rolling updates wait for signals."""
    below: Path = ("UpdatePolicy", "AutoScalingRollingUpdate", "WaitOnResourceSignals")
    return frozenset(
        logical_id
        for logical_id, resource in subject.template.resources.items()
        if subject.value(value_at(resource.body, below)) in (True, "true")
    )


def launched_from(resource: Resource) -> Iterator[str]:
    """The launch templates and configurations that a resource names."""
    for path in _LAUNCHED_FROM:
        for name, _ in referred(value_at(resource.body, path)):
            yield name


def launched_elsewhere(template: Template, instance: str) -> bool:
    """Whether a launch template that is not here may say more of an instance."""
    resource = template.resources[instance]
    if resource.properties.get("LaunchTemplate") is None:
        return False
    return not any(one in template.resources for one in launched_from(resource))


def _policy(subject: Subject, resource: Resource) -> Wait:
    body = as_mapping(subject.value(resource.creation_policy))
    policy, problem = _read(body, lambda: creation_policy(body, group=resource.type == GROUP))
    return Wait(
        logical_id=resource.logical_id,
        path=("Resources", resource.logical_id, "CreationPolicy"),
        policy=policy,
        problem=problem,
        sources=frozenset({resource.logical_id, *launched_from(resource)}),
    )


def _condition(subject: Subject, resource: Resource) -> Wait:
    path: Path = ("Resources", resource.logical_id)
    below = resource.body.get("CreationPolicy")
    body = as_mapping(subject.value(below if below is not None else resource.properties))
    if below is not None:
        policy, problem = _read(body, lambda: creation_policy(body))
    else:
        policy, problem = _read(body, lambda: wait_condition_policy(body))
    handle = next((name for name, _ in referred(resource.properties.get("Handle"))), "")
    sources = frozenset(
        other.logical_id
        for other in subject.template.resources.values()
        if other.logical_id != resource.logical_id
        and any(name == handle for name, _ in referred(_carried(other.body)))
    )
    return Wait(resource.logical_id, path, policy, problem, sources, handle)


def _carried(body: Mapping[str, Node]) -> Node:
    return {key: body.get(key) for key in ("Properties", "Metadata")}


def _read(body: Node, read: object) -> tuple[SignalPolicy | None, str]:
    """The policy, or why there is none; what only a created stack knows is no problem."""
    if "__" in repr(body):
        return None, ""
    assert callable(read)  # noqa: S101 - both callers pass a function
    try:
        return read(), ""
    except PolicyError as error:
        return None, error.message
