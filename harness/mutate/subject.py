"""The template and the script that are broken, and how a change of either is written down."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from harness.template import Template

Body = dict[str, Any]
"""A template's document, free to be changed."""

_FIRST_MARK: Final = 0xE000
"""What is no text is stood for by characters of the private use area, from this one on."""


@dataclass(frozen=True)
class Subject:
    """A stack before or after it is broken.

    Args:
        text: The template.
        script: The script that the template embeds; None where there is none in a file.
    """

    text: str
    script: str | None = None

    @cached_property
    def template(self) -> Template:
        """The template, parsed."""
        return Template.parse(self.text)

    @property
    def body(self) -> Mapping[str, Any]:
        """The template's document."""
        return self.template.body

    def of_type(self, resource_type: str) -> list[str]:
        """Logical ids of the resources of a type."""
        return [one.logical_id for one in self.template.of_type(resource_type)]

    def changed(self, change: Callable[[Any], object], *path: str) -> Subject:
        """A copy in whose document the value at a path is changed in place.

        It is written as JSON, whatever it was.
        """
        body = copy.deepcopy(dict(self.body))
        node: Any = body
        for key in path:
            node = node[key]
        change(node)
        return replace(self, text=as_text(body))

    def placed(self, value: object, *path: str) -> Subject:
        """A copy with another value at a path."""
        return self.changed(lambda node: node.update({path[-1]: value}), *path[:-1])

    def without(self, *path: str) -> Subject:
        """A copy without the value at a path."""
        return self.changed(lambda node: node.pop(path[-1], None), *path[:-1])

    @property
    def canonical(self) -> Subject:
        """The same stack, laid out as :meth:`changed` lays it out."""
        return self.changed(lambda _: None)

    # What the instance is given to run

    @cached_property
    def launched(self) -> list[str]:
        """Logical ids of the instances that are given something to run."""
        return [
            one.logical_id
            for one in self.template.of_type("AWS::EC2::Instance")
            if _script_node(one.properties) is not None
        ]

    def program(self, logical_id: str) -> str:
        """What an instance runs, with a mark for each value that only a stack knows."""
        node = _script_node(self.template.resources[logical_id].properties)
        match node:
            case str():
                return node
            case {"Fn::Sub": str() as text}:
                return text
            case {"Fn::Join": ["", list() as parts]}:
                return "".join(
                    part if isinstance(part, str) else chr(_FIRST_MARK + index)
                    for index, part in enumerate(parts)
                )
        return ""

    def with_program(self, logical_id: str, program: str) -> Subject:
        """A copy whose instance runs something else, and whose script's file says the same.

        What comes before the script in the program is the template's alone.
        """
        before = self.program(logical_id)
        changed = self.changed(
            lambda properties: _set_program(properties, program),
            "Resources", logical_id, "Properties",
        )  # fmt: skip
        if self.script is None or not before.endswith(self.script):
            return changed
        header = before[: len(before) - len(self.script)]
        if not program.startswith(header):
            return changed
        return replace(changed, script=program[len(header) :])

    def programs(self, change: Callable[[str], Iterator[tuple[str, str]]]) -> Iterator[Change]:
        """Every change of every instance's program that a function finds.

        Args:
            change: Makes of a program ``(where, changed program)``.
        """
        for logical_id in self.launched:
            for site, program in change(self.program(logical_id)):
                yield Change(site, self.with_program(logical_id, program))


@dataclass(frozen=True)
class Change:
    """One way in which a mutator breaks a subject.

    Args:
        site: Where, in a word or two; empty where there is only one place.
        subject: What comes of it.
    """

    site: str
    subject: Subject


def as_text(body: Mapping[str, Any]) -> str:
    """A document as JSON."""
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _script_node(properties: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a node of the template
    match properties.get("UserData"):
        case {"Fn::Base64": node}:
            return node
    return None


def _set_program(properties: Body, program: str) -> None:
    node = properties["UserData"]["Fn::Base64"]
    match node:
        case {"Fn::Sub": str()}:
            node["Fn::Sub"] = program
        case {"Fn::Join": ["", list() as parts]}:
            node["Fn::Join"][1] = list(_pieces(program, parts))
        case _:
            properties["UserData"]["Fn::Base64"] = program


def _pieces(program: str, parts: list[Any]) -> Iterator[Any]:
    """The elements of a join: a line each, and the values where their marks stand."""
    marks = {chr(_FIRST_MARK + index): one for index, one in enumerate(parts)}
    piece = ""
    for character in program:
        if character in marks:
            if piece:
                yield piece
            yield copy.deepcopy(marks[character])
            piece = ""
            continue
        piece += character
        if character == "\n":
            yield piece
            piece = ""
    if piece:
        yield piece
