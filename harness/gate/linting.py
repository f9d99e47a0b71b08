"""What a run of ``harness lint`` amounts to, from its exit status and its report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from harness.gate.outcome import Ended, Outcome, Problem

_CLEAN: Final = 0
_FINDINGS: Final = 1
_STATUSES: Final = {2: "it could not run"}


def judge_lint(name: str, ended: Ended) -> Outcome:
    """Green where every template was read and nothing above info was found."""
    document = _parsed(ended.report)
    if ended.status not in {_CLEAN, _FINDINGS} or document is None:
        unread = (document or {}).get("unread", {})
        problems = [Problem("cannot be read", text, path=path) for path, text in unread.items()]
        failure = Problem(name, ended.failure(_STATUSES))
        return Outcome(name, green=False, reason="it could not run", problems=(*problems, failure))
    findings = document["findings"]
    problems = [_problem(one) for one in findings if one["severity"] != "info"]
    checked = ", ".join(document["templates"])
    if ended.status == _FINDINGS:
        reason = f"{len(problems)} findings in {checked}"
        return Outcome(name, green=False, reason=reason, problems=tuple(problems))
    if not document["templates"]:
        return Outcome(name, green=False, reason="no template was linted")
    notes = [f"{one['file']}:{one['line']}: {one['code']} {one['message']}" for one in findings]
    return Outcome(name, green=True, reason=f"{checked}: no findings", notes=tuple(notes))


def _parsed(report: str | None) -> Mapping[str, Any] | None:
    try:
        document = json.loads(report or "")
        return {"templates": document["templates"], "findings": document["findings"], **document}
    except (ValueError, KeyError, TypeError):
        return None


def _problem(finding: Mapping[str, Any]) -> Problem:
    remedy = f"\nremedy: {finding['remedy']}" if finding.get("remedy") else ""
    return Problem(
        title=finding["code"],
        message=f"{finding['message']}{remedy}",
        path=finding["file"],
        line=finding["line"],
        column=finding["column"],
        level="error" if finding["severity"] == "error" else "warning",
    )
