"""The parts of the gate, the cheapest first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.gate.linting import judge_lint
from harness.gate.outcome import Ended, Outcome
from harness.gate.testing import judge_tests
from harness.options import Settings

FOLDER: Final = Path(".harness/gate")
"""Where reports and logs are written, under the project's root."""


@dataclass(frozen=True)
class Part:
    """One part: a command of its own process.

    Args:
        name: Its name.
        command: The command; it writes ``report``.
        report: The file that it writes.
        log: Where its output goes.
        judge: What its end amounts to.
    """

    name: str
    command: tuple[str, ...]
    report: Path
    log: Path
    judge: Callable[[str, Ended], Outcome]


def parts_of(settings: Settings, arguments: Sequence[str] = ()) -> Sequence[Part]:
    """The parts for a project.

    Args:
        settings: Its settings.
        arguments: Further arguments of pytest: paths, options.
    """
    folder = settings.root / FOLDER
    template = settings.template
    shown = (
        template.relative_to(settings.root) if template.is_relative_to(settings.root) else template
    )
    report = folder / "lint.json"
    regions = ",".join(settings.meant_for)
    lint = ("lint", str(shown), "--regions", regions, "--format", "json", "--output", str(report))
    return (
        Part("lint", _python("harness", *lint), report, folder / "lint.log", judge_lint),
        _tests("unit", folder, shown, arguments),
        _tests("local", folder, shown, ("--require-local", *arguments)),
    )


def _tests(rung: str, folder: Path, template: Path, arguments: Sequence[str]) -> Part:
    report = folder / f"{rung}.xml"
    # The newer family of JUnit reports leaves out files and lines.
    options = ("-m", rung, "--template", str(template), f"--junitxml={report}")
    family = ("--override-ini", "junit_family=xunit1")
    command = _python("pytest", *options, *family, *arguments)
    return Part(rung, command, report, folder / f"{rung}.log", judge_tests)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
