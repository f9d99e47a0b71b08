"""The journal of what a run makes and must delete: written before each create, flushed to disk.

One file for each process of a run, in the run's directory. The file is locked for as long as its
writer lives, whatever it dies of, so that whoever deletes for a dead run knows when it is dead.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Self

RUNS: Final = Path(".harness/runs")
"""Where runs keep their directories, under the project's root."""

LEDGERS: Final = "ledger"
"""Name of the directory of ledgers in a run's directory."""


@dataclass(frozen=True)
class Entry:
    """One thing that has to be deleted.

    Args:
        kind: ``stack``, ``key-pair``, or what else a target's cleaner knows.
        name: Its name, unique in account and region.
        target: Name of the target that it is on.
        region: The region that it is in.
        endpoint_url: Where the target is spoken to; None for AWS's own endpoints.
        account: The AWS account; empty where there is none.
    """

    kind: str
    name: str
    target: str
    region: str
    endpoint_url: str | None = None
    account: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.region}"


@dataclass(frozen=True)
class OpenEntry:
    """An entry that nobody has released.

    Args:
        entry: What it is.
        confirmed: Whether its creation is known to have been accepted; if not, the request may have
            been lost, or may still be on its way.
        when: Seconds since the epoch at which it was journalled.
    """

    entry: Entry
    confirmed: bool
    when: float


class Ledger:
    """The journal of this process. Methods may be called from several threads.

    Args:
        run_directory: The run's directory.
        now: Seconds since the epoch.

    Raises:
        OSError: The file cannot be made; nothing must be created then.
    """

    def __init__(self, run_directory: Path, now: Callable[[], float] = time.time) -> None:
        directory = run_directory / LEDGERS
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = directory / f"{os.getpid()}.jsonl"
        self._now = now
        self._mutex = threading.Lock()
        self._file = self.path.open("a", encoding="utf-8")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        _sync(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def intend(self, entry: Entry) -> None:
        """Say that a thing is about to be created; on disk when this returns."""
        self._write("intend", entry)

    def confirm(self, entry: Entry) -> None:
        """Say that its creation was accepted."""
        self._write("confirm", entry)

    def release(self, entry: Entry) -> None:
        """Say that it is gone, as was seen, or that it is kept on purpose."""
        self._write("release", entry)

    def open_entries(self) -> Sequence[OpenEntry]:
        """What this process has to delete, newest first."""
        return _open_entries([self.path])

    def close(self) -> None:
        """Give up the lock; what is open stays open."""
        self._file.close()

    def _write(self, step: str, entry: Entry) -> None:
        line = json.dumps({"step": step, "when": self._now(), "entry": asdict(entry)})
        with self._mutex:
            self._file.write(f"{line}\n")
            self._file.flush()
            os.fsync(self._file.fileno())


def open_entries(run_directory: Path) -> Sequence[OpenEntry]:
    """What the ledgers of a run say is still to be deleted, newest first."""
    return _open_entries((run_directory / LEDGERS).glob("*.jsonl"))


def _open_entries(paths: Iterable[Path]) -> Sequence[OpenEntry]:
    found: dict[Entry, OpenEntry] = {}
    records = sorted(
        (record for path in paths for record in _records(path)), key=itemgetter("when")
    )
    for record in records:
        entry = Entry(**record["entry"])
        if record["step"] == "release":
            found.pop(entry, None)
        else:
            found[entry] = OpenEntry(entry, record["step"] == "confirm", record["when"])
    return list(reversed(found.values()))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The lines that were written whole; a writer may have died within its last."""
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(json.JSONDecodeError):
            yield json.loads(line)


def writers_alive(run_directory: Path) -> Sequence[int]:
    """Process ids of the run's processes that still live, by their locks."""
    alive = []
    for path in (run_directory / LEDGERS).glob("*.jsonl"):
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                alive.append(int(path.stem))
    return alive


def _sync(directory: Path) -> None:
    """Have a directory's new entry on disk too; a file that nobody finds is of no use."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
