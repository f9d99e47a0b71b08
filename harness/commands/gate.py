"""``harness gate``: lint, unit and local in one verdict for a change."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.budgets import signal_budgets
from harness.errors import TemplateError, UsageError
from harness.gate import Outcome, Summary, parts_of, run_parts
from harness.gate.summary import outcome_line
from harness.headroom import Headroom, read
from harness.ledger import RUNS
from harness.options import Settings, read_table, resolve
from harness.template import Template


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Red unless every part was seen to pass: nothing collected, everything skipped, no "
        "container engine, no report are red. Exit status: 0 green, 1 red."
    )
    parser.add_argument("--template", help="the template under test; default: formation.json")
    parser.add_argument(
        "--keep-going", action="store_true", help="let the dearer parts run on when one is red"
    )
    parser.add_argument("arguments", nargs="*", metavar="PYTEST_ARGUMENT", help="such as a path")


def run(arguments: argparse.Namespace) -> int:
    """Run all parts at once, and say what came of them."""
    root = Path.cwd()
    settings = resolve({"template": arguments.template}, os.environ, read_table(root), root)
    began, clock = time.time(), time.monotonic()
    outcomes = run_parts(
        parts_of(settings, arguments.arguments),
        root,
        os.environ,
        keep_going=arguments.keep_going,
        say=lambda outcome: print(outcome_line(outcome), flush=True),
    )
    headrooms = read(root / RUNS, since=began)
    outcomes = [_confirmed(one, headrooms, settings) for one in outcomes]
    summary = Summary(outcomes, headrooms, time.monotonic() - clock)
    print(summary.text())
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print("\n".join(summary.annotations()))
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append(Path(path), summary.markdown())
    return 0 if summary.green else 1


def _confirmed(outcome: Outcome, headrooms: Sequence[Headroom], settings: Settings) -> Outcome:
    """The local rung's outcome, red where no stack of the template was seen to come up."""
    if outcome.part != "local" or not outcome.green:
        return outcome
    awaited = _awaited(settings)
    missing = awaited - {one.logical_id for one in headrooms}
    if not missing:
        return outcome
    reason = (
        f"{outcome.reason}, but no stack of {settings.template.name} came up: "
        f"{', '.join(sorted(missing))} was never seen to be signalled"
    )
    return replace(outcome, green=False, reason=reason)


def _awaited(settings: Settings) -> set[str]:
    """The resources that wait for signals; none where lint has said that it cannot be read."""
    try:
        template, region = Template.load(settings.template), settings.regions[0]
        return {*signal_budgets(template, settings.parameters, region)}
    except TemplateError:
        return set()


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"GITHUB_STEP_SUMMARY={path}: {error.strerror}", remedy="name a file, or unset it"
        ) from None
