"""One run of a project's pytest suite in this process, as quick to fail as can be."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.errors import EngineError
from harness.mutate.mutator import Rung

_FAILED = frozenset({pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED})

# This process has imported the harness before pytest could rewrite its assertions.
_WITHOUT_WARNING = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
_QUICK_SECONDS = 0.03

_LOGIN_SECONDS = 90
"""Of a stack that is complete; where nobody may log in, every second is waited for."""


@dataclass(frozen=True)
class SuiteRun:
    """What came of one run.

    Args:
        status: pytest's exit status.
        failure: The test that failed first; empty where none did.
        reason: What it said, in a line.
        seconds: How long each test took.
        broken: Why the failure says nothing of the stack; empty where it does.
        interrupted: The signal that ended it; empty where none did.
    """

    status: int
    failure: str = ""
    reason: str = ""
    broken: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    interrupted: Sequence[int] = ()

    @property
    def passed(self) -> bool:
        """Whether tests ran, and all passed."""
        return self.status == pytest.ExitCode.OK

    @property
    def failed(self) -> bool:
        """Whether a test failed, or could not even be read."""
        return self.status in _FAILED


def run_suite(
    project: Path, tests: Sequence[Path], rung: Rung, known: Mapping[str, float], log: Path
) -> SuiteRun:
    """Run the tests of one rung, the quickest first, up to the first failure.

    Args:
        project: Where; becomes the current folder for the time being.
        tests: Files or folders of tests, relative to it.
        rung: Which tests.
        known: Seconds that tests took before.
        log: Gets pytest's output.
    """
    recorder = _Recorder(known)
    # A temporary folder of its own: pytest would else look through those of all runs, and clear up.
    arguments = ["--exitfirst", f"--basetemp={project.with_suffix('.tmp')}"]
    if rung is Rung.LOCAL:
        arguments += ["--require-local", f"--login-timeout={_LOGIN_SECONDS}"]
    status = _pytest(project, tests, rung, arguments, log, recorder)
    return SuiteRun(
        status,
        recorder.failure,
        recorder.reason,
        recorder.broken,
        recorder.seconds,
        recorder.interrupted,
    )


def compile_suite(project: Path, tests: Sequence[Path], rung: Rung, log: Path) -> None:
    """Have pytest compile the tests, whose assertions it rewrites, and leave that beside them.

    It takes as long as many a mutant's run. Everything that they import has been imported before,
    so that nothing else is written, even where Python is told to write none.
    """
    wanted, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        _pytest(project, tests, rung, ["--collect-only"], log)
    finally:
        sys.dont_write_bytecode = wanted


def _pytest(
    project: Path,
    tests: Sequence[Path],
    rung: Rung,
    arguments: Sequence[str],
    log: Path,
    *plugins: object,
) -> int:
    every = [
        "-m", rung.value, "--quiet", "--tb=native", "--color=no", "-p", "no:cacheprovider",
        f"--rootdir={project}", *_WITHOUT_WARNING, *arguments, *map(str, tests),
    ]  # fmt: skip
    with log.open("w") as output, _inside(project), _redirected(output), _modules_of(project):
        return int(pytest.main(every, plugins=plugins))


class _Recorder:
    """A plugin of pytest that sorts the tests and keeps what came of them."""

    def __init__(self, known: Mapping[str, float]) -> None:
        self._known = known
        self.seconds: dict[str, float] = {}
        self.failure = ""
        self.reason = ""
        self.broken = ""
        self.interrupted: list[int] = []

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep that it was, and by which signal; pytest itself only reports it."""
        numbers = [one for one in excinfo.value.args if isinstance(one, int)]
        self.interrupted = numbers or [signal.SIGINT]

    def pytest_exception_interact(self, call: pytest.CallInfo[object]) -> None:
        """Tell an engine that does not work from a stack that does not."""
        if call.excinfo is not None and isinstance(call.excinfo.value, EngineError):
            self.broken = self.broken or str(call.excinfo.value)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the quick ones first; those of a module stay together for its fixtures."""
        items.sort(key=self._place)

    def _place(self, item: pytest.Item) -> tuple[bool, float, float]:
        seconds = self._known.get(item.nodeid, float("inf"))
        module = item.nodeid.partition("::")[0]
        of_module = sum(one for name, one in self._known.items() if name.startswith(module))
        return seconds >= _QUICK_SECONDS, of_module, seconds

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how long it took, and the first failure."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self._fail(report.nodeid, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be read."""
        if report.failed:
            self._fail(report.nodeid, report)

    def _fail(self, name: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not self.failure:
            self.failure = name
            crash = getattr(report.longrepr, "reprcrash", None)
            text = crash.message if crash else report.longreprtext
            self.reason = next((line.strip() for line in text.splitlines() if line.strip()), "")


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _modules_of(folder: Path) -> Iterator[None]:
    """Forget the modules of a folder in the end: the next run has its own of the same name."""
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(f"{folder}{os.sep}"):
                del sys.modules[name]


@contextlib.contextmanager
def _redirected(output: io.TextIOWrapper) -> Iterator[None]:
    """Send everything that is written to a file, that of processes which are started too."""
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            yield
    finally:
        output.flush()
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
