"""Mistakes of the hand that writes a template's text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from harness.mutate.mutator import Family
from harness.mutate.subject import Change, Subject

FAMILY = Family()
READ = "anything that reads the template"


def _text(subject: Subject, change: Callable[[str], str]) -> Iterator[Change]:
    """Change the text, whatever comes of it."""
    yield Change("", replace(subject, text=change(subject.text)))


@FAMILY.add("lost-comma", "lost a comma", READ)
def _comma(subject: Subject) -> Iterator[Change]:
    yield from _text(subject, lambda text: re.sub(r",\n(\s*\"Resources\")", r"\n\1", text))


@FAMILY.add("comma-too-many", "left a comma behind the last", READ)
def _trailing(subject: Subject) -> Iterator[Change]:
    yield from _text(subject, lambda text: re.sub(r"\"\n(\s*\})", r'",\n\1', text, count=1))


@FAMILY.add("lost-brace", "lost the last brace", READ)
def _brace(subject: Subject) -> Iterator[Change]:
    yield from _text(subject, lambda text: text.rstrip()[:-1] + "\n")


def _with_first(again: str, text: str) -> str:
    return text.replace('"Resources": {', again, 1)


@FAMILY.add("key-twice", "wrote a key twice, and the second wins", "a reader that refuses it")
def _twice(subject: Subject) -> Iterator[Change]:
    named = subject.of_type("AWS::EC2::SecurityGroup") or list(subject.template.resources)
    for first in named[:1]:
        again = f'"Resources": {{\n    "{first}": {{ "Type": "AWS::SNS::Topic" }},'
        yield from _text(subject, partial(_with_first, again))


@FAMILY.add("typographic-quotes", "pasted from a page with typographic quotes", READ)
def _quotes(subject: Subject) -> Iterator[Change]:
    yield from _text(
        subject,
        lambda text: text.replace(
            '"Resources"',
            "\N{LEFT DOUBLE QUOTATION MARK}Resources\N{RIGHT DOUBLE QUOTATION MARK}",
            1,
        ),
    )


@FAMILY.add("byte-order-mark", "saved with a byte order mark", READ)
def _mark(subject: Subject) -> Iterator[Change]:
    yield from _text(subject, lambda text: "\N{ZERO WIDTH NO-BREAK SPACE}" + text)


@FAMILY.add("conflict", "committed the marks of a conflict", READ)
def _conflict(subject: Subject) -> Iterator[Change]:
    yield from _text(
        subject,
        lambda text: text.replace(
            '  "Outputs"', '<<<<<<< HEAD\n=======\n>>>>>>> theirs\n  "Outputs"', 1
        ),
    )


@FAMILY.add("misspelt-section", "misspelt the name of a section", "cfn-lint")
def _section(subject: Subject) -> Iterator[Change]:
    for section in ("Resources", "Outputs", "Parameters"):
        if section in subject.body:
            yield Change(
                section,
                replace(
                    subject,
                    text=subject.text.replace(f'"{section}": {{', f'"{section[:-1]}": {{', 1),
                ),
            )


@FAMILY.add("old-version", "invented a version of the template's format", "cfn-lint")
def _version(subject: Subject) -> Iterator[Change]:
    if "AWSTemplateFormatVersion" in subject.body:
        yield Change("", subject.placed("2020-09-09", "AWSTemplateFormatVersion"))


@FAMILY.add("no-purpose", "left the template without a description", "the template's description")
def _description(subject: Subject) -> Iterator[Change]:
    yield Change("", subject.without("Description"))


@FAMILY.add("resource-forgotten", "removed a resource that others refer to", "cfn-lint")
def _forgotten(subject: Subject) -> Iterator[Change]:
    if len(subject.template.resources) > 1:
        for name in subject.template.resources:
            yield Change(name, subject.without("Resources", name))


@FAMILY.add("never-created", "made a resource depend on a condition that never holds", "cfn-lint")
def _never(subject: Subject) -> Iterator[Change]:
    for name in subject.of_type("AWS::EC2::SecurityGroup"):
        condition = {"Never": {"Fn::Equals": [{"Ref": "AWS::Region"}, ""]}}
        broken = subject.placed("Never", "Resources", name, "Condition")
        yield Change("", broken.placed(condition, "Conditions"))
