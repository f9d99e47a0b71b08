"""Intrinsic functions and pseudo parameters ("Intrinsic function reference").

:class:`Resolver` turns a value as the template writes it into the value that a resource gets. What
a ``Ref`` or ``Fn::GetAtt`` of a resource answers is passed in, since only a stack knows it.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from harness.errors import IntrinsicError
from harness.template import Node, Template

NO_VALUE: Final = object()
"""What ``Ref: AWS::NoValue`` resolves to; the property that holds it is left out."""

_SUB_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
_SUB_LITERAL = re.compile(r"\$\{!([^{}]*)\}")


@dataclass(frozen=True)
class PseudoParameters:
    """Values that CloudFormation predefines ("Pseudo parameters reference")."""

    stack_name: str
    stack_id: str
    region: str = "us-east-1"
    account_id: str = "123456789012"
    notification_arns: tuple[str, ...] = ()

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``, by the region."""
        for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
            if self.region.startswith(prefix):
                return partition
        return "aws"

    def get(self, name: str) -> Node:
        """The value of ``AWS::…``; None for a name that AWS does not define."""
        return {
            "AWS::AccountId": self.account_id,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }.get(name)


class ResourceValues(Protocol):
    """What the resources of a stack answer to ``Ref`` and ``Fn::GetAtt``."""

    def ref(self, logical_id: str) -> Node:
        """The value of ``Ref``, as the resource type's page under "Return values" says."""

    def attribute(self, logical_id: str, name: str) -> Node:
        """The value of ``Fn::GetAtt``; raises IntrinsicError for an unknown attribute."""


class NoResources:
    """Stands in where no resource may be referred to: parameters, conditions, mappings."""

    def ref(self, logical_id: str) -> Node:
        """Refuse."""
        raise IntrinsicError(f"Ref of {logical_id!r}: resources cannot be referred to here")

    def attribute(self, logical_id: str, name: str) -> Node:
        """Refuse."""
        raise IntrinsicError(
            f"Fn::GetAtt of {logical_id}.{name}: resources cannot be referred to here"
        )


@dataclass(frozen=True)
class Resolver:
    """Resolves the values of one stack.

    Args:
        template: Where parameters, mappings, conditions and resources are declared.
        parameters: The parameters' values by name, defaults filled in; lists for list types.
        pseudo: The pseudo parameters.
        resources: What the stack's resources answer.
        availability_zones: Zone names of a region, for ``Fn::GetAZs``.
        exports: What other stacks export, for ``Fn::ImportValue``.
    """

    template: Template
    parameters: Mapping[str, Node]
    pseudo: PseudoParameters
    resources: ResourceValues = field(default_factory=NoResources)
    availability_zones: Callable[[str], Sequence[str]] = lambda region: [
        f"{region}{c}" for c in "abc"
    ]
    exports: Mapping[str, str] = field(default_factory=dict)
    decided: Mapping[str, bool] = field(default_factory=dict)
    """Conditions of which it is known already whether they hold."""
    dynamic: Callable[[str], str] = lambda text: text
    """Puts values in place of dynamic references, where text is encoded and they would be lost."""

    def resolve(self, node: Node) -> Node:
        """The value of ``node``.

        Raises:
            IntrinsicError: It refers to what is not there, or its arguments are malformed.
        """
        if isinstance(node, Mapping):
            if len(node) == 1:
                ((name, argument),) = node.items()
                function = _FUNCTIONS.get(name)
                if function is not None:
                    return function(self, argument)
                if name.startswith("Fn::"):
                    raise IntrinsicError(f"{name} is no intrinsic function that is known here")
            resolved = {key: self.resolve(value) for key, value in node.items()}
            return {key: value for key, value in resolved.items() if value is not NO_VALUE}
        if isinstance(node, list | tuple):
            return [value for value in map(self.resolve, node) if value is not NO_VALUE]
        return node

    def condition(self, name: str) -> bool:
        """Whether the named condition holds.

        Raises:
            IntrinsicError: There is no such condition, or it refers to itself.
        """
        if name in self.decided:
            return self.decided[name]
        if name not in self.template.conditions:
            raise IntrinsicError(f"Unresolved condition dependency {name}")
        try:
            return _boolean(self.resolve(self.template.conditions[name]), f"condition {name}")
        except RecursionError:
            raise IntrinsicError(f"Condition {name} refers to itself") from None


