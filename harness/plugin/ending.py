"""The end of a session, however it comes: everything is deleted, and the status says what was."""

from __future__ import annotations

import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from harness import interrupts
from harness.folders import make_folder
from harness.plugin.state import (
    ENVIRON,
    HANDLED,
    LEAKS,
    RUN,
    RUN_ID,
    SETTLED,
    SIGNALLED,
    WATCHDOG,
    run_directory,
)
from harness.plugin.terminal import say
from harness.watchdog import Watchdog

if TYPE_CHECKING:
    from harness.run import Run

CONTROLLER: Final = "harness-controller"
"""The name of :class:`Controller` among pytest's plugins."""


def end_orderly_on(config: pytest.Config, *signals: signal.Signals) -> None:
    """Tear everything down on signals that would end the process where it stands.

    A second signal while that goes on leaves the rest to the watchdog, as a second Ctrl-C does.
    """

    def end(number: int, _frame: object) -> None:
        config.stash[SIGNALLED] = number
        # Not pytest.exit(): its exception is an ordinary one, which botocore would take for a
        # connection that failed, and try again.
        raise KeyboardInterrupt(signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may handle signals
    for number in signals:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)
            config.stash.setdefault(HANDLED, []).append(number)
    config.add_cleanup(partial(_let_go, config))


def _let_go(config: pytest.Config) -> None:
    """Everything is torn down: a signal may end the process where it stands."""
    for number in config.stash.get(HANDLED, []):
        signal.signal(number, signal.SIG_DFL)
    config.stash[HANDLED] = []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Delete what the run has made; whatever is left makes the run fail."""
    run = session.config.stash.get(RUN, None)
    if run is not None:
        _close(session, run)
    _settle_status(session)
    if not session.config.pluginmanager.hasplugin(CONTROLLER):
        _let_go(session.config)


def _close(session: pytest.Session, run: Run) -> None:
    leaks = session.config.stash[LEAKS]
    try:
        leaks += run.close()
    except KeyboardInterrupt:
        say(session.config, f"interrupted again: {run.abandon()}")
        session.exitstatus = pytest.ExitCode.INTERRUPTED
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["harness_leaks"] = leaks


def _settle_status(session: pytest.Session) -> None:
    """The status says of which signal the run ended, or that something is left."""
    number = session.config.stash.get(SIGNALLED, 0)
    if number:
        session.exitstatus = interrupts.SIGNALLED + number
    passing = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    if session.config.stash[LEAKS] and session.exitstatus in passing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Controller:
    """Hooks of the process that leads pytest-xdist's workers: the watchdog is here."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - a type of xdist's
        """Give all workers one run, and the run a watchdog before the first of them starts."""
        config: pytest.Config = node.config
        node.workerinput["harness_run_id"] = config.stash[RUN_ID]
        if WATCHDOG not in config.stash:
            directory = run_directory(config)
            make_folder(directory, mode=0o700)
            config.stash[WATCHDOG] = Watchdog.start(directory, config.stash[ENVIRON])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401, ARG002 - as above
        """Take over what a worker could not delete."""
        output = getattr(node, "workeroutput", {})
        node.config.stash[LEAKS].extend(output.get("harness_leaks", []))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Delete what workers have left, when all of them are gone."""
        config = session.config
        if watchdog := config.stash.get(WATCHDOG, None):
            try:
                limit = config.stash[SETTLED].delete_timeout
                config.stash[LEAKS].extend(watchdog.conclude(run_directory(config), limit))
            except KeyboardInterrupt:
                watchdog.abandon()
                say(config, f"interrupted again: the watchdog (process {watchdog.pid}) goes on")
                session.exitstatus = pytest.ExitCode.INTERRUPTED
            _settle_status(session)
        _let_go(config)
