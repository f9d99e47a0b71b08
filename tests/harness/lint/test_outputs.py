"""Findings written down."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from harness.lint import Finding, Place, Report, ScriptPlace, Severity, lint
from harness.lint.outputs import FORMATS
from harness.lint.pages import address, section
from harness.lint.rule import Rule
from harness.lint.rules import RULES

pytestmark = pytest.mark.selftest

ERROR = Finding(
    code="HS001",
    severity=Severity.ERROR,
    path=Path("a template.yaml"),
    place=Place(3, 5),
    message="nobody\nsignals",
    remedy="signal",
    docs="https://example.com/rules",
    resource="Server",
)
INFO = Finding(
    code="SC2086",
    severity=Severity.INFO,
    path=Path("a template.yaml"),
    place=Place(9, 1),
    message="quote \x07",
    script=ScriptPlace("Server UserData", Place(2, 7)),
)
REPORT = Report(
    findings=(ERROR, INFO),
    templates=("a template.yaml", "clean.json"),
    unread={"gone.json": "gone.json: no such file"},
)


def test_text() -> None:
    """One line that editors understand, what belongs to it below, and a summary."""
    assert FORMATS["text"](REPORT) == (
        "a template.yaml:3:5: error HS001 nobody signals\n"
        "  remedy: signal\n"
        "  see:    https://example.com/rules\n"
        "a template.yaml:9:1: info SC2086 quote \x07\n"
        "  in:     Server UserData, line 2, column 7\n"
        "2 templates: 1 error, 1 info; 1 template could not be read\n"
    )


def test_text_of_nothing() -> None:
    """It says how much was looked at."""
    assert FORMATS["text"](Report(templates=("a.json",))) == "1 template: nothing found\n"


def test_text_shortens_endless_messages() -> None:
    """cfn-lint lists all instance types of a region."""
    long = Report((Finding("E1", Severity.ERROR, Path("a"), Place(), "word " * 900),), ("a",))
    assert max(map(len, FORMATS["text"](long).splitlines())) < 400


def test_json() -> None:
    """Every field, by name."""
    document = json.loads(FORMATS["json"](REPORT))
    assert document["templates"] == ["a template.yaml", "clean.json"]
    assert document["unread"] == {"gone.json": "gone.json: no such file"}
    first, second = document["findings"]
    assert first == {
        "code": "HS001",
        "severity": "error",
        "file": "a template.yaml",
        "line": 3,
        "column": 5,
        "resource": "Server",
        "script": None,
        "message": "nobody\nsignals",
        "remedy": "signal",
        "docs": "https://example.com/rules",
    }
    assert second["script"] == {"name": "Server UserData", "line": 2, "column": 7}


def test_sarif() -> None:
    """Version 2.1.0: rules by index, places one-based, addresses encoded."""
    document = json.loads(FORMATS["sarif"](REPORT))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    first, second = run["results"]
    assert [rules[one["ruleIndex"]]["id"] for one in (first, second)] == ["HS001", "SC2086"]
    assert [one["level"] for one in (first, second)] == ["error", "note"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20template.yaml"
    assert place["region"] == {"startLine": 3, "startColumn": 5}
    assert "Server UserData, line 2, column 7" in second["message"]["text"]
    assert rules[0]["helpUri"] == "https://example.com/rules"
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "gone.json: no such file"


def test_sarif_of_an_absolute_path(tmp_path: Path) -> None:
    """It becomes a file address."""
    finding = Finding("HS001", Severity.ERROR, tmp_path / "a.yaml", Place(), "x")
    document = json.loads(FORMATS["sarif"](Report((finding,), (str(tmp_path / "a.yaml"),))))
    location = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == (tmp_path / "a.yaml").as_uri()


def test_junit() -> None:
    """Warnings and errors fail a case, information does not, an unread template is an error."""
    root = ET.fromstring(FORMATS["junit"](REPORT).split("\n", 1)[1])  # noqa: S314 - our own
    suites = {suite.get("name"): suite for suite in root}
    assert [suites["a template.yaml"].get(key) for key in ("tests", "failures")] == ["2", "1"]
    assert len(root.findall(".//failure")) == 1
    assert [suites["clean.json"].get(key) for key in ("tests", "failures")] == ["1", "0"]
    assert suites["gone.json"].get("errors") == "1"
    assert root.findall(".//error")[0].get("message") == "gone.json: no such file"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rules_address_leads_to_its_section(rule: Rule) -> None:
    """An absolute one, of a page that is there, whatever folder somebody lints in."""
    parts = urlsplit(address(rule.code))
    assert parts.scheme in {"file", "https"}
    if parts.scheme == "file":
        assert f"### {parts.fragment.upper()}\n" in Path(parts.path).read_text()
    assert rule.title in section(rule.code)
    assert "### " not in section(rule.code)


def test_sarif_explains_a_rule_of_ours(tmp_path: Path) -> None:
    """With its page's own words; an address is given where a code host can follow it."""
    template = tmp_path / "template.yaml"
    template.write_text(
        "Resources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n"
        "      GroupDescription: all\n      SecurityGroupIngress:\n"
        "        - {IpProtocol: '-1', CidrIp: 0.0.0.0/0}\n"
    )
    report = Report(tuple(lint(template)), (str(template),))
    (run,) = json.loads(FORMATS["sarif"](report))["runs"]
    (rule,) = (one for one in run["tool"]["driver"]["rules"] if one["id"] == "HR005")
    assert "open to the world" in rule["help"]["markdown"]
    addresses = [one["helpUri"] for one in run["tool"]["driver"]["rules"] if "helpUri" in one]
    assert all(one.startswith("https://") for one in addresses)
