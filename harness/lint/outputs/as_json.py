"""Findings as JSON, one object a finding; keys are only ever added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.lint.finding import Finding, Place, Report, ScriptPlace, Severity


def write(report: Report) -> str:
    """``{"templates": […], "unread": {…}, "findings": […]}``."""
    document = {
        "templates": list(report.templates),
        "unread": dict(report.unread),
        "findings": [_one(finding) for finding in report.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read(text: str) -> list[Finding]:
    """The findings of a document that :func:`write` made."""
    return [_finding(one) for one in json.loads(text)["findings"]]


def _finding(one: dict[str, Any]) -> Finding:
    script = one["script"]
    return Finding(
        code=one["code"],
        severity=Severity.parse(one["severity"]),
        path=Path(one["file"]),
        place=Place(one["line"], one["column"]),
        message=one["message"],
        remedy=one["remedy"] or "",
        docs=one["docs"] or "",
        script=script and ScriptPlace(script["name"], Place(script["line"], script["column"])),
        resource=one["resource"] or "",
    )


def _one(finding: Finding) -> dict[str, object]:
    script = finding.script
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "file": str(finding.path),
        "line": finding.line,
        "column": finding.column,
        "resource": finding.resource or None,
        "script": None
        if script is None
        else {"name": script.name, "line": script.place.line, "column": script.place.column},
        "message": finding.message,
        "remedy": finding.remedy or None,
        "docs": finding.docs or None,
    }
