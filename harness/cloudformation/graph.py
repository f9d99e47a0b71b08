"""What of a template depends on what, and whether that can be deployed at all.

The errors are those that CloudFormation answers before it creates anything ("Template reference").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from harness.cloudformation import dynamic, rules
from harness.cloudformation.intrinsics import Resolver, condition_names, references
from harness.cloudformation.language_extensions import check_not_extended, is_extended
from harness.cloudformation.quotas import check_quotas
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.shape import check_shape
from harness.errors import IntrinsicError, TemplateError
from harness.template import NO_ALIASES, Node, Resource, Template, looks_like_json

Graph = Mapping[str, frozenset[str]]
"""By logical id, the logical ids that must be there first."""

_REFERRING: Final = (
    "Properties",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DependsOn",
)
_NOT_SIMULATED: Final = ("Transform", "Hooks")
"""Sections that decide what is deployed, so that a stack without them would be another stack."""

_SECTIONS: Final = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Resources",
        "Outputs",
        "Hooks",
    }
)


def parse_template(text: str) -> Template:
    """Read a template that came with a request.

    Raises:
        RequestRefused: In CloudFormation's words.
    """
    try:
        template = Template.parse(text)
    except TemplateError as error:
        raise RequestRefused(_format_error(text, error)) from None
    check_template(template)
    return template


def _format_error(text: str, error: TemplateError) -> str:
    if NO_ALIASES in error.message:
        return f"Template error: {NO_ALIASES}."
    if error.line:
        kind = "JSON" if looks_like_json(text) else "YAML"
        return (
            f"Template format error: {kind} not well-formed. "
            f"(line {error.line}, column {error.column})"
        )
    if error.message.startswith("not JSON"):
        return "Template format error: JSON not well-formed."
    if '"Resources"' in error.message:
        return "Template format error: At least one Resources member must be defined."
    if "no object" in error.message:
        return "Template format error: unsupported structure."
    return f"Template format error: {error.message.removeprefix('not a template: ')}"


def check_template(template: Template) -> None:
    """Refuse what refers to nothing, depends on itself, or asks for what is not done here.

    Raises:
        RequestRefused: In CloudFormation's words.
    """
    unknown = [section for section in template.body if section not in _SECTIONS]
    if unknown:
        raise RequestRefused(
            "Invalid template property or properties " + f"[{', '.join(map(str, unknown))}]"
        )
    for section in _NOT_SIMULATED:
        if template.body.get(section) and not (section == "Transform" and is_extended(template)):
            raise RequestRefused(f"Not simulated: the template's section {section}")
    check_shape(template, resources=not is_extended(template))
    if is_extended(template):
        # What it refers to is known once it is expanded, for which its parameters are needed.
        return
    if template.source is None:
        check_not_extended(template)
    rules.check_shape(template)
    check_quotas(template)
    dynamic.check_references(template)
    _check_references(template)
    _check_conditions(template)
    _check_cycles(dependencies(template, template.resources))


def _check_references(template: Template) -> None:
    known = {*template.parameters, *template.resources}
    blocks: dict[str, Iterable[Node]] = {
        "Resources": (
            {key: one.body[key] for key in _REFERRING if key in one.body}
            for one in template.resources.values()
        ),
        "Outputs": [template.outputs],
    }
    for block, nodes in blocks.items():
        missing: dict[str, None] = {}
        try:
            for node in nodes:
                missing.update(_unknown_names(node, known))
        except IntrinsicError as error:
            raise RequestRefused(f"Template error: {error.message}") from None
        if missing:
            raise RequestRefused(
                f"Template format error: Unresolved resource dependencies "
                f"[{', '.join(missing)}] in the {block} block of the template"
            )
    for resource in template.resources.values():
        for name in resource.depends_on:
            if name not in template.resources:
                raise RequestRefused(
                    f"Template format error: Unresolved resource dependencies [{name}] "
                    "in the Resources block of the template"
                )


def _unknown_names(node: Node, known: Collection[str]) -> Iterator[tuple[str, None]]:
    for name, attribute in references(node):
        if name not in known and (attribute is not None or not name.startswith("AWS::")):
            yield name, None


def _check_conditions(template: Template) -> None:
    named = {
        *condition_names([one.body.get("Properties") for one in template.resources.values()]),
        *condition_names(template.outputs),
        *(one.condition for one in template.resources.values() if one.condition),
    }
    for name in sorted(named):
        if name not in template.conditions and not _inside_policy(template, name):
            raise RequestRefused(
                f"Template format error: Unresolved dependencies [{name}]. "
                "Cannot reference resources in the Conditions block of the template"
                if name in template.resources
                else f"Template format error: Unresolved condition dependency {name} "
                "in the Resources block of the template"
            )


def _inside_policy(template: Template, name: str) -> bool:
    """Whether ``Condition`` is an ordinary key there, as an object's is in IAM policies."""
    return not any(name == one.condition for one in template.resources.values()) and not any(
        name == used for used in _if_names(template.body)
    )


def _if_names(node: Node) -> Iterator[str]:
    if isinstance(node, Mapping):
        argument = node.get("Fn::If")
        if isinstance(argument, list) and argument and isinstance(argument[0], str):
            yield argument[0]
        for value in node.values():
            yield from _if_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _if_names(value)


def active_resources(template: Template, resolver: Resolver) -> dict[str, Resource]:
    """The resources whose condition holds, in the order of the template.

    Raises:
        RequestRefused: A condition cannot be evaluated.
    """
    try:
        for name in template.conditions:
            resolver.condition(name)
        return {
            logical_id: resource
            for logical_id, resource in template.resources.items()
            if resource.condition is None or resolver.condition(resource.condition)
        }
    except IntrinsicError as error:
        raise RequestRefused(f"Template error: {error.message}") from None


def dependencies(template: Template, among: Collection[str]) -> Graph:
    """What each of the resources waits for: by ``Ref``, ``GetAtt``, ``Sub`` and ``DependsOn``."""
    return {
        logical_id: frozenset(_needed(template.resources[logical_id])) & frozenset(among)
        for logical_id in among
    }


def _needed(resource: Resource) -> Iterator[str]:
    yield from resource.depends_on
    for key in _REFERRING:
        for name, _ in references(resource.body.get(key)):
            yield name


def reverse(graph: Graph) -> Graph:
    """By logical id, what must be gone first."""
    dependents: dict[str, set[str]] = {logical_id: set() for logical_id in graph}
    for logical_id, needed in graph.items():
        for name in needed:
            dependents.setdefault(name, set()).add(logical_id)
    return {logical_id: frozenset(names) for logical_id, names in dependents.items()}


def _check_cycles(graph: Graph) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = dict.fromkeys(error.args[1])
        raise RequestRefused(
            f"Circular dependency between resources: [{', '.join(sorted(cycle))}]"
        ) from None
