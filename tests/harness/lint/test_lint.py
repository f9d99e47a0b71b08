"""A template through everything: cfn-lint, shellcheck, bash and our rules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import harness.lint
from harness.errors import TemplateError, UsageError
from harness.lint import Finding, Place, ScriptPlace, Severity, lint
from harness.lint.shellcheck import Checkers

pytestmark = pytest.mark.selftest

TEMPLATE = """\
{metadata}
Resources:
  Server:
    Type: AWS::EC2::Instance
{resource_metadata}
    Properties:
      ImageId: ami-0123456789abcdef0
      InstanceTyp: t3.micro
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          cd /srv/${{AWS::StackName}}
          curl "$1" | bash
"""
IGNORED = "Metadata: {{cfn-lint: {{config: {{ignore_checks: [{0}]}}}}}}"


def write(tmp_path: Path, metadata: str = "", resource_metadata: str = "") -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE.format(metadata=metadata, resource_metadata=resource_metadata))
    return path


def codes(findings: list[Finding]) -> set[str]:
    return {one.code for one in findings}


def test_findings_of_all_come_together_in_the_order_of_lines(tmp_path: Path) -> None:
    """cfn-lint's, shellcheck's and ours, each under its own code."""
    findings = lint(write(tmp_path))
    assert codes(findings) == {"E3002", "SC2164", "HU020", "HM007"}
    assert [one.line for one in findings] == sorted(one.line for one in findings)


def test_a_finding_in_a_script_has_two_places(tmp_path: Path) -> None:
    """In the template, and in the script as the instance gets it."""
    (finding,) = (one for one in lint(write(tmp_path)) if one.code == "SC2164")
    assert finding.place == Place(12, 11)
    assert finding.script == ScriptPlace("Server UserData", Place(2, 1))
    assert finding.resource == "Server"
    assert finding.severity is Severity.WARNING
    assert finding.docs == "https://www.shellcheck.net/wiki/SC2164"


@pytest.mark.parametrize("prefix", ["SC2164", "SC", "sc21"])
def test_codes_can_be_ignored_by_their_beginning(tmp_path: Path, prefix: str) -> None:
    """As cfn-lint ignores them."""
    assert codes(lint(write(tmp_path), ignore=[prefix])) == {"E3002", "HU020", "HM007"}


def test_codes_of_cfn_lint_can_be_ignored_too(tmp_path: Path) -> None:
    """One option for all."""
    assert "E3002" not in codes(lint(write(tmp_path), ignore=["E3"]))


def test_a_template_ignores_codes_for_itself(tmp_path: Path) -> None:
    """By the settings that cfn-lint's users know, for all codes."""
    path = write(tmp_path, metadata=IGNORED.format("SC2164, E3002, HM"))
    assert codes(lint(path)) == {"HU020"}


def test_a_resource_ignores_codes_for_itself(tmp_path: Path) -> None:
    """The same, inside the resource."""
    path = write(tmp_path, resource_metadata="    " + IGNORED.format("SC2164, E3002, HU020, HM"))
    assert codes(lint(path)) == set()


def test_the_suppression_of_one_resource_is_not_anothers(tmp_path: Path) -> None:
    """A finding belongs to the resource it is about."""
    path = write(tmp_path, resource_metadata="    " + IGNORED.format("HM"))
    with path.open("a") as file:
        file.write(
            "  Other:\n    Type: AWS::EC2::Instance\n    Properties: {ImageId: ami-1234abcd}\n"
        )
    (finding,) = (one for one in lint(path) if one.code == "HM007")
    assert finding.resource == "Other"


def test_a_file_that_is_no_template_is_refused(tmp_path: Path) -> None:
    """With its name, and what to do."""
    with pytest.raises(TemplateError, match="no such file"):
        lint(tmp_path / "nothing.yaml")


def test_a_record_of_a_run_that_is_none_is_refused(tmp_path: Path) -> None:
    """Rather than passed over."""
    (tmp_path / "run.json").write_text('{"logical_id": "Server"}')
    with pytest.raises(UsageError, match="not the record of a run"):
        lint(write(tmp_path), runs=tmp_path)


def test_a_missing_checker_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Nothing is skipped in silence."""
    found = codes(lint(write(tmp_path), checkers=Checkers(None, None)))
    assert {"HU002", "HU003", "E3002"} <= found


def test_cfn_lint_does_not_read_the_arguments_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration parses the command line unless it is told not to."""
    monkeypatch.setattr(sys, "argv", ["pytest", "--ignore-checks", "E3002"])
    assert "E3002" in codes(lint(write(tmp_path)))


def test_regions_are_asked_for_in_one_run(tmp_path: Path) -> None:
    """An image id is of one region."""
    findings = lint(write(tmp_path), regions=["us-east-1", "eu-west-1"])
    assert "HM002" in codes(findings)


def test_what_is_exported_is_there() -> None:
    """The public names."""
    assert all(hasattr(harness.lint, name) for name in harness.lint.__all__)
