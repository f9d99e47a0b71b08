"""What came of one part of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TAIL_LINES: Final = 12


@dataclass(frozen=True)
class Problem:
    """One thing that a person has to look at.

    Args:
        title: What it is about: a finding's code, a test's name.
        message: What is wrong.
        path: The file, relative to the project's root; empty where there is none.
        line: One-based line in it; 0 where none is known.
        column: One-based column; 0 where none is known.
        level: ``error`` or ``warning``.
    """

    title: str
    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    level: str = "error"

    @property
    def place(self) -> str:
        """``path:line:column``, as far as known."""
        return ":".join(str(one) for one in (self.path, self.line, self.column) if one)


@dataclass(frozen=True)
class Outcome:
    """What came of one part.

    Args:
        part: Its name.
        green: Whether it was seen to pass.
        reason: In a few words, what was checked, or why that counts as failed.
        problems: What to look at.
        notes: What else should be known, though it fails nothing.
        seconds: How long it took.
        log: Its whole output; empty where there is none.
    """

    part: str
    green: bool
    reason: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    log: str = ""


@dataclass(frozen=True)
class Ended:
    """How a part's process ended.

    Args:
        status: Its exit status.
        output: What it printed.
        report: What it wrote as its report; None where it wrote none.
    """

    status: int
    output: str
    report: str | None

    def failure(self, meanings: Mapping[int, str]) -> str:
        """The exit status in words, and the last lines of the output."""
        meaning = meanings.get(self.status, "unexpected")
        lines = [line for line in self.output.splitlines() if line.strip()][-TAIL_LINES:]
        return "\n".join([f"exit status {self.status}: {meaning}", *(f"  {one}" for one in lines)])
