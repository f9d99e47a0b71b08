"""What reaches the user although pytest captures output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.progress import Progress


@contextmanager
def uncaptured(config: pytest.Config) -> Iterator[None]:
    """Let what is written now reach the user."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        yield
        return
    with capture.global_and_fixture_disabled():
        yield


def say(config: pytest.Config, line: str) -> None:
    """Show a line, from whichever process of the session."""
    worker: dict[str, str] = getattr(config, "workerinput", {})
    with uncaptured(config):
        if worker:  # a worker's standard output goes nowhere, its standard error to the terminal
            print(f"[{worker['workerid']}] {line}", file=sys.stderr, flush=True)  # noqa: T201
        elif reporter := _reporter(config):
            reporter.ensure_newline()
            reporter.write_line(line)
        else:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - standard output is not ours


@contextmanager
def progress(config: pytest.Config) -> Iterator[Progress]:
    """The display of one wait: alive on a terminal, plain lines elsewhere."""
    from harness.progress import LiveProgress, PlainProgress  # noqa: PLC0415 - not for units

    with uncaptured(config):  # a captured standard output is no terminal
        terminal = sys.stdout.isatty() and not hasattr(config, "workerinput")
    reporter = _reporter(config) if terminal else None
    if reporter is None:
        with PlainProgress(lambda line: say(config, line)) as plain:
            yield plain
        return
    with uncaptured(config):
        reporter.ensure_newline()
        with LiveProgress() as live:
            yield live


def _reporter(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Pytest's own; None where it was told to do without (``-p no:terminal``)."""
    reporter: pytest.TerminalReporter | None = config.pluginmanager.getplugin("terminalreporter")
    return reporter
