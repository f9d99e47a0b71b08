"""A process that outlives the tests: when they die, of anything, it deletes what the ledger names.

It runs in a session of its own, so that neither a Ctrl-C nor a hangup of the terminal reaches it,
and it learns of the end through a pipe: as long as the tests live, somebody holds the other side.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from harness.ledger import open_entries

DISMISSED: Final = b"dismissed\n"
"""What the watchdog is told when nothing is left for it to do."""

LOG: Final = "watchdog.log"
"""Name of its log in the run's directory."""

LEFT: Final = "STILL THERE: "
"""What a line of its log says before it names a thing that is left."""

_DISMISSAL_SECONDS: Final = 10.0


class Watchdog:
    """The tests' side of the watchdog.

    Args:
        process: The process, which holds the pipe's other end as its standard input.
        log: Where it writes what it does.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    def start(cls, run_directory: Path, environ: Mapping[str, str]) -> Self:
        """Start one for a run; from now on whatever its ledgers name gets deleted.

        Args:
            run_directory: The run's directory.
            environ: The environment to delete with: credentials, profile, endpoint.
        """
        log = run_directory / LOG
        # A runner of GitHub Actions ends the processes that carry its tracking id when the job is
        # cancelled, which is just when the watchdog has to work.
        environ = {**environ, "RUNNER_TRACKING_ID": ""}
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(run_directory)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environ,
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def conclude(self, run_directory: Path, limit: float) -> Sequence[str]:
        """Have it delete what the ledgers still name, if anything, and wait until it is gone.

        The ledgers of this process must be closed. The run's files go too, unless something is
        left.

        Args:
            run_directory: The run's directory.
            limit: Seconds that it may take; afterwards it goes on alone.

        Returns:
            A line for each thing that is left.
        """
        if not open_entries(run_directory):
            self._dismiss()
            shutil.rmtree(run_directory, ignore_errors=True)
            return []
        self._close_pipe()
        try:
            status = self._process.wait(limit)
        except subprocess.TimeoutExpired:
            self.abandon()
            return [f"the watchdog (process {self.pid}) is still deleting; it writes to {self.log}"]
        if status == 0:
            return []
        lines = self.log.read_text(encoding="utf-8").splitlines()
        left = [line.partition(LEFT)[2] for line in lines if LEFT in line]
        return left or [f"the watchdog failed; see {self.log}"]

    def _dismiss(self) -> None:
        try:
            self._process.communicate(DISMISSED, _DISMISSAL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # it has nothing to do
            self._process.wait()

    def abandon(self) -> None:
        """Leave what is left to it: it begins now, and goes on when this process is gone."""
        self._close_pipe()
        self._process.returncode = 0  # nobody waits for it; keep the interpreter from complaining

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
