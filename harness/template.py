"""Pure reading of a template: its sections, its resources, and what they say of provisioning.

Nothing here evaluates an intrinsic function (see :mod:`harness.cloudformation.intrinsics`) or
talks to anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from harness.errors import TemplateError

MAX_BODY_BYTES: Final = 51_200
"""The largest template body that may be sent inline ("CloudFormation quotas")."""

MAX_USER_DATA_BYTES: Final = 16_384
"""The largest UserData, before Base64 ("Work with instance user data")."""

LOOP: Final = "Fn::ForEach::"
"""How a key begins that stands for as many members as its loop has turns."""

NO_ALIASES: Final = "YAML aliases are not allowed in CloudFormation templates"
"""What CloudFormation says of them, too."""

BYTE_ORDER_MARK: Final = "\ufeff"
"""With which some editors begin a file."""

_SHALLOWER: Final = "nest it less deep"

Node = Any
"""A JSON value of the template; CloudFormation decides what it may be only where it is used."""


@dataclass(frozen=True)
class Resource:
    """One entry of the template's ``Resources``."""

    logical_id: str
    type: str
    body: Mapping[str, Node]

    @property
    def properties(self) -> Mapping[str, Node]:
        """``Properties`` as written, intrinsic functions unresolved."""
        return self.body.get("Properties") or {}

    @property
    def metadata(self) -> Mapping[str, Node]:
        """``Metadata``, where cfn-init finds its ``AWS::CloudFormation::Init``."""
        return self.body.get("Metadata") or {}

    @property
    def creation_policy(self) -> Mapping[str, Node] | None:
        """``CreationPolicy`` as written; None where there is none."""
        return self.body.get("CreationPolicy")

    @property
    def update_policy(self) -> Mapping[str, Node]:
        """``UpdatePolicy`` as written."""
        return self.body.get("UpdatePolicy") or {}

    @property
    def deletion_policy(self) -> str:
        """``Delete``, ``Retain``, ``Snapshot`` or ``RetainExceptOnCreate``."""
        return str(self.body.get("DeletionPolicy", "Delete"))

    @property
    def condition(self) -> str | None:
        """Name of the condition that must hold for the resource to be created."""
        return self.body.get("Condition")

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Logical ids named by ``DependsOn``; references are not in it."""
        named = self.body.get("DependsOn", ())
        return (named,) if isinstance(named, str) else tuple(named)


@dataclass(frozen=True)
class Template:
    """A template that could be parsed and that has the sections a template must have.

    Args:
        body: The parsed document, short forms of YAML (``!Ref``) written out (``{"Ref": …}``).
        text: The document as it was read.
        path: Where it was read; None when it came over the wire.
        source: What was sent, where a transform has made this of it.
    """

    body: Mapping[str, Node]
    text: str
    path: Path | None = None
    source: Template | None = None

    @property
    def sent(self) -> Template:
        """What was sent."""
        return self.source or self

    @classmethod
    def load(cls, path: Path | str) -> Template:
        """Read a template from a file.

        Raises:
            TemplateError: The file is missing, is not text, or holds no template.
        """
        path = Path(path)
        try:
            text = path.read_bytes().decode()
        except FileNotFoundError:
            raise TemplateError(
                "no such file", path=path, remedy="name the template's path"
            ) from None
        except OSError as error:
            raise TemplateError(
                f"cannot be read: {error.strerror}",
                path=path,
                remedy="name a file, not a folder, that this user may read",
            ) from error
        except UnicodeDecodeError as error:
            raise TemplateError(
                f"is no text: {error}", path=path, remedy="save it as UTF-8"
            ) from error
        return cls.parse(text, path=path)

    @classmethod
    def parse(cls, text: str, *, path: Path | None = None) -> Template:
        """Parse JSON or YAML.

        Raises:
            TemplateError: It is neither, or it is no template; line and column where known.
        """
        parse = _parse_json if looks_like_json(text, path) else _parse_yaml
        body = parse(text, path)
        _check_sections(body, path)
        return cls(body=body, text=text, path=path)

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """The resources by logical id, in the order of the file; what loops make is not in it."""
        return {
            logical_id: Resource(logical_id, body["Type"], body)
            for logical_id, body in self.body["Resources"].items()
            if not _is_loop(logical_id)
        }

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Node]]:
        """The section ``Parameters``."""
        return self.body.get("Parameters") or {}

    @property
    def conditions(self) -> Mapping[str, Node]:
        """The section ``Conditions``."""
        return self.body.get("Conditions") or {}

    @property
    def mappings(self) -> Mapping[str, Node]:
        """The section ``Mappings``."""
        return self.body.get("Mappings") or {}

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Node]]:
        """The section ``Outputs``."""
        return self.body.get("Outputs") or {}

    @property
    def description(self) -> str:
        """The section ``Description``."""
        return str(self.body.get("Description", ""))

    def of_type(self, resource_type: str) -> tuple[Resource, ...]:
        """The resources of one type, in the order of the file."""
        return tuple(one for one in self.resources.values() if one.type == resource_type)


def _is_loop(name: object) -> bool:
    return isinstance(name, str) and name.startswith(LOOP)


def _check_sections(body: Node, path: Path | None) -> None:
    """Hold the document against "Template anatomy": the least that makes it a template."""
    if not isinstance(body, Mapping):
        raise TemplateError(
            "not a template: the document is no object",
            path=path,
            remedy='a template is an object with a "Resources" section',
        )
    resources = body.get("Resources")
    if not isinstance(resources, Mapping) or not resources:
        raise TemplateError(
            'not a template: there is no "Resources" section with at least one resource',
            path=path,
            remedy='add a "Resources" section',
        )
    for logical_id, resource in resources.items():
        if _is_loop(logical_id):
            continue
        resource_type = resource.get("Type") if isinstance(resource, Mapping) else None
        if not isinstance(resource_type, str):
            raise TemplateError(
                f'not a template: resource {logical_id!r} has no "Type"',
                path=path,
                remedy=f'give {logical_id!r} a "Type", such as "AWS::EC2::Instance"',
            )
    for section in ("Parameters", "Conditions", "Mappings", "Outputs"):
        if not isinstance(body.get(section) or {}, Mapping):
            raise TemplateError(
                f'not a template: "{section}" is no object',
                path=path,
                remedy=f'"{section}" maps names to definitions',
            )


def looks_like_json(text: str, path: Path | None = None) -> bool:
    """By what it begins with, as CloudFormation goes by, or by its name."""
    begins = text.lstrip(f"{BYTE_ORDER_MARK} \t\r\n")[:1]
    return begins == "{" or (path is not None and path.suffix == ".json")


def _parse_json(text: str, path: Path | None) -> Node:
    if text.startswith(BYTE_ORDER_MARK):
        raise TemplateError(
            "not JSON: it begins with a byte order mark",
            path=path,
            line=1,
            column=1,
            remedy="save it as UTF-8 without one",
        )
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise TemplateError(
            f"not JSON: {error.msg}",
            path=path,
            line=error.lineno,
            column=error.colno,
            remedy="mend the JSON at that place",
        ) from None
    except RecursionError:
        raise TemplateError("not JSON: nested too deep", path=path, remedy=_SHALLOWER) from None
    except _NoNumberError as error:
        raise TemplateError(
            f"not JSON: {error.args[0]} is no number",
            path=path,
            remedy="write a number that JSON has, or a text",
        ) from None
    except _DuplicateKeyError as error:
        raise TemplateError(
            f"not a template: the key {error.args[0]!r} stands twice in one object",
            path=path,
            remedy="remove one of the two",
        ) from None


class _DuplicateKeyError(ValueError):
    pass


class _NoNumberError(Exception):
    """Not one of what the parser raises itself."""


def _no_number(text: str) -> NoReturn:
    raise _NoNumberError(text)


def _finite(text: str) -> float:
    return number if isfinite(number := float(text)) else _no_number(text)


def _unique_keys(pairs: Sequence[tuple[str, Node]]) -> dict[str, Node]:
    result: dict[str, Node] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKeyError(key)
        result[key] = value
    return result


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms, no implicit timestamps, no aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As it is, but for aliases, which CloudFormation refuses."""
        if self.check_event(yaml.AliasEvent):
            raise _AliasError(self.peek_event().start_mark)  # type: ignore[no-untyped-call]  # by stubs
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


class _AliasError(Exception):
    """A node that stands for another one.

    Args:
        mark: Where it is.
    """

    def __init__(self, mark: yaml.Mark) -> None:
        super().__init__()
        self.mark = mark


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Node:
    if isinstance(node, yaml.ScalarNode):
        value: Node = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has three kinds of nodes
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def _parse_yaml(text: str, path: Path | None) -> Node:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except _AliasError as error:
        raise TemplateError(
            NO_ALIASES,
            path=path,
            line=error.mark.line + 1,
            column=error.mark.column + 1,
            remedy="write it out, or use what aws cloudformation package makes of it",
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise TemplateError(
            f"neither JSON nor YAML: {error.problem}",
            path=path,
            line=mark.line + 1 if mark else 0,
            column=mark.column + 1 if mark else 0,
            remedy="mend the document at that place",
        ) from None
    except RecursionError:
        raise TemplateError("nested too deep", path=path, remedy=_SHALLOWER) from None
    except yaml.YAMLError as error:
        raise TemplateError(f"neither JSON nor YAML: {error}", path=path) from None
