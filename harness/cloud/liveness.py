"""Which runs have a local cloud that is alive, so that what dead ones left can be removed.

A local cloud holds a lock on a file for as long as it lives, however it ends. Runs without such a
file are on other machines, or other users': nobody here can tell, and they are left alone.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.cloud.private import make_private, own_directory
from harness.errors import EngineError


class Life(enum.Enum):
    """What is known here of a run's cloud."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass
class Traces:
    """Whether a cloud may have left something: from its first network on, until all is removed."""

    possible: bool = False


def default_directory() -> Path:
    """Where this user's lock files are."""
    return own_directory("clouds")


@contextlib.contextmanager
def alive(run_id: str, directory: Path) -> Generator[Traces]:
    """Say that a run's cloud is alive, for as long as the context lasts.

    Afterwards it is dead where it may have left something, and else forgotten.

    Raises:
        EngineError: Another one of that run is.
        HarnessError: The folder is not this user's alone.
    """
    make_private(directory)
    path = directory / run_id
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(
                f"a local cloud of run {run_id} is alive already", remedy="give the run another id"
            ) from None
        traces = Traces()
        try:
            yield traces
        finally:
            if not traces.possible:
                path.unlink(missing_ok=True)


def life_of(run_id: str, directory: Path) -> Life:
    """Whether a run's cloud is alive, as far as can be told here."""
    try:
        with (directory / run_id).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return Life.UNKNOWN
    except BlockingIOError:
        return Life.ALIVE
    return Life.DEAD


def dead(run_ids: Iterable[str], directory: Path) -> list[str]:
    """Those of some runs whose cloud was alive here and is no more."""
    return [run_id for run_id in sorted(run_ids) if life_of(run_id, directory) is Life.DEAD]


def forget(run_id: str, directory: Path) -> None:
    """A dead run has nothing left."""
    (directory / run_id).unlink(missing_ok=True)
