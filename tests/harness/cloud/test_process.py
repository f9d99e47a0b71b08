"""A cloud in a process of its own tells its owner what went wrong there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.cloud import process
from harness.cloud.process import LocalCloud
from harness.errors import EngineAbsentError, EngineError, LeakError

pytestmark = pytest.mark.selftest

SECONDS = 20
"""Less than the harness waits for an engine."""


def test_an_error_of_the_process_is_raised_in_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same kind, with the same remedy; the process is gone."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    cloud = LocalCloud("test-process")
    with pytest.raises(EngineAbsentError, match="no container engine at") as caught:
        cloud.start()
    assert caught.value.remedy != ""
    cloud.stop()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:notaport", "tcp://[::1"])
def test_an_address_that_is_none_is_no_engine(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is the same: to point at one that runs."""
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EngineAbsentError) as caught:
        LocalCloud("test-process").start()
    assert address in caught.value.message


def test_one_that_began_in_vain_ends_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody wanted it: that it could not start is nobody's concern, and it has made nothing."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    said: list[str] = []
    cloud = LocalCloud("test-process", say=said.append)
    cloud.begin()
    cloud.stop()
    assert said == []


def test_one_that_is_not_wanted_any_more_does_not_finish_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may be to build an image; here it waits for an engine that does not answer."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/mute.sock")
    monkeypatch.setattr(process, "STOP_SECONDS", SECONDS)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(f"{tmp_path}/mute.sock")
        mute.listen()
        mute.settimeout(SECONDS)
        cloud = LocalCloud("test-process")
        cloud.begin()
        connection, _ = mute.accept()
        with connection:
            cloud.stop()  # raises where it has to be killed


def test_one_that_does_not_start_in_time_says_what_it_said_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is ended."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/mute.sock")
    monkeypatch.setattr(process, "START_SECONDS", 2)
    monkeypatch.setattr(process, "STOP_SECONDS", SECONDS)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(f"{tmp_path}/mute.sock")
        mute.listen()
        with pytest.raises(
            EngineError, match=r"has not started within 2 s; what it said last: nothing"
        ):
            LocalCloud("test-process").start()


def test_one_that_fell_before_it_was_waited_for_may_have_left_something() -> None:
    """What it said last is told."""
    cloud = LocalCloud("test-process", ["--base", "nonsense"])
    cloud.begin()
    with pytest.raises(LeakError, match="invalid choice"):
        cloud.stop()


def test_a_process_that_ends_otherwise_is_quoted() -> None:
    """Whatever it said last is in the error."""
    with pytest.raises(EngineError, match="invalid choice"):
        LocalCloud("test-process", ["--base", "nonsense"]).start()
