"""Runs the parts of the gate at once, so that all of them take no longer than the slowest."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness.folders import make_folder
from harness.gate.outcome import Ended, Outcome
from harness.gate.parts import Part
from harness.interrupts import ending_in_order


class _Running:
    """A part under way."""

    def __init__(self, part: Part, root: Path, environ: Mapping[str, str]) -> None:
        self.part = part
        self.stopped_for = ""
        make_folder(part.log.parent)
        part.report.unlink(missing_ok=True)  # what an earlier run has written says nothing of this
        self._log = part.log.open("wb")
        self._began = time.monotonic()
        try:
            self._process = subprocess.Popen(
                part.command,
                cwd=root,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C at the terminal comes to it through stop()
            )
        except OSError:
            self._log.close()
            raise

    def stop(self, reason: str) -> None:
        """Let it end in order: delete what it made; a second interrupt would keep it from that."""
        if self._process.poll() is None and not self.stopped_for:
            self.stopped_for = reason
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)

    def outcome(self) -> Outcome:
        """Wait for its end, and judge it."""
        status = self._process.wait()
        self._log.close()
        seconds = time.monotonic() - self._began
        if self.stopped_for:
            outcome = Outcome(self.part.name, green=False, reason=f"stopped: {self.stopped_for}")
        else:
            output = self.part.log.read_text(encoding="utf-8", errors="replace")
            report = self.part.report.read_text() if self.part.report.exists() else None
            outcome = self.part.judge(self.part.name, Ended(status, output, report))
        return replace(outcome, seconds=seconds, log=str(self.part.log))


def run_parts(
    parts: Sequence[Part],
    root: Path,
    environ: Mapping[str, str],
    *,
    keep_going: bool = False,
    say: Callable[[Outcome], object] = lambda _outcome: None,
) -> Sequence[Outcome]:
    """Run all parts at once.

    Args:
        parts: The parts, the cheapest first.
        root: The project's root.
        environ: The environment of their processes.
        keep_going: Whether to let all run on when one is red; else the dearer ones are stopped, in
            order, since the verdict is known.
        say: Told of each outcome as it comes.

    Returns:
        The outcomes in the order of the parts.

    Raises:
        KeyboardInterrupt: At SIGINT, SIGTERM or SIGHUP, once the parts have ended in order.
    """
    running: list[_Running] = []
    with ending_in_order(), ThreadPoolExecutor(len(parts)) as pool:
        try:
            pending = {}
            for part in parts:  # one by one, so that those are known that have begun
                running.append(_Running(part, root, environ))
                pending[pool.submit(running[-1].outcome)] = running[-1]
            outcomes = {}
            for future in as_completed(pending):
                outcome = outcomes[pending[future].part.name] = future.result()
                say(outcome)
                if not outcome.green and not keep_going:
                    dearer = running[running.index(pending[future]) + 1 :]
                    _stop(dearer, f"{outcome.part} is red")
        except BaseException:
            _stop(running, "interrupted")
            raise
    return [outcomes[part.name] for part in parts]


def _stop(running: Sequence[_Running], reason: str) -> None:
    for one in running:
        one.stop(reason)
