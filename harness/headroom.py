"""A CreationPolicy's headroom: how long provisioning took, of the time that the policy gives.

It is taken from the stack's own events, so it is what CloudFormation saw: from the moment that the
resource was there until its last signal had come. Records of runs lie in ``.harness/runs``, where
``harness lint`` reads them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

from harness.errors import UsageError
from harness.folders import make_folder
from harness.stack import StackEvent


@dataclass(frozen=True)
class Headroom:
    """What one resource took.

    Args:
        logical_id: The resource.
        provisioning_seconds: From "Resource creation Initiated" to CREATE_COMPLETE.
        budget_seconds: The Timeout of its CreationPolicy; infinite where only the stack knows.
    """

    logical_id: str
    provisioning_seconds: float
    budget_seconds: float

    def __str__(self) -> str:
        known = isfinite(self.budget_seconds)
        budget = f"{self.budget_seconds:.0f} s" if known else "an unknown time"
        return f"{self.logical_id}: provisioning took {self.provisioning_seconds:.0f} s of {budget}"


def measure(budgets: Mapping[str, float], events: Sequence[StackEvent]) -> Sequence[Headroom]:
    """What the resources with a CreationPolicy took.

    Args:
        budgets: Seconds that each of them may take.
        events: The stack's history, oldest first.

    Returns:
        One for each resource that came to CREATE_COMPLETE.
    """
    found = []
    for logical_id, budget in budgets.items():
        own = [event for event in events if event.logical_id == logical_id and event.physical_id]
        began = [event.when for event in own if event.status == "CREATE_IN_PROGRESS"]
        ended = [event.when for event in own if event.status == "CREATE_COMPLETE"]
        if began and ended:
            took = (ended[-1] - began[0]).total_seconds()
            found.append(Headroom(logical_id, round(took, 1), budget))
    return found


def record(folder: Path, run_id: str, headrooms: Iterable[Headroom]) -> None:
    """Write one file for each resource; a second record of the same run replaces the first."""
    make_folder(folder)
    for one in headrooms:
        path = folder / f"{run_id}-{one.logical_id}.json"
        path.write_text(json.dumps(asdict(one)) + "\n")


def read(folder: Path, since: float = 0.0) -> Sequence[Headroom]:
    """The records in a folder, by resource; none where there is no such folder.

    Args:
        folder: Where they lie.
        since: Seconds since the epoch; what was recorded earlier is left out.

    Raises:
        UsageError: A file is not the record of a run.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        if path.stat().st_mtime < since:
            continue
        try:
            found.append(Headroom(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"{path}: not the record of a run: {error}", remedy="delete it"
            ) from None
    return sorted(found, key=lambda one: (one.logical_id, one.provisioning_seconds))
