"""Where the container engine is found."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import docker
import docker.errors
import requests.exceptions

from harness.cloud.engine.errors import REMEDY, root_cause
from harness.errors import EngineAbsentError

API_TIMEOUT_SECONDS: Final = 120

_SYSTEM_SOCKETS: Final = ("/var/run/docker.sock", "/run/podman/podman.sock")


def connect(environment: Mapping[str, str]) -> docker.DockerClient:
    """A client of the engine where ``DOCKER_HOST`` points, else at the usual sockets.

    Raises:
        EngineAbsentError: Nobody answers there, or the caller may not talk to it.
    """
    url = environment.get("DOCKER_HOST") or usual_socket(environment)
    try:
        _knock(url)
        client = docker.DockerClient(base_url=url, timeout=API_TIMEOUT_SECONDS)
        client.ping()
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        OSError,
        ValueError,  # of an address that is none
    ) as error:
        cause = root_cause(error)
        remedy = REMEDY
        if cause == "Permission denied":
            remedy = "join the group that owns the socket (usually: docker), or run as root"
        raise EngineAbsentError(f"no container engine at {url}: {cause}", remedy=remedy) from error
    return client


def usual_socket(environment: Mapping[str, str], system: Sequence[str] = _SYSTEM_SOCKETS) -> str:
    """The first socket that is there: Docker's of the system, the user's own, Podman's."""
    candidates = list(system)
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        candidates[1:1] = [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    found = next((path for path in candidates if Path(path).exists()), candidates[0])
    return f"unix://{found}"


def _knock(url: str) -> None:
    """See whether anybody listens on a socket; the SDK would leave its own open where nobody does.

    Raises:
        OSError: Nobody does.
    """
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(API_TIMEOUT_SECONDS)
            probe.connect(url.removeprefix("unix://"))
