"""Where the engine is looked for, and what is said where none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cloud.engine import ContainerEngine
from harness.cloud.engine.connection import usual_socket
from harness.errors import EngineAbsentError

pytestmark = pytest.mark.selftest


def test_no_engine_at_all_is_told_with_the_address_and_a_remedy(tmp_path: Path) -> None:
    """The one error that lets local tests be skipped."""
    url = f"unix://{tmp_path}/none.sock"
    with pytest.raises(EngineAbsentError, match="no container engine at") as caught:
        ContainerEngine.connect("run", {"DOCKER_HOST": url})
    assert url in caught.value.message
    assert "docker.io" in caught.value.remedy


def test_a_socket_of_the_user_is_found_too(tmp_path: Path) -> None:
    """Rootless engines have theirs below XDG_RUNTIME_DIR, where no system's is there."""
    system = [str(tmp_path / "system.sock"), str(tmp_path / "podman.sock")]
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert usual_socket(environment, system) == f"unix://{system[0]}"
    (tmp_path / "docker.sock").touch()
    assert usual_socket(environment, system) == f"unix://{tmp_path}/docker.sock"
    (tmp_path / "system.sock").touch()
    assert usual_socket(environment, system) == f"unix://{system[0]}"
