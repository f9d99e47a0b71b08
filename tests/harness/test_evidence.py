"""What is kept of a stack that failed."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UnreachableError
from harness.evidence import LOGS, Step, Subject, collect, trace
from harness.guest import Login
from harness.masking import MASK, Masker
from harness.stack import StackEvent

pytestmark = pytest.mark.selftest

OUTPUT = """\
Cloud-init v. 22.4.2 running
+ 1700000000.000000 line 12: apt-get update
Reading package lists...
+ 1700000004.500000 line 15: apt-get install leinigen
E: Unable to locate package leinigen
provision.sh: line 15: apt-get install leinigen (exit status 100)
++ 1700000005.000000 line 16: cleanup hunter22
"""


def event(logical_id: str, status: str, reason: str = "") -> StackEvent:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return StackEvent(logical_id + status, when, logical_id, "i-1", "AWS::X::Y", status, reason)


EVENTS = [
    event("Compute", "CREATE_IN_PROGRESS"),
    event("Other", "CREATE_FAILED", "Resource creation cancelled"),
    event("Compute", "CREATE_FAILED", "Received FAILURE signal"),
]


class Guest:
    """Answers every command with the same text."""

    def __init__(self, text: str, status: int = 0) -> None:
        self.text = text
        self.status = status

    def run(self, command: str, limit: float) -> subprocess.CompletedProcess[str]:
        assert limit > 0
        return subprocess.CompletedProcess([command], self.status, self.text, "complaint")


def subject(guest: Guest | None, console: str = "Linux version 6.1\n") -> Subject:
    def login() -> Login:
        if guest is None:
            raise UnreachableError("no ingress rule")
        anything: Any = guest
        login: Login = anything
        return login

    return Subject("Compute", "i-1", lambda: console, login)


def test_a_trace_tells_steps_and_their_durations() -> None:
    """Each takes until the next begins; of the last it is not known."""
    assert trace(OUTPUT) == [
        Step(12, "apt-get update", 4.5),
        Step(15, "apt-get install leinigen", 0.5),
        Step(16, "cleanup hunter22", None),
    ]
    assert trace("no trace\n+ not a time: x\n") == []


def test_a_trace_is_read_through_the_consoles_prefixes() -> None:
    """As it looks in the console's output."""
    console = "[  12.1] cloud-init[571]: + 1700000000.1 line 3: true\n"
    assert trace(console) == [Step(3, "true", None)]


def test_the_root_cause_and_the_failing_line_come_first(tmp_path: Path) -> None:
    """The summary says what failed, which line of the script, and what it printed."""
    found = collect("s", EVENTS, [subject(Guest(OUTPUT))], tmp_path, Masker())
    lines = [line.strip() for line in found.summary.splitlines()]
    assert lines[0] == "root cause: Compute (AWS::X::Y) CREATE_FAILED: Received FAILURE signal"
    assert "the failing line: provision.sh: line 15: apt-get install leinigen " in found.summary
    assert "E: Unable to locate package leinigen" in lines
    assert "the script's last step: line 16: cleanup hunter22" in lines
    assert lines[-1] == f"evidence: {tmp_path / 's'}"


def test_all_logs_are_saved(tmp_path: Path) -> None:
    """Events with what failed first, the console, the logs, the steps."""
    collect("s", EVENTS, [subject(Guest(OUTPUT))], tmp_path, Masker())
    place = tmp_path / "s"
    history = (place / "events.txt").read_text()
    assert history.index("Received FAILURE signal") < history.index("CREATE_IN_PROGRESS")
    assert "cancelled" not in history.partition("All events:")[0]
    assert {path.name for path in (place / "Compute").iterdir()} == {
        "console.log",
        "steps.json",
        *LOGS,
    }
    steps = json.loads((place / "Compute" / "steps.json").read_text())
    assert [one["line"] for one in steps] == [12, 15, 16]


def test_secrets_are_masked_everywhere(tmp_path: Path) -> None:
    """In every file and in the summary."""
    found = collect("s", EVENTS, [subject(Guest(OUTPUT))], tmp_path, Masker(["hunter22"]))
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("hunter22" in text for text in [*texts, found.summary])
    assert MASK in found.summary


def test_what_json_writes_another_way_is_masked_too(tmp_path: Path) -> None:
    """A secret with quotes and accents is none the less one."""
    word = 'pa"ss wörd'
    output = f"+ 1700000000.000000 line 3: login {word}\n+ 1700000001.000000 line 4: done\n"
    collect("s", EVENTS, [subject(Guest(output))], tmp_path, Masker([word]))
    (path,) = tmp_path.rglob("steps.json")
    assert [one["command"] for one in json.loads(path.read_text())] == [f"login {MASK}", "done"]


def test_without_a_login_the_console_has_to_do(tmp_path: Path) -> None:
    """Why nobody could log in is part of the evidence."""
    found = collect("s", EVENTS, [subject(None, console=OUTPUT)], tmp_path, Masker())
    assert "no login: no ingress rule" in found.summary
    assert "the failing line: provision.sh: line 15" in found.summary
    assert (tmp_path / "s" / "Compute" / "login.txt").read_text() == "no ingress rule\n"


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    """A command that fails, a console that cannot be read: the rest is collected."""

    def broken() -> str:
        raise OSError("gone")

    one = Subject("Compute", "i-1", broken, subject(Guest("part", status=1)).login)
    collect("s", [], [one], tmp_path, Masker())
    place = tmp_path / "s" / "Compute"
    assert (place / "console.log").read_text() == "(could not be had: OSError: gone)\n"
    assert "ended with 1: complaint" in (place / "cloud-init.log").read_text()
