"""What the rules look at: one template, rendered once, with its scripts taken out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from harness.cloudformation.intrinsics import NO_VALUE, PseudoParameters, Resolver, references
from harness.errors import HarnessError, IntrinsicError
from harness.lint.positions import SourceMap
from harness.lint.scripts import Script, UserData, init_commands, init_files, script_of
from harness.lint.shell import Shell
from harness.lint.shellcheck import Checkers, Verdict
from harness.lint.text import TracedText
from harness.template import LOOP, Node, Template
from harness.userdata import (
    PLACEHOLDERS,
    Piece,
    Tracer,
    offline_resolver,
    trace_user_data,
    user_data_path,
    value_at,
)
from harness.userdata import Path as NodePath


def as_mapping(node: Node) -> Mapping[str, Node]:
    """The node if it is an object, else an empty one: a rule need not mind a malformed template."""
    return node if isinstance(node, Mapping) else {}


def referred(node: Node) -> list[tuple[str, str | None]]:
    """As :func:`references`; nothing where a function is malformed, which cfn-lint reports."""
    try:
        return list(references(node))
    except IntrinsicError:
        return []


def well_formed(template: Template) -> Template:
    """The template without what is no object where an object belongs; cfn-lint reports that.

    Rules look at what is there, and need not mind what should not be.
    """
    body = dict(template.body)
    for section in ("Parameters", "Mappings", "Outputs"):
        if body.get(section):
            body[section] = _objects(body[section])
    body["Resources"] = {
        logical_id: _with_objects(resource) if isinstance(resource, Mapping) else resource
        for logical_id, resource in template.body["Resources"].items()
    }
    return replace(template, body=body)


def _with_objects(resource: Mapping[str, Node]) -> dict[str, Node]:
    return {
        key: value
        for key, value in resource.items()
        if key not in _OBJECTS or isinstance(value, Mapping)
    }


_OBJECTS: Final = frozenset({"Properties", "Metadata", "CreationPolicy", "UpdatePolicy"})


_WINDOWS: Final = re.compile(r"(?i)\bc:\\|powershell|\.exe\b")
"""What cfn-init is told on Windows only, where no shell of ours runs."""


def runs_on_windows(init: Node) -> bool:
    """Whether what cfn-init is told makes sense on Windows only."""
    return bool(_WINDOWS.search(repr(init)))


def _objects(section: Mapping[str, Node]) -> dict[str, Node]:
    return {
        name: value
        for name, value in section.items()
        if isinstance(value, Mapping) or name.startswith(LOOP)
    }


@dataclass(frozen=True)
class Subject:
    """A template under examination.

    Args:
        template: The template.
        path: The name it is reported by.
        regions: Where it is meant to be created; empty where nobody said.
        parameters: Values of parameters.
        checkers: The programs that check scripts.
        runs: Measured provisioning times, in seconds, by logical id.
        today: What the dates of images are held against.
    """

    template: Template
    path: Path
    regions: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    checkers: Checkers = field(default_factory=Checkers.found)
    runs: Mapping[str, float] = field(default_factory=dict)
    today: dt.date = field(default_factory=dt.date.today)

    @cached_property
    def source(self) -> SourceMap:
        """Where the template says what."""
        return SourceMap(self.template)

    @cached_property
    def resolver(self) -> Resolver:
        """Resolves with defaults, placeholders and the first of the regions."""
        region = self.regions[0] if self.regions else PLACEHOLDERS.region
        pseudo = PseudoParameters(PLACEHOLDERS.stack_name, PLACEHOLDERS.stack_id, region)
        return offline_resolver(self.template, self.parameters, pseudo)

    def value(self, node: Node) -> Node:
        """The value of a node; None where it has none or does not resolve."""
        try:
            value = self.resolver.resolve(node)
        except HarnessError:
            return None
        return None if value is NO_VALUE else value

    def properties(self, logical_id: str) -> Mapping[str, Node]:
        """A resource's properties, resolved; what does not resolve is left out."""
        properties = as_mapping(self.template.resources[logical_id].properties)
        values = {key: self.value(node) for key, node in properties.items()}
        return {key: value for key, value in values.items() if value is not None}

    def text(self, pieces: Iterator[Piece] | tuple[Piece, ...]) -> TracedText:
        """Rendered pieces, put together."""
        return TracedText.of(pieces, self.template, self.source)

    @cached_property
    def rendered(self) -> Mapping[str, UserData | HarnessError]:
        """The UserData of every resource that has one, or why it does not render."""
        result: dict[str, UserData | HarnessError] = {}
        for logical_id in self.template.resources:
            path = user_data_path(self.template, logical_id)
            if path is None:
                continue
            try:
                text = self.text(trace_user_data(self.resolver, path, lenient=True))
            except HarnessError as error:
                result[logical_id] = error
            else:
                if text.text:
                    result[logical_id] = UserData(logical_id, path, text)
        return result

    @cached_property
    def user_data(self) -> tuple[UserData, ...]:
        """Every UserData that renders."""
        return tuple(one for one in self.rendered.values() if isinstance(one, UserData))

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """Every script: out of UserData, and of cfn-init."""
        found = [script for one in self.user_data for script in one.scripts]
        for logical_id, resource in self.template.resources.items():
            found += self._init_scripts(logical_id, as_mapping(resource.metadata))
        return tuple(found)

    def _init_scripts(self, logical_id: str, metadata: Mapping[str, Node]) -> Iterator[Script]:
        if runs_on_windows(metadata.get("AWS::CloudFormation::Init")):
            return
        root: NodePath = ("Resources", logical_id, "Metadata")
        for below, node in init_commands(metadata):
            path = (*root, *below)
            text = self._traced(node, path)
            if text is not None:
                yield Script(f"{logical_id} {below[-2]}", logical_id, text, "sh", path)
        for name, below, node in init_files(metadata):
            path = (*root, *below)
            text = self._traced(node, path)
            if text is not None:
                yield script_of(name, logical_id, text, path, runs=False)

    def _traced(self, node: Node, path: NodePath) -> TracedText | None:
        if isinstance(node, list):
            pieces = [piece for i, word in enumerate(node) for piece in self._word(word, path, i)]
            return self.text(tuple(pieces))
        try:
            return self.text(tuple(Tracer(self.resolver, lenient=True).trace(node, path)))
        except IntrinsicError:
            return None  # an object that becomes JSON, or a reference that cfn-lint reports

    def _word(self, word: Node, path: NodePath, index: int) -> Iterator[Piece]:
        value = self.value(word)
        text = "'" + str(value).replace("'", "'\\''") + "'"
        yield Piece(text + " ", (*path, index), name="a word")

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What bash and shellcheck say of every shell script; asked for lazily."""
        return tuple(Verdict(script, self.checkers) for script in self.scripts if script.is_shell)

    @cached_property
    def shells(self) -> tuple[Shell, ...]:
        """Every shell script, parsed; those that the grammar does not fit are left out."""
        shells = (Shell(script) for script in self.scripts if script.is_shell)
        return tuple(shell for shell in shells if shell.understood)

    def node(self, path: NodePath) -> Node:
        """The value at a path, as written."""
        return value_at(self.template.body, path)
