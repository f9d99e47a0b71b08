"""Findings as JUnit XML: a test case a finding, failed by warnings and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from harness.lint.finding import Finding, Report, Severity

_NOT_XML: Final = {
    code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if code not in {9, 10, 13}
}


def write(report: Report) -> str:
    """One suite a template; one that is clean has one case, which passed."""
    root = ET.Element("testsuites", name="harness lint")
    for template in report.templates:
        _suite(root, template, [one for one in report.findings if str(one.path) == template])
    for template, why in report.unread.items():
        counts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": template, **counts})
        case = ET.SubElement(suite, "testcase", classname=template, name="cannot be read")
        ET.SubElement(case, "error", message=why.translate(_NOT_XML), type="TemplateError")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, template: str, findings: Sequence[Finding]) -> None:
    failures = sum(one.severity > Severity.INFO for one in findings)
    suite = ET.SubElement(
        root,
        "testsuite",
        name=template,
        tests=str(max(len(findings), 1)),
        failures=str(failures),
        errors="0",
        skipped="0",
    )
    if not findings:
        ET.SubElement(suite, "testcase", classname=template, name="no findings")
    for finding in findings:
        name = f"{finding.code} line {finding.line} column {finding.column}"
        case = ET.SubElement(
            suite, "testcase", classname=template, name=name, file=template, line=str(finding.line)
        )
        said = finding.message.translate(_NOT_XML)
        details = "\n".join(part for part in (said, finding.remedy, finding.docs) if part)
        if finding.severity > Severity.INFO:
            failure = ET.SubElement(case, "failure", message=said, type=str(finding.severity))
            failure.text = details
        else:
            ET.SubElement(case, "system-out").text = details
