"""Find by tag what runs have left behind, and delete what has expired. Twice is harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from harness.errors import HarnessError
from harness.live.cleanup import delete_key, delete_stack
from harness.live.session import Clients
from harness.naming import TAG_EXPIRES, TAG_PROJECT, TAG_RUN, TAG_WHO, expired
from harness.waiting import AWS_PACE, LOCAL_PACE, Pace, patiently


@dataclass(frozen=True)
class Leftover:
    """One thing that a run has left.

    Args:
        kind: ``stack``, ``key-pair`` or ``instance``.
        name: Its name, or its id.
        region: Where it is.
        tags: Its tags.
    """

    kind: str
    name: str
    region: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.name} in {self.region}: project "
            f"{self.tags.get(TAG_PROJECT, '?')}, by {self.tags.get(TAG_WHO, '?')}, "
            f"expires {self.tags.get(TAG_EXPIRES, '?')}"
        )


Choice = Callable[[Mapping[str, str]], bool]
"""Whether tags say that what carries them is to be swept."""


def expired_at(now: datetime) -> Choice:
    """Chooses what has expired."""
    return lambda tags: expired(tags, now)


def of_run(name: str) -> Choice:
    """Chooses what a run has made, expired or not; a run is named by its id or by who ran it."""
    return lambda tags: TAG_RUN in tags and name in {tags[TAG_RUN], tags.get(TAG_WHO)}


def find(clients: Clients, chosen: Choice) -> Sequence[Leftover]:
    """What is chosen in a region: stacks first, then instances outside stacks, then keys."""
    pace = _pace(clients)
    found = [
        Leftover(kind, name, clients.region, tags)
        for kind, finder in _FINDERS.items()
        for name, tags in patiently(lambda finder=finder: list(finder(clients)), pace)  # type: ignore[misc]  # mypy knows no defaults of lambdas
    ]
    return [one for one in found if chosen(one.tags)]


def remove(clients: Clients, leftover: Leftover) -> Sequence[str]:
    """Delete one; a line for whatever of it is still there."""
    try:
        return _REMOVERS[leftover.kind](clients, leftover.name, _pace(clients))
    except HarnessError as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001 - the others are deleted all the same
        return [f"{leftover}: {type(error).__name__}: {error}"]


def _pace(clients: Clients) -> Pace:
    return LOCAL_PACE if clients.override else AWS_PACE


def _tags(raw: Sequence[Mapping[str, str]] | None) -> Mapping[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw or ()}


def _stacks(clients: Clients) -> Iterator[tuple[str, Mapping[str, str]]]:
    for page in clients("cloudformation").get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            if stack["StackStatus"] != "DELETE_COMPLETE" and "ParentId" not in stack:
                yield stack["StackName"], _tags(stack.get("Tags"))


def _instances(clients: Clients) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Instances of runs that no stack would delete: of stacks that had to retain them."""
    filters: Any = [
        {"Name": "tag-key", "Values": [TAG_RUN]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    pages = clients("ec2").get_paginator("describe_instances").paginate(Filters=filters)
    living = {name for name, _ in _stacks(clients)}
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = _tags(instance.get("Tags"))
                if tags.get("aws:cloudformation:stack-name") not in living:
                    yield instance["InstanceId"], tags


def _key_pairs(clients: Clients) -> Iterator[tuple[str, Mapping[str, str]]]:
    filters: Any = [{"Name": "tag-key", "Values": [TAG_RUN]}]
    for key in clients("ec2").describe_key_pairs(Filters=filters)["KeyPairs"]:
        yield key["KeyName"], _tags(key.get("Tags"))


def _terminate(clients: Clients, instance_id: str, pace: Pace) -> Sequence[str]:
    ec2 = clients("ec2")
    patiently(lambda: ec2.terminate_instances(InstanceIds=[instance_id]), pace)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id])
    return []


_FINDERS: Final[Mapping[str, Callable[[Clients], Iterator[tuple[str, Mapping[str, str]]]]]] = {
    "stack": _stacks,
    "instance": _instances,
    "key-pair": _key_pairs,
}
_REMOVERS: Final[Mapping[str, Callable[[Clients, str, Pace], Sequence[str]]]] = {
    "stack": delete_stack,
    "instance": _terminate,
    "key-pair": delete_key,
}
