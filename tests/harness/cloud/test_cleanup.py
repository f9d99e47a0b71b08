"""What a dead run may have on an engine is not forgotten because the engine is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cloud.cleanup import clean
from harness.ledger import Entry, OpenEntry

pytestmark = pytest.mark.selftest


def test_an_engine_that_is_away_may_have_kept_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the run's clouds is named, with the command that removes what it has made."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    entry = Entry("target", "run-gw0", "local", "us-east-1")
    lines = clean("run", [OpenEntry(entry, confirmed=False, when=0.0)])
    assert [line.partition("; ")[2] for line in lines] == [
        "harness sweep --local --run run --delete",
        "harness sweep --local --run run-gw0 --delete",
    ]
    assert all("no container engine" in line for line in lines)
