"""What is shown of a run: a table, JSON, Markdown, and what to do about the survivors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from harness.mutate.mutator import Mutator
from harness.mutate.runner import Result, Verdict

_NAME_WIDTH: Final = 44
_RED: Final = frozenset({Verdict.SURVIVED, Verdict.UNKNOWN})


def line(result: Result) -> str:
    """One result, for a terminal."""
    name = result.mutant.name.ljust(_NAME_WIDTH)
    rung = result.mutant.mutator.rung.value
    return f"{name} {rung:5}  {result.verdict.value:10}  {result.seconds:5.1f} s  {_who(result)}"


def summary(results: Sequence[Result]) -> str:
    """How many there were of each verdict, a line for each rung."""
    lines = []
    for rung in dict.fromkeys(one.mutant.mutator.rung for one in results):
        of_rung = [one for one in results if one.mutant.mutator.rung is rung]
        counts = Counter(one.verdict for one in of_rung)
        told = ", ".join(f"{counts[one]} {one.value}" for one in Verdict if counts[one])
        lines.append(f"{rung.value}: {len(of_rung)} mutants: {told}")
    return "\n".join(lines)


def survivors(results: Sequence[Result]) -> str:
    """For each that nobody noticed: what was broken, and what would have noticed it."""
    return "\n".join(
        f"{one.mutant.name}: {one.verdict.value}: {one.reason}\n"
        f"  somebody {one.mutant.mutator.mistake}\n"
        f"  would be caught by {one.mutant.mutator.caught_by}\n\n"
        f"{one.mutant.diff}"
        for one in results
        if one.verdict in _RED
    )


def is_red(results: Sequence[Result]) -> bool:
    """Whether there is one that nobody noticed."""
    return any(one.verdict in _RED for one in results)


def as_text(results: Sequence[Result]) -> str:
    """The table, and what is below it."""
    return "\n".join([*(line(one) for one in results), "", conclusion(results)])


def conclusion(results: Sequence[Result]) -> str:
    """The counts, and the survivors."""
    return "\n\n".join(part for part in (summary(results), survivors(results)) if part)


def as_json(results: Sequence[Result]) -> str:
    """Everything, for programs."""
    return json.dumps({"mutants": [_object(one) for one in results]}, indent=2)


def _object(result: Result) -> Mapping[str, Any]:
    mutator = result.mutant.mutator
    return {
        "name": result.mutant.name,
        "mutator": mutator.name,
        "mistake": mutator.mistake,
        "rung": mutator.rung.value,
        "verdict": result.verdict.name.lower(),
        "by": result.by,
        "reason": result.reason,
        "seconds": round(result.seconds, 3),
        "caught_by": mutator.caught_by,
        "diff": result.mutant.diff if result.verdict in _RED else "",
    }


def as_markdown(results: Sequence[Result]) -> str:
    """A table for people who read it in a browser; a line for each mutator."""
    rows = ["| mistake | rung | mutants | caught | noticed first by |", "|---|---|---|---|---|"]
    for mutator in dict.fromkeys(one.mutant.mutator for one in results):
        own = [one for one in results if one.mutant.mutator is mutator]
        rows.append(f"| {_mistake(mutator)} | {mutator.rung.value} | {_counts(own)} |")
    return "\n".join([*rows, "", summary(results).replace("\n", "  \n"), ""])


def _mistake(mutator: Mutator) -> str:
    return f"`{mutator.name}`: {mutator.mistake}"


def _counts(results: Sequence[Result]) -> str:
    caught = [one for one in results if one.verdict is Verdict.CAUGHT]
    excused = [one for one in results if one.verdict is Verdict.EQUIVALENT]
    tests = dict.fromkeys(_short(one.by) for one in caught)
    notes = [f"equivalent: {one.by}" for one in excused]
    told = ", ".join(f"`{one}`" for one in tests)
    share = f"{len(caught)} of {len(results) - len(excused)}"
    return f"{len(results)} | {share} | {'; '.join(part for part in (told, *notes) if part)}"


def _short(test: str) -> str:
    return test.rpartition("::")[2].partition("[")[0] or test


def _who(result: Result) -> str:
    return _short(result.by) if result.verdict is Verdict.CAUGHT else result.by or result.reason


FORMATS: Final[Mapping[str, Callable[[Sequence[Result]], str]]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
}
"""The formats by name."""
