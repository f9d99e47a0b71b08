"""One owner for each stack, however many processes want it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.claims import Claim, claimed

pytestmark = pytest.mark.selftest

CLAIM = Claim("id", "name", "key", "/path")


def test_the_first_makes_it_and_the_last_deletes_it(tmp_path: Path) -> None:
    """Two users: the first to leave deletes nothing."""
    with claimed(tmp_path, "k") as file:
        assert file.join() is None
        file.write(CLAIM)
    with claimed(tmp_path, "k") as file:
        joined = file.join()
        assert joined is not None
        assert joined.users == 2
    left = []
    for failed in (True, False):
        with claimed(tmp_path, "k") as file:
            left.append(file.leave(failed=failed))
    assert [claim and claim.users for claim in left] == [1, 0]
    assert all(claim and claim.failed for claim in left), "one failure is everybody's"
    with claimed(tmp_path, "k") as file:
        assert file.read() is None


def test_a_maker_that_dies_leaves_no_claim(tmp_path: Path) -> None:
    """The next one does not wait for ever, and makes its own."""
    code = (
        "import os, signal, sys; from pathlib import Path; from harness.claims import claimed\n"
        "with claimed(Path(sys.argv[1]), 'k') as file:\n"
        "    file.join(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    with claimed(tmp_path, "k") as file:
        assert file.join() is None


def test_claims_on_different_stacks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """A lock for each."""
    with claimed(tmp_path, "a"), claimed(tmp_path, "b") as file:
        assert file.read() is None
