"""Findings as SARIF 2.1.0, which code hosts show on the lines of a pull request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from harness._version import __version__
from harness.lint.finding import Finding, Report, Severity
from harness.lint.pages import section
from harness.lint.rules import RULES

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_RULES: Final = {rule.code: rule for rule in RULES}


def write(report: Report) -> str:
    """One run with the rules that found something, and one result a finding."""
    rules = {finding.code: finding for finding in report.findings}
    indexes = {code: index for index, code in enumerate(rules)}
    driver = {
        "name": "harness lint",
        "version": __version__,
        "rules": [_rule(finding) for finding in rules.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(one)}} for one in report.templates],
        "invocations": [_invocation(report)],
        "results": [_result(finding, indexes[finding.code]) for finding in report.findings],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _invocation(report: Report) -> Mapping[str, Any]:
    notifications = [
        {
            "level": "error",
            "message": {"text": why},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(template)}}}],
        }
        for template, why in report.unread.items()
    ]
    return {
        "executionSuccessful": not report.unread,
        "toolExecutionNotifications": notifications,
    }


def _rule(finding: Finding) -> Mapping[str, Any]:
    own = _RULES.get(finding.code)
    rule: dict[str, Any] = {"id": finding.code}
    if own is not None:
        rule["shortDescription"] = {"text": own.title}
        rule["help"] = {"text": own.remedy, "markdown": section(own.code)}
        rule["defaultConfiguration"] = {"level": _LEVELS[own.severity]}
    if finding.docs.startswith("https://"):
        rule["helpUri"] = finding.docs
    return rule


def _result(finding: Finding, rule_index: int) -> Mapping[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(str(finding.path))},
            "region": region,
        }
    }
    if finding.resource:
        location["logicalLocations"] = [{"name": finding.resource, "kind": "resource"}]
    message = finding.message
    if finding.script is not None:
        place = finding.script.place
        message += f" ({finding.script.name}, line {place.line}, column {place.column})"
    if finding.remedy:
        message += f"\nRemedy: {finding.remedy}"
    return {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [location],
    }


def _uri(path: str) -> str:
    """A path as a relative reference, or as an absolute one where it is absolute."""
    as_path = Path(path)
    return as_path.as_uri() if as_path.is_absolute() else quote(as_path.as_posix())
