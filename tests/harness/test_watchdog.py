"""The watchdog: it deletes when the tests are gone, of whatever, and only then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.ledger import Entry, Ledger, open_entries
from harness.watchdog import DISMISSED, LEFT, Watchdog
from harness.watchdog.cleaning import clean_up

pytestmark = pytest.mark.selftest

STACK = Entry("stack", "s", "paper", "us-east-1")

CLEANER = '''\
"""Deletes by releasing; what is named "stuck" stays."""
from pathlib import Path
import os
import harness.watchdog.cleaning as cleaning
from harness.ledger import Ledger

cleaning._PAUSE = 0.0

def clean(run_id, entries):
    directory = Path(os.environ["RUN_DIRECTORY"])
    with Ledger(directory) as ledger:
        for one in entries:
            if one.entry.name != "stuck":
                ledger.release(one.entry)
    return [str(one.entry) for one in entries if one.entry.name == "stuck"]
'''
SITE = """\
import harness.watchdog.cleaning as cleaning
cleaning.CLEANERS = {"paper": "paper_cleaner:clean"}
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose Python knows a target made of paper."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "paper_cleaner.py").write_text(CLEANER)
    (site / "sitecustomize.py").write_text(SITE)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "RUN_DIRECTORY": str(tmp_path / "run")}


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    """A run's directory."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_it_is_dismissed_where_nothing_is_left(
    run_directory: Path, environ: dict[str, str]
) -> None:
    """It ends without a word, and the run's files go."""
    watchdog = Watchdog.start(run_directory, environ)
    with Ledger(run_directory) as ledger:
        ledger.intend(STACK)
        ledger.release(STACK)
    assert watchdog.conclude(run_directory, 60) == []
    assert not run_directory.exists()


def test_the_runs_files_go_though_the_tests_die_of_something_at_the_very_end(
    run_directory: Path, environ: dict[str, str]
) -> None:
    """The watchdog has been dismissed, and nobody is left to remove them."""
    watchdog = Watchdog.start(run_directory, environ)
    watchdog._process.communicate(DISMISSED, 60)
    assert watchdog._process.returncode == 0
    assert not run_directory.exists()


def test_it_deletes_what_a_run_could_not(run_directory: Path, environ: dict[str, str]) -> None:
    """And the run waits for it."""
    watchdog = Watchdog.start(run_directory, environ)
    with Ledger(run_directory) as ledger:
        ledger.intend(STACK)
    assert watchdog.conclude(run_directory, 60) == []
    assert not run_directory.exists()


def test_it_names_what_it_cannot_delete(run_directory: Path, environ: dict[str, str]) -> None:
    """After several rounds; the ledger stays for whoever looks."""
    watchdog = Watchdog.start(run_directory, environ)
    with Ledger(run_directory) as ledger:
        ledger.intend(Entry("stack", "stuck", "paper", "us-east-1"))
    assert watchdog.conclude(run_directory, 60) == ["stack stuck in us-east-1"]
    assert [one.entry.name for one in open_entries(run_directory)] == ["stuck"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_outlives_whatever_dies(
    number: signal.Signals, run_directory: Path, environ: dict[str, str]
) -> None:
    """The tests' process and its whole process group are killed; the watchdog deletes."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from harness.ledger import Entry, Ledger; from harness.watchdog import Watchdog\n"
        "directory = Path(sys.argv[1]); ledger = Ledger(directory)\n"
        "watchdog = Watchdog.start(directory, os.environ)\n"
        "ledger.intend(Entry('stack', 's', 'paper', 'us-east-1'))\n"
        "(directory / 'key.key').write_text('secret')\n"
        "print(watchdog.pid, flush=True)\n"
        "signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run_directory)],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        watchdog = int(process.stdout.readline())
        pidfd = os.pidfd_open(watchdog)
        os.killpg(process.pid, number)
    _wait_for_end(pidfd)
    assert not run_directory.exists(), "all of the run is gone, its private key too"


def _wait_for_end(pidfd: int) -> None:
    import select  # noqa: PLC0415 - only wanted here

    try:
        readable, _, _ = select.select([pidfd], [], [], 60)
        assert readable, "the watchdog did not end"
    finally:
        os.close(pidfd)


def test_a_writer_that_lives_on_is_ended_first(
    run_directory: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could create something after the deletion."""
    monkeypatch.setattr("harness.watchdog.cleaning._GRACE", 0.0)
    code = (
        "import signal, sys; from pathlib import Path; from harness.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run_directory)],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        assert clean_up(run_directory) == 0
        assert writer.wait(60) == -signal.SIGKILL


def test_a_cleaner_that_fails_leaves_its_entries_named(
    run_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is the reason; the other targets are cleaned all the same."""
    monkeypatch.setattr("harness.watchdog.cleaning.CLEANERS", {"paper": "no_such_module:clean"})
    monkeypatch.setattr("harness.watchdog.cleaning._PAUSE", 0.0)
    with Ledger(run_directory) as ledger:
        ledger.intend(STACK)
    assert clean_up(run_directory) == 1
    assert f"{LEFT}stack s in us-east-1 on paper: ModuleNotFoundError" in capsys.readouterr().out


STRAY = """\
import os, signal, sys
from pathlib import Path
from harness.ledger import Entry, Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.intend(Entry("stack", "s", "paper", "us-east-1"))
if os.fork():
    os.kill(os.getpid(), signal.SIGKILL)
print(os.getpid(), flush=True)
signal.pause()
"""


def test_a_process_that_the_tests_left_behind_keeps_nobody_from_deleting(
    run_directory: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has inherited the ledger's lock, and the number of whoever took it is nobody's now."""
    monkeypatch.setattr("harness.watchdog.cleaning._GRACE", 0.1)
    monkeypatch.setattr("harness.watchdog.cleaning.CLEANERS", {"paper": "paper_cleaner:clean"})
    monkeypatch.syspath_prepend(environ["PYTHONPATH"].partition(os.pathsep)[0])
    monkeypatch.setenv("RUN_DIRECTORY", str(run_directory))
    with subprocess.Popen(
        [sys.executable, "-c", STRAY, str(run_directory)],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        stray = int(writer.stdout.readline())
        assert writer.wait(60) == -signal.SIGKILL
        assert clean_up(run_directory) == 0
        os.kill(stray, signal.SIGKILL)


def test_a_process_that_the_tests_left_behind_keeps_nobody_waiting(
    run_directory: Path, environ: dict[str, str]
) -> None:
    """It has inherited the pipe; the watchdog has been dismissed all the same."""
    watchdog = Watchdog.start(run_directory, environ)
    assert watchdog._process.stdin is not None
    stray = os.dup(watchdog._process.stdin.fileno())
    try:
        assert watchdog.conclude(run_directory, 60) == []
        assert watchdog._process.returncode == 0, "it ended by itself"
    finally:
        os.close(stray)
