"""Mistakes in what the stack asks for, and in how it uses the answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator

from harness.mutate.mutator import Family
from harness.mutate.subject import Body, Change, Subject

FAMILY = Family()
DECLARED = "the parameters' types and defaults"
USED = "the instance's properties, compared with the parameters"
REFUSED = "a simulation with a wrong value of each parameter"


def _each(
    subject: Subject, wanted: Callable[[Body], bool], change: Callable[[Body], object]
) -> Iterator[Change]:
    """Change each parameter of a kind."""
    for name, definition in subject.template.parameters.items():
        if wanted(dict(definition)):
            yield Change(name, subject.changed(change, "Parameters", name))


def _references(subject: Subject, old: str, new: object) -> Subject:
    """Put something else wherever a parameter is referred to."""
    text = json.dumps(subject.body["Resources"])
    replaced = json.loads(text.replace(json.dumps({"Ref": old}), json.dumps(new)))
    return subject.placed(replaced, "Resources")


@FAMILY.add("swapped-parameters", "swapped two references", USED)
def _swap(subject: Subject) -> Iterator[Change]:
    names = list(subject.template.parameters)
    for first, second in itertools.pairwise(names):
        held = {"Ref": "held back"}
        step = _references(subject, first, held)
        step = _references(step, second, {"Ref": first})
        yield Change(f"{first}-{second}", _references(step, "held back", {"Ref": second}))


@FAMILY.add("drop-parameter", "removed a parameter that is still in use", "cfn-lint")
def _drop(subject: Subject) -> Iterator[Change]:
    for name in subject.template.parameters:
        yield Change(name, subject.without("Parameters", name))


@FAMILY.add("hard-coded", "wrote a value where the parameter was meant", USED)
def _hard_coded(subject: Subject) -> Iterator[Change]:
    for name, definition in subject.template.parameters.items():
        value = str(definition.get("Default", "mine"))
        yield Change(name, _references(subject, name, value))


@FAMILY.add("type-of-anything", "asked for a String where AWS knows what exists", DECLARED)
def _string(subject: Subject) -> Iterator[Change]:
    yield from _each(
        subject,
        lambda one: str(one.get("Type", "")).startswith("AWS::"),
        lambda one: one.update(Type="String"),
    )


@FAMILY.add("default-for-everybody", "left the own value as everybody's default", DECLARED)
def _default(subject: Subject) -> Iterator[Change]:
    def change(definition: Body) -> None:
        named = str(definition.get("Type")).startswith("AWS::")
        definition["Default"] = "mine" if named else "0.0.0.0/0"

    yield from _each(subject, lambda one: "Default" not in one, change)


@FAMILY.add("no-default", "removed the default that callers rely on", DECLARED)
def _no_default(subject: Subject) -> Iterator[Change]:
    yield from _each(subject, lambda one: "Default" in one, lambda one: one.pop("Default"))


@FAMILY.add("drop-pattern", "took anything for an address block", REFUSED)
def _no_pattern(subject: Subject) -> Iterator[Change]:
    yield from _each(
        subject, lambda one: "AllowedPattern" in one, lambda one: one.pop("AllowedPattern")
    )


@FAMILY.add(
    "any-number", "wrote a pattern that only counts digits", "blocks with a number too large"
)
def _digits(subject: Subject) -> Iterator[Change]:
    pattern = r"^(\d{1,3}\.){3}\d{1,3}/\d{1,2}$"
    yield from _each(
        subject, lambda one: "AllowedPattern" in one, lambda one: one.update(AllowedPattern=pattern)
    )


@FAMILY.add("open-ended-pattern", "lost the end of a pattern", "values with something behind them")
def _open(subject: Subject) -> Iterator[Change]:
    yield from _each(
        subject,
        lambda one: str(one.get("AllowedPattern", "")).endswith("$"),
        lambda one: one.update(AllowedPattern=one["AllowedPattern"][:-1] + ".*$"),
    )


@FAMILY.add("drop-allowed-values", "allowed the largest of machines", REFUSED)
def _any_value(subject: Subject) -> Iterator[Change]:
    yield from _each(
        subject, lambda one: "AllowedValues" in one, lambda one: one.pop("AllowedValues")
    )


@FAMILY.add("default-not-allowed", "changed the default and not what is allowed", "cfn-lint")
def _not_allowed(subject: Subject) -> Iterator[Change]:
    yield from _each(
        subject, lambda one: "AllowedValues" in one, lambda one: one.update(Default="m1.small")
    )


@FAMILY.add("no-constraint-description", "left who chose wrong alone with a pattern", REFUSED)
def _undescribed(subject: Subject) -> Iterator[Change]:
    yield from _each(
        subject,
        lambda one: "ConstraintDescription" in one,
        lambda one: one.pop("ConstraintDescription"),
    )


@FAMILY.add("misspelt-reference", "misspelt a parameter's name", "cfn-lint")
def _misspelt(subject: Subject) -> Iterator[Change]:
    for name in subject.template.parameters:
        yield Change(name, _references(subject, name, {"Ref": name.swapcase()}))
