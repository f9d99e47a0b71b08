"""How long provisioning took in earlier runs.

Each file in the folder is one JSON object of one run that came to its end::

    {"logical_id": "Compute", "provisioning_seconds": 42.5}

Other keys may stand beside these two. One run on a machine that had too much to do tells little,
and so does one of a script that has changed since; what counts is what most of the latest took.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.errors import UsageError

LATEST: Final = 20
"""How many runs count, the latest ones."""

SHARE: Final = 0.8
"""The share of them that took no longer than what is told."""


def provisioning_seconds(folder: Path) -> Mapping[str, float]:
    """What provisioning takes, for each resource; nothing where there is no such folder.

    Raises:
        UsageError: A file is not of that form, or the folder is none.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: no folder", remedy="name the folder of the records of runs")
    took: dict[str, list[float]] = {}
    for path in sorted(folder.glob("*.json"), key=lambda one: (one.stat().st_mtime, one.name)):
        try:
            run = json.loads(path.read_text())
            logical_id, seconds = str(run["logical_id"]), float(run["provisioning_seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}: not the record of a run: {error}",
                remedy='it is {"logical_id": …, "provisioning_seconds": …}; delete it if in doubt',
            ) from None
        took.setdefault(logical_id, []).append(seconds)
    return {logical_id: _usual(seconds[-LATEST:]) for logical_id, seconds in took.items()}


def _usual(seconds: Sequence[float]) -> float:
    """The nearest-rank percentile; of few runs it is the longest."""
    return sorted(seconds)[math.ceil(SHARE * len(seconds)) - 1]
