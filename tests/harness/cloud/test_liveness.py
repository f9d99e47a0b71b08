"""Which clouds are alive is known however they ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cloud.liveness import Life, alive, dead, forget, life_of
from harness.errors import EngineError

pytestmark = pytest.mark.selftest

HOLD = """\
import sys, pathlib
from harness.cloud.liveness import alive
with alive("other", pathlib.Path(sys.argv[1])):
    print("alive", flush=True)
    sys.stdin.read()
"""


def test_a_second_cloud_of_a_run_is_refused(tmp_path: Path) -> None:
    """Which is to say that it is there; the first is as alive as before."""
    with alive("mine", tmp_path):
        with (
            pytest.raises(EngineError, match="of run mine is alive already"),
            alive("mine", tmp_path),
        ):
            pass
        assert dead(["mine"], tmp_path) == []


def test_a_run_is_alive_within_the_context_and_unknown_after_it(tmp_path: Path) -> None:
    """An orderly end leaves nothing to tell of."""
    with alive("mine", tmp_path):
        assert life_of("mine", tmp_path) is Life.ALIVE
    assert life_of("mine", tmp_path) is Life.UNKNOWN
    with pytest.raises(EngineError), alive("mine", tmp_path):
        raise EngineError("it did not even start")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_could_not_remove_everything_is_dead(tmp_path: Path) -> None:
    """So that whoever comes next may try again."""
    with alive("mine", tmp_path) as traces:
        traces.possible = True
    assert life_of("mine", tmp_path) is Life.DEAD
    with alive("mine", tmp_path) as traces:
        traces.possible = True
        traces.possible = False
    assert life_of("mine", tmp_path) is Life.UNKNOWN


def test_a_run_of_another_machine_is_left_alone(tmp_path: Path) -> None:
    """Nobody here can tell whether it is alive."""
    assert dead(["elsewhere"], tmp_path) == []


def test_a_run_whose_process_was_killed_is_dead_until_it_is_forgotten(tmp_path: Path) -> None:
    """The kernel gives the lock back, whatever the process had no time for."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alive\n"
        assert dead(["other"], tmp_path) == []
        process.kill()
    assert dead(["other"], tmp_path) == ["other"]
    forget("other", tmp_path)
    assert dead(["other"], tmp_path) == []
