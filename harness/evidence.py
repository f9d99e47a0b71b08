"""What is kept of a stack that failed, before it is deleted: its events, its instances' logs.

Everything is masked before it is written, and everything is attempted: what cannot be had is said
in the place where it would have been.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.guest import Login
from harness.masking import Masker
from harness.stack import StackEvent, root_cause

LOGS: Final[Mapping[str, str]] = {
    "cloud-init-output.log": "sudo cat /var/log/cloud-init-output.log",
    "cloud-init.log": "sudo cat /var/log/cloud-init.log",
    "journal.log": "sudo journalctl --boot --no-pager --output=short-precise",
    "cloud-init-analyze.txt": "cloud-init analyze show; cloud-init analyze blame",
    "cloud-init-status.txt": "cloud-init status --long",
}
"""Files of evidence, and the commands that print them in an instance."""

_LOG_LIMIT: Final = 30.0
_LAST_LINES: Final = 20
_FAILING = re.compile(r"^(?!\s*\++ ).*\bline \d+: .+$", re.MULTILINE)
_TRACE = re.compile(r"^(?:.*: )?\++ (\d{9,}\.\d+) (?:line (\d+): )?(.*)$")


@dataclass(frozen=True)
class Step:
    """One command of a traced script.

    Args:
        line: Its line in the script; 0 where the trace does not say.
        command: The command, arguments expanded.
        seconds: Until the next command began; None for the last.
    """

    line: int
    command: str
    seconds: float | None

    def __str__(self) -> str:
        took = "   last" if self.seconds is None else f"{self.seconds:5.1f} s"
        return f"{took}  line {self.line}: {self.command}"


def trace(output: str) -> Sequence[Step]:
    """The steps of a script whose ``PS4`` holds ``$EPOCHREALTIME`` and the line."""
    found = [match for line in output.splitlines() if (match := _TRACE.match(line))]
    times = [float(match[1]) for match in found]
    ends: list[float | None] = [*times, None][1:]
    return [
        Step(int(match[2] or 0), match[3], None if end is None else max(0.0, end - start))
        for match, start, end in zip(found, times, ends, strict=True)
    ]


def trace_began(output: str) -> float | None:
    """When such a script began, in seconds since the epoch; None where it left no trace."""
    return next(
        (float(match[1]) for line in output.splitlines() if (match := _TRACE.match(line))), None
    )


@dataclass(frozen=True)
class Subject:
    """An instance that evidence is taken of.

    Args:
        logical_id: Its name in the template.
        instance_id: Its id.
        console: Reads its console output.
        login: Logs in to it; raises a HarnessError where nobody may.
    """

    logical_id: str
    instance_id: str
    console: Callable[[], str]
    login: Callable[[], Login]


@dataclass(frozen=True)
class Evidence:
    """What was collected.

    Args:
        directory: Where it lies.
        summary: The root cause, the script's last steps, the last lines of its output.
    """

    directory: Path
    summary: str


def collect(
    stack_name: str,
    events: Sequence[StackEvent],
    subjects: Sequence[Subject],
    artifacts: Path,
    mask: Masker,
) -> Evidence:
    """Collect all that can be had.

    Args:
        stack_name: Names the directory.
        events: The stack's history, oldest first.
        subjects: Its instances.
        artifacts: The directory of all evidence.
        mask: Takes secrets out.
    """
    directory = artifacts / stack_name
    directory.mkdir(parents=True, exist_ok=True)
    cause = root_cause(events)
    _write(directory / "events.txt", mask(_history(events)))
    summary = [f"root cause: {cause or 'no resource says that it failed'}"]
    for subject in subjects:
        summary += _collect_instance(subject, directory, mask)
    text = mask("\n".join([*summary, f"evidence: {directory}"]))
    _write(directory / "summary.txt", text)
    return Evidence(directory, text)


def _history(events: Sequence[StackEvent]) -> str:
    failed = [event for event in events if event.failed and not event.of_stack]
    lines = ["What failed first:", *map(_line, failed), "", "All events:", *map(_line, events)]
    return "\n".join(lines)


def _line(event: StackEvent) -> str:
    parts = (event.when.isoformat(), event.status, event.logical_id, event.physical_id)
    return "  ".join((*parts, event.reason)).rstrip()


def _collect_instance(subject: Subject, directory: Path, mask: Masker) -> list[str]:
    place = directory / subject.logical_id
    place.mkdir(exist_ok=True)
    console = _attempt(subject.console)
    _write(place / "console.log", mask(console))
    output = console
    try:
        login = subject.login()
    except Exception as error:  # noqa: BLE001 - evidence is what can be had
        _write(place / "login.txt", mask(str(error)))
        found = [f"{subject.logical_id} ({subject.instance_id}): no login: {error}"]
    else:
        found = [f"{subject.logical_id} ({subject.instance_id}):"]
        for name, command in LOGS.items():
            text = _printed(login, command)
            _write(place / name, mask(text))
            output = text if name == "cloud-init-output.log" else output
    return [*found, *_provisioning(output, place, mask)]


def _printed(login: Login, command: str) -> str:
    done = login.run(command, _LOG_LIMIT)
    if done.returncode:
        return f"{done.stdout}\n({command!r} ended with {done.returncode}: {done.stderr.strip()})"
    return done.stdout


def _provisioning(output: str, place: Path, mask: Masker) -> list[str]:
    """What of the provisioning script ran last, and how long each step took."""
    steps = trace(output)
    if not steps:
        return ["  no trace of the provisioning script"]
    rows = [
        # Before JSON writes quotes and the like another way than the value has them.
        {"line": one.line, "command": mask(one.command), "seconds": one.seconds}
        for one in steps
    ]
    _write(place / "steps.json", json.dumps(rows, indent=2))
    longest = sorted(steps, key=lambda one: one.seconds or 0.0, reverse=True)[:3]
    lines = [line for line in output.splitlines() if line.strip()][-_LAST_LINES:]
    complaints = [match.strip() for match in _FAILING.findall(output)]
    failing = [f"  the failing line: {complaints[-1]}"] if complaints else []
    return [
        *failing,
        f"  the script's last step: line {steps[-1].line}: {steps[-1].command}",
        "  its longest steps:",
        *(f"    {one}" for one in longest if one.seconds is not None),
        "  the last lines of its output:",
        *(f"    {line}" for line in lines),
    ]


def _attempt(read: Callable[[], str]) -> str:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - evidence is what can be had
        return f"(could not be had: {type(error).__name__}: {error})"


def _write(path: Path, text: str) -> None:
    path.write_text(f"{text.rstrip()}\n", encoding="utf-8", errors="replace")
