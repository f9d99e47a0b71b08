"""The stand-in as a source distribution."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

from harness.cloud.helpers import build_tarball
from harness.cloud.helpers.backend import COMMANDS

pytestmark = pytest.mark.selftest


def test_same_bytes_every_time() -> None:
    """The guest image's cache may go by them."""
    assert build_tarball() == build_tarball()


def test_has_one_top_folder() -> None:
    """Those who unpack it themselves strip one component."""
    with tarfile.open(fileobj=io.BytesIO(build_tarball())) as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {"aws-cfn-bootstrap-2.0+standin"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installed as in a guest: pip, a new virtual environment, no index."""
    folder = tmp_path_factory.mktemp("guest")
    venv.create(folder / "aws", with_pip=True)
    tarball = folder / "aws-cfn-bootstrap.tar.gz"
    tarball.write_bytes(build_tarball())
    pip = [str(folder / "aws/bin/pip"), "install", "--quiet", "--no-index", "--no-cache-dir"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", tarball], check=True, env=_plain_environment()
    )
    return folder / "aws/bin"


def _plain_environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def test_pip_installs_every_program_offline(programs: Path) -> None:
    """All of Amazon's names are there, so that none of another package is found instead."""
    assert {path.name for path in programs.glob("cfn-*")} == set(COMMANDS)


@pytest.mark.parametrize("program", sorted(set(COMMANDS) - {"cfn-signal", "cfn-get-metadata"}))
def test_absent_programs_say_so(programs: Path, program: str) -> None:
    """They fail, so that a script with errexit stops there."""
    done = subprocess.run(
        [programs / program], check=False, capture_output=True, text=True, env=_plain_environment()
    )
    assert done.returncode == 1
    assert f"{program}: not available" in done.stderr


def test_installed_signal_runs(programs: Path) -> None:
    """It imports nothing that a new virtual environment lacks."""
    done = subprocess.run(
        [programs / "cfn-signal", "--help"],
        check=False,
        capture_output=True,
        text=True,
        env=_plain_environment(),
    )
    assert done.returncode == 0
    assert "WaitConditionHandle URL" in done.stdout
    assert sys.prefix not in done.stdout
