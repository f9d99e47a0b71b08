"""Findings for people, and for editors that jump to ``file:line:column``."""

from __future__ import annotations

from collections import Counter
from typing import Final

from harness.lint.finding import Finding, Report, Severity

_LONGEST: Final = 300


def write(report: Report) -> str:
    """A few lines a finding, and a summary."""
    return "\n".join([*map(_one, report.findings), _summary(report), ""])


def _one(finding: Finding) -> str:
    head = f"{finding.path}:{finding.line}:{finding.column}: {finding.severity} {finding.code}"
    lines = [f"{head} {_one_line(finding.message)}"]
    if finding.script is not None:
        place = finding.script.place
        lines.append(f"  in:     {finding.script.name}, line {place.line}, column {place.column}")
    if finding.remedy:
        lines.append(f"  remedy: {finding.remedy}")
    if finding.docs:
        lines.append(f"  see:    {finding.docs}")
    return "\n".join(lines)


def _one_line(message: str) -> str:
    """A message in one line; cfn-lint lists every instance type of a region, which nobody reads."""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


def _summary(report: Report) -> str:
    counts = Counter(finding.severity for finding in report.findings)
    said = ", ".join(
        f"{counts[severity]} {severity}{'' if severity is Severity.INFO else _s(counts[severity])}"
        for severity in sorted(Severity, reverse=True)
        if counts[severity]
    )
    read, unread = len(report.templates), len(report.unread)
    summary = f"{read} template{_s(read)}: {said or 'nothing found'}" if read else ""
    missed = f"{unread} template{_s(unread)} could not be read" if unread else ""
    return "; ".join(part for part in (summary, missed) if part)


def _s(count: int) -> str:
    return "" if count == 1 else "s"
