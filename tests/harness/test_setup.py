"""``tools/setup``, in a checkout of its own with programs of its own on the PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.selftest

SETUP = Path(__file__).parents[2] / "tools" / "setup"
NEEDED = ("bash", "cat", "dirname", "mkdir", "nohup", "rm", "setsid", "sleep", "tail")
NO_ENGINE = 3
NO_CLIENT = 4

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

    def setup(
        self, command: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``tools/setup`` as on a machine without a terminal."""
        return subprocess.run(
            [self.root / "tools/setup", command, *arguments],
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
        log = self.root / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
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


MAKES_ENVIRONMENTS = (
    'for folder; do :; done; [[ $* != *venv* ]] || {{ mkdir -p "$folder/bin"; '
    'cp {root}/bin/python3 "$folder/bin/python"; }}'
)
"""A Python of which one needs to know no more than that its last argument is a folder."""


def can_install_clients(machine: Machine, pip: str = WORKS) -> None:
    """A machine whose Python makes environments, and whose harness has a pip."""
    machine.install(python3=MAKES_ENVIRONMENTS, python=pip)
    (machine.root / "bin/python").rename(machine.root / ".venv/bin/python")
    (machine.root / "pyproject.toml").touch()
    for name in ("cp", "touch"):
        (machine.root / "bin" / name).symlink_to(shutil.which(name) or name)


def installed(machine: Machine) -> list[str]:
    """The groups of dependencies that pip was asked for, with the environment of each."""
    lines = (machine.root / "calls").read_text().splitlines()
    (machine.root / "calls").unlink()
    installs = [line.split() for line in lines if line.startswith("python -m pip ")]
    return [f"{words[4]}: {words[-1]}" for words in installs]


def test_installs_every_client_into_an_environment_of_its_own(machine: Machine) -> None:
    """And packer where the distribution has it."""
    can_install_clients(machine)
    machine.install(id=IS_ROOT, apt_get=WORKS)
    done = machine.setup("clients")
    assert done.returncode == 0, done.stderr
    assert machine.calls[-1].endswith("--no-install-recommends packer")
    assert installed(machine) == [
        f".harness/clients/{name}/bin/python: client-{name}"
        for name in ("ansible", "aws", "sceptre", "taskcat")
    ]


def test_installs_a_client_once_and_again_when_what_is_wanted_changes(machine: Machine) -> None:
    """A client that is there costs nothing, one whose environment is broken is made anew."""
    can_install_clients(machine)
    assert machine.setup("clients", "aws").returncode == 0
    assert installed(machine) == [".harness/clients/aws/bin/python: client-aws"]
    assert machine.setup("clients", "aws").returncode == 0
    assert installed(machine) == []
    ready = machine.root / ".harness/clients/aws/.ready"
    os.utime(ready, (0, 0))
    assert machine.setup("clients", "aws").returncode == 0
    assert installed(machine) == [".harness/clients/aws/bin/python: client-aws"]
    (machine.root / ".harness/clients/aws/bin/python").unlink()
    assert machine.setup("clients", "aws").returncode == 0
    assert installed(machine) == [".harness/clients/aws/bin/python: client-aws"]


def test_says_which_clients_could_not_be_had(machine: Machine) -> None:
    """All are tried, a status of its own says that one is missing, and nothing half is kept."""
    can_install_clients(machine, pip="[[ $* != *client-aws ]]")
    done = machine.setup("clients", "aws", "sceptre", "packer")
    assert done.returncode == NO_CLIENT
    assert "could not be had: aws packer" in done.stderr
    assert not (machine.root / ".harness/clients/aws/.ready").exists()
    assert (machine.root / ".harness/clients/sceptre/.ready").exists()


def test_uses_a_packer_that_is_there(machine: Machine) -> None:
    """Whoever installed it."""
    machine.install(packer=WORKS, id=IS_ROOT, apt_get=WORKS)
    assert machine.setup("clients", "packer").returncode == 0
    assert machine.calls == []


def test_refuses_a_client_that_nobody_knows(machine: Machine) -> None:
    """With those that there are."""
    done = machine.setup("clients", "rain")
    assert done.returncode == 1
    assert "unknown client rain" in done.stderr
    assert "ansible" in done.stderr


def test_every_client_has_its_versions_in_one_place() -> None:
    """A group of dependencies in pyproject.toml."""
    groups = tomllib.loads((SETUP.parents[1] / "pyproject.toml").read_text())["dependency-groups"]
    names = [name.removeprefix("client-") for name in groups if name.startswith("client-")]
    assert f"readonly python_clients=({' '.join(names)})\n" in SETUP.read_text()


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
