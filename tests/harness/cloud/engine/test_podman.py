"""What Podman's Docker API cannot do is said before anything is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.cloud.engine import ContainerEngine
from harness.errors import EngineError

if TYPE_CHECKING:
    from tests.harness.cloud.engine.conftest import Api

pytestmark = pytest.mark.selftest


@pytest.mark.parametrize(("version", "boots"), [("1", False), ("2", True)])
def test_podman_says_when_guests_cannot_boot(
    api: type[Api], engine: ContainerEngine, version: str, *, boots: bool
) -> None:
    """Its Docker API forgets the namespace that systemd needs, where cgroups have version 1."""
    api.answers["/info"] = {"CgroupVersion": version}
    engine.check_cgroups()  # Docker does not forget it
    api.answers["/version"] = {
        "ApiVersion": "1.41",
        "Version": "4.3.1",
        "Components": [{"Name": "Podman Engine"}],
    }
    url = str(engine._client.api.base_url).replace("http", "tcp")
    with ContainerEngine.connect("run", {"DOCKER_HOST": url}) as podman:
        assert podman.bridges_late
        if boots:
            podman.check_cgroups()
        else:
            with pytest.raises(EngineError, match="cgroup version 1") as caught:
                podman.check_cgroups()
            assert "cgroup version 2" in caught.value.remedy
