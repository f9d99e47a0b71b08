"""What is said of tests, of what is left, and of what did not run."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import harness
from harness.cloudformation.unsupported import LISTED
from harness.errors import HarnessError, StackError
from harness.plugin.state import LEAKS, RUN

PACKAGE: Final = Path(harness.__file__).parent
NOT_RUN: Final = "the local rung was NOT RUN: "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what went wrong with a stack without a traceback; take evidence where a test failed."""
    run = item.config.stash.get(RUN, None)
    if run is not None:
        item.user_properties += [(LISTED, line) for line in run.newly_listed()]
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if call.excinfo and report.failed:
        if call.when != "call" and isinstance(error, HarnessError | BotoCoreError | ClientError):
            report.longrepr = str(error)
        elif isinstance(error, HarnessError) and not item.config.option.fulltrace:
            report.longrepr = call.excinfo.getrepr(
                style="short", tbfilter=partial(_frames_of_the_test, item), chain=False
            )
    if run is None or not isinstance(item, pytest.Function):
        return report
    deployment: Any = item.funcargs.get("deployment")
    if report.failed and call.when == "call" and deployment is not None:
        evidence = run.note_failure(deployment)
        report.sections.append(("Evidence", evidence.summary))
        item.user_properties.append(("evidence", str(evidence.directory)))
    elif isinstance(error, StackError) and error.evidence is not None:
        item.user_properties.append(("evidence", str(error.evidence)))
    return report


def _frames_of_the_test(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # noqa: ANN401 - pytest has no public name for it
    """From the test to where it asks the harness; how that came to raise is its own affair."""
    frames = excinfo.traceback.cut(path=item.path)
    own = frames.filter(lambda entry: not Path(entry.path).is_relative_to(PACKAGE))
    return own or frames


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in words that nobody overlooks what is left, and what did not run."""
    leaks = terminalreporter.config.stash[LEAKS]
    if leaks:
        terminalreporter.section("STILL THERE", sep="!", red=True, bold=True)
        for leak in leaks:
            terminalreporter.write_line(leak, red=True)
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_RUN in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.section("THE LOCAL RUNG WAS NOT RUN", sep="!", yellow=True, bold=True)
        terminalreporter.write_line(
            f"{len(skipped)} tests of it were skipped; nothing is known of the stack's boot."
        )
        terminalreporter.write_line(skipped[0].longrepr[2].partition(NOT_RUN)[2])

    _tell_listed(terminalreporter)


def _tell_listed(reporter: pytest.TerminalReporter) -> None:
    """Say what stacks were accepted with and is not simulated; workers' reports bring it too."""
    lines = {
        str(line): None
        for reports in reporter.stats.values()
        for report in reports
        for name, line in getattr(report, "user_properties", ())
        if name == LISTED
    }
    if lines:
        reporter.section(LISTED.upper(), sep="-", yellow=True)
        for line in lines:
            reporter.write_line(line)
