"""One owner for each stack of a run, when several processes of it want the same one.

Whoever comes first creates it and the others wait; whoever leaves last deletes it. A lock on a file
holds them apart, and it is gone with the process that held it, whatever that one died of.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True)
class Claim:
    """What the processes of a run know of a stack that they share.

    Args:
        stack_id: The stack.
        stack_name: Its name.
        key_name: The key pair's name; empty where the stack has none.
        private_path: Where the private half lies; empty as before.
        users: How many processes use it.
        failed: Whether a test that used it failed.
        error: Why it did not come up; empty where it did.
    """

    stack_id: str
    stack_name: str
    key_name: str = ""
    private_path: str = ""
    users: int = 1
    failed: bool = False
    error: str = ""


class ClaimFile:
    """The claim on one stack, while its lock is held.

    Args:
        file: The locked file.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def read(self) -> Claim | None:
        """The claim; None where nobody has the stack, or its maker died over it."""
        self._file.seek(0)
        text = self._file.read()
        return Claim(**json.loads(text)) if text else None

    def write(self, claim: Claim | None) -> None:
        """Replace the claim; None where nobody has the stack any more."""
        self._file.seek(0)
        self._file.truncate()
        if claim is not None:
            json.dump(asdict(claim), self._file)
        self._file.flush()

    def join(self) -> Claim | None:
        """Count one more user of what is there."""
        claim = self.read()
        if claim is not None:
            claim = replace(claim, users=claim.users + 1)
            self.write(claim)
        return claim

    def leave(self, *, failed: bool) -> Claim | None:
        """Count one user less; the claim as it then is, None where it is gone."""
        claim = self.read()
        if claim is not None:
            claim = replace(claim, users=claim.users - 1, failed=claim.failed or failed)
            self.write(claim if claim.users else None)
        return claim


@contextmanager
def claimed(run_directory: Path, key: str) -> Iterator[ClaimFile]:
    """Hold the lock on one stack of a run; waits while another process holds it."""
    directory = run_directory / "claims"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / f"{key}.json").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield ClaimFile(file)
