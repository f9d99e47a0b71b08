"""The watchdog's own side: wait for the end of the tests, then delete."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

from harness.watchdog import DISMISSED

_LOOK: Final = 2.0
"""Seconds between two looks at whether the parent lives, should a stray process hold the pipe."""


def main(run_directory: Path) -> int:
    """Wait; delete what is left, unless dismissed.

    Returns:
        0 where nothing is left, 1 where something is.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if _wait_for_the_end(os.getppid()):
        shutil.rmtree(run_directory, ignore_errors=True)  # who dismissed it may be gone by now
        return 0
    # Loaded only now: while the tests live the watchdog takes as little memory as it can.
    from harness.watchdog.cleaning import clean_up  # noqa: PLC0415 - as above

    return clean_up(run_directory)


def _wait_for_the_end(parent: int) -> bool:
    """Wait until the tests are gone; whether they have dismissed the watchdog."""
    told = b""
    while True:
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], _LOOK)
        if readable:
            read = os.read(sys.stdin.fileno(), 1024)
            told += read
            if told == DISMISSED:
                return True  # a stray process may hold the pipe for as long as it likes
            if not read:
                return False
        elif os.getppid() != parent:
            return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
