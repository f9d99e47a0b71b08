"""Which runs have a local cloud that is alive, so that what dead ones left can be removed.

A local cloud holds a lock on a file for as long as it lives, however it ends. Runs without such a
file are on other machines, or other users': nobody here can tell, and they are left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

from harness.errors import EngineError


def default_directory() -> Path:
    """Where this user's lock files are."""
    return Path(tempfile.gettempdir()) / f"harness-clouds-{os.getuid()}"


@contextlib.contextmanager
def alive(run_id: str, directory: Path) -> Generator[None]:
    """Say that a run's cloud is alive, for as long as the context lasts.

    Raises:
        EngineError: Another one of that run is.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / run_id
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(
                f"a local cloud of run {run_id} is alive already", remedy="give the run another id"
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def dead(run_ids: Iterable[str], directory: Path) -> list[str]:
    """Those of some runs whose cloud was alive here and is no more."""
    return [run_id for run_id in sorted(run_ids) if _is_dead(directory / run_id)]


def forget(run_id: str, directory: Path) -> None:
    """A dead run has nothing left."""
    (directory / run_id).unlink(missing_ok=True)


def _is_dead(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True
