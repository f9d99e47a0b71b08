"""What a mutator is, and the mutants that come of it."""

from __future__ import annotations

import difflib
import enum
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.mutate.subject import Change, Subject


class Rung(enum.Enum):
    """Where a fault must be noticed at the latest."""

    UNIT = "unit"
    LOCAL = "local"


@dataclass(frozen=True)
class Mutator:
    """One kind of mistake.

    Args:
        name: Stable, in kebab case.
        mistake: What somebody did, in one sentence.
        rung: Where it must be noticed.
        caught_by: The kind of assertion that notices it.
        apply: Makes the broken copies of a subject; none where the mistake cannot be made in it.
    """

    name: str
    mistake: str
    rung: Rung
    caught_by: str
    apply: Callable[[Subject], Iterator[Change]]

    def mutants(self, subject: Subject) -> Iterator[Mutant]:
        """Every broken copy that differs from the subject."""
        seen = {(subject.text, subject.script)}
        sites: Counter[str] = Counter()
        for change in self.apply(subject):
            key = (change.subject.text, change.subject.script)
            if key in seen:
                continue
            seen.add(key)
            sites[change.site] += 1
            again = f" ({sites[change.site]})" if sites[change.site] > 1 else ""
            yield Mutant(self, f"{change.site}{again}", subject, change.subject)


@dataclass(frozen=True)
class Mutant:
    """One broken copy.

    Args:
        mutator: What broke it.
        site: Where.
        original: The subject, laid out in the same way.
        broken: What came of it.
    """

    mutator: Mutator
    site: str
    original: Subject
    broken: Subject

    @property
    def name(self) -> str:
        """The mutator's name, and the site where it has several."""
        return f"{self.mutator.name}:{self.site}" if self.site else self.mutator.name

    @property
    def diff(self) -> str:
        """What was changed, as a unified diff of the template and of the script."""
        pairs = (
            ("template", self.original.text, self.broken.text),
            ("script", self.original.script or "", self.broken.script or ""),
        )
        return "".join(
            line
            for name, before, after in pairs
            for line in difflib.unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"{name} as it is",
                f"{name} of {self.name}",
                n=1,
            )
        )


class Family:
    """Collects the mutators of one module, in the order in which they are written."""

    def __init__(self) -> None:
        self.mutators: list[Mutator] = []

    def add(
        self, name: str, mistake: str, caught_by: str, rung: Rung = Rung.UNIT
    ) -> Callable[[Callable[[Subject], Iterator[Change]]], Callable[[Subject], Iterator[Change]]]:
        """Decorate the function that makes the broken copies."""

        def register(
            apply: Callable[[Subject], Iterator[Change]],
        ) -> Callable[[Subject], Iterator[Change]]:
            self.mutators.append(Mutator(name, mistake, rung, caught_by, apply))
            return apply

        return register
