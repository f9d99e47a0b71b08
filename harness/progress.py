"""What a person sees while a stack is under way: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.stack import Observation, StackEvent


class Progress(AbstractContextManager["Progress"], Protocol):
    """Shows the events of one wait, as an observer of :meth:`harness.stack.Stack.wait`."""

    def __call__(self, observation: Observation) -> None:
        """Show one observation."""


class Budgets:
    """How long each resource has been waiting for its signals, against what its policy gives."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}

    def note(self, observation: Observation) -> str:
        """Words on the budget of the event's resource; empty where it has none."""
        event = observation.event
        if event is None or not event.physical_id or not event.status.startswith("CREATE_"):
            return ""
        if event.logical_id not in observation.budgets:
            return ""
        began = self._began.setdefault(event.logical_id, observation.elapsed)
        return self._words(event.logical_id, began, observation, event.status)

    def still(self, logical_id: str, observation: Observation) -> str:
        """The same for a resource without news."""
        began = self._began.get(logical_id)
        if began is None:
            return ""
        return self._words(logical_id, began, observation, "CREATE_IN_PROGRESS")

    @staticmethod
    def _words(logical_id: str, began: float, observation: Observation, status: str) -> str:
        budget = observation.budgets[logical_id]
        if status.endswith("_IN_PROGRESS"):
            return f"{observation.elapsed - began:.0f} of {budget:.0f} s to be signalled in"
        return f"took {observation.elapsed - began:.1f} of {budget:.0f} s"


class PlainProgress(AbstractContextManager["PlainProgress"]):
    """One line for each event.

    Args:
        write: Shows a line.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._budgets = Budgets()

    def __call__(self, observation: Observation) -> None:
        """Write the event, if there is one."""
        if observation.event is None:
            return
        note = self._budgets.note(observation)
        line = event_line(observation.event, observation.elapsed)
        self._write(f"{line}  ({note})" if note else line)

    def __exit__(self, *_: object) -> None:
        """Nothing is left to be done."""


def event_line(event: StackEvent, elapsed: float) -> str:
    """An event in one line, with the seconds since the wait began."""
    kind = event.resource_type.removeprefix("AWS::")
    line = f"{elapsed:7.1f} s  {event.status:<27} {event.logical_id} ({kind})"
    return f"{line}  {event.reason}" if event.reason else line


_STYLES: Final[Mapping[str, str]] = {
    "_FAILED": "bold red",
    "ROLLBACK_IN_PROGRESS": "red",
    "ROLLBACK_COMPLETE": "red",
    "_COMPLETE": "green",
    "_IN_PROGRESS": "yellow",
}


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A table with one row for each resource, redrawn in place.

    Args:
        console: A terminal; standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._budgets = Budgets()
        self._rows: dict[str, StackEvent] = {}
        self._notes: dict[str, str] = {}
        self._live = Live(console=console or Console(), refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last table on the screen."""
        self._live.__exit__(kind, error, trace)

    def __call__(self, observation: Observation) -> None:
        """Redraw the table."""
        event = observation.event
        if event is not None:
            self._rows[event.logical_id] = event
            self._notes[event.logical_id] = self._budgets.note(observation) or event.reason
        for logical_id, row in self._rows.items():
            if row.status == "CREATE_IN_PROGRESS":
                words = self._budgets.still(logical_id, observation)
                self._notes[logical_id] = words or self._notes[logical_id]
        self._live.update(self._table(observation))

    def _table(self, observation: Observation) -> Table:
        title = f"{observation.stack_name}  {observation.elapsed:.1f} s"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for heading in ("Resource", "Type", "Status", ""):
            table.add_column(heading)
        for event in self._rows.values():
            style = next((s for suffix, s in _STYLES.items() if event.status.endswith(suffix)), "")
            table.add_row(
                event.logical_id,
                event.resource_type.removeprefix("AWS::"),
                Text(event.status, style=style),
                Text(self._notes[event.logical_id]),
            )
        return table
