"""What CloudFormation writes into a script, and what it takes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from harness.lint.finding import Severity
from harness.lint.rule import Hit, Rule
from harness.lint.subject import Subject, as_mapping
from harness.template import Node
from harness.userdata import PLACEHOLDERS, SUB_TOKEN, Path, user_data_path

_ASSIGNED: Final = (
    r"^[ \t]*(?:(?:export|readonly|local|declare)[ \t]+(?:-\w+[ \t]+)*)?{name}="
    r"(?![\"']?\$\{{{name}\}})|\bfor[ \t]+{name}[ \t]+in\b|\bread[ \t]+(?:-\w+[ \t]+)*{name}\b"
)


def _swallowed(subject: Subject) -> Iterator[Hit]:
    for logical_id in subject.template.resources:
        path = user_data_path(subject.template, logical_id)
        if path is None:
            continue
        for below, text, own in _subs(subject.node(path), path):
            yield from _in_text(subject, below, text, own)


def _subs(node: Node, path: Path) -> Iterator[tuple[Path, str, Mapping[str, Node]]]:
    """Every text of Fn::Sub below a node, and the variables of its own."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            match key, value:
                case "Fn::Sub", str():
                    yield (*path, key), value, {}
                case "Fn::Sub", [str() as text, dict() as own]:
                    yield (*path, key, 0), text, own
                    yield from _subs(own, (*path, key, 1))
                case _:
                    yield from _subs(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _subs(value, (*path, index))


def _in_text(subject: Subject, path: Path, text: str, own: Mapping[str, Node]) -> Iterator[Hit]:
    offsets = subject.source.offsets(path, text)
    for token in SUB_TOKEN.finditer(text):
        name = token[2].strip()
        if token[1] or not name:
            continue
        place = subject.source.lines.place(offsets[token.start()])
        if name not in own and not _declared(subject, name):
            yield Hit(
                f"Fn::Sub has no value for {token[0]}",
                path=path,
                place=place,
                remedy=f"if the shell is to see it, write ${{!{token[2]}}}",
            )
        elif re.search(_ASSIGNED.format(name=re.escape(name)), text, re.MULTILINE):
            yield Hit(
                f"the script assigns {name}, and Fn::Sub replaces {token[0]} all the same",
                path=path,
                place=place,
                severity=Severity.WARNING,
                remedy=f"write ${{!{token[2]}}}, or call the variable something else",
            )


def _declared(subject: Subject, name: str) -> bool:
    target = name.partition(".")[0]
    if name.startswith("AWS::"):
        return PLACEHOLDERS.get(name) is not None
    if target in subject.template.resources:
        return True
    return name in subject.template.parameters


def _secrets(subject: Subject) -> Iterator[Hit]:
    secret = {
        name
        for name, definition in subject.template.parameters.items()
        if as_mapping(definition).get("NoEcho") in (True, "true", "True")
    }
    for data in subject.user_data:
        for name in sorted(secret & set(data.text.names)):
            yield Hit(
                f"UserData of {data.resource} holds the value of {name}, "
                "which whoever may describe the instance can read",
                script=data.whole,
                offset=data.text.names.index(name),
            )


RULES: Final = (
    Rule(
        "HU030",
        Severity.ERROR,
        "a shell variable that Fn::Sub takes for its own",
        "write ${!NAME} for what the shell is to see",
        _swallowed,
    ),
    Rule(
        "HU031",
        Severity.WARNING,
        "a secret in UserData",
        "let the instance fetch it from Secrets Manager or Parameter Store",
        _secrets,
    ),
)
