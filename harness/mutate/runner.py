"""Tries a suite on every mutant: a process each, forked from one that has imported everything."""

from __future__ import annotations

import enum
import gc
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.lint import lint
from harness.mutate.mutator import Mutant, Rung
from harness.mutate.subject import Subject
from harness.mutate.suite import SuiteRun, compile_suite, run_suite
from harness.mutate.workspace import make_workspace, share_compiled

LIMITS: Final[Mapping[Rung, float]] = {Rung.UNIT: 120.0, Rung.LOCAL: 600.0}
"""Seconds after which a run is ended; whatever takes so long is noticed."""

_GRACE_SECONDS: Final = 60.0


class BaselineError(HarnessError):
    """The suite does not pass on what is not broken, so that it cannot tell what is."""


class Verdict(enum.Enum):
    """What came of a mutant."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    EQUIVALENT = "equivalent"
    UNKNOWN = "NOT KNOWN"


@dataclass(frozen=True)
class Result:
    """A mutant, and who noticed it.

    Args:
        mutant: The mutant.
        verdict: Whether it was noticed.
        by: The test that noticed it; the reason where nobody had to.
        reason: What that test said, in a line.
        seconds: How long that took.
    """

    mutant: Mutant
    verdict: Verdict
    by: str = ""
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Project:
    """What is tried.

    Args:
        root: The project's folder.
        template: The template's path in it.
        script: The script's path in it; None where the template has none in a file.
        tests: Files or folders of tests in it.
        equivalent: Why a mutant is none, by its name.
    """

    root: Path
    template: Path
    script: Path | None
    tests: Sequence[Path]
    equivalent: Mapping[str, str] = field(default_factory=dict)

    def subject(self) -> Subject:
        """The template and the script as they are."""
        script = (self.root / self.script).read_bytes().decode() if self.script else None
        return Subject((self.root / self.template).read_bytes().decode(), script)

    def files(self, subject: Subject) -> dict[Path, bytes]:
        """The contents of the files that a subject is made of."""
        files = {self.template: subject.text.encode()}
        if self.script is not None and subject.script is not None:
            files[self.script] = subject.script.encode()
        return files


class Runner:
    """Tries mutants of one project.

    Args:
        project: What is tried.
        jobs: How many at a time.
        say: Is told each result as it comes.
        limits: Seconds after which a run is ended.
    """

    def __init__(
        self,
        project: Project,
        jobs: int,
        say: Callable[[Result], None],
        limits: Mapping[Rung, float] = LIMITS,
    ) -> None:
        self._project = project
        self._jobs = jobs
        self._say = say
        self._limits = limits
        self._known: dict[Rung, Mapping[str, float]] = {}
        self._compiled: Path | None = None

    def run(self, mutants: Sequence[Mutant]) -> list[Result]:
        """Try them all.

        Raises:
            BaselineError: The suite fails on what is not broken.
        """
        results = [self._excused(one) for one in mutants if one.name in self._project.equivalent]
        with tempfile.TemporaryDirectory(prefix="harness-mutate-") as folder:
            for rung in Rung:
                tried = [
                    one
                    for one in mutants
                    if one.mutator.rung is rung and one.name not in self._project.equivalent
                ]
                if tried:
                    self._check_baseline(tried[0].original, rung, Path(folder))
                    results += self._try_all(tried, rung, Path(folder))
        order = {one.name: position for position, one in enumerate(mutants)}
        return sorted(results, key=lambda one: order[one.mutant.name])

    def _excused(self, mutant: Mutant) -> Result:
        result = Result(mutant, Verdict.EQUIVALENT, self._project.equivalent[mutant.name])
        self._say(result)
        return result

    def _check_baseline(self, subject: Subject, rung: Rung, folder: Path) -> None:
        """Run on what is not broken, in this very process: what it imports, every fork has."""
        workspace = self._workspace(subject, folder / f"baseline-{rung.value}")
        log = folder / f"baseline-{rung.value}.log"
        if rung is Rung.UNIT:
            lint(workspace / self._project.template)  # loads what takes longest to load
        done = run_suite(workspace, self._project.tests, rung, {}, log)
        if done.interrupted:
            raise KeyboardInterrupt(*done.interrupted)
        if not done.passed:
            tail = "\n".join(log.read_text().splitlines()[-20:])
            raise BaselineError(
                f"pytest -m {rung.value} ends with status {done.status} before anything is"
                f" broken: {done.failure or 'no test ran'}\n{tail}",
                remedy=f"make pytest -m {rung.value} pass first",
            )
        self._known[rung] = done.seconds
        compile_suite(workspace, self._project.tests, rung, log)
        self._compiled = workspace
        gc.freeze()  # what is here now stays; pytest in each fork need not look through it

    def _workspace(self, subject: Subject, folder: Path) -> Path:
        folder.mkdir()
        project = self._project
        make_workspace(project.root, folder, project.files(subject), project.tests)
        if self._compiled is not None:
            share_compiled(self._compiled, folder, project.tests)
        return folder

    def _try_all(self, mutants: Sequence[Mutant], rung: Rung, folder: Path) -> list[Result]:
        waiting = list(mutants)[::-1]
        running: list[_Trial] = []
        results = []
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    mutant = waiting.pop()
                    number = len(mutants) - len(waiting)
                    workspace = self._workspace(mutant.broken, folder / f"{rung.value}-{number}")
                    running.append(self._start(mutant, rung, workspace))
                wait([one.process.sentinel for one in running], timeout=1.0)
                for trial in [one for one in running if one.over]:
                    running.remove(trial)
                    results.append(trial.result())
                    self._say(results[-1])
        finally:
            for trial in running:
                trial.end()
        return results

    def _start(self, mutant: Mutant, rung: Rung, workspace: Path) -> _Trial:
        answer = workspace.with_suffix(".json")
        process = multiprocessing.get_context("fork").Process(
            target=_child,
            args=(workspace, self._project.tests, rung, self._known[rung], answer),
        )
        process.start()
        return _Trial(mutant, process, answer, self._limits[rung])


def _child(
    workspace: Path,
    tests: Sequence[Path],
    rung: Rung,
    known: Mapping[str, float],
    answer: Path,
) -> None:
    """Run the suite and leave what came of it in a file."""
    os.setpgid(0, 0)
    done = run_suite(workspace, tests, rung, known, workspace.with_suffix(".log"))
    answer.write_text(json.dumps(asdict(done)))


class _Trial:
    """One run that is under way."""

    def __init__(self, mutant: Mutant, process: BaseProcess, answer: Path, limit: float) -> None:
        self.process = process
        self._mutant = mutant
        self._answer = answer
        self._limit = limit
        self._started = time.monotonic()

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    @property
    def over(self) -> bool:
        """Whether it has ended, or has to be."""
        return not self.process.is_alive() or self._elapsed > self._limit

    def end(self) -> None:
        """End it: first as Ctrl-C does, so that it cleans up, then for good."""
        for number, patience in ((signal.SIGINT, _GRACE_SECONDS), (signal.SIGKILL, None)):
            if self.process.is_alive() and self.process.pid is not None:
                os.kill(self.process.pid, number)
                self.process.join(patience)

    def result(self) -> Result:
        """What came of it."""
        seconds = self._elapsed
        if self.process.is_alive():
            self.end()
            return Result(
                self._mutant,
                Verdict.CAUGHT,
                "the limit",
                f"longer than {self._limit:.0f} s",
                seconds,
            )
        self.process.join()
        return _judged(self._mutant, self._read(), seconds)

    def _read(self) -> SuiteRun | None:
        try:
            return SuiteRun(**json.loads(self._answer.read_text()))
        except (OSError, ValueError):
            return None


def _judged(mutant: Mutant, done: SuiteRun | None, seconds: float) -> Result:
    if done is None:
        return Result(mutant, Verdict.UNKNOWN, "", "the run itself broke off", seconds)
    if done.broken:
        return Result(mutant, Verdict.UNKNOWN, "", done.broken, seconds)
    if done.failed and done.failure:
        return Result(mutant, Verdict.CAUGHT, done.failure, done.reason, seconds)
    if done.passed:
        return Result(mutant, Verdict.SURVIVED, "", "every test passed", seconds)
    return Result(mutant, Verdict.UNKNOWN, "", f"pytest ended with status {done.status}", seconds)


def default_jobs() -> int:
    """How many at a time, when nobody says."""
    return os.cpu_count() or 1
