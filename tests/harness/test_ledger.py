"""The journal: what is open, what survives a death, who is alive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.ledger import LEDGERS, Entry, Ledger, open_entries, writers_alive

pytestmark = pytest.mark.selftest

STACK = Entry("stack", "s", "aws", "us-east-1", account="123456789012")
KEY = Entry("key-pair", "k", "aws", "us-east-1", account="123456789012")


def test_what_was_intended_is_open_newest_first(tmp_path: Path) -> None:
    """Deletion goes in reverse order of creation, whether the creation was confirmed or not."""
    with Ledger(tmp_path) as ledger:
        ledger.intend(KEY)
        ledger.confirm(KEY)
        ledger.intend(STACK)
    opened = open_entries(tmp_path)
    assert [(one.entry, one.confirmed) for one in opened] == [(STACK, False), (KEY, True)]


def test_what_was_released_is_closed(tmp_path: Path) -> None:
    """Gone and seen to be gone, or kept on purpose."""
    with Ledger(tmp_path) as ledger:
        ledger.intend(STACK)
        ledger.release(STACK)
        assert ledger.open_entries() == []
    assert open_entries(tmp_path) == []


def test_another_process_may_release(tmp_path: Path) -> None:
    """Who leaves a shared stack last deletes it; the order of the steps decides, not the file."""
    directory = tmp_path / LEDGERS
    directory.mkdir()
    seconds = iter(range(1, 9))
    with Ledger(tmp_path, now=lambda: next(seconds)) as ledger:
        ledger.intend(STACK)
        ledger.release(STACK)
    ledger.path.rename(directory / "2.jsonl")
    first, second = (directory / "2.jsonl").read_text().splitlines()
    (directory / "2.jsonl").write_text(f"{first}\n")
    (directory / "1.jsonl").write_text(f"{second}\n")
    assert open_entries(tmp_path) == []


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    """A writer may die within its last line; that create call was never made."""
    with Ledger(tmp_path) as ledger:
        ledger.intend(STACK)
    with ledger.path.open("a") as file:
        file.write('{"step": "intend", "wh')
    assert [one.entry for one in open_entries(tmp_path)] == [STACK]


def test_an_entry_is_on_disk_before_intend_returns(tmp_path: Path) -> None:
    """A process that is killed right after it said so has said so."""
    code = (
        "import os, signal, sys; from pathlib import Path; from harness.ledger import *\n"
        "Ledger(Path(sys.argv[1])).intend(Entry('stack', 's', 'aws', 'us-east-1'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [one.entry.name for one in open_entries(tmp_path)] == ["s"]
    assert writers_alive(tmp_path) == []


def test_a_writer_is_alive_until_its_lock_is_gone(tmp_path: Path) -> None:
    """By the lock, not by the process id, which may have been given to another process."""
    with Ledger(tmp_path):
        assert writers_alive(tmp_path) == [os.getpid()]
    assert writers_alive(tmp_path) == []
