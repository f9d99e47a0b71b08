"""UserData as an instance gets it: intrinsic functions resolved, unknown values made visible.

What only a created stack knows (the value of a parameter without default, a resource's attribute)
becomes a placeholder such as ``__KeyName__``, which shells, YAML and people read as one word.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.cloudformation.intrinsics import (
    NO_VALUE,
    PseudoParameters,
    Resolver,
    as_string,
)
from harness.errors import IntrinsicError, TemplateError
from harness.template import Node, Template

Path = tuple[str | int, ...]
"""Where a value stands in a template: keys and indexes from the root down."""

SUB_TOKEN: Final = re.compile(r"\$\{(!?)([^{}]*)\}")
"""``${Name}`` of Fn::Sub, or ``${!Name}``, which it leaves to the shell."""

_NOT_A_WORD: Final = re.compile(r"\W+")


def placeholder(name: str) -> str:
    """What stands for a value that only a created stack knows."""
    return f"__{_NOT_A_WORD.sub('_', name).strip('_')}__"


PLACEHOLDERS: Final = PseudoParameters(
    stack_name=placeholder("AWS::StackName"), stack_id=placeholder("AWS::StackId")
)
"""Pseudo parameters of a stack that is not there: region ``us-east-1``, as cfn-lint assumes."""


@dataclass(frozen=True)
class Piece:
    """A stretch of rendered text and where the template says it.

    Args:
        text: The stretch.
        path: The string in the template that it stands in, or whose value it is.
        start: Where in that string, in characters; 0 for a value.
        name: Of a value: what it is the value of (``AWS::Region``, ``Compute.PublicIp``); empty for
            text that stands in the template as it is.
    """

    text: str
    path: Path
    start: int = 0
    name: str = ""


class _UnknownResources:
    """Every resource answers with a placeholder."""

    def __init__(self, template: Template) -> None:
        self._template = template

    def ref(self, logical_id: str) -> Node:
        return placeholder(logical_id)

    def attribute(self, logical_id: str, name: str) -> Node:
        return placeholder(f"{logical_id}.{name}")


class _UnknownExports(dict[str, str]):
    """Every export exists, and its value is a placeholder."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return placeholder(name)


def parameter_values(template: Template, given: Mapping[str, str] | None = None) -> dict[str, Node]:
    """A value for every parameter: the given one, its default, or one that could be.

    What AWS looks up itself (``AWS::SSM::Parameter::Value<…>``) stays a placeholder, whatever the
    name of the parameter in SSM is.
    """
    given = given or {}
    return {
        name: _parameter_value(name, definition, given.get(name))
        for name, definition in template.parameters.items()
    }


def _parameter_value(name: str, definition: Mapping[str, Node], given: str | None) -> Node:
    kind = str(definition.get("Type", "String"))
    if kind.startswith("AWS::SSM::Parameter::Value"):
        return [placeholder(name)] if "List" in kind else placeholder(name)
    value = given if given is not None else definition.get("Default")
    if value is None:
        allowed = definition.get("AllowedValues")
        if isinstance(allowed, Sequence) and allowed:
            value = allowed[0]
        elif kind == "Number":
            value = definition.get("MinValue", 1)
        else:
            value = placeholder(name)
    text = as_string(value, f"parameter {name}")
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    return [one.strip() for one in text.split(",")] if is_list else text


def offline_resolver(
    template: Template,
    parameters: Mapping[str, str] | None = None,
    pseudo: PseudoParameters = PLACEHOLDERS,
) -> Resolver:
    """A resolver for a template that nobody has created."""
    return Resolver(
        template,
        parameter_values(template, parameters),
        pseudo,
        resources=_UnknownResources(template),
        exports=_UnknownExports(),
    )


def render_user_data(
    template: Template,
    logical_id: str,
    parameters: Mapping[str, str] | None = None,
    pseudo: PseudoParameters = PLACEHOLDERS,
) -> str:
    """The UserData of one resource, as its instance's cloud-init gets it.

    Args:
        template: The template.
        logical_id: An instance, launch template or launch configuration.
        parameters: Values of parameters; defaults are filled in.
        pseudo: What stands for the pseudo parameters.

    Raises:
        TemplateError: There is no such resource, it has no UserData, or that is not Base64.
        IntrinsicError: A function in it does not resolve.
    """
    resource = template.resources.get(logical_id)
    if resource is None:
        raise TemplateError(
            f"there is no resource {logical_id!r}",
            path=template.path,
            remedy=f"it has {', '.join(template.resources)}",
        )
    path = user_data_path(template, logical_id)
    if path is None:
        raise TemplateError(
            f"resource {logical_id!r} ({resource.type}) has no UserData", path=template.path
        )
    resolver = offline_resolver(template, parameters, pseudo)
    return "".join(piece.text for piece in trace_user_data(resolver, path))


_PATHS: Final[Mapping[str, Path]] = {
    "AWS::EC2::Instance": ("Properties", "UserData"),
    "AWS::EC2::SpotFleet": (
        "Properties", "SpotFleetRequestConfigData", "LaunchSpecifications", 0, "UserData",
    ),
    "AWS::EC2::LaunchTemplate": ("Properties", "LaunchTemplateData", "UserData"),
    "AWS::AutoScaling::LaunchConfiguration": ("Properties", "UserData"),
}  # fmt: skip


