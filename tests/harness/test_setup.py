"""``tools/setup``, in a checkout of its own with programs of its own on the PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.selftest

SETUP = Path(__file__).parents[2] / "tools" / "setup"
NEEDED = ("bash", "cat", "dirname", "mkdir", "nohup", "rm", "setsid", "sleep", "tail")
NO_ENGINE = 3

ENGINE_IS_THERE = "test -e {root}/engine"
STARTS = ">{root}/engine; sleep 5"
DIES = "echo no cgroups here; exit 1"
WORKS = "exit 0"
IS_ROOT = "echo 0"
IS_NOT_ROOT = "echo 1000"


@dataclass(frozen=True)
class Machine:
    """A checkout, and the programs that its ``tools/setup`` finds."""

    root: Path
    programs: dict[str, str] = field(default_factory=dict)

    def install(self, **programs: str) -> None:
        """Put programs on the PATH that note how they were called; ``_`` stands for ``-``."""
        for name, body in programs.items():
            command = name.replace("_", "-")
            path = self.root / "bin" / command
            path.write_text(
                f'#!/bin/bash\necho "{command} $*" >>{self.root}/calls\n'
                f"{body.format(root=self.root)}\n"
            )
            path.chmod(0o755)

    def setup(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``tools/setup`` as on a machine without a terminal."""
        return subprocess.run(
            [self.root / "tools/setup", command],
            env={"PATH": str(self.root / "bin"), "HOME": str(self.root), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        """What was called, in order, but for questions whether an engine answers."""
        lines = (self.root / "calls").read_text().splitlines()
        return [line for line in lines if not line.startswith(("python ", "id "))]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with ssh and mmdebstrap, without root, apt-get and engine."""
    for folder in ("bin", "tools", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    script = tmp_path / "tools/setup"
    script.write_text(SETUP.read_text().replace("/var/run/", f"{tmp_path}/run/"))
    script.chmod(0o755)
    for name in NEEDED:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    found = Machine(tmp_path)
    found.install(id=IS_NOT_ROOT, ssh=WORKS, mmdebstrap=WORKS, python=ENGINE_IS_THERE)
    (tmp_path / "bin/python").rename(tmp_path / ".venv/bin/python")
    return found


def there_is_an_engine(machine: Machine) -> None:
    (machine.root / "engine").touch()


def test_uses_an_engine_that_is_there(machine: Machine) -> None:
    """Nothing is installed and nothing is started where an engine answers."""
    there_is_an_engine(machine)
    machine.install(id=IS_ROOT, apt_get=WORKS, dockerd=STARTS)
    assert machine.setup("engine").returncode == 0
    assert machine.calls == []


def test_installs_and_starts_one_as_root(machine: Machine) -> None:
    """Packages are named before they are installed; the service says how to stop it."""
    machine.install(id=IS_ROOT, dockerd=STARTS)
    dockerd = machine.root / "bin/dockerd"
    hidden = dockerd.rename(machine.root / "dockerd")
    machine.install(apt_get=f"[[ $1 == update ]] || [[ -e {dockerd} ]] || cp {hidden} {dockerd}")
    (machine.root / "bin/cp").symlink_to(shutil.which("cp") or "cp")
    done = machine.setup("engine")
    assert done.returncode == 0, done.stderr
    install = "apt-get install --quiet=2 --yes --no-install-recommends docker.io"
    assert machine.calls[:2] == ["apt-get update --quiet=2", install]
    assert "dockerd " in machine.calls
    assert done.stderr.index("packages of this distribution: docker.io") < done.stderr.index(
        "To stop it: kill"
    )


def test_starts_one_that_is_installed(machine: Machine) -> None:
    """An engine that is only not running needs no package."""
    machine.install(id=IS_ROOT, apt_get=WORKS, dockerd=STARTS)
    assert machine.setup("engine").returncode == 0
    assert machine.calls == ["dockerd "]


def test_installs_what_else_guests_need(machine: Machine) -> None:
    """Beside an engine, ssh and mmdebstrap are wanted."""
    there_is_an_engine(machine)
    machine.install(id=IS_ROOT, apt_get=WORKS)
    for name in ("ssh", "mmdebstrap"):
        (machine.root / "bin" / name).unlink()
    assert machine.setup("engine").returncode == 0
    assert machine.calls[-1].endswith("openssh-client mmdebstrap")


def test_says_why_an_engine_does_not_start(machine: Machine) -> None:
    """An engine that dies at once is not waited for, and its last words are shown."""
    machine.install(id=IS_ROOT, apt_get=WORKS, dockerd=DIES)
    done = machine.setup("engine")
    assert done.returncode == NO_ENGINE
    assert "no cgroups here" in done.stderr
    assert "dockerd ended as soon as it was started" in done.stderr


def lacks_root(machine: Machine) -> dict[str, str]:
    machine.install(apt_get=WORKS)
    return {}


def lacks_packages(machine: Machine) -> dict[str, str]:
    machine.install(id=IS_ROOT)
    return {}


def has_a_wrong_docker_host(machine: Machine) -> dict[str, str]:
    machine.install(id=IS_ROOT, apt_get=WORKS)
    return {"DOCKER_HOST": "unix:///nowhere"}


def has_a_dead_mirror(machine: Machine) -> dict[str, str]:
    machine.install(id=IS_ROOT, apt_get="exit 100")
    return {}


@pytest.mark.parametrize(
    ("lack", "words"),
    [
        (lacks_root, "none is running here"),
        (lacks_packages, "none is running here"),
        (has_a_wrong_docker_host, "none answers at DOCKER_HOST=unix:///nowhere"),
        (has_a_dead_mirror, "its packages could not be installed"),
    ],
)
def test_says_that_there_is_none(
    machine: Machine, lack: Callable[[Machine], dict[str, str]], words: str
) -> None:
    """Where none can be had, a status of its own says so, with the remedy in plain words."""
    done = machine.setup("engine", **lack(machine))
    assert done.returncode == NO_ENGINE
    assert f"NO CONTAINER ENGINE: {words}" in done.stderr
    assert "remedy: " in done.stderr


def test_forgets_the_number_of_a_dead_engine(machine: Machine) -> None:
    """A process that only has the number of an engine that died does not keep one from starting."""
    stale = machine.root / "run/docker.pid"
    stale.parent.mkdir()
    stale.write_text(str(os.getpid()))
    machine.install(id=IS_ROOT, apt_get=WORKS, dockerd=STARTS)
    assert machine.setup("engine").returncode == 0
    assert not stale.exists()


def test_wants_a_python_that_is_new_enough(machine: Machine) -> None:
    """An old Python is refused in plain words, before anything is made."""
    machine.install(python3="exit 1")
    done = machine.setup("environment")
    assert done.returncode == 1
    assert "no Python 3.11 or later" in done.stderr
    assert "remedy: " in done.stderr


def test_refuses_other_commands(machine: Machine) -> None:
    """A misspelt command does nothing."""
    done = machine.setup("engin")
    assert done.returncode == 1
    assert "usage: tools/setup environment|engine" in done.stderr


def test_wants_the_python_that_the_package_wants() -> None:
    """The script and pyproject.toml name the same oldest Python."""
    pyproject = (SETUP.parents[1] / "pyproject.toml").read_text()
    script = SETUP.read_text()
    assert 'requires-python = ">=3.11"' in pyproject
    assert "readonly oldest=3.11 " in script
