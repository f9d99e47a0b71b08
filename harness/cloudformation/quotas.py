"""How much a template may hold, and how its parts may be named ("CloudFormation quotas")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from harness.cloudformation.refusal import RequestRefused
from harness.template import Template

DESCRIPTION_BYTES: Final = 1024
NAME_LENGTH: Final = 255
PARAMETER_VALUE_BYTES: Final = 4096
MAPPING_ATTRIBUTES: Final = 200

MEMBERS: Final[Mapping[str, tuple[int, str]]] = {
    "Mappings": (200, "Mapping"),
    "Outputs": (200, "Output"),
    "Parameters": (200, "Parameter"),
    "Resources": (500, "Resource"),
}
"""Section -> how many members it may have, and what a message calls one."""

_ALPHANUMERIC = re.compile(r"[a-zA-Z0-9]+")


def check_quotas(template: Template) -> None:
    """Refuse a template that is too large in some way, or names its parts as it may not.

    Raises:
        RequestRefused: In CloudFormation's words.
    """
    for section, (most, what) in MEMBERS.items():
        members = template.body.get(section) or {}
        _check_number(section.lower(), len(members), most)
        for name in members:
            _check_name(str(name), what)
    for name, mapping in template.mappings.items():
        _check_number(f"attributes in mapping {name}", len(mapping), MAPPING_ATTRIBUTES)
    if len(template.description.encode()) > DESCRIPTION_BYTES:
        raise RequestRefused(
            f"Template format error: 'Description' length is greater than {DESCRIPTION_BYTES}."
        )


def check_parameter_value(position: int, value: str) -> None:
    """Refuse a parameter's value that is too long; the value itself may be a secret.

    Args:
        position: The parameter's place in the request, from 1.
        value: What was given.

    Raises:
        RequestRefused: It is longer than 4,096 bytes.
    """
    if len(value.encode()) > PARAMETER_VALUE_BYTES:
        raise RequestRefused(
            f"1 validation error detected: Value at 'parameters.{position}.member.parameterValue' "
            "failed to satisfy constraint: Member must have length less than or equal to "
            f"{PARAMETER_VALUE_BYTES}"
        )


def _check_number(what: str, number: int, most: int) -> None:
    if number > most:
        raise RequestRefused(
            f"Template format error: Number of {what}, {number}, "
            f"is greater than maximum allowed, {most}"
        )


def _check_name(name: str, what: str) -> None:
    if not _ALPHANUMERIC.fullmatch(name):
        raise RequestRefused(f"Template format error: {what} name {name} is non alphanumeric.")
    if len(name) > NAME_LENGTH:
        raise RequestRefused(
            f"Template format error: {what} name {name} is longer than {NAME_LENGTH} characters."
        )
