"""Folders in the machine's temporary one that are this user's alone."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from harness.errors import HarnessError


def own_directory(purpose: str) -> Path:
    """Where this user's files of that purpose are; the folder may be yet to be made."""
    return Path(tempfile.gettempdir()) / f"harness-{purpose}-{os.getuid()}"


def make_private(directory: Path) -> None:
    """Make a folder that nobody else can write in, or see that it is one.

    Others may write beside it: without this look they could have made it first, and would choose
    what is found there and which files are written to.

    Raises:
        HarnessError: Somebody else has made it, or may write in it.
    """
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        found = directory.lstat()
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or others:
            raise HarnessError(
                f"{directory} is not a folder of this user alone",
                remedy="remove it, or point TMPDIR elsewhere",
            ) from None
