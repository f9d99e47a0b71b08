"""Which properties of a resource are looked at, by their paths.

A path names a property and everything under it (``Tags``), or one inside another
(``MetadataOptions.HttpTokens``); lists do not show in paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.template import Node


def outside(properties: Node, covered: Iterable[str]) -> list[str]:
    """Paths of the properties that the covered ones do not include, in their order, once each."""
    return list(dict.fromkeys(_outside(properties, frozenset(covered), "")))


def _outside(value: Node, covered: frozenset[str], path: str) -> Iterator[str]:
    if path in covered:
        return
    if not path or _leads_inside(path, covered):
        match value:
            case Mapping():
                for name, inner in value.items():
                    yield from _outside(inner, covered, f"{path}.{name}" if path else str(name))
                return
            case list():
                for one in value:
                    yield from _outside(one, covered, path)
                return
    yield path


def _leads_inside(path: str, covered: frozenset[str]) -> bool:
    return any(one.startswith(f"{path}.") for one in covered)


def touched(properties: Node, named: Iterable[str]) -> list[str]:
    """Those of the named paths that the properties have a value at."""
    return [path for path in named if _has(properties, path.split("."))]


def _has(value: Node, names: list[str]) -> bool:
    if isinstance(value, list):
        return any(_has(one, names) for one in value)
    if not names:
        return True
    return isinstance(value, Mapping) and names[0] in value and _has(value[names[0]], names[1:])


def dig(value: Node, path: str) -> Node:
    """The value at a path through objects; None where there is none."""
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
