"""Runs everything on one template: cfn-lint, shellcheck, bash and our rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.lint.cfn import cfn_lint
from harness.lint.finding import Finding
from harness.lint.loops import placed, unrolled
from harness.lint.measured import provisioning_seconds
from harness.lint.rules import RULES
from harness.lint.rules.shell import shellcheck_findings
from harness.lint.shellcheck import Checkers, Verdict
from harness.lint.subject import Subject, well_formed
from harness.lint.suppressions import Suppressions
from harness.template import Template


def lint(
    template_path: Path | str,
    *,
    regions: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    runs: Path | str = Path(".harness/runs"),
    checkers: Checkers | None = None,
    today: dt.date | None = None,
) -> list[Finding]:
    """Everything that is wrong with a template, in the order of its lines.

    Args:
        template_path: JSON or YAML.
        regions: Where it is meant to be created; cfn-lint's default where empty.
        parameters: Values of parameters, instead of their defaults.
        ignore: Codes, or beginnings of codes, to leave out.
        runs: Folder of measured runs (see :mod:`harness.lint.measured`); it need not exist.
        checkers: bash and shellcheck; this machine's by default.
        today: What the dates of images are held against; the real date by default.

    Raises:
        TemplateError: The file is missing, or is no template.
    """
    path = Path(template_path)
    subject = Subject(
        template=well_formed(Template.load(path)),
        path=path,
        regions=tuple(regions),
        parameters=parameters or {},
        checkers=checkers or Checkers.found(),
        runs=provisioning_seconds(Path(runs)),
        today=today or dt.date.today(),  # noqa: DTZ011 - end-of-life dates have no time zone
    )
    made = unrolled(subject)
    suppressions = Suppressions((made or subject).template, tuple(ignore))
    # The checkers are processes of their own; they run while cfn-lint keeps this one busy.
    with ThreadPoolExecutor(max_workers=2) as pool:
        verdicts = [*subject.verdicts, *(made.verdicts if made else ())]
        checked = [pool.submit(_check, verdict) for verdict in verdicts]
        findings = cfn_lint(subject.template, path, regions=regions, ignore=ignore)
        for future in checked:
            future.result()
    own = list(_own(subject))
    if made is not None:
        own = list(placed(_own(made), own, subject))
    findings += [one for one in own if not suppressions.cover(one)]
    return sorted(set(findings), key=lambda one: one.sort_key)


def _check(verdict: Verdict) -> None:
    _ = verdict.syntax, verdict.remarks


def _own(subject: Subject) -> Iterator[Finding]:
    for rule in RULES:
        yield from rule.findings(subject)
    yield from shellcheck_findings(subject)