def user_data_path(template: Template, logical_id: str) -> Path | None:
    """Where the UserData of a resource stands; None where it has none."""
    resource = template.resources[logical_id]
    below = _PATHS.get(resource.type)
    if below is None or value_at(resource.body, below) is None:
        return None
    return ("Resources", logical_id, *below)


def value_at(node: Node, path: Path) -> Node:
    """The value at a path; None where there is none."""
    for step in path:
        if isinstance(node, Mapping):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return None
    return node


def trace_user_data(resolver: Resolver, path: Path, *, lenient: bool = False) -> tuple[Piece, ...]:
    """The pieces of the UserData at a path, decoded.

    Args:
        resolver: Resolves the functions.
        path: Where the UserData stands.
        lenient: Leave a ``${Name}`` of Fn::Sub that has no value as it is.

    Raises:
        TemplateError: It is not Base64.
        IntrinsicError: A function in it does not resolve.
    """
    node = value_at(resolver.template.body, path)
    while isinstance(node, Mapping) and "Fn::If" in node:
        branch = _branch(resolver, node["Fn::If"])
        path = (*path, "Fn::If", branch)
        node = node["Fn::If"][branch]
    if isinstance(node, Mapping) and len(node) == 1 and "Fn::Base64" in node:
        tracer = Tracer(resolver, lenient=lenient)
        return tuple(tracer.trace(node["Fn::Base64"], (*path, "Fn::Base64")))
    encoded = resolver.resolve(node)
    if encoded is NO_VALUE:
        return ()
    try:
        text = base64.b64decode(as_string(encoded, "UserData"), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise TemplateError(
            "UserData is not Base64",
            path=resolver.template.path,
            remedy="wrap it in Fn::Base64",
        ) from error
    return (Piece(text, path, name="Base64"),)


@dataclass(frozen=True)
class Tracer:
    """Resolves a string that is put together, and keeps where each piece of it stands.

    Args:
        resolver: Resolves the functions.
        lenient: Leave a ``${Name}`` of Fn::Sub that has no value as it is.
    """

    resolver: Resolver
    lenient: bool = False

    def trace(self, node: Node, path: Path) -> Iterator[Piece]:
        """The pieces of a string made by Fn::Join, Fn::Sub or Fn::If.

        Any other function is resolved as a whole and makes one piece.

        Raises:
            IntrinsicError: A function does not resolve, or the value is no string.
        """
        if isinstance(node, str):
            yield Piece(node, path)
            return
        if isinstance(node, Mapping) and len(node) == 1:
            ((name, argument),) = node.items()
            match name, argument:
                case "Fn::Join", [str() as delimiter, list() as parts]:
                    yield from self._join(delimiter, parts, (*path, name))
                    return
                case "Fn::Sub", _:
                    yield from self._sub(argument, (*path, name))
                    return
                case "Fn::If", list():
                    branch = _branch(self.resolver, argument)
                    yield from self.trace(argument[branch], (*path, name, branch))
                    return
        value = self.resolver.resolve(node)
        if value is not NO_VALUE:
            yield Piece(as_string(value, "UserData"), path, name=_name_of(node))

    def _join(self, delimiter: str, parts: list[Node], path: Path) -> Iterator[Piece]:
        first = True
        for index, part in enumerate(parts):
            pieces = list(self.trace(part, (*path, 1, index)))
            if not pieces:
                continue
            if not first and delimiter:
                yield Piece(delimiter, (*path, 0))
            first = False
            yield from pieces

    def _sub(self, argument: Node, path: Path) -> Iterator[Piece]:
        match argument:
            case str() as text:
                own: Mapping[str, Node] = {}
            case [str() as text, dict() as own]:
                path = (*path, 0)
            case _:
                raise IntrinsicError(
                    "Fn::Sub takes a string, or a list of a string and an object of its variables"
                )
        done = 0
        for token in SUB_TOKEN.finditer(text):
            escaped, name = token[1], token[2].strip()
            if not escaped and not name:
                continue
            yield Piece(text[done : token.start()], path, done)
            done = token.end()
            if escaped:
                yield Piece("${", path, token.start())
                yield Piece(token[2] + "}", path, token.start(2))
            else:
                yield from self._variable(name, own, path, token)
        yield Piece(text[done:], path, done)

    def _variable(
        self, name: str, own: Mapping[str, Node], path: Path, token: re.Match[str]
    ) -> Iterator[Piece]:
        node = own.get(name, {"Fn::GetAtt": name} if "." in name else {"Ref": name})
        try:
            pieces = list(self.trace(node, path))
        except IntrinsicError:
            if not self.lenient:
                raise
            yield Piece(token[0], path, token.start())
            return
        for piece in pieces:
            yield replace(piece, path=path, start=token.start(), name=piece.name or name)


def _branch(resolver: Resolver, argument: Node) -> int:
    match argument:
        case [str() as condition, _, _]:
            return 1 if resolver.condition(condition) else 2
    raise IntrinsicError("Fn::If takes a condition's name and two values")


def _name_of(node: Node) -> str:
    match node:
        case {"Ref": str() as name}:
            return name
        case {"Fn::GetAtt": [str() as logical_id, str() as attribute]}:
            return f"{logical_id}.{attribute}"
        case {"Fn::GetAtt": str() as name}:
            return name
        case {**functions} if functions:
            return str(next(iter(functions)))
    return "a value"
