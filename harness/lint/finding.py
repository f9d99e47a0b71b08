"""What a lint run reports: one thing that is wrong with a template, its place and its remedy."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class Severity(enum.IntEnum):
    """How bad it is; the larger, the worse."""

    INFO = 1
    """Works, and could be better."""
    WARNING = 2
    """Works by luck, or not as its author means it."""
    ERROR = 3
    """The stack fails, or its instance cannot be reached."""

    @classmethod
    def parse(cls, name: str) -> Severity:
        """The severity of that name, in any case.

        Raises:
            ValueError: There is none.
        """
        try:
            return cls[name.upper()]
        except KeyError:
            raise ValueError(f"{name!r} is no severity") from None

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, order=True)
class Place:
    """A place in a text.

    Args:
        line: One-based.
        column: One-based, in characters.
    """

    line: int = 1
    column: int = 1


@dataclass(frozen=True)
class ScriptPlace:
    """A place in a script that a template embeds, as the instance gets to see the script.

    Args:
        name: Which script, such as ``Compute UserData``.
        place: Where in it.
    """

    name: str
    place: Place


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        code: Stable name of the rule: ``HS001`` of ours, ``SC2086`` of shellcheck, ``E3002`` of
            cfn-lint.
        severity: How bad it is.
        path: The template.
        place: Where in the template.
        message: What is wrong, in one line.
        remedy: What to do about it; empty where the message says so.
        docs: Address of the rule's page.
        script: Where in the embedded script, if it is about one.
        resource: Logical id of the resource it is about; empty where there is none.
    """

    code: str
    severity: Severity
    path: Path
    place: Place
    message: str
    remedy: str = ""
    docs: str = ""
    script: ScriptPlace | None = None
    resource: str = ""

    @property
    def line(self) -> int:
        """One-based line in the template."""
        return self.place.line

    @property
    def column(self) -> int:
        """One-based column in the template."""
        return self.place.column

    @property
    def sort_key(self) -> tuple[str, Place, int, str, str]:
        """By file and place, at one place the worst first."""
        return str(self.path), self.place, -self.severity, self.code, self.message


@dataclass(frozen=True)
class Report:
    """What a run over several templates came to.

    Args:
        findings: Of all templates, in order.
        templates: Those that were read.
        unread: Those that could not be, and why.
    """

    findings: tuple[Finding, ...] = ()
    templates: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
