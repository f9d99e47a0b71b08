"""The Docker SDK's errors, turned into ours in one place."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Final

import docker.errors
import requests.exceptions

from harness.errors import EngineError

CONFLICT: Final = 409
"""The status where a container is in no state for what is asked of it."""

REMEDY: Final = (
    "install and start Docker (Debian, Ubuntu: apt-get install docker.io) or Podman, "
    "or point DOCKER_HOST at a running engine"
)


class AddressTakenError(EngineError):
    """The address and port to publish on are in use by somebody else."""


@contextlib.contextmanager
def translated(doing: str) -> Generator[None]:
    """Turn the Docker SDK's errors into ours; ``doing`` completes the sentence "… failed"."""
    try:
        yield
    except docker.errors.APIError as error:
        text = str(error.explanation or error)
        if "address already in use" in text or "port is already allocated" in text:
            raise AddressTakenError(f"{doing} failed: {text}") from error
        if "no space left on device" in text:
            raise EngineError(
                f"{doing} failed: the disk is full", remedy="free some space for the engine"
            ) from error
        raise EngineError(f"{doing} failed: {text}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise EngineError(
            f"{doing} failed: the container engine does not answer ({root_cause(error)})",
            remedy=REMEDY,
        ) from error


def root_cause(error: BaseException) -> str:
    """What an error comes to, without the SDK's wrapping; its name where it says nothing."""
    text = str(error)
    for known in ("Permission denied", "No such file or directory", "Connection refused"):
        if known in text:
            return known
    return text or type(error).__name__
