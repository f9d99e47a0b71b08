"""What a person sees while a stack is under way."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from harness.progress import LiveProgress, PlainProgress
from harness.stack import Observation, StackEvent

pytestmark = pytest.mark.selftest

BUDGETS = {"Compute": 300.0}


def observation(elapsed: float, status: str = "", physical_id: str = "i-1") -> Observation:
    event = StackEvent(
        id=f"{elapsed}",
        when=datetime(2026, 1, 1, tzinfo=UTC),
        logical_id="Compute",
        physical_id=physical_id,
        resource_type="AWS::EC2::Instance",
        status=status,
        reason="Because" if status else "",
    )
    return Observation("s", elapsed, event if status else None, BUDGETS)


def test_plain_lines_tell_the_budget() -> None:
    """From the moment that the resource is there; what it took at the end."""
    lines: list[str] = []
    with PlainProgress(lines.append) as progress:
        progress(observation(1.0, "CREATE_IN_PROGRESS", physical_id=""))
        progress(observation(2.0, "CREATE_IN_PROGRESS"))
        progress(observation(3.0))
        progress(observation(24.0, "CREATE_COMPLETE"))
        progress(observation(30.0, "DELETE_IN_PROGRESS"))
    assert [" ".join(line.split()) for line in lines] == [
        "1.0 s CREATE_IN_PROGRESS Compute (EC2::Instance) Because",
        "2.0 s CREATE_IN_PROGRESS Compute (EC2::Instance) Because (0 of 300 s to be signalled in)",
        "24.0 s CREATE_COMPLETE Compute (EC2::Instance) Because (took 22.0 of 300 s)",
        "30.0 s DELETE_IN_PROGRESS Compute (EC2::Instance) Because",
    ]


def test_a_terminal_gets_a_table_that_counts_on() -> None:
    """One row for each resource; the budget moves without news."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with LiveProgress(console) as progress:
        progress(observation(2.0, "CREATE_IN_PROGRESS"))
        progress(observation(9.0))
    last = screen.getvalue().rpartition("Resource")[2]
    assert "CREATE_IN_PROGRESS" in last
    assert "7 of 300 s to be signalled in" in last
