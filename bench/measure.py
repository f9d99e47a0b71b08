"""Runs a command in a process of its own; how long it takes, and how much memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Sample:
    """One run.

    Args:
        seconds: By the wall clock.
        mebibytes: The most that one of its processes had in memory at a time.
        output: What it printed.
    """

    seconds: float
    mebibytes: float
    output: str


@dataclass(frozen=True)
class Subject:
    """What is measured: a name for people, and a command."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """All runs of one subject."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def mebibytes(self) -> float:
        """The median."""
        return statistics.median(sample.mebibytes for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The quickest and the slowest run, in seconds."""
        seconds = [sample.seconds for sample in self.samples]
        return min(seconds), max(seconds)


def python(*arguments: str | Path) -> tuple[str, ...]:
    """A command of this interpreter."""
    return (sys.executable, *map(str, arguments))


def measure(
    subjects: Sequence[Subject],
    repetitions: int,
    environ: Mapping[str, str],
    say: Callable[[str], object] = print,
) -> list[Series]:
    """Run each subject several times, in turns, so that what else the machine does hits them alike.

    Raises:
        SystemExit: A run failed; there is nothing to compare then.
    """
    samples: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
    for _ in range(repetitions):
        for subject in subjects:
            sample = _run(subject, environ)
            samples[subject.name].append(sample)
            say(f"  {sample.seconds:7.2f} s  {sample.mebibytes:5.0f} MiB  {subject.name}")
    return [Series(name, tuple(found)) for name, found in samples.items()]


def _run(subject: Subject, environ: Mapping[str, str]) -> Sample:
    began = time.perf_counter()
    with subprocess.Popen(
        subject.command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        # wait4() counts the processes that this one has waited for, too.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{subject.name} failed with {process.returncode}:\n{output[-3000:]}")
    return Sample(time.perf_counter() - began, usage.ru_maxrss / KIB_PER_MIB, output)
