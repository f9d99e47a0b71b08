"""What a run of pytest amounts to, from its exit status and its JUnit report.

pytest's own status says that nothing failed, also where everything was skipped; so the report is
read, and a rung counts as green only where tests of it were seen to pass.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.cloudformation.unsupported import ACCEPTED, LISTED
from harness.gate.outcome import Ended, Outcome, Problem

_STATUSES: Final = {
    0: "all passed",
    1: "tests failed, or something was left behind",
    2: "interrupted",
    3: "pytest failed internally",
    4: "pytest was called wrongly",
    5: "no tests were collected",
}
_OK: Final = 0
_NONE_COLLECTED: Final = 5
_BAD: Final = ("failure", "error")
_UNREAD: Final = "collection failure"
_PLACE: Final = re.compile(r'^File ".*", line (\d+)')


@dataclass(frozen=True)
class Case:
    """One test of a report.

    Args:
        name: Its name, with its class or module in front.
        path: Its file; empty where the report does not say.
        line: One-based line; 0 where the report does not say.
        verdict: ``passed``, ``skipped``, ``failure`` or ``error``.
        message: Why it did not pass.
        unread: It stands for a file of tests, which could not be read.
    """

    name: str
    path: str
    line: int
    verdict: str
    message: str = ""
    unread: bool = False


def judge_tests(name: str, ended: Ended) -> Outcome:
    """Green where pytest is content and at least one test was seen to pass.

    What stacks were accepted with and is not simulated is noted: no test says anything of it.
    """
    try:
        # pytest has written it on this machine a moment ago.
        report = ET.fromstring(ended.report or "")  # noqa: S314 - see above
    except ET.ParseError:
        failure = Problem(name, ended.failure(_STATUSES))
        return Outcome(name, green=False, reason="pytest wrote no report", problems=(failure,))
    outcome = _judged(name, ended, list(_cases(report)))
    return replace(outcome, notes=(*outcome.notes, *_listings(report)))


def _judged(name: str, ended: Ended, cases: Sequence[Case]) -> Outcome:
    skipped = [case for case in cases if case.verdict == "skipped"]
    bad = [case for case in cases if case.verdict in _BAD]
    passed = len(cases) - len(skipped) - len(bad)
    if not cases and ended.status in {_OK, _NONE_COLLECTED}:
        return Outcome(name, green=False, reason="no test was collected")
    if bad:
        problems = tuple(_problem(case) for case in bad)
        reason = f"{len({case.name for case in bad})} of {len(cases)} tests did not pass"
        if all(case.unread for case in cases):
            files = f"{len(bad)} file{'s' if len(bad) > 1 else ''} of tests"
            reason = f"{files} could not be read: {bad[0].message}"
        return Outcome(name, green=False, reason=reason, problems=problems)
    if ended.status != _OK:
        failure = Problem(name, ended.failure(_STATUSES))
        reason = f"pytest ended with {ended.status} although no test failed"
        return Outcome(name, green=False, reason=reason, problems=(failure,))
    if not passed:
        reason = f"every one of its {len(cases)} tests was skipped: {skipped[0].message}"
        return Outcome(name, green=False, reason=reason)
    return Outcome(name, green=True, reason=f"{passed} tests passed", notes=_skips(skipped))


def _cases(report: ET.Element) -> Iterator[Case]:
    """The tests of a JUnit report."""
    for case in report.iter("testcase"):
        bad = next((one for one in case if one.tag in {*_BAD, "skipped"}), None)
        line = case.get("line")
        message = "" if bad is None else (bad.get("message") or bad.text or "").strip()
        number = int(line) + 1 if line is not None else 0
        unread = bad is not None and message == _UNREAD
        if bad is not None and unread:
            number, message = _of_unread(bad.text or "", message)
        yield Case(
            name=f"{case.get('classname', '')}::{case.get('name', '')}".lstrip(":"),
            path=case.get("file", ""),
            line=number,
            verdict="passed" if bad is None else bad.tag,
            message=message,
            unread=unread,
        )


def _listings(report: ET.Element) -> Sequence[str]:
    """What a JUnit report lists as accepted and not simulated, each line once."""
    properties = report.iterfind(".//testcase/properties/property")
    found = [f"{ACCEPTED}{one.get('value')}" for one in properties if one.get("name") == LISTED]
    return tuple(dict.fromkeys(found))


def _of_unread(text: str, otherwise: str) -> tuple[int, str]:
    """The line at which a file could not be read, 0 where that is not known, and why."""
    said = [one[1:].strip() for one in text.splitlines() if one.startswith("E ")]
    places = [int(one[1]) for one in map(_PLACE.search, said) if one]
    return (places or [0])[-1], (said or [otherwise])[-1]


def _problem(case: Case) -> Problem:
    return Problem(case.name, case.message, path=case.path, line=case.line)


def _skips(skipped: Sequence[Case]) -> tuple[str, ...]:
    return tuple(f"skipped: {case.name}: {case.message}" for case in skipped)
