"""Lint in a process of its own, begun before anybody wants the findings.

cfn-lint takes seconds to load; on a second core they are over when the first test asks.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.lint.finding import Finding
from harness.lint.outputs import as_json

LIMIT_SECONDS: Final = 120
_COULD_NOT_RUN: Final = 2


class LintAhead:
    """One run of ``harness lint`` in the background.

    Args:
        template: The template.
        regions: Where it is meant to be created; cfn-lint's default where empty.
    """

    def __init__(self, template: Path, regions: Sequence[str] = ()) -> None:
        self.template = template
        self.regions = tuple(regions)
        self._found: list[Finding] | None = None
        command = [sys.executable, "-m", "harness", "lint", "--format", "json", str(template)]
        self._process = subprocess.Popen(
            [*command, *(f"--regions={region}" for region in regions)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def findings(self) -> list[Finding]:
        """What :func:`harness.lint.lint` finds; waits for it at the first call.

        Raises:
            HarnessError: It could not run; with what it said.
        """
        if self._found is None:
            try:
                output, said = self._process.communicate(timeout=LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.close()
                raise HarnessError(f"harness lint took over {LIMIT_SECONDS} seconds") from None
            if self._process.returncode >= _COULD_NOT_RUN or self._process.returncode < 0:
                raise HarnessError(said.strip().removeprefix("harness lint: "))
            self._found = as_json.read(output)
        return self._found

    def close(self) -> None:
        """End it, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
