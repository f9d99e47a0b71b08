"""Both rungs beside their floors in one run: ``make bench``. Prints ratios; fails for none.

A floor is what the same work costs without the harness: a bare script, a guest by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import Series, Subject, measure, python

HERE = Path(__file__).parent
TEMPLATE = Path("formation.json")
SCRIPT = Path("provision.sh")
SUITE = Path("tests/formation")
SIGNAL_GOAL = 0.3


@dataclass(frozen=True)
class Comparison:
    """A rung and its floor.

    Args:
        name: Short name, as given on the command line.
        rung: What the harness does.
        floor: The same without it.
        goal: The ratio that it should not be above.
        repetitions: How often each is run where the command line does not say.
    """

    name: str
    rung: Subject
    floor: Subject
    goal: float
    repetitions: int


def pytest(rung: str) -> tuple[str, ...]:
    """A cold run of the stack's own tests on a rung."""
    quiet = ("-q", "-p", "no:cacheprovider")
    required = ("--require-local",) if rung == "local" else ()
    return python("-m", "pytest", "-m", rung, SUITE, *quiet, *required)


COMPARISONS = (
    Comparison(
        "unit",
        Subject("pytest -m unit", pytest("unit")),
        Subject("floor: cfn-lint and moto", python(HERE / "floor_unit.py", TEMPLATE)),
        goal=1.3,
        repetitions=5,
    ),
    Comparison(
        "local",
        Subject("pytest -m local", pytest("local")),
        Subject("floor: a guest by hand", python(HERE / "floor_local.py", SCRIPT)),
        goal=1.4,
        repetitions=5,
    ),
)


def main() -> None:
    """Measure what is asked for, and print a table."""
    arguments = parse()
    environ = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true"}
    # A package that is installed has its bytecode; a checkout must be allowed to keep its own.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    results: dict[str, object] = {}
    lines = []
    for one in COMPARISONS:
        if one.name in arguments.only:
            rung, floor = compare(one, arguments.repetitions or one.repetitions, environ)
            lines += rows(one, rung, floor)
            results[one.name] = as_data(one, rung, floor)
    if "signal" in arguments.only:
        latencies = signal_latencies(arguments.repetitions or 10, environ)
        lines.append(signal_row(latencies))
        results["signal"] = {"seconds": latencies, "goal": SIGNAL_GOAL}
    print(f"\n{'':26}{'median':>9}{'quickest':>10}{'slowest':>9}{'memory':>10}{'ratio':>8}")
    print("\n".join(lines))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    names = [*(one.name for one in COMPARISONS), "signal"]
    parser = argparse.ArgumentParser(prog="make bench", description="Time both rungs.")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--repetitions", type=int, help="default: 5 of each rung, 10 signals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    return parser.parse_args()


def compare(one: Comparison, repetitions: int, environ: Mapping[str, str]) -> tuple[Series, Series]:
    """Time a rung and its floor in turns."""
    print(f"\n{one.name}, {repetitions} times in turns", flush=True)
    rung, floor = measure([one.rung, one.floor], repetitions, environ)
    return rung, floor


def signal_latencies(count: int, environ: Mapping[str, str]) -> list[float]:
    """Seconds from a signal to a client that sees its stack complete."""
    print(f"\nsignal, {count} times", flush=True)
    command = python(HERE / "signal_latency.py", str(count))
    (series,) = measure([Subject("signal to CREATE_COMPLETE", command)], 1, environ)
    lines = series.samples[0].output.splitlines()
    return [float(line) for line in lines]


def rows(one: Comparison, rung: Series, floor: Series) -> list[str]:
    """Two rows of the table."""
    return [
        f"{row(rung)}{ratio(rung, floor):8.2f}  (goal: at most {one.goal})",
        row(floor),
    ]


def ratio(rung: Series, floor: Series) -> float:
    """The median of the ratios of those that ran one after the other, since machines drift."""
    pairs = zip(rung.samples, floor.samples, strict=True)
    return statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)


def row(series: Series) -> str:
    """One row, without its ratio."""
    quickest, slowest = series.spread
    return (
        f"{series.name:<26}{series.seconds:7.2f} s{quickest:8.2f} s{slowest:7.2f} s"
        f"{series.mebibytes:6.0f} MiB"
    )


def signal_row(latencies: Sequence[float]) -> str:
    """The signal's row."""
    median, quickest, slowest = statistics.median(latencies), min(latencies), max(latencies)
    return (
        f"{'signal to CREATE_COMPLETE':<26}{median:7.2f} s{quickest:8.2f} s{slowest:7.2f} s"
        f"{'':18}  (goal: at most {SIGNAL_GOAL} s)"
    )


def as_data(one: Comparison, rung: Series, floor: Series) -> Mapping[str, object]:
    """All samples of a comparison."""
    return {
        "goal": one.goal,
        "ratio": ratio(rung, floor),
        **{
            series.name: [[sample.seconds, sample.mebibytes] for sample in series.samples]
            for series in (rung, floor)
        },
    }


if __name__ == "__main__":
    main()
