"""When this user last used which image, so that those of older recipes have an end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from harness.cloud.private import make_private, own_directory

KEPT: Final = dt.timedelta(days=14)
"""For how long an image is kept that nobody uses; checkouts of older versions may want it."""


def default_directory() -> Path:
    """Where this user's notes are."""
    return own_directory("images")


class Uses:
    """A note for each image, as old as its last use.

    Images without a note are another user's, or older than the notes: nobody here can tell whether
    they are wanted.

    Args:
        directory: Where the notes are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self, tag: str) -> None:
        """Note that an image is used now.

        Raises:
            HarnessError: The folder is not this user's alone.
        """
        make_private(self._directory)
        self._path(tag).touch()

    def forget(self, tag: str) -> None:
        """The image is gone."""
        self._path(tag).unlink(missing_ok=True)

    def unused(self, now: dt.datetime | None = None) -> list[str]:
        """Images that have a note which is older than :data:`KEPT`."""
        limit = ((now or dt.datetime.now(dt.UTC)) - KEPT).timestamp()
        make_private(self._directory)
        notes = sorted(self._directory.iterdir())
        return [unquote(one.name) for one in notes if one.stat().st_mtime < limit]

    def _path(self, tag: str) -> Path:
        return self._directory / quote(tag, safe="")
