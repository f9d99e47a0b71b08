"""The tarball of Amazon's helper scripts that guests are served: Amazon's own, or our stand-in."""

from __future__ import annotations

import io
import tarfile
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from harness.cloud.helpers import build_tarball
from harness.errors import UsageError

AMAZON_URL: Final = (
    "https://s3.amazonaws.com/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz"
)
CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 20


@dataclass(frozen=True)
class HelperScripts:
    """The tarball, and where it came from, for people."""

    tarball: bytes
    origin: str


class HelperScriptsSource:
    """Looks for the tarball in the background, so that no guest has to wait for it.

    Args:
        choice: ``auto`` for Amazon's where it can be fetched and else the stand-in, ``stand-in``,
            or the path of a tarball.

    Raises:
        UsageError: The path names no tarball.
    """

    def __init__(self, choice: str = "auto") -> None:
        self._found: Future[HelperScripts] = Future()
        if choice == "auto":
            threading.Thread(target=self._look, name="helper-scripts", daemon=True).start()
        elif choice == "stand-in":
            self._found.set_result(HelperScripts(build_tarball(), "stand-in, as asked"))
        else:
            self._found.set_result(_from_file(Path(choice)))

    def get(self) -> HelperScripts:
        """The tarball; waits until the search is over."""
        return self._found.result(CONNECT_SECONDS + READ_SECONDS + 10)

    @property
    def known(self) -> HelperScripts | None:
        """The tarball, if the search is over."""
        return self._found.result() if self._found.done() else None

    def _look(self) -> None:
        try:
            answer = requests.get(AMAZON_URL, timeout=(CONNECT_SECONDS, READ_SECONDS))
            answer.raise_for_status()
        except requests.RequestException as error:
            reason = type(error).__name__
            origin = f"stand-in, since Amazon's could not be fetched ({reason})"
            self._found.set_result(HelperScripts(build_tarball(), origin))
        else:
            self._found.set_result(HelperScripts(answer.content, f"Amazon's, from {AMAZON_URL}"))


def _from_file(path: Path) -> HelperScripts:
    try:
        content = path.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(content)):
            return HelperScripts(content, str(path))
    except (OSError, tarfile.TarError) as error:
        said = error.strerror if isinstance(error, OSError) else f"is no tarball: {error}"
        raise UsageError(
            f"{path}: {said}", remedy="name a tarball, or say auto or stand-in"
        ) from error
