"""The shape that a template's sections must have, before anything in them is looked at.

A table of what each place may hold; the messages are CloudFormation's where it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from harness.cloudformation.refusal import RequestRefused
from harness.template import LOOP, Node, Template

_DELETION_POLICIES: Final = frozenset({"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"})


def _is_object(value: Node) -> bool:
    return value is None or isinstance(value, Mapping)


def _is_objects(value: Node) -> bool:
    """An object whose values are objects, unless an intrinsic function stands for it."""
    return isinstance(value, Mapping) and all(map(_is_object, value.values()))


def _is_string(value: Node) -> bool:
    return isinstance(value, str)


def _is_strings(value: Node) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(map(_is_string, value)))


def _is_list(value: Node) -> bool:
    return isinstance(value, list)


def _is_scalar(value: Node) -> bool:
    return isinstance(value, str | int | float)


def _is_number(value: Node) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _is_deletion_policy(value: Node) -> bool:
    return isinstance(value, str) and value in _DELETION_POLICIES


_Rules = Mapping[str, tuple[Callable[[Node], bool], str]]

_RESOURCE: Final[_Rules] = {
    "Properties": (_is_object, "Every Properties member must be an object"),
    "Metadata": (_is_object, "Every Metadata member must be an object"),
    "DependsOn": (_is_strings, "Every DependsOn value must be a string"),
    "Condition": (_is_string, "Every Condition member must be a string"),
    "CreationPolicy": (_is_object, "Every CreationPolicy member must be an object"),
    "UpdatePolicy": (_is_object, "Every UpdatePolicy member must be an object"),
    "DeletionPolicy": (_is_deletion_policy, "Unrecognized DeletionPolicy"),
    "UpdateReplacePolicy": (_is_deletion_policy, "Unrecognized UpdateReplacePolicy"),
}
_PARAMETER: Final[_Rules] = {
    "Type": (_is_string, "Every Type member must be a string"),
    "Default": (_is_scalar, "Every Default member must be a string"),
    "AllowedValues": (_is_list, "Every AllowedValues value must be a list"),
    "AllowedPattern": (_is_string, "Every AllowedPattern member must be a string"),
    "ConstraintDescription": (_is_string, "Every ConstraintDescription member must be a string"),
    "Description": (_is_string, "Every Description member must be a string"),
    "MinLength": (_is_number, "Every MinLength member must be a number"),
    "MaxLength": (_is_number, "Every MaxLength member must be a number"),
    "MinValue": (_is_number, "Every MinValue member must be a number"),
    "MaxValue": (_is_number, "Every MaxValue member must be a number"),
}
_OUTPUT: Final[_Rules] = {
    "Condition": (_is_string, "Every Condition member must be a string"),
    "Description": (_is_string, "Every Description member must be a string"),
    "Export": (_is_object, "Every Export member must be an object"),
}
_SECTIONS: Final[Mapping[str, tuple[_Rules, tuple[str, ...]]]] = {
    "Parameters": (_PARAMETER, ("Type",)),
    "Resources": (_RESOURCE, ("Type",)),
    "Outputs": (_OUTPUT, ("Value",)),
}


def check_shape(template: Template, *, resources: bool = True) -> None:
    """Refuse a template whose sections are not what sections are.

    Args:
        template: The template.
        resources: Whether its resources are to be looked at.

    Raises:
        RequestRefused: A ValidationError that names the place.
    """
    for section, (rules, required) in _SECTIONS.items():
        if section == "Resources" and not resources:
            continue
        for name, body in (template.body.get(section) or {}).items():
            if not str(name).startswith(LOOP):
                _check_member(section, name, body, rules, required)
    description = template.body.get("Description")
    if description is not None and not isinstance(description, str):
        raise RequestRefused("Template format error: Description must be a string.")
    for name, mapping in template.mappings.items():
        if not isinstance(mapping, Mapping) or not _is_objects(mapping):
            raise _refusal(f"/Mappings/{name}", "Every Mappings member must be a map of maps")


def _check_member(
    section: str, name: str, body: Node, rules: _Rules, required: tuple[str, ...]
) -> None:
    place = f"/{section}/{name}"
    if not isinstance(body, Mapping):
        raise _refusal(place, f"Every {section} member must be an object")
    for key in required:
        if key not in body:
            raise _refusal(place, f"Every {section} object must contain a {key} member")
    for key, (holds, complaint) in rules.items():
        if key in body and not holds(body[key]):
            raise _refusal(f"{place}/{key}", complaint)


def _refusal(place: str, complaint: str) -> RequestRefused:
    return RequestRefused(f"Template format error: [{place}] {complaint}.")
