"""``harness lint``: what is wrong with templates, and with the scripts inside them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import TemplateError, UsageError
from harness.lint import Finding, Report, Severity, lint
from harness.lint.outputs import FORMATS
from harness.options import read_table, resolve
from harness.template import Template

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_CANNOT_RUN = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Exit status: 0 clean, 1 findings of the severity that --fail-on names or worse, "
        "2 it could not run."
    )
    parser.add_argument("templates", nargs="+", metavar="TEMPLATE", help="JSON or YAML")
    parser.add_argument("--format", choices=list(FORMATS), default="text", help="default: text")
    parser.add_argument("--output", metavar="FILE", help="write there instead of on the terminal")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="CODE[,CODE]",
        help="leave out codes, or all that begin so: SC, HM, HS009",
    )
    parser.add_argument(
        "--regions",
        action="append",
        default=[],
        metavar="REGION[,REGION]",
        help="where the template is meant to be created; by default where [tool.harness] says, "
        "else us-east-1, as for cfn-lint",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a parameter, instead of its default",
    )
    parser.add_argument(
        "--fail-on",
        choices=[str(severity) for severity in Severity],
        default="warning",
        help="least severity that makes the exit status 1; default: warning",
    )
    parser.add_argument(
        "--runs",
        metavar="FOLDER",
        default=".harness/runs",
        help="records of measured runs; default: .harness/runs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Lint every template; one that cannot be read does not keep the others from it."""
    report = _report(arguments)
    for error in report.unread.values():
        print(f"harness lint: {error}", file=sys.stderr)
    _write(FORMATS[arguments.format](report), arguments.output)
    if report.unread:
        return EXIT_CANNOT_RUN
    worst = max((finding.severity for finding in report.findings), default=0)
    return EXIT_FINDINGS if worst >= Severity.parse(arguments.fail_on) else EXIT_CLEAN


def _report(arguments: argparse.Namespace) -> Report:
    parameters = _parameters(arguments.parameter)
    regions = _listed(arguments.regions) or _meant_for()
    unknown = set(parameters)
    findings: list[Finding] = []
    read: list[str] = []
    unread: dict[str, str] = {}
    for template in dict.fromkeys(str(Path(one)) for one in arguments.templates):
        try:
            findings += lint(
                template,
                regions=regions,
                parameters=parameters,
                ignore=_listed(arguments.ignore),
                runs=arguments.runs,
            )
        except TemplateError as error:
            unread[template] = str(error)
        else:
            read.append(template)
            unknown -= Template.load(template).parameters.keys()
    if unknown and not unread:
        raise UsageError(
            f"--parameter {min(unknown)}: no template has such a parameter",
            remedy="correct its name",
        )
    return Report(tuple(findings), tuple(read), unread)


def _meant_for() -> Sequence[str]:
    """The regions that the project here is meant for, as its tests and its gate have them."""
    return resolve({}, os.environ, read_table(Path.cwd()), Path.cwd()).meant_for


def _listed(values: list[str]) -> list[str]:
    return [one.strip() for value in values for one in value.split(",") if one.strip()]


def _parameters(values: list[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(
                f"--parameter {name}: that is no NAME=VALUE", remedy="write --parameter Name=value"
            )
    return {name: value for name, _, value in pairs}


def _write(text: str, output: str | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        Path(output).write_text(text)
    except OSError as error:
        raise UsageError(
            f"--output {output}: {error.strerror}", remedy="name a file that can be written"
        ) from None
