"""``.ci/run``: every step runs, each can make it fail, and the tests' own last lines come last."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.selftest

RUN = Path(__file__).parents[2] / ".ci" / "run"
MAKE = """\
#!/bin/bash
echo "ran ${!#}"
[[ ${!#} != "$FAILS" ]]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose ``make`` notes what it was to make, and fails on request."""
    for name in ("bin", ".ci"):
        (tmp_path / name).mkdir()
    shutil.copy2(RUN, tmp_path / ".ci/run")
    make = tmp_path / "bin/make"
    make.write_text(MAKE)
    make.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("fails", ["", "lint", "mutate-unit", "test"])
def test_each_step_runs_and_each_can_fail_it(checkout: Path, fails: str) -> None:
    """A step that fails keeps no other from running, and is not forgotten."""
    done = subprocess.run(
        [checkout / ".ci/run"],
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin", "FAILS": fails},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.splitlines() == ["ran lint", "ran mutate-unit", "ran test"]
    assert (done.returncode == 0) is (fails == "")
