"""The container engine's images."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors

from harness.cloud.engine.errors import translated
from harness.errors import EngineError, ImageError


class Images:
    """The images of one engine.

    Args:
        client: The Docker SDK's client.
    """

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client

    def has(self, tag: str) -> bool:
        """Whether the engine has the image already."""
        with translated(f"looking for image {tag}"):
            return bool(self._client.images.list(name=tag))

    def pull(self, reference: str) -> None:
        """Fetch an image from its registry.

        Raises:
            EngineError: The registry does not answer, or has no such image.
        """
        with translated(f"pulling {reference}"):
            self._client.images.pull(reference)

    def import_archive(self, archive: Path, tag: str) -> None:
        """Make an image of a root file system.

        Raises:
            ImageError: The engine would not take it.
        """
        repository, _, version = tag.rpartition(":")
        try:
            with translated(f"importing {tag}"):
                api = self._client.api
                told = api.import_image(src=str(archive), repository=repository, tag=version)
                if not self._client.images.list(name=tag):
                    # Podman 4 forgets the tag, and takes "latest".
                    api.tag(json.loads(told.splitlines()[-1])["id"], repository, version)
        except EngineError as error:
            raise ImageError(error.message, remedy=error.remedy) from error

    def build(self, context: Path, tag: str, *, base: str, on_line: Callable[[str], None]) -> None:
        """Build an image from a folder with a Dockerfile that takes the build argument ``BASE``.

        Raises:
            ImageError: A step failed; the message ends with its last lines.
        """
        lines: list[str] = []
        try:
            with translated(f"building {tag}"):
                stream = self._client.api.build(
                    path=str(context),
                    tag=tag,
                    buildargs={"BASE": base},
                    labels={"harness.image": "guest"},
                    rm=True,
                    forcerm=True,
                    decode=True,
                    network_mode="bridge",
                )
                failure = _follow_build(stream, lines, on_line)
        except EngineError as error:
            raise ImageError(error.message, remedy=error.remedy) from error
        if failure is not None:
            remedy = "free some space for the engine" if "no space left" in failure else ""
            raise ImageError(f"building {tag} failed: {failure}", remedy=remedy)

    def remove(self, tag: str) -> None:
        """Remove an image; one that is not there is no error."""
        with contextlib.suppress(docker.errors.ImageNotFound), translated(f"removing image {tag}"):
            self._client.images.remove(tag, force=True)

    def discard(self, tag: str) -> bool:
        """Remove an image if no container uses it; whether it is gone."""
        try:
            with translated(f"removing image {tag}"):
                self._client.images.remove(tag, force=False)
        except EngineError:
            return not self.has(tag)
        return True


def _follow_build(
    stream: Iterator[dict[str, Any]], lines: list[str], on_line: Callable[[str], None]
) -> str | None:
    """Pass a build's lines on; what went wrong and the last lines where it failed, else None."""
    for message in stream:
        if "error" in message:
            return "\n    ".join([message["error"].strip(), *lines[-15:]])
        for line in message.get("stream", "").splitlines():
            if line.strip():
                lines.append(line)
                on_line(line)
    return None
