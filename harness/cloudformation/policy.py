"""Stack policies: which resources an update may touch ("Prevent updates to stack resources")."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from harness.cloudformation.refusal import RequestRefused
from harness.template import Node

MAX_BYTES: Final = 16_384
_KEYS: Final = ({"Effect"}, {"Action", "NotAction"}, {"Resource", "NotResource"})
_CONDITIONS: Final = frozenset({"StringEquals", "StringLike"})


@dataclass(frozen=True)
class StackPolicy:
    """A stack policy. Where there is one, what it does not allow is denied.

    Args:
        statements: Its statements.
    """

    statements: tuple[Mapping[str, Node], ...]

    @classmethod
    def parse(cls, text: str) -> StackPolicy:
        """Read a policy's JSON.

        Raises:
            RequestRefused: It is none.
        """
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        statements = body.get("Statement") if isinstance(body, Mapping) else None
        if isinstance(statements, Mapping):
            statements = [statements]
        if not isinstance(statements, list) or not all(map(_is_statement, statements)):
            raise RequestRefused("Error validating stack policy: Invalid stack policy")
        return cls(tuple(statements))

    def denial(self, action: str, logical_id: str, resource_type: str) -> str:
        """Why an action on a resource is denied; empty where it is allowed.

        Args:
            action: ``Update:Modify``, ``Update:Replace`` or ``Update:Delete``.
            logical_id: The resource.
            resource_type: Its type.
        """
        allowed = False
        for number, statement in enumerate(self.statements, 1):
            if not _applies(statement, action, logical_id, resource_type):
                continue
            if statement["Effect"] == "Deny":
                return _denial(number, action, logical_id)
            allowed = True
        return "" if allowed else _denial(1, action, logical_id)


def _denial(number: int, action: str, logical_id: str) -> str:
    return (
        f"Action denied by stack policy: Statement [#{number}] does not allow [{action}] "
        f"for resource [LogicalResourceId/{logical_id}];"
    )


def _is_statement(statement: Node) -> bool:
    return (
        isinstance(statement, Mapping)
        and statement.get("Effect") in ("Allow", "Deny")
        and all(keys & statement.keys() for keys in _KEYS)
        and isinstance(statement.get("Condition", {}), Mapping)
        and statement.get("Condition", {}).keys() <= _CONDITIONS
        and all(isinstance(one, Mapping) for one in statement.get("Condition", {}).values())
    )


def _applies(
    statement: Mapping[str, Node], action: str, logical_id: str, resource_type: str
) -> bool:
    return (
        _holds(statement, "Action", action)
        and _holds(statement, "Resource", f"LogicalResourceId/{logical_id}")
        and all(
            any(fnmatchcase(resource_type, pattern) for pattern in _texts(test["ResourceType"]))
            for test in statement.get("Condition", {}).values()
            if "ResourceType" in test
        )
    )


def _holds(statement: Mapping[str, Node], key: str, value: str) -> bool:
    if key in statement:
        return any(fnmatchcase(value, pattern) for pattern in _texts(statement[key]))
    return not any(fnmatchcase(value, pattern) for pattern in _texts(statement[f"Not{key}"]))


def _texts(value: Node) -> Iterator[str]:
    yield from map(str, value if isinstance(value, list) else [value])
