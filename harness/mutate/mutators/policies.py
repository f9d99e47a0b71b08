"""Mistakes in what the stack waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.mutate.mutator import Family
from harness.mutate.subject import Body, Change, Subject

FAMILY = Family()
POLICY = "the CreationPolicy, compared as a whole; a simulation of silence and of success"


def _awaited(subject: Subject) -> list[str]:
    """Logical ids of the resources that have a CreationPolicy."""
    resources = subject.template.resources.values()
    return [one.logical_id for one in resources if one.creation_policy is not None]


def _signals(subject: Subject, change: Callable[[Body], object]) -> Iterator[Change]:
    """Change each CreationPolicy's ResourceSignal."""
    for name in _awaited(subject):
        yield Change(
            "",
            subject.changed(
                lambda policy: change(policy.setdefault("ResourceSignal", {})),
                "Resources", name, "CreationPolicy",
            ),
        )  # fmt: skip


@FAMILY.add("drop-creation-policy", "created the stack without waiting for anything", POLICY)
def _drop(subject: Subject) -> Iterator[Change]:
    for name in _awaited(subject):
        yield Change("", subject.without("Resources", name, "CreationPolicy"))


@FAMILY.add("wait-for-two", "left the count of a group of two on one instance", POLICY)
def _two(subject: Subject) -> Iterator[Change]:
    yield from _signals(subject, lambda one: one.update(Count=2))


@FAMILY.add("wait-for-none", "set the count to nothing", POLICY)
def _none(subject: Subject) -> Iterator[Change]:
    yield from _signals(subject, lambda one: one.update(Count=0))


@FAMILY.add("timeout-too-short", "left the timeout of a test that was to fail", POLICY)
def _short(subject: Subject) -> Iterator[Change]:
    yield from _signals(subject, lambda one: one.update(Timeout="PT5S"))


@FAMILY.add("timeout-too-long", "let a failed stack stand for an hour", POLICY)
def _long(subject: Subject) -> Iterator[Change]:
    yield from _signals(subject, lambda one: one.update(Timeout="PT1H"))


@FAMILY.add("timeout-without-t", "wrote five months for five minutes", POLICY)
def _months(subject: Subject) -> Iterator[Change]:
    yield from _signals(subject, lambda one: one.update(Timeout="P5M"))


@FAMILY.add("timeout-no-duration", "wrote the timeout in seconds", POLICY)
def _seconds(subject: Subject) -> Iterator[Change]:
    yield from _signals(subject, lambda one: one.update(Timeout="300"))


@FAMILY.add("policy-on-another", "set the policy on a resource that never signals", POLICY)
def _another(subject: Subject) -> Iterator[Change]:
    for name in _awaited(subject):
        for other in [one for one in subject.template.resources if one != name][:1]:
            policy = subject.template.resources[name].creation_policy
            moved = subject.without("Resources", name, "CreationPolicy")
            yield Change("", moved.placed(policy, "Resources", other, "CreationPolicy"))


@FAMILY.add("policy-in-properties", "indented the policy one level too deep", POLICY)
def _too_deep(subject: Subject) -> Iterator[Change]:
    for name in _awaited(subject):
        policy = subject.template.resources[name].creation_policy
        moved = subject.without("Resources", name, "CreationPolicy")
        properties = {**subject.template.resources[name].properties, "CreationPolicy": policy}
        yield Change("", moved.placed(properties, "Resources", name, "Properties"))
