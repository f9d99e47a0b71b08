"""Everything the harness raises on purpose, under one root.

A message names the file, the place and the remedy, so that whoever reads it needs no traceback::

    HarnessError
    ├── UsageError            an option or a setting is wrong
    ├── TemplateError         the template, or the script in it, cannot be read
    │   └── IntrinsicError    a Ref, Fn::Sub, Fn::GetAtt, ... that does not resolve
    ├── EngineError           the container engine refuses, or went away
    │   ├── EngineAbsentError there is no container engine to begin with
    │   └── ImageError        the guest image could not be built
    ├── StackError            a stack did not reach the state that was waited for
    │   ├── StackFailed       it ended in another state
    │   └── StackTimeout      it was still under way when the limit was reached
    ├── UnreachableError      nobody answers, or nobody may log in
    ├── LeakError             something that was created is still there
    └── RefusedError          a guard refused before anything was created
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class HarnessError(Exception):
    """Root of all errors of the harness.

    Args:
        message: What is wrong, in one sentence that names the place.
        remedy: What to do about it; shown on a line of its own.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  remedy: {self.remedy}" if self.remedy else self.message


class UsageError(HarnessError):
    """An option or a setting is wrong."""


class TemplateError(HarnessError):
    """The template, or the script in it, cannot be read.

    Args:
        message: What is wrong.
        path: The file.
        line: One-based line in it; 0 where no line is known.
        column: One-based column; 0 where none is known.
        remedy: What to do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        line: int = 0,
        column: int = 0,
        remedy: str = "",
    ) -> None:
        place = ":".join(str(part) for part in (path, line, column) if part)
        super().__init__(f"{place}: {message}" if place else message, remedy=remedy)
        self.path = path
        self.line = line
        self.column = column


class IntrinsicError(TemplateError):
    """An intrinsic function that does not resolve."""


class EngineError(HarnessError):
    """The container engine refuses, or went away."""


class EngineAbsentError(EngineError):
    """There is no container engine to begin with; the local rung skips, or fails where required."""


class ImageError(EngineError):
    """The guest image could not be built."""


class StackError(HarnessError):
    """A stack did not reach the state that was waited for.

    The attribute ``evidence`` names the directory of what was collected, once it has been.
    """

    evidence: Path | None = None


class StackFailed(StackError):  # noqa: N818 - reads as CloudFormation's own CREATE_FAILED
    """A stack ended in another state than the one that was waited for.

    Args:
        message: What is wrong, the root cause in it.
        remedy: What to do about it.
        status: The state that it ended in; empty where it was never created.
        events: Its history, oldest first: objects of :class:`harness.stack.StackEvent`.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        status: str = "",
        events: Sequence[object] = (),
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.events = events


class StackTimeout(StackError):  # noqa: N818 - as above
    """A stack was still under way when the limit was reached."""


class UnreachableError(HarnessError):
    """Nobody answers at the address, or nobody may log in there."""


class LeakError(HarnessError):
    """Something that was created is still there."""


class RefusedError(HarnessError):
    """A guard refused before anything was created."""
