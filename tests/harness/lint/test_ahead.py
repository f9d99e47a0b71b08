"""Findings that another process has looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.lint import lint
from harness.lint.ahead import LintAhead

pytestmark = pytest.mark.selftest

BAD = Path(__file__).parents[2] / "corpus" / "bad"


def test_finds_what_lint_finds() -> None:
    """The same findings, whole: place, script, remedy."""
    template = next(path for path in sorted(BAD.iterdir()) if path.suffix == ".yaml")
    expected = lint(template, regions=["eu-west-1"])
    assert expected
    ahead = LintAhead(template, ["eu-west-1"])
    assert ahead.findings() == expected
    ahead.close()


def test_says_why_it_could_not_run(tmp_path: Path) -> None:
    """A template that is not there is named."""
    ahead = LintAhead(tmp_path / "none.yaml")
    with pytest.raises(HarnessError, match=r"none\.yaml: no such file"):
        ahead.findings()


def test_can_be_ended_before_it_is_done(tmp_path: Path) -> None:
    """A run that is interrupted leaves no process."""
    template = tmp_path / "t.yaml"
    template.write_text("Resources: {Topic: {Type: AWS::SNS::Topic}}")
    ahead = LintAhead(template)
    ahead.close()
    assert ahead._process.returncode is not None
