"""``harness mutate``: break the stack in many ways, and see which ones the tests let through."""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.embed import read_script
from harness.errors import UsageError
from harness.mutate import report
from harness.mutate.mutator import Mutant, Rung
from harness.mutate.mutators import CATALOGUE
from harness.mutate.runner import LIMITS, Project, Runner, default_jobs
from harness.options import count, positive, read_table, resolve
from harness.template import Template

_KEYS = ("equivalent", "tests")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Exit status: 0 every mutant was noticed, 1 some were not, 2 it could not run. Mutants "
        "that change nothing are excused by name, with the reason, in [tool.harness.mutate] "
        'equivalent = { "name" = "reason" }.'
    )
    parser.add_argument("template", type=Path, help="the template under test")
    parser.add_argument("script", type=Path, nargs="?", help="the script that it embeds")
    parser.add_argument(
        "--rung", choices=[one.value for one in Rung], help="only mutants of this rung"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="only mutants of such a name"
    )
    parser.add_argument(
        "--tests", action="append", default=[], metavar="PATH", help="tests of the stack"
    )
    parser.add_argument(
        "--jobs", type=_argument(count), default=default_jobs(), help="how many at a time"
    )
    parser.add_argument(
        "--limit",
        type=_argument(positive),
        metavar="SECONDS",
        help="after which a run is ended, as noticed",
    )
    parser.add_argument("--list", action="store_true", help="list the catalogue, and run nothing")
    parser.add_argument("--format", choices=sorted(report.FORMATS), default="text")
    parser.add_argument("--output", type=Path, help="a file for the report; default: the terminal")


def _argument(parse: Callable[[object], float]) -> Callable[[str], float]:
    """A setting's parser as argparse takes one."""

    def parsed(text: str) -> float:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def run(arguments: argparse.Namespace) -> int:
    """Try the suite on every mutant that is asked for."""
    if arguments.list:
        for mutator in CATALOGUE:
            print(f"{mutator.name}  ({mutator.rung.value})  somebody {mutator.mistake}")
        return 0
    root = Path.cwd()
    project = _project(arguments, root)
    mutants = _mutants(project, arguments.rung, arguments.only)
    if arguments.output is not None:
        with _named(arguments.output):  # what cannot be written is known before hours have passed
            arguments.output.open("a").close()
    started = time.monotonic()
    # A report that goes elsewhere leaves the terminal to the progress.
    live = arguments.format == "text" and arguments.output is None
    progress = sys.stdout if live else sys.stderr
    results = Runner(
        project,
        arguments.jobs,
        lambda result: print(report.line(result), file=progress, flush=True),
        LIMITS if arguments.limit is None else dict.fromkeys(Rung, arguments.limit),
    ).run(mutants)
    if not live:
        _write(report.FORMATS[arguments.format](results), arguments.output)
    print(f"\n{report.conclusion(results)}\n\n{time.monotonic() - started:.0f} s", file=progress)
    return 1 if report.is_red(results) else 0


def _project(arguments: argparse.Namespace, root: Path) -> Project:
    table = resolve({}, os.environ, read_table(root), root).table("mutate")
    for key in table:
        if key not in _KEYS:
            raise UsageError(
                f"[tool.harness.mutate] has no key {key!r}", remedy=f"one of {', '.join(_KEYS)}"
            )
    tests = arguments.tests or table.get("tests", ["tests"])
    if not isinstance(tests, list) or not all(isinstance(one, str) for one in tests):
        raise UsageError(
            "[tool.harness.mutate] tests: must be a list of paths", remedy='tests = ["tests"]'
        )
    Template.load(arguments.template)  # says of the file by its name what is wrong with it
    if arguments.script:
        read_script(arguments.script)
    return Project(
        root=root,
        template=_inside(arguments.template, root),
        script=_inside(arguments.script, root) if arguments.script else None,
        tests=[_inside(Path(one), root) for one in tests],
        equivalent=_reasons(table.get("equivalent", {})),
    )


def _inside(path: Path, root: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{path}: no such file", remedy="name its path")
    try:
        return path.resolve().relative_to(root.resolve())
    except ValueError:
        raise UsageError(
            f"{path} is not inside of {root}", remedy="run it in the project's folder"
        ) from None


def _reasons(table: object) -> Mapping[str, str]:
    if isinstance(table, Mapping) and all(isinstance(one, str) and one for one in table.values()):
        return dict(table)
    raise UsageError(
        "[tool.harness.mutate] equivalent: not every mutant has a reason",
        remedy='write equivalent = { "name" = "why it changes nothing" }',
    )


def _mutants(project: Project, rung: str | None, patterns: Sequence[str]) -> list[Mutant]:
    subject = project.subject().canonical
    every = [one for mutator in CATALOGUE for one in mutator.mutants(subject)]
    unknown = sorted(project.equivalent.keys() - {one.name for one in every})
    if unknown:
        raise UsageError(
            f"[tool.harness.mutate] equivalent: there is no mutant {unknown[0]!r}",
            remedy="remove it, or correct its name",
        )
    wanted = [
        one
        for one in every
        if rung in {None, one.mutator.rung.value}
        and (not patterns or any(fnmatch.fnmatch(one.name, pattern) for pattern in patterns))
    ]
    if not wanted:
        raise UsageError("no mutant is left to try", remedy="see harness mutate --list")
    return wanted


@contextmanager
def _named(output: Path) -> Iterator[None]:
    """Say which file it is that cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}", remedy="name another file") from None


def _write(text: str, output: Path | None) -> None:
    if output is None:
        print(text)
        return
    with _named(output):
        output.write_text(text + "\n")
