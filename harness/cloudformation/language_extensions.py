"""The transform ``AWS::LanguageExtensions``: loops, and functions where none may stand otherwise.

``Fn::ForEach`` is written out before anything else is looked at; ``Fn::Length``,
``Fn::ToJsonString`` and the default of ``Fn::FindInMap`` are resolved with the other functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from harness.cloudformation.intrinsics import PseudoParameters, Resolver, as_string
from harness.cloudformation.refusal import RequestRefused
from harness.errors import IntrinsicError, TemplateError
from harness.template import LOOP, Node, Template

TRANSFORM: Final = "AWS::LanguageExtensions"

_LOOPING: Final = ("Conditions", "Outputs", "Resources")
"""Sections that loops may stand in."""

_ATTRIBUTES: Final = ("DeletionPolicy", "UpdateReplacePolicy")
"""Attributes that take functions with the transform."""

_NEED_IT: Final = frozenset({"Fn::Length", "Fn::ToJsonString"})


def declared_transforms(template: Template) -> list[str]:
    """The transforms that a template names, in their order."""
    named = template.body.get("Transform") or []
    return [str(one) for one in (named if isinstance(named, list) else [named])]


def is_extended(template: Template) -> bool:
    """Whether the template uses the transform, and no other."""
    return declared_transforms(template) == [TRANSFORM]


def check_not_extended(template: Template) -> None:
    """Refuse what only the transform allows.

    Raises:
        RequestRefused: It is used without it.
    """
    used = sorted(set(_extensions(template.body)))
    if used:
        raise RequestRefused(
            f"Template format error: {', '.join(used)} needs the transform {TRANSFORM}"
        )


def expand(
    template: Template, parameters: Mapping[str, Node], pseudo: PseudoParameters
) -> Template:
    """The template as the transform makes it ("Fn::ForEach").

    Args:
        template: One that :func:`is_extended`.
        parameters: Values by name; a loop may run over a list parameter.
        pseudo: The pseudo parameters.

    Returns:
        The processed template; what was sent is its ``source``.

    Raises:
        RequestRefused: A loop is malformed, or makes a name that is there already.
    """
    resolver = Resolver(template=template, parameters=parameters, pseudo=pseudo)
    body: dict[str, Any] = {
        name: _expanded(section, resolver, {}) if name in _LOOPING else section
        for name, section in template.body.items()
        if name != "Transform"
    }
    for resource in body["Resources"].values():
        for name in _ATTRIBUTES:
            if isinstance(resource, dict) and isinstance(resource.get(name), Mapping):
                resource[name] = _resolved(resolver, resource[name])
    text = json.dumps(body, indent=2)
    try:
        return replace(Template.parse(text, path=template.path), source=template)
    except TemplateError as error:
        raise RequestRefused(
            f"Template format error: {error.message.removeprefix('not a template: ')}"
        ) from None


def expand_by_defaults(template: Template) -> Template:
    """The template as it becomes with its parameters' defaults; as it is where it is not extended.

    Raises:
        RequestRefused: A loop is malformed, or runs over a parameter without a default.
    """
    if not is_extended(template):
        return template
    values = {
        name: _as_value(declared)
        for name, declared in template.parameters.items()
        if "Default" in declared
    }
    return expand(template, values, PseudoParameters("stack", "stack"))


def _as_value(declared: Mapping[str, Node]) -> Node:
    default = str(declared["Default"])
    is_list = "List" in str(declared.get("Type"))
    return [one.strip() for one in default.split(",")] if is_list else default


def _expanded(node: Node, resolver: Resolver, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """A value with its loops written out and the identifiers of loops around it replaced."""
    match node:
        case {"Ref": str() as name} if name in names:
            return names[name]
        case Mapping():
            made: dict[str, Any] = {}
            for name, value in node.items():
                for key, one in _members(str(name), value, resolver, names):
                    if key in made:
                        raise _malformed(str(name), f"{key} is there already")
                    made[key] = one
            return made
        case list():
            return [_expanded(one, resolver, names) for one in node]
        case str():
            return _named(node, names)
    return node


def _members(
    name: str, value: Node, resolver: Resolver, names: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    if not name.startswith(LOOP):
        yield _named(name, names), _expanded(value, resolver, names)
        return
    match value:
        case [str() as identifier, collection, dict() as fragment]:
            pass
        case _:
            raise _malformed(name, "a loop has an identifier, a collection and a fragment")
    for one in _collection(name, _expanded(collection, resolver, names), resolver):
        yield from _expanded(fragment, resolver, {**names, identifier: one}).items()


def _collection(loop: str, collection: Node, resolver: Resolver) -> list[str]:
    values = _resolved(resolver, collection)
    if not isinstance(values, list):
        raise _malformed(loop, "the collection is no list")
    found: list[str] = []
    for one in values:
        try:
            found += [as_string(item, loop) for item in (one if isinstance(one, list) else [one])]
        except IntrinsicError as error:
            raise _malformed(loop, error.message) from None
    return list(dict.fromkeys(found))


def _resolved(resolver: Resolver, node: Node) -> Node:
    try:
        return resolver.resolve(node)
    except IntrinsicError as error:
        raise RequestRefused(f"Transform {TRANSFORM} failed with: {error.message}") from None


def _named(text: str, names: Mapping[str, str]) -> str:
    """A text with ``${Name}`` replaced, and ``&{Name}`` by what of it is alphanumeric."""
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
        text = text.replace(f"&{{{name}}}", re.sub(r"[^a-zA-Z0-9]", "", value))
    return text


def _extensions(node: Node) -> Iterator[str]:
    """Functions in a value that only the transform allows."""
    match node:
        case Mapping():
            for name, value in node.items():
                if name in _NEED_IT or str(name).startswith(LOOP):
                    yield str(name)
                elif name == "Fn::FindInMap" and isinstance(value, list) and value[3:]:
                    yield "the default of Fn::FindInMap"
                yield from _extensions(value)
        case list():
            for one in node:
                yield from _extensions(one)


def _malformed(loop: str, complaint: str) -> RequestRefused:
    return RequestRefused(f"Transform {TRANSFORM} failed with: {loop}: {complaint}")
