"""cfn-lint underneath: one run for all regions, its matches as findings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.errors import UsageError
from harness.lint.finding import Finding, Place, Severity
from harness.template import Template

if TYPE_CHECKING:
    from cfnlint.match import Match  # type: ignore[import-untyped]
    from cfnlint.rules import Rules  # type: ignore[import-untyped]

_SEVERITIES: Final = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "informational": Severity.INFO,
}


def cfn_lint(
    template: Template, path: Path, *, regions: Sequence[str] = (), ignore: Sequence[str] = ()
) -> list[Finding]:
    """Run cfn-lint on a template; its configuration files and in-template settings hold.

    Args:
        template: The template.
        path: The name it is reported by.
        regions: Where the template is meant to be created; cfn-lint's own default where empty.
        ignore: Codes, or beginnings of codes, that are not asked for.

    Raises:
        UsageError: It knows no such region, or its configuration is wrong.
    """
    # Half a second that not every caller needs; and it ships no types.
    from cfnlint.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
        CfnLintExitException,
    )

    try:
        matches = _matches(template, path, regions, ignore)
    except CfnLintExitException as error:
        raise UsageError(
            f"cfn-lint cannot run: {textwrap.shorten(str(error), 400)}",
            remedy="correct --regions, or cfn-lint's configuration file",
        ) from None
    return [_finding(match, path) for match in matches]


def _matches(
    template: Template, path: Path, regions: Sequence[str], ignore: Sequence[str]
) -> list[Match]:
    from cfnlint.config import ConfigMixIn, ManualArgs  # type: ignore[import-untyped]  # noqa: PLC0415
    from cfnlint.decode.decode import decode_str  # type: ignore[import-untyped]  # noqa: PLC0415
    from cfnlint.runner import run_template_by_data  # type: ignore[import-untyped]  # noqa: PLC0415

    manual = ManualArgs()
    if regions:
        manual["regions"] = list(regions)
    if ignore:
        manual["ignore_checks"] = list(ignore)
    # The list of arguments keeps it from reading those of this process.
    config = ConfigMixIn(["--template", str(path)], **manual)
    document, matches = decode_str(template.text)
    if document is not None and not matches:
        rules = _rules(tuple(config.append_rules), config.custom_rules)
        matches = run_template_by_data(document, config, rules)
    return list(matches)


@cache
def _rules(append_rules: tuple[str, ...], custom_rules: str | None) -> Rules:
    """cfn-lint's rules, whose loading takes longer than their work.

    Args:
        append_rules: Folders of rules; a configuration file may name more.
        custom_rules: A file of rules, or None.
    """
    from cfnlint.rules import Rules  # noqa: PLC0415

    rules = Rules()
    for source in append_rules:
        folder = Path(source).expanduser()
        create = Rules.create_from_directory if folder.is_dir() else Rules.create_from_module
        rules.update(create(source))
    rules.update(Rules.create_from_custom_rules_file(custom_rules))
    return rules


def _finding(match: Match, path: Path) -> Finding:
    steps = [str(step) for step in getattr(match, "path", None) or ()]
    return Finding(
        code=match.rule.id,
        severity=_SEVERITIES[match.rule.severity],
        path=path,
        place=Place(max(match.linenumber, 1), max(match.columnnumber, 1)),
        message=match.message,
        docs=match.rule.source_url,
        resource=steps[1] if steps[:1] == ["Resources"] and len(steps) > 1 else "",
    )
