"""What the watchdog does when the tests are gone: end what is left of them, then delete."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.ledger import LEDGERS, OpenEntry, open_entries, writers_alive
from harness.watchdog import LEFT

Cleaner = Callable[[str, Sequence[OpenEntry]], Sequence[str]]
"""Deletes what a run has left on one target: run id and entries, newest first -> what is left."""

CLEANERS: Final[Mapping[str, str]] = {
    "local": "harness.cloud.cleanup:clean",
    "aws": "harness.live.cleanup:clean",
}
"""Who cleans a target: ``module:function``, a :data:`Cleaner`."""

_GRACE: Final = 5.0
"""Seconds that other processes of a dead run get to end by themselves."""

_ROUNDS: Final = 3
_PAUSE: Final = 5.0


def clean_up(run_directory: Path) -> int:
    """Delete what the ledgers of a dead run name, and the run's own files.

    Returns:
        0 where nothing is left, 1 where something is; the log names it.
    """
    _log(f"the tests of run {run_directory.name} are gone")
    _end_writers(run_directory)
    left = _clean_in_rounds(run_directory)
    for control in run_directory.glob("*/control"):
        shutil.rmtree(control.resolve(), ignore_errors=True)
    for key in run_directory.glob("*.key"):
        key.unlink(missing_ok=True)
    for line in left:
        _log(f"{LEFT}{line}")
    if left:
        return 1
    _log("nothing is left")
    shutil.rmtree(run_directory, ignore_errors=True)
    return 0


def _end_writers(run_directory: Path) -> None:
    """See that nobody of the run creates anything any more.

    A worker of pytest-xdist may live on for a while when its controller has died; it holds the lock
    of its ledger, and is ended. A process that the tests have left behind may hold one too, which
    it has inherited; it knows nothing of it, and is not waited for.
    """
    _wait_for_writers(run_directory)
    for process_id in writers_alive(run_directory):
        if _has_open(process_id, run_directory):
            _log(f"process {process_id} of the run is still alive; killing it")
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        else:
            _log(f"process {process_id} of the run has left another one behind; going on")
    _wait_for_writers(run_directory)


def _wait_for_writers(run_directory: Path) -> None:
    limit = time.monotonic() + _GRACE
    while writers_alive(run_directory) and time.monotonic() < limit:
        time.sleep(0.05)


def _has_open(process_id: int, run_directory: Path) -> bool:
    """Whether a process is the writer of its ledger, and not one that has its number by now.

    Where the system does not tell, the lock has to do.
    """
    if not Path("/proc/self/fd").exists():
        return True
    ledger = (run_directory / LEDGERS / f"{process_id}.jsonl").resolve()
    try:
        files = [*Path(f"/proc/{process_id}/fd").iterdir()]
    except PermissionError:
        return True
    except OSError:  # there is no such process
        return False
    return any(_leads_to(one, ledger) for one in files)


def _leads_to(descriptor: Path, file: Path) -> bool:
    with suppress(OSError):  # it may have been closed since it was listed
        return descriptor.readlink() == file
    return False


def _clean_in_rounds(run_directory: Path) -> Sequence[str]:
    left: list[str] = []
    for attempt in range(_ROUNDS):
        if attempt:
            time.sleep(_PAUSE)
        entries = open_entries(run_directory)
        left = []
        for target in dict.fromkeys(one.entry.target for one in entries):
            left += _clean_target(target, run_directory.name, entries)
        if not left:
            break
    return left


def _clean_target(target: str, run_id: str, entries: Sequence[OpenEntry]) -> Sequence[str]:
    own = [one for one in entries if one.entry.target == target]
    for one in own:
        _log(f"to be deleted: {one.entry} on {target}")
    module, _, function = CLEANERS[target].partition(":")
    try:
        cleaner: Cleaner = getattr(importlib.import_module(module), function)
        return cleaner(run_id, own)
    except Exception as error:  # noqa: BLE001 - the other targets are cleaned all the same
        return [f"{one.entry} on {target}: {type(error).__name__}: {error}" for one in own]


def _log(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)  # noqa: T201 - standard output is the log
