"""The matrix of live runs: regions, instance types, images, parameter sets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from harness.errors import UsageError
from harness.options import Settings
from harness.target import RUNG_TARGETS

_AXES: Final = {"instance-types": "InstanceType", "images": "ImageId"}
"""Axes that set one parameter each."""


@dataclass(frozen=True)
class Rung:
    """Where the same test runs: one target, one region, one set of parameters.

    Args:
        name: ``local`` or ``live``.
        region: The region.
        parameters: Parameters of the stack that this entry of the matrix sets.
        words: What tells it from the other entries.
    """

    name: str
    region: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Name of the target."""
        return RUNG_TARGETS[self.name]

    @property
    def id(self) -> str:
        """Names it in test ids."""
        return "-".join((self.name, *self.words))


def local_rung(settings: Settings) -> Rung:
    """The one entry of the local rung."""
    return Rung("local", settings.regions[0])


def live_rungs(settings: Settings) -> Sequence[Rung]:
    """The entries of the live rung: all combinations of ``[tool.harness.matrix]``.

    Raises:
        UsageError: The table has a key that is no axis, or a value that is no list.
    """
    table = settings.table("matrix")
    unknown = set(table) - {"regions", "parameter-sets", *_AXES}
    if unknown:
        raise UsageError(
            f"pyproject.toml: [tool.harness.matrix] has no axis {min(unknown)!r}",
            remedy="the axes are regions, instance-types, images and parameter-sets",
        )
    regions = _axis(table, "regions") or list(settings.regions[:1])
    axes = [[(axis, value) for value in _axis(table, axis)] for axis in _AXES]
    sets = table.get("parameter-sets") or {"": {}}
    if not isinstance(sets, Mapping):
        raise UsageError("pyproject.toml: parameter-sets maps names to tables of parameters")
    rungs = []
    for region, chosen, set_name in itertools.product(regions, _product(axes), sets):
        parameters = {_AXES[axis]: value for axis, value in chosen}
        parameters |= {name: str(value) for name, value in sets[set_name].items()}
        words = (region, *(value for _, value in chosen), set_name)
        rungs.append(Rung("live", region, parameters, tuple(filter(None, words)) if table else ()))
    return rungs


def _product(axes: Sequence[Sequence[tuple[str, str]]]) -> Sequence[tuple[tuple[str, str], ...]]:
    """All combinations of one choice on each axis that has any."""
    return list(itertools.product(*(axis for axis in axes if axis)))


def _axis(table: Mapping[str, Any], name: str) -> list[str]:
    values = table.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f"pyproject.toml: {name} of [tool.harness.matrix] is a list of texts")
    return values
