"""The verdict for people: on a terminal, as a GitHub job summary, as annotations on the lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from harness.gate.outcome import Outcome, Problem
from harness.headroom import Headroom

MOST_SHOWN: Final = 20
"""Problems of a part that are shown; the log has all of them."""

_MARKS: Final = {True: "✅", False: "❌"}
_WORDS: Final = {True: "GREEN", False: "RED"}


@dataclass(frozen=True)
class Summary:
    """What the gate has seen.

    Args:
        outcomes: What came of the parts.
        headrooms: What provisioning took, of what the CreationPolicies give.
        seconds: How long the whole gate took.
    """

    outcomes: Sequence[Outcome]
    headrooms: Sequence[Headroom]
    seconds: float

    @property
    def green(self) -> bool:
        """Whether every part was seen to pass."""
        return bool(self.outcomes) and all(outcome.green for outcome in self.outcomes)

    def text(self) -> str:
        """For a terminal."""
        lines: list[str] = []
        for outcome in self.outcomes:
            lines += _problems(outcome)
        lines.append("")
        lines += [outcome_line(outcome) for outcome in self.outcomes]
        lines += [f"{'':5} {note}" for outcome in self.outcomes for note in outcome.notes]
        lines += [f"{'':5} {headroom}" for headroom in self.headrooms]
        lines.append(f"{_WORDS[self.green]} in {self.seconds:.0f} s")
        return "\n".join(lines)

    def markdown(self) -> str:
        """For a GitHub job summary ("Adding a job summary", GitHub Actions)."""
        rows = [
            f"| {outcome.part} | {_MARKS[outcome.green]} | {outcome.seconds:.0f} s "
            f"| {_cell(outcome.reason)} |"
            for outcome in self.outcomes
        ]
        lines = [
            f"## {_MARKS[self.green]} {_WORDS[self.green].title()} in {self.seconds:.0f} s",
            "",
            "| part | | took | |",
            "|---|---|---|---|",
            *rows,
            "",
            *(f"- {headroom}" for headroom in self.headrooms),
            *(f"- {_cell(note)}" for outcome in self.outcomes for note in outcome.notes),
        ]
        for outcome in self.outcomes:
            for problem, count in _grouped(outcome.problems)[:MOST_SHOWN]:
                lines += ["", f"**{_titled(problem, count)}**", "", "```", problem.message, "```"]
        return "\n".join(lines) + "\n"

    def annotations(self) -> Iterator[str]:
        """Workflow commands that mark lines ("Workflow commands for GitHub Actions")."""
        for outcome in self.outcomes:
            for problem, count in _grouped(outcome.problems)[:MOST_SHOWN]:
                title = _counted(problem, count)
                yield _annotation(replace(problem, title=title))
            if not outcome.green and not outcome.problems:
                yield _annotation(Problem(f"gate: {outcome.part}", outcome.reason))


def outcome_line(outcome: Outcome) -> str:
    """One part in one line."""
    word = _WORDS[outcome.green].lower()
    return f"{word:5} {outcome.part:<6} {outcome.seconds:6.1f} s  {outcome.reason}"


def _problems(outcome: Outcome) -> Iterator[str]:
    if outcome.green:
        return
    grouped = _grouped(outcome.problems)
    yield f"\n{outcome.part}: {outcome.reason}"
    for problem, count in grouped[:MOST_SHOWN]:
        yield f"  {_titled(problem, count)}"
        yield from (f"    {line}" for line in problem.message.splitlines())
    if len(grouped) > MOST_SHOWN:
        yield f"  and {len(grouped) - MOST_SHOWN} more"
    if outcome.log:
        yield f"  all of its output: {outcome.log}"


def _grouped(problems: Sequence[Problem]) -> list[tuple[Problem, int]]:
    """Problems in a row that say the same, once, with their number."""
    groups = ([*group] for _, group in groupby(problems, key=lambda one: (one.message, one.level)))
    return [(group[0], len(group)) for group in groups]


def _titled(problem: Problem, count: int) -> str:
    title = _counted(problem, count)
    return f"{problem.place}: {title}" if problem.place else title


def _counted(problem: Problem, count: int) -> str:
    return f"{problem.title} and {count - 1} more" if count > 1 else problem.title


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _annotation(problem: Problem) -> str:
    places = {"file": problem.path, "line": problem.line, "col": problem.column}
    properties = [f"{name}={_property(str(value))}" for name, value in places.items() if value]
    properties.append(f"title={_property(problem.title)}")
    return f"::{problem.level} {','.join(properties)}::{_data(problem.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
