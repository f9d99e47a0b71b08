"""Delete from AWS what a dead run's ledger names, and see that it is gone. Twice is harmless."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import HarnessError
from harness.guest import delete_key_pair
from harness.ledger import Entry, OpenEntry
from harness.live.session import LOCAL_ENDPOINT, Clients
from harness.naming import TAG_RUN
from harness.stack import Stack
from harness.waiting import AWS_PACE, LOCAL_PACE, Pace, patiently

DELETE_LIMIT: Final = 1800.0
"""Seconds that the deletion of one stack may take here, where nobody waits for it."""

_SETTLE: Final[Mapping[bool, float]] = {True: 3.0, False: 30.0}
"""Seconds after which a request that was under way when the run died has taken effect or never
will, by whether the endpoint is on this machine."""


def clean(run_id: str, entries: Sequence[OpenEntry]) -> Sequence[str]:
    """Delete all that the entries name.

    Args:
        run_id: The dead run.
        entries: What its ledger says, newest first.

    Returns:
        A line for each thing that is left, with the command that removes it where known.
    """
    entries = [one for one in entries if one.entry.kind in _DELETERS]
    places = {(one.entry.region, one.entry.endpoint_url): one.entry for one in entries}
    left: list[str] = []
    for entry in places.values():
        here = [
            one
            for one in entries
            if (one.entry.region, one.entry.endpoint_url) == (entry.region, entry.endpoint_url)
        ]
        try:
            left += _clean_place(run_id, entry, here)
        except Exception as error:  # noqa: BLE001 - the other places are cleaned all the same
            left += [f"{one.entry}: {type(error).__name__}: {error}" for one in here]
    return left


def _clean_place(run_id: str, place: Entry, entries: Sequence[OpenEntry]) -> Sequence[str]:
    local = place.endpoint_url is not None
    clients = Clients(
        place.region,
        LOCAL_ENDPOINT if local else None,
        endpoint_url=place.endpoint_url,
    )
    pace = LOCAL_PACE if local else AWS_PACE
    left = _delete_all(clients, pace, entries)
    doubtful = [one for one in entries if not one.confirmed]
    if doubtful:
        age = time.time() - max(one.when for one in doubtful)
        time.sleep(max(0.0, _SETTLE[local] - age))
        left += _delete_all(clients, pace, doubtful)
    return [*dict.fromkeys(left), *_instances_left(clients, run_id, pace)]


def _delete_all(clients: Clients, pace: Pace, entries: Sequence[OpenEntry]) -> list[str]:
    left: list[str] = []
    for one in entries:
        try:
            left += _DELETERS[one.entry.kind](clients, one.entry.name, pace)
        except HarnessError as error:
            left.append(str(error))
        except Exception as error:  # noqa: BLE001 - the others are deleted all the same
            left.append(f"{one.entry}: {type(error).__name__}: {error}")
    return left


def delete_stack(clients: Clients, name: str, pace: Pace) -> Sequence[str]:
    """Delete a stack; returns lines on what of it had to be retained.

    Raises:
        LeakError: It is still there.
    """
    stack = Stack(clients("cloudformation"), name, name, pace=pace)
    found = stack.describe()
    if found is None:
        return []
    # By its id it is still found when it is gone, and a new stack of that name is not.
    stack = Stack(clients("cloudformation"), found["StackId"], name, pace=pace)
    retained = stack.delete(limit=DELETE_LIMIT)
    return [
        f"{one.type} {one.physical_id} of stack {name} could not be deleted with it"
        for one in retained
    ]


def delete_key(clients: Clients, name: str, pace: Pace) -> Sequence[str]:
    """Delete a key pair; returns nothing, as nothing of it can be left.

    Raises:
        LeakError: It is still there.
    """
    delete_key_pair(clients("ec2"), name, pace)
    return []


_DELETERS: Final[Mapping[str, Callable[[Clients, str, Pace], Sequence[str]]]] = {
    "stack": delete_stack,
    "key-pair": delete_key,
}


def _instances_left(clients: Clients, run_id: str, pace: Pace) -> Sequence[str]:
    """Instances that carry the run's tag and are not on their way out."""
    filters: Any = [
        {"Name": f"tag:{TAG_RUN}", "Values": [run_id]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    try:
        answer = patiently(lambda: clients("ec2").describe_instances(Filters=filters), pace)
    except (ClientError, BotoCoreError) as error:
        where = f"instances of run {run_id} in {clients.region}, if there are any"
        return [f"{where}: {error}; harness sweep --run {run_id} --delete"]
    return [
        f"instance {one['InstanceId']} in {clients.region}: aws ec2 terminate-instances "
        f"--region {clients.region} --instance-ids {one['InstanceId']}"
        for reservation in answer["Reservations"]
        for one in reservation["Instances"]
    ]
