"""What is never shown: NoEcho values, and values that dynamic references stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from harness.cloudformation.intrinsics import Resolver
from harness.cloudformation.parameters import MASK, Parameters
from harness.errors import IntrinsicError
from harness.template import Node

SHORTEST: Final = 3
"""Shorter values are left in sentences: they are no secrets, and would garble every word."""


def masked(text: str, values: Iterable[str]) -> str:
    """A sentence without those values."""
    # The longest first: a value may be part of another one.
    for value in sorted({one for one in values if len(one) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def shown_properties(
    resolving: Resolver, parameters: Parameters, properties: Mapping[str, Node]
) -> Mapping[str, Node]:
    """Properties as an event shows them: resolved with asterisks for NoEcho values.

    Conditions go the way that the values have them go. A property that cannot be resolved
    without the value, such as one that selects by it, is hidden as a whole.
    """
    decided = {name: resolving.condition(name) for name in resolving.template.conditions}
    masking = replace(resolving, parameters=parameters.masked, decided=decided)

    def shown(name: str, value: Node) -> Node:
        try:
            return masking.resolve({name: value}).get(name)
        except IntrinsicError:
            return MASK

    wanted = resolving.resolve(properties)
    return {name: shown(name, value) for name, value in properties.items() if name in wanted}
