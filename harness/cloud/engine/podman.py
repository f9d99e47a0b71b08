"""Where Podman's Docker API differs from Docker's."""

from __future__ import annotations

import functools
import resource
from typing import Final

import docker
import docker.types

from harness.cloud.engine.errors import translated
from harness.errors import EngineError

_MOST: Final = 32_768


class Podman:
    """Whether an engine is Podman, and what follows.

    Args:
        client: The Docker SDK's client.
    """

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client

    @functools.cached_property
    def is_there(self) -> bool:
        """Whether it is Podman that answers."""
        with translated("asking the engine for its version"):
            components = self._client.version().get("Components", [])
        return any(one.get("Name") == "Podman Engine" for one in components)

    def check_cgroups(self) -> None:
        """See whether systemd can boot in a container.

        Raises:
            EngineError: It is Podman on cgroup version 1, whose Docker API leaves containers the
                host's cgroups whatever it is asked for.
        """
        if not self.is_there:
            return
        with translated("asking the engine for its cgroups"):
            version = str(self._client.info().get("CgroupVersion", ""))
        if version in {"1", "v1"}:
            raise EngineError(
                "guests cannot boot here: Podman gives them no cgroup namespace of their own on "
                "a machine with cgroup version 1",
                remedy="boot the machine with cgroup version 2 "
                "(systemd.unified_cgroup_hierarchy=1), or use Docker",
            )

    def limits(self) -> list[docker.types.Ulimit]:
        """Limits that Podman can set where it may not raise any; it would ask for more."""
        if not self.is_there:
            return []
        named = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
        # Podman lowers its own to what Linux has at least, and -1 means that there is no limit.
        limits = {
            name: min(one for one in (*resource.getrlimit(which), _MOST) if one >= 0)
            for name, which in named.items()
        }
        return [docker.types.Ulimit(name=name, soft=one, hard=one) for name, one in limits.items()]
