"""Folders that the harness makes in a project."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UsageError


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder with all above it; harmless where it is there.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be made: {error.strerror}",
            remedy="let this user write in the project's folder, or run in a copy of it",
        ) from None
