"""What is measured of a stack's provisioning, and how it is recorded."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.headroom import Headroom, measure, read, record
from harness.lint.measured import provisioning_seconds
from harness.stack import StackEvent

pytestmark = pytest.mark.selftest

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
ONE = Headroom("Compute", 22.4, 300.0)


BUDGETS = {"Compute": 300.0}


def event(seconds: float, logical_id: str, status: str, physical_id: str = "i-1") -> StackEvent:
    when = BEGAN + timedelta(seconds=seconds)
    return StackEvent(
        f"{logical_id}-{seconds}", when, logical_id, physical_id, "AWS::EC2::Instance", status, ""
    )


def test_counts_from_the_moment_that_the_resource_is_there() -> None:
    """What comes before the instance exists is no provisioning; what has no policy is left out."""
    events = [
        event(0, "Compute", "CREATE_IN_PROGRESS", physical_id=""),
        event(2, "Compute", "CREATE_IN_PROGRESS"),
        event(3, "Other", "CREATE_IN_PROGRESS"),
        event(4, "Other", "CREATE_COMPLETE"),
        event(20, "Compute", "CREATE_IN_PROGRESS"),
        event(24.4, "Compute", "CREATE_COMPLETE"),
    ]
    assert measure(BUDGETS, events) == [ONE]
    assert str(ONE) == "Compute: provisioning took 22 s of 300 s"


def test_a_budget_that_nobody_knows_is_said_to_be_unknown(tmp_path: Path) -> None:
    """What provisioning took is known all the same, and is kept."""
    events = [event(2, "Compute", "CREATE_IN_PROGRESS"), event(9, "Compute", "CREATE_COMPLETE")]
    (one,) = measure({"Compute": math.inf}, events)
    assert str(one) == "Compute: provisioning took 7 s of an unknown time"
    record(tmp_path, "run", [one])
    assert read(tmp_path) == [one]


def test_says_nothing_of_what_did_not_complete() -> None:
    """A failed creation has no headroom."""
    events = [event(2, "Compute", "CREATE_IN_PROGRESS"), event(9, "Compute", "CREATE_FAILED")]
    assert measure(BUDGETS, events) == []


def test_records_are_read_here_and_by_the_lint(tmp_path: Path) -> None:
    """One file serves both."""
    record(tmp_path / "runs", "a1", [ONE])
    assert read(tmp_path / "runs") == [ONE]
    assert provisioning_seconds(tmp_path / "runs") == {"Compute": 22.4}


def test_leaves_out_what_is_older(tmp_path: Path) -> None:
    """Whoever asks for the records of now gets no earlier ones."""
    record(tmp_path, "a1", [ONE])
    os.utime(tmp_path / "a1-Compute.json", (100, 100))
    assert read(tmp_path, since=101) == []
    assert read(tmp_path, since=99) == [ONE]


def test_no_folder_has_no_records(tmp_path: Path) -> None:
    """Before the first run there is nothing."""
    assert read(tmp_path / "absent") == []


@pytest.mark.parametrize("text", ["", "[]", "3", '{"logical_id": "Compute"}'])
def test_names_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    """A damaged record is named, with what to do."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UsageError, match=r"x\.json: not the record of a run"):
        read(tmp_path)
