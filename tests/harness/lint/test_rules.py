"""Every rule, both verdicts: it finds a fault, and is silent once that one fault is mended."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.lint.finding import Severity
from harness.lint.rule import Rule
from harness.lint.rules import RULES
from harness.lint.rules.shell import shellcheck_findings
from harness.lint.shellcheck import Checkers
from harness.lint.subject import Subject
from harness.template import Node, Template

pytestmark = pytest.mark.selftest

ROOT = Path(__file__).parents[3]
BAD = ROOT / "tests/corpus/bad"
EXPECTED: Mapping[str, Mapping[str, Any]] = json.loads((BAD / "expected.json").read_text())
MENDED = sorted(name for name, expected in EXPECTED.items() if "mend" in expected)
ELSEWHERE = {"HU002", "HU003", "HS009"}
"""Rules that no single fault in a template breaks, or that only inform; tested below."""

WAITING = """
Resources:
  Server:
    Type: AWS::EC2::Instance
    CreationPolicy: {{ResourceSignal: {{}}}}
    Properties:
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash -e
          {first}
          make install
          cfn-signal --stack ${{AWS::StackName}} --resource Server --region ${{AWS::Region}}
"""


def subject(text: str, name: str = "template.yaml", **options: Node) -> Subject:
    path = Path(name)
    return Subject(Template.parse(text, path=path), path, today=dt.date(2026, 1, 1), **options)


def codes(of: Subject) -> Iterator[str]:
    for rule in RULES:
        yield from (finding.code for finding in rule.findings(of))
    yield from (finding.code for finding in shellcheck_findings(of))


def rule(code: str) -> Rule:
    return next(one for one in RULES if one.code == code)


@pytest.mark.parametrize("name", MENDED)
def test_a_fault_is_found_and_its_cure_is_silent(name: str) -> None:
    """The same template, one change apart."""
    expected = EXPECTED[name]
    code = name.split("-", 1)[0]
    text = (BAD / name).read_text()
    mend = expected["mend"]
    mended = text.replace(mend["replace"], mend["by"], 1 if name != "HU006-too-large.yaml" else -1)
    assert mended != text
    options = {"regions": tuple(expected.get("regions", ())), "runs": expected.get("runs", {})}
    assert code in list(codes(subject(text, name, **options)))
    assert code not in list(codes(subject(mended, name, **options)))


def test_every_rule_has_such_a_pair() -> None:
    """A rule without a test is a rule that may be broken."""
    paired = {name.split("-", 1)[0] for name in MENDED}
    assert {one.code for one in RULES} - ELSEWHERE <= paired


def test_codes_are_unique_and_of_one_form() -> None:
    """Codes are what people ignore findings by."""
    every = [one.code for one in RULES]
    assert len(set(every)) == len(every)
    assert all(re.fullmatch(r"H[USRM]\d{3}", code) for code in every)


def test_every_rule_has_its_section_in_the_docs() -> None:
    """Findings link there."""
    docs = (ROOT / "docs/rules.md").read_text()
    for one in RULES:
        assert f"### {one.code}\n\n**{one.title}** ({one.severity})" in docs


@pytest.mark.parametrize(("code", "checker"), [("HU002", "bash"), ("HU003", "shellcheck")])
def test_a_checker_that_is_missing_is_a_finding(code: str, checker: str) -> None:
    """What was not checked is said, and never passed over."""
    text = WAITING.format(first="make")
    found = Checkers.found()
    assert code not in list(codes(subject(text, checkers=found)))
    missing = replace(found, **{checker: None})
    assert code in list(codes(subject(text, checkers=missing)))


def test_without_scripts_no_checker_is_missed() -> None:
    """A template without an instance needs no bash."""
    text = "Resources: {Queue: {Type: AWS::SQS::Queue}}"
    assert list(codes(subject(text, checkers=Checkers(None, None)))) == []


def test_a_failure_that_nobody_signals_is_information() -> None:
    """The stack fails all the same, only later; a trap on ERR makes it fail at once."""
    silent = subject(WAITING.format(first="make"))
    trapped = subject(WAITING.format(first="trap 'cfn-signal -e 1 --stack x' ERR"))
    (finding,) = rule("HS009").findings(silent)
    assert finding.severity is Severity.INFO
    assert list(rule("HS009").findings(trapped)) == []


@pytest.mark.parametrize(
    ("instance_type", "image", "fits"),
    [
        ("t4g.micro", "arm64", True),
        ("m7g.large", "arm64", True),
        ("c7gn.medium", "arm64", True),
        ("im4gn.large", "arm64", True),
        ("is4gen.large", "arm64", True),
        ("a1.large", "arm64", True),
        ("t3.micro", "amd64", True),
        ("g4dn.xlarge", "amd64", True),
        ("g5.xlarge", "amd64", True),
        ("g5g.xlarge", "arm64", True),
        ("m7i-flex.large", "amd64", True),
        ("u-6tb1.metal", "amd64", True),
        ("g5.xlarge", "arm64", False),
        ("r8gd.large", "amd64", False),
    ],
)
def test_the_architecture_of_instance_types(
    instance_type: str,
    image: str,
    fits: bool,  # noqa: FBT001 - the expected verdict
) -> None:
    """The letters after the generation tell, by AWS's naming conventions."""
    name = f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{image}/hvm/ebs-gp3/ami-id"
    text = f"""
Parameters:
  ImageId: {{Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: "{name}"}}
Resources:
  Server:
    Type: AWS::EC2::Instance
    Properties: {{ImageId: !Ref ImageId, InstanceType: {instance_type}}}
"""
    found = list(rule("HM003").findings(subject(text)))
    assert (found == []) is fits
