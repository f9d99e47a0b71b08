"""What of a template would be acted on, found out without creating anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.cloudformation.gaps import attribute_gaps
from harness.cloudformation.intrinsics import references
from harness.cloudformation.language_extensions import expand_by_defaults
from harness.cloudformation.own_types import ENTIRELY, HANDLE, WAIT_CONDITION, OwnTypes
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.resources.provider import AwsProvider
from harness.errors import HarnessError, TemplateError
from harness.template import Node, Resource, Template

_UNKNOWN: Final = "?"
"""Stands for what only a stack knows."""

_ABSENT: Final = object()
"""Stands for ``AWS::NoValue``."""

_OWN: Final = frozenset({HANDLE, WAIT_CONDITION})


@dataclass(frozen=True)
class ResourceCoverage:
    """What of one resource would be acted on.

    Args:
        logical_id: Its name in the template.
        type: Such as ``AWS::EC2::Instance``.
        acted_on: Paths of properties.
        without_effect: Paths of properties that are kept and shown and change nothing, and why.
        not_simulated: What would fail the stack: paths, attributes, ``*`` for the whole type.
    """

    logical_id: str
    type: str
    acted_on: tuple[str, ...]
    without_effect: Mapping[str, str]
    not_simulated: tuple[str, ...]


def coverage(template: Template) -> tuple[ResourceCoverage, ...]:
    """What of each resource would be acted on, whichever way the template's conditions go.

    Raises:
        TemplateError: A reference in it cannot be read, or a loop cannot be written out.
    """
    try:
        template = expand_by_defaults(template)
    except RequestRefused as error:
        raise TemplateError(error.message, path=template.path) from None
    provider = AwsProvider(_no_client)
    own = OwnTypes(provider, lambda _stack_id, _logical_id: "")
    asked = _attributes_asked_for(template)
    return tuple(
        _of(resource, template, provider, own, asked.get(resource.logical_id, ()))
        for resource in template.resources.values()
    )


def _of(
    resource: Resource,
    template: Template,
    provider: AwsProvider,
    own: OwnTypes,
    asked: tuple[str, ...],
) -> ResourceCoverage:
    acted_on: dict[str, None] = {}
    without_effect: dict[str, str] = {}
    missing: dict[str, None] = {}
    for condition_holds in (True, False):
        properties = _as_written(resource.properties, template, condition_holds=condition_holds)
        gaps = own.unsupported(resource.type, properties)
        missing.update(dict.fromkeys(gaps))
        if resource.type in _OWN:
            acted_on.update(dict.fromkeys(name for name in properties if name not in gaps))
        acted_on.update(dict.fromkeys(provider.acts_on(resource.type, properties)))
        without_effect.update(provider.without_effect(resource.type, properties))
    missing.update(dict.fromkeys(attribute_gaps(resource)))
    if ENTIRELY[0] not in missing:
        missing.update(
            dict.fromkeys(
                f"Fn::GetAtt {name}" for name in asked if not own.answers(resource.type, name)
            )
        )
    return ResourceCoverage(
        resource.logical_id, resource.type, tuple(acted_on), without_effect, tuple(missing)
    )


def _attributes_asked_for(template: Template) -> dict[str, tuple[str, ...]]:
    """Attributes that the template asks its resources for, by logical id."""
    asked: dict[str, dict[str, None]] = {}
    try:
        for name, attribute in _references(template):
            if attribute is not None:
                asked.setdefault(name, {})[attribute] = None
    except HarnessError as error:
        raise TemplateError(error.message, path=template.path) from None
    return {name: tuple(attributes) for name, attributes in asked.items()}


def _references(template: Template) -> Iterator[tuple[str, str | None]]:
    for resource in template.resources.values():
        yield from references([resource.properties, resource.metadata])
    yield from references(template.outputs)


def _as_written(value: Node, template: Template, *, condition_holds: bool) -> Any:  # noqa: ANN401
    """A value as far as it is known without a stack, every condition taken to go one way."""

    def known(node: Node) -> Any:  # noqa: ANN401 - a JSON value
        result: Any = node
        match node:
            case {"Fn::If": [_, yes, no]}:
                result = known(yes if condition_holds else no)
            case {"Ref": "AWS::NoValue"}:
                result = _ABSENT
            case {"Ref": str() as name}:
                result = template.parameters.get(name, {}).get("Default", _UNKNOWN)
            case Mapping() if len(node) == 1 and str(next(iter(node))).startswith("Fn::"):
                result = _UNKNOWN
            case Mapping():
                members = {name: known(one) for name, one in node.items()}
                result = {name: one for name, one in members.items() if one is not _ABSENT}
            case list():
                result = [one for one in map(known, node) if one is not _ABSENT]
        return result

    return known(value)


def _no_client(service: str) -> Any:  # noqa: ANN401 - clients have no common type
    raise AssertionError(f"finding out what is acted on needs no {service}")
