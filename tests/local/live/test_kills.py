"""Whatever kills a live run, at whatever moment: nothing is left afterwards."""

from __future__ import annotations

import itertools
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from harness.cloud.engine import ContainerEngine

if TYPE_CHECKING:
    from .conftest import Answer, Call, LiveRun

pytestmark = pytest.mark.local

MOMENTS = [
    # signal, action, how many of that action came before, whether the endpoint has answered
    (signal.SIGKILL, "GetCallerIdentity", 0, False),
    (signal.SIGKILL, "ImportKeyPair", 0, False),
    (signal.SIGKILL, "ImportKeyPair", 0, True),
    (signal.SIGKILL, "CreateStack", 0, False),
    (signal.SIGKILL, "CreateStack", 0, True),
    (signal.SIGKILL, "DescribeStackEvents", 2, True),
    (signal.SIGKILL, "GetConsoleOutput", 1, True),
    (signal.SIGKILL, "DeleteStack", 0, True),
    (signal.SIGTERM, "CreateStack", 0, True),
    (signal.SIGTERM, "GetConsoleOutput", 1, True),
    (signal.SIGHUP, "DescribeStackEvents", 1, True),
    (signal.SIGINT, "CreateStack", 0, True),
    (signal.SIGINT, "GetConsoleOutput", 1, True),
]


@pytest.mark.parametrize(("number", "action", "before", "answered"), MOMENTS)
def test_nothing_is_left(
    live_run: LiveRun,
    number: signal.Signals,
    action: str,
    before: int,
    answered: bool,  # noqa: FBT001 - a case
) -> None:
    """The signal arrives while the run waits for the answer to a request.

    Either the endpoint has not seen the request yet, or it has acted on it and the answer is lost.
    """
    struck = threading.Event()

    def strike(call: Call) -> None:
        if (call.action, call.number) == (action, before) and not struck.is_set():
            struck.set()
            live_run.kill(number)

    def strike_before(call: Call) -> None:
        strike(call)

    def strike_after(call: Call, answer: Answer) -> Answer:
        strike(call)
        return answer

    if answered:
        live_run.proxy.after = strike_after
    else:
        live_run.proxy.before = strike_before
    status = live_run.start().finish()
    assert struck.is_set(), live_run.output
    assert status != 0, live_run.output
    live_run.wait_until_settled()
    assert live_run.left() == []


def test_a_second_interrupt_leaves_the_rest_to_the_watchdog(live_run: LiveRun) -> None:
    """Ctrl-C while everything is being deleted: pytest ends at once, the deletion goes on."""

    def interrupt(call: Call, answer: Answer) -> Answer:
        if (call.action, call.number) in {("GetConsoleOutput", 0), ("DeleteStack", 0)}:
            live_run.kill(signal.SIGINT)
        return answer

    live_run.proxy.after = interrupt
    assert live_run.start().finish() == 2, live_run.output
    assert "the watchdog (process " in live_run.output
    live_run.wait_until_settled()
    assert live_run.left() == []


def test_a_local_run_that_is_killed_leaves_nothing(live_run: LiveRun) -> None:
    """The same holds on the local rung: its cloud, its guests and its networks go too."""
    text = (live_run.directory / "test_inner.py").read_text().replace("mark.live", "mark.local")
    hang = "    print('inside', flush=True)\n    threading.Event().wait()\n"
    text = text.replace("import pytest", "import pytest, threading").partition("    assert")[0]
    (live_run.directory / "test_inner.py").write_text(text + hang)
    process = live_run.start("-m", "local", "-s").process
    assert process is not None
    assert process.stdout is not None
    seen = list(itertools.takewhile(lambda line: line != "inside\n", process.stdout))
    (run,) = (live_run.directory / ".harness" / "runs").iterdir()
    assert engine_leftovers(run.name), "".join(seen)
    live_run.kill(signal.SIGKILL)
    assert live_run.finish() == -signal.SIGKILL
    live_run.wait_until_settled()
    assert engine_leftovers(run.name) == []
    assert live_run.processes() == []


def engine_leftovers(run_id: str) -> list[str]:
    with ContainerEngine.connect(run_id) as engine:
        return engine.leftovers()


def test_a_worker_that_dies_leaves_nothing(live_run: LiveRun) -> None:
    """The worker of pytest-xdist that made the stack is killed; the run fails and cleans up."""
    (live_run.directory / "test_inner.py").write_text(
        "import os, pytest, signal\n\n\n"
        "@pytest.mark.live\n"
        "def test_dies(stack):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    status = live_run.start("-n", "1", "--max-worker-restart", "0").finish()
    assert status == 1, live_run.output
    assert "crashed" in live_run.output
    live_run.wait_until_settled()
    assert live_run.left() == []


def test_a_timeout_that_ends_the_process_leaves_nothing(live_run: LiveRun) -> None:
    """pytest-timeout's thread method ends the process where it stands."""
    (live_run.directory / "test_inner.py").write_text(
        "import pytest, threading\n\n\n"
        "@pytest.mark.live\n"
        "@pytest.mark.timeout(1, func_only=True)\n"
        "def test_hangs(stack):\n"
        "    threading.Event().wait()\n"
    )
    status = live_run.start("--timeout-method", "thread").finish()
    assert status == 1, live_run.output
    live_run.wait_until_settled()
    assert live_run.left() == []