def references(node: Node) -> Iterator[tuple[str, str | None]]:
    """Every name that a value refers to: ``(name, attribute)``, attribute None for a ``Ref``.

    Parameters, pseudo parameters and resources, through ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub``.
    """
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "Ref" and isinstance(value, str):
                yield value, None
            elif key == "Fn::GetAtt":
                yield from _get_att_target(value)
            elif key == "Fn::Sub":
                yield from _sub_targets(value)
            else:
                yield from references(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from references(value)


def condition_names(node: Node) -> Iterator[str]:
    """Every condition that a value names, through ``Fn::If`` and ``Condition``."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "Fn::If" and isinstance(value, list) and value and isinstance(value[0], str):
                yield value[0]
                yield from condition_names(value[1:])
            elif key == "Condition" and isinstance(value, str):
                yield value
            else:
                yield from condition_names(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from condition_names(value)


def sub_variables(text: str) -> list[str]:
    """The names in ``${…}`` that ``Fn::Sub`` replaces; ``${!…}`` are not among them."""
    return [name.strip() for name in _SUB_VARIABLE.findall(text)]


def _get_att_target(argument: Node) -> Iterator[tuple[str, str | None]]:
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    if isinstance(argument, list) and argument and isinstance(argument[0], str):
        attribute = argument[1] if len(argument) > 1 and isinstance(argument[1], str) else ""
        yield argument[0], attribute


def _sub_targets(argument: Node) -> Iterator[tuple[str, str | None]]:
    text, own = (argument, {}) if isinstance(argument, str) else _sub_arguments(argument)
    for name in sub_variables(text):
        if name not in own:
            target, dot, attribute = name.partition(".")
            yield target, attribute if dot else None
    yield from references(own)


def _sub_arguments(argument: Node) -> tuple[str, Mapping[str, Node]]:
    match argument:
        case [str() as text, dict() as own]:
            return text, own
    raise IntrinsicError(
        "Fn::Sub takes a string, or a list of a string and an object of its variables"
    )


def _ref(resolver: Resolver, name: Node) -> Node:
    if not isinstance(name, str):
        raise IntrinsicError("Ref takes the name of a parameter or of a resource")
    if name.startswith("AWS::"):
        value = resolver.pseudo.get(name)
        if value is None:
            raise IntrinsicError(f"Ref of {name}: there is no such pseudo parameter")
        return value
    if name in resolver.template.parameters:
        if name not in resolver.parameters:
            raise IntrinsicError(f"Ref of parameter {name}: it has no value")
        return resolver.parameters[name]
    if name in resolver.template.resources:
        return resolver.resources.ref(name)
    raise IntrinsicError(f"Ref of {name!r}: the template has no such parameter or resource")


def _get_att(resolver: Resolver, argument: Node) -> Node:
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    match argument:
        case [str() as logical_id, attribute]:
            name = resolver.resolve(attribute)
        case _:
            raise IntrinsicError("Fn::GetAtt takes a logical id and the name of an attribute")
    if logical_id not in resolver.template.resources:
        raise IntrinsicError(
            f"Fn::GetAtt of {logical_id}.{name}: the template has no such resource"
        )
    return resolver.resources.attribute(logical_id, name)


def _sub(resolver: Resolver, argument: Node) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else _sub_arguments(argument)
    variables = {name: resolver.resolve(value) for name, value in own.items()}

    def replace(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in variables:
            return as_string(variables[name], f"Fn::Sub's {name}")
        target, dot, attribute = name.partition(".")
        value = _get_att(resolver, [target, attribute]) if dot else _ref(resolver, name)
        return as_string(value, f"Fn::Sub's ${{{name}}}")

    return _SUB_LITERAL.sub(r"${\1}", _SUB_VARIABLE.sub(replace, text))


def _join(resolver: Resolver, argument: Node) -> str:
    match argument:
        case [str() as delimiter, values]:
            parts = resolver.resolve(values)
            if isinstance(parts, list):
                return delimiter.join(as_string(part, "an element of Fn::Join") for part in parts)
    raise IntrinsicError("Fn::Join takes a delimiter and a list of strings")


def _split(resolver: Resolver, argument: Node) -> list[str]:
    match argument:
        case [str() as delimiter, source] if delimiter:
            return as_string(resolver.resolve(source), "Fn::Split's source").split(delimiter)
    raise IntrinsicError("Fn::Split takes a delimiter and a string")


def _select(resolver: Resolver, argument: Node) -> Node:
    match resolver.resolve(argument):
        case [index, list() as values]:
            try:
                position = int(index)
            except (TypeError, ValueError):
                raise IntrinsicError(f"Fn::Select: {index!r} is no index") from None
            if not 0 <= position < len(values):
                raise IntrinsicError(
                    f"Fn::Select cannot select nonexistent value at index {position}"
                )
            return values[position]
    raise IntrinsicError("Fn::Select takes an index and a list")


def _find_in_map(resolver: Resolver, argument: Node) -> Node:
    match resolver.resolve(argument):
        case [str() as name, top, second, *rest]:
            pass
        case _:
            raise IntrinsicError("Fn::FindInMap takes a mapping's name and two keys")
    try:
        return resolver.template.mappings[name][str(top)][str(second)]
    except (KeyError, TypeError):
        match rest:
            case [{"DefaultValue": default}]:
                return default
        raise IntrinsicError(
            f"Fn::FindInMap: unable to get mapping for {name}::{top}::{second}"
        ) from None


def _base64(resolver: Resolver, argument: Node) -> str:
    text = resolver.dynamic(as_string(resolver.resolve(argument), "Fn::Base64"))
    return base64.b64encode(text.encode()).decode()


def _get_azs(resolver: Resolver, argument: Node) -> list[str]:
    region = as_string(resolver.resolve(argument), "Fn::GetAZs") or resolver.pseudo.region
    return list(resolver.availability_zones(region))


def _cidr(resolver: Resolver, argument: Node) -> list[str]:
    match resolver.resolve(argument):
        case [str() as block, count, *bits]:
            pass
        case _:
            raise IntrinsicError("Fn::Cidr takes a block, a count and the number of subnet bits")
    try:
        network = ipaddress.ip_network(block)
        size = int(bits[0]) if bits else 8
        subnets = network.subnets(new_prefix=network.max_prefixlen - size)
        return [str(next(subnets)) for _ in range(int(count))]
    except (ValueError, RuntimeError, StopIteration) as error:
        raise IntrinsicError(f"Fn::Cidr of {block}: {error}") from None


def _import_value(resolver: Resolver, argument: Node) -> str:
    name = as_string(resolver.resolve(argument), "Fn::ImportValue")
    if name not in resolver.exports:
        raise IntrinsicError(f"No export named {name} found.")
    return resolver.exports[name]


def _if(resolver: Resolver, argument: Node) -> Node:
    match argument:
        case [str() as name, yes, no]:
            return resolver.resolve(yes if resolver.condition(name) else no)
    raise IntrinsicError("Fn::If takes a condition's name and two values")


def _condition(resolver: Resolver, name: Node) -> Node:
    # Outside Conditions and Fn::If, "Condition" is an ordinary key, of an IAM policy for one.
    if isinstance(name, str) and name in resolver.template.conditions:
        return resolver.condition(name)
    return {"Condition": resolver.resolve(name)}


def _equals(resolver: Resolver, argument: Node) -> bool:
    match resolver.resolve(argument):
        case [left, right]:
            return bool(_comparable(left) == _comparable(right))
    raise IntrinsicError("Fn::Equals takes two values")


def _not(resolver: Resolver, argument: Node) -> bool:
    match argument:
        case [value]:
            return not _boolean(resolver.resolve(value), "Fn::Not")
    raise IntrinsicError("Fn::Not takes one condition in a list")


def _and(resolver: Resolver, argument: Node) -> bool:
    return all(_boolean(resolver.resolve(value), "Fn::And") for value in _operands(argument, "And"))


def _or(resolver: Resolver, argument: Node) -> bool:
    return any(_boolean(resolver.resolve(value), "Fn::Or") for value in _operands(argument, "Or"))


def _operands(argument: Node, name: str) -> list[Node]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:  # noqa: PLR2004 - AWS's bounds
        raise IntrinsicError(f"Fn::{name} takes 2 to 10 conditions")
    return argument


def _length(resolver: Resolver, argument: Node) -> int:
    value = resolver.resolve(argument)
    if not isinstance(value, list):
        raise IntrinsicError("Fn::Length takes a list")
    return len(value)


def _to_json_string(resolver: Resolver, argument: Node) -> str:
    return json.dumps(resolver.resolve(argument), separators=(",", ":"))


def _boolean(value: Any, place: str) -> bool:  # noqa: ANN401 - a JSON value
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise IntrinsicError(f"{place} is neither true nor false")


def _comparable(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return as_string(value, "a value") if isinstance(value, str | int | float) else value


def as_string(value: Any, place: str) -> str:  # noqa: ANN401 - a JSON value
    """A scalar as CloudFormation writes it into a string: booleans in lower case.

    Raises:
        IntrinsicError: The value is a list, an object, or nothing.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise IntrinsicError(f"{place} must be a string")


_FUNCTIONS: Final[Mapping[str, Callable[[Resolver, Node], Node]]] = {
    "Ref": _ref,
    "Condition": _condition,
    "Fn::And": _and,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
}
