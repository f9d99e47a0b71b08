"""A cloud in a process of its own tells its owner what went wrong there."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cloud.process import LocalCloud
from harness.errors import EngineAbsentError, EngineError

pytestmark = pytest.mark.selftest


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


def test_a_process_that_ends_otherwise_is_quoted() -> None:
    """Whatever it said last is in the error."""
    with pytest.raises(EngineError, match="invalid choice"):
        LocalCloud("test-process", ["--base", "nonsense"]).start()
