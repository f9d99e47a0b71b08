"""How long provisioning takes, by the records of runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.lint.measured import LATEST, provisioning_seconds

pytestmark = pytest.mark.selftest


def record(folder: Path, *seconds: float) -> None:
    """One file for each run, the oldest first."""
    for number, one in enumerate(seconds):
        path = folder / f"{len(seconds) - number}.json"  # names tell nothing of the order
        path.write_text(json.dumps({"logical_id": "Server", "provisioning_seconds": one}))
        os.utime(path, (number, number))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ([], None),
        ([20], 20),
        ([20, 30], 30),
        ([20, 21, 22, 23, 280], 23),
        ([200] * LATEST + [20] * LATEST, 20),
        ([20] * LATEST + [200] * LATEST, 200),
    ],
)
def test_what_most_of_the_latest_runs_took(
    tmp_path: Path, seconds: list[float], told: float | None
) -> None:
    """One slow run among several is none of it, nor are those of long ago."""
    record(tmp_path, *seconds)
    assert provisioning_seconds(tmp_path).get("Server") == told
