"""What the tests of the stack share: its files, its UserData, and a place to run its script."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cloudformation.intrinsics import PseudoParameters
from harness.embed import read_script
from harness.template import Template
from harness.userdata import render_user_data

ROOT = Path(__file__).parents[2]
COMPUTE = "Compute"
STACK = PseudoParameters(
    stack_name="demo-stack",
    stack_id="arn:aws:cloudformation:eu-west-1:123456789012:stack/demo-stack/1",
    region="eu-west-1",
)

FAKE = """\
#!/bin/bash
# Stands for any command: notes how it was called, fails on request, leaves what the real one would.
call="${0##*/} $*"
note=$call
if [[ $call == dpkg-query\\ --show\\ --showformat=*Status-Status* ]]; then
    for package in "${@:3}"; do cat "$SANDBOX/packages/$package"; done
    exit
fi
[[ ${0##*/} != apt-get ]] || note+=" [${DEBIAN_FRONTEND-} ${NEEDRESTART_SUSPEND-}]"
echo "$note" >>"$SANDBOX/calls"
case "$call" in $FAIL) exit 7 ;; esac
case "$call" in
    apt-get\\ install\\ *) for word; do echo -n installed, >"$SANDBOX/packages/${word##*/}"; done ;;
    python3\\ -m\\ venv\\ *) mkdir -p "$3/bin" && cp "$0" "$3/bin/pip" ;;
    curl\\ *) for word; do [[ $last != --output ]] || echo tarball >"$word"; last=$word; done ;;
    pip\\ install\\ *) [[ $(<"${!#}") == tarball ]] &&
        for name in cfn-signal cfn-init cfn-get-metadata; do cp "$0" "${0%/*}/$name"; done ;;
esac
"""
FAKED = ("apt-get", "curl", "dpkg-query", "python3", "sleep")


@dataclass(frozen=True)
class Outcome:
    """How a run of the script ended.

    Args:
        status: Its exit status.
        calls: The commands that it ran, one a line, in order.
        output: What cloud-init's output would show.
    """

    status: int
    calls: tuple[str, ...]
    output: str

    @property
    def signals(self) -> list[str]:
        """The calls of cfn-signal."""
        return [call for call in self.calls if call.startswith("cfn-signal ")]

    @property
    def succeeded(self) -> list[bool]:
        """What each signal said."""
        return [call.startswith("cfn-signal --success true ") for call in self.signals]


class Sandbox:
    """A folder that stands for an instance's root, with commands that stand for the real ones.

    The script names three places outside of itself; each is replaced by one in the folder.
    """

    PLACES = ("/opt/aws", "/usr/local/bin", "/run/cfn-signalled")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commands = folder / "commands"
        for name in ("commands", "packages", "usr/local/bin", "run"):
            (folder / name).mkdir(parents=True)
        for name in FAKED:
            self._fake(self.commands / name)

    def _fake(self, path: Path) -> None:
        path.write_text(FAKE)
        path.chmod(0o755)

    def place(self, path: str) -> Path:
        """Where a place of the instance is."""
        return self.folder / path.lstrip("/")

    def remove(self, package: str, *, left: str = "") -> None:
        """Take a package away, or leave it in that state of dpkg's."""
        path = self.folder / "packages" / package
        path.unlink()
        if left:
            path.write_text(f"{left},")

    def run(self, script: str, *, fail: str = "") -> Outcome:
        """Run a script as cloud-init would: as a program, so that its interpreter line counts.

        Args:
            script: Its text.
            fail: A pattern of the shell; a call that fits it fails.
        """
        for path in self.PLACES:
            script = script.replace(path, str(self.place(path)))
        program = self.folder / "script"
        program.write_text(script)
        program.chmod(0o755)
        calls = self.folder / "calls"
        calls.write_text("")
        done = subprocess.run(
            [program],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            cwd=self.folder,
            env={
                "PATH": f"{self.commands}:{os.environ['PATH']}",
                "SANDBOX": str(self.folder),
                "FAIL": fail,
            },
        )
        lines = tuple(calls.read_text().replace(str(self.folder), "").splitlines())
        return Outcome(done.returncode, lines, done.stdout)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """An instance on which nothing has run yet."""
    return Sandbox(tmp_path / "instance")


@pytest.fixture
def provision_sh() -> str:
    """The script, as it is in the repository."""
    return read_script(ROOT / "provision.sh")


@pytest.fixture
def user_data(template: Template) -> str:
    """What the instance of a stack named demo-stack in eu-west-1 is given to run."""
    return render_user_data(template, COMPUTE, pseudo=STACK)
