"""A live run, driven end to end against the local cloud as if it were AWS."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import LiveRun

pytestmark = pytest.mark.local


def test_a_stack_is_created_tested_and_deleted(live_run: LiveRun) -> None:
    """The whole way: announcement, events, login, test, deletion; nothing is left."""
    status = live_run.start().finish()
    assert status == 0, live_run.output
    assert "in account 123456789012 as arn:" in live_run.output
    assert re.search(r"CREATE_COMPLETE +Compute", live_run.output)
    assert re.search(r"DELETE_COMPLETE +Compute", live_run.output)
    assert "1 passed" in live_run.output
    assert live_run.left() == []


def test_nothing_runs_without_being_asked_for(live_run: LiveRun) -> None:
    """A live test is deselected where -m does not name it; pytest then says that nothing ran."""
    status = live_run.start("-m", "not unit").finish()
    assert status == 5, live_run.output
    assert live_run.proxy.calls == []


def test_two_workers_share_one_stack(live_run: LiveRun) -> None:
    """Under pytest-xdist, whatever the distribution: one stack, one owner at the end."""
    (live_run.directory / "test_more.py").write_text(
        (live_run.directory / "test_inner.py").read_text().replace("test_inside", "test_again")
    )
    status = live_run.start("-n", "2", "--dist", "each").finish()
    assert status == 0, live_run.output
    assert "4 passed" in live_run.output
    assert live_run.proxy.actions.count("CreateStack") == 1
    assert live_run.left() == []


def test_a_kept_stack_can_be_reused_and_stays(live_run: LiveRun) -> None:
    """Keep says how to reach it; reuse logs in with the kept key, and deletes nothing."""
    assert live_run.start("--keep", "always").finish() == 0, live_run.output
    name = re.search(r"kept stack (\S+) in us-east-1", live_run.output)
    assert name, live_run.output
    assert f"ssh -F {live_run.directory}/.harness/kept/{name[1]}/" in live_run.output
    assert f"delete-stack --endpoint-url {live_run.proxy.url}" in live_run.output
    live_run.proxy.calls.clear()
    assert live_run.start("--reuse", name[1]).finish() == 0, live_run.output
    assert "CreateStack" not in live_run.proxy.actions
    assert "DeleteStack" not in live_run.proxy.actions
    assert name[1] in live_run.left()


def test_a_failing_test_leaves_evidence(live_run: LiveRun) -> None:
    """The logs are saved, and the JUnit report says where."""
    text = (live_run.directory / "test_inner.py").read_text()
    (live_run.directory / "test_inner.py").write_text(text.replace('== "inside"', '== "outside"'))
    assert live_run.start("--junit-xml", "report.xml").finish() == 1, live_run.output
    report = ET.parse(live_run.directory / "report.xml")  # noqa: S314 - written by pytest
    (found,) = [
        one.get("value") for one in report.iter("property") if one.get("name") == "evidence"
    ]
    evidence = Path(str(found))
    assert "hello" in (evidence / "Compute" / "cloud-init-output.log").read_text()
    assert "systemd" in (evidence / "Compute" / "journal.log").read_text()
    assert "init-local" in (evidence / "Compute" / "cloud-init-analyze.txt").read_text()
    assert live_run.left() == []
