"""What the hooks and the fixtures of one pytest session share."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from harness.isolation import NetworkGuard
from harness.ledger import RUNS
from harness.naming import Naming
from harness.options import Settings
from harness.plugin.terminal import progress, say
from harness.watchdog import Watchdog

if TYPE_CHECKING:
    from harness.lint.ahead import LintAhead
    from harness.run import Run

SETTLED: Final[pytest.StashKey[Settings]] = pytest.StashKey()
RUN: Final[pytest.StashKey[Run]] = pytest.StashKey()
RUN_ID: Final[pytest.StashKey[str]] = pytest.StashKey()
ENVIRON: Final[pytest.StashKey[Mapping[str, str]]] = pytest.StashKey()
"""The environment that the session began with."""

GUARD: Final[pytest.StashKey[NetworkGuard]] = pytest.StashKey()
LEAKS: Final[pytest.StashKey[list[str]]] = pytest.StashKey()
SIGNALLED: Final[pytest.StashKey[int]] = pytest.StashKey()
"""The number of the signal that ends the session."""

HANDLED: Final[pytest.StashKey[list[signal.Signals]]] = pytest.StashKey()
"""The signals on which everything is torn down."""

WATCHDOG: Final[pytest.StashKey[Watchdog]] = pytest.StashKey()
"""Of the process that leads pytest-xdist's workers; elsewhere the run has it."""

LINT: Final[pytest.StashKey[LintAhead]] = pytest.StashKey()


def run_of(config: pytest.Config) -> Run:
    """All that the session makes; begun when it is first asked for."""
    if RUN not in config.stash:
        from harness.run import Run, Surroundings  # noqa: PLC0415 - not for units

        settings, environ = config.stash[SETTLED], config.stash[ENVIRON]
        worker: dict[str, str] = getattr(config, "workerinput", {})
        naming = Naming.of_run(
            settings.project, config.stash[RUN_ID], environ, settings.time_to_live
        )
        surroundings = Surroundings(
            environ=environ,
            progress=lambda: progress(config),
            say=lambda line: say(config, line),
            worker=worker.get("workerid", ""),
        )
        config.stash[RUN] = Run(settings, naming, surroundings)
    return config.stash[RUN]


def run_directory(config: pytest.Config) -> Path:
    """Where the run keeps its ledgers."""
    return config.stash[SETTLED].root / RUNS / config.stash[RUN_ID]
