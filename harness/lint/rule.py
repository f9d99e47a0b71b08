"""What a rule is: a code, a severity, a remedy, and a function that looks for hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.lint.finding import Finding, Place, ScriptPlace, Severity
from harness.lint.pages import address
from harness.lint.scripts import Script
from harness.lint.subject import Subject
from harness.userdata import Path


@dataclass(frozen=True)
class Hit:
    """A place where a rule is broken: a path in the template, or an offset in a script.

    Args:
        message: What is wrong there.
        path: Where in the template; for a script, of its UserData.
        at_key: Point at the key rather than at the value.
        script: The script, where it is about one.
        offset: Where in the script, in characters.
        place: Where in the template, where it is known better than by a path.
        severity: Instead of the rule's own, where this case is better or worse.
        remedy: Instead of the rule's own.
    """

    message: str
    path: Path = ()
    at_key: bool = True
    script: Script | None = None
    offset: int = 0
    place: Place | None = None
    severity: Severity | None = None
    remedy: str = ""


Check = Callable[[Subject], Iterator[Hit]]
"""Looks for hits of one rule."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        code: Its stable name; ``U``serData, ``S``ignals, ``R``eachability, ``M``eaning.
        severity: How bad a hit is, most often.
        title: What it holds, in a few words; the heading of its section in the docs.
        remedy: What to do about a hit.
        check: Looks for hits.
    """

    code: str
    severity: Severity
    title: str
    remedy: str
    check: Check

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """The hits as findings."""
        docs = address(self.code)
        for hit in self.check(subject):
            yield finding_of(hit, subject, self.code, self.severity, self.remedy, docs)


def finding_of(
    hit: Hit, subject: Subject, code: str, severity: Severity, remedy: str, docs: str
) -> Finding:
    """A hit as a finding."""
    return Finding(
        code=code,
        severity=severity if hit.severity is None else hit.severity,
        path=subject.path,
        place=_place(hit, subject),
        message=hit.message,
        remedy=hit.remedy or remedy,
        docs=docs,
        script=_script_place(hit),
        resource=_resource(hit),
    )


def _place(hit: Hit, subject: Subject) -> Place:
    if hit.place is not None:
        return hit.place
    if hit.script is not None:
        return subject.source.lines.place(hit.script.text.origin(hit.offset))
    return subject.source.key(hit.path) if hit.at_key else subject.source.place(hit.path)


def _script_place(hit: Hit) -> ScriptPlace | None:
    if hit.script is None:
        return None
    return ScriptPlace(hit.script.name, hit.script.text.place(hit.offset))


def _resource(hit: Hit) -> str:
    if hit.script is not None:
        return hit.script.resource
    match hit.path:
        case ("Resources", str() as logical_id, *_):
            return logical_id
    return ""
