"""A container engine that restarts, and one whose disk is full; an engine of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

LIMIT = 600
SCENARIO = Path(__file__).with_name("engine") / "scenario.py"
PROGRAMS = ("dockerd", "unshare", "mount", "ip")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, since a socket is in it."""
    if os.getuid() != 0 or not all(map(shutil.which, PROGRAMS)):
        pytest.skip("starting an engine of its own takes root, and dockerd on the PATH")
    path = Path(tempfile.mkdtemp(prefix="harness-"))
    yield path
    shutil.rmtree(path)


def play(scenario: str, folder: Path, archive: Path, image: str) -> dict[str, Any]:
    """What a scenario tells."""
    apart = ("unshare", "--net", "--mount", "--fork", "--propagation", "private")
    done = subprocess.run(
        [*apart, sys.executable, str(SCENARIO), scenario, str(folder), str(archive), image],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_what_clients_see_is_true_after_the_engine_was_restarted(site: Site, folder: Path) -> None:
    """Guests that ended with it do not run, a stack that waited fails, new guests are launched."""
    image = str(site.target.facts()["guest image"]).partition(" ")[0]
    archive = folder / "image.tar"
    client = docker.from_env()
    with archive.open("wb") as file:
        file.writelines(client.images.get(image).save(named=True))
    client.close()
    told = play("restart", folder, archive, image)
    assert told["idle"] in {"stopped", "terminated"}
    assert any("Server.InternalError" in reason for reason in told["reasons"])
    assert told["left"] == []


def test_a_full_disk_is_said_in_words(folder: Path) -> None:
    """With a remedy; the guest image's base does not fit."""
    archive = folder / "root.tar"
    with tarfile.open(archive, "w") as tar:
        large = tarfile.TarInfo("large")
        large.size = 128 * 1024 * 1024
        with Path("/dev/zero").open("rb") as zeros:
            tar.addfile(large, zeros)
    told = play("full", folder, archive, "harness-full:1")
    assert "the disk is full" in told["message"]
    assert "free some space" in told["remedy"]
