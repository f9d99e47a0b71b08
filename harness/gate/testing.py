"""What a run of pytest amounts to, from its exit status and its JUnit report.

pytest's own status says that nothing failed, also where everything was skipped; so the report is
read, and a rung counts as green only where tests of it were seen to pass.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True)
class Case:
    """One test of a report.

    Args:
        name: Its name, with its class or module in front.
        path: Its file; empty where the report does not say.
        line: One-based line; 0 where the report does not say.
        verdict: ``passed``, ``skipped``, ``failure`` or ``error``.
        message: Why it did not pass.
    """

    name: str
    path: str
    line: int
    verdict: str
    message: str = ""


def judge_tests(name: str, ended: Ended) -> Outcome:
    """Green where pytest is content and at least one test was seen to pass."""
    try:
        cases = list(read_cases(ended.report or ""))
    except ET.ParseError:
        failure = Problem(name, ended.failure(_STATUSES))
        return Outcome(name, green=False, reason="pytest wrote no report", problems=(failure,))
    skipped = [case for case in cases if case.verdict == "skipped"]
    bad = [case for case in cases if case.verdict in _BAD]
    passed = len(cases) - len(skipped) - len(bad)
    if not cases and ended.status in {_OK, _NONE_COLLECTED}:
        return Outcome(name, green=False, reason="no test was collected")
    if bad:
        problems = tuple(_problem(case) for case in bad)
        reason = f"{len({case.name for case in bad})} of {len(cases)} tests did not pass"
        return Outcome(name, green=False, reason=reason, problems=problems)
    if ended.status != _OK:
        failure = Problem(name, ended.failure(_STATUSES))
        reason = f"pytest ended with {ended.status} although no test failed"
        return Outcome(name, green=False, reason=reason, problems=(failure,))
    if not passed:
        reason = f"every one of its {len(cases)} tests was skipped: {skipped[0].message}"
        return Outcome(name, green=False, reason=reason)
    return Outcome(name, green=True, reason=f"{passed} tests passed", notes=_skips(skipped))


def read_cases(report: str) -> Iterator[Case]:
    """The tests of a JUnit report.

    Raises:
        ElementTree.ParseError: It is none.
    """
    # pytest has written it on this machine a moment ago.
    root = ET.fromstring(report)  # noqa: S314 - see above
    for case in root.iter("testcase"):
        bad = next((one for one in case if one.tag in {*_BAD, "skipped"}), None)
        line = case.get("line")
        yield Case(
            name=f"{case.get('classname', '')}::{case.get('name', '')}".lstrip(":"),
            path=case.get("file", ""),
            line=int(line) + 1 if line is not None else 0,
            verdict="passed" if bad is None else bad.tag,
            message="" if bad is None else (bad.get("message") or bad.text or "").strip(),
        )


def _problem(case: Case) -> Problem:
    return Problem(case.name, case.message, path=case.path, line=case.line)


def _skips(skipped: Sequence[Case]) -> tuple[str, ...]:
    return tuple(f"skipped: {case.name}: {case.message}" for case in skipped)
