"""The section ``Rules``: assertions on parameters ("Rules", "Rule functions").

They are checked before anything is created or updated; where one does not hold, the request is
refused with its description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from harness.cloudformation.intrinsics import Resolver, as_string
from harness.cloudformation.parameters import Lookups, Parameters
from harness.cloudformation.refusal import RequestRefused
from harness.errors import IntrinsicError
from harness.template import Node, Template

_ORDINARY: Final = frozenset({"Ref", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})
"""Functions that mean the same in rules as elsewhere; no others are allowed there."""


def check_shape(template: Template) -> None:
    """Refuse rules that are no rules.

    Raises:
        RequestRefused: A ValidationError that names the place.
    """
    rules = template.body.get("Rules") or {}
    if not isinstance(rules, Mapping):
        raise _malformed("Rules", "Rules must be an object")
    for name, rule in rules.items():
        place = f"Rules/{name}"
        if not isinstance(rule, Mapping):
            raise _malformed(place, "Every Rules member must be an object")
        assertions = rule.get("Assertions")
        if not isinstance(assertions, list) or not assertions:
            raise _malformed(place, "Every Rules object must contain a list of Assertions")
        for one in assertions:
            if not isinstance(one, Mapping) or "Assert" not in one:
                raise _malformed(f"{place}/Assertions", "Every Assertions member needs an Assert")
        _check_functions([rule.get("RuleCondition"), [one["Assert"] for one in assertions]], place)


def check_rules(
    template: Template, parameters: Parameters, resolver: Resolver, lookups: Lookups
) -> None:
    """Refuse parameters that the template's rules do not allow.

    Args:
        template: Has the rules.
        parameters: The parameters, checked one by one.
        resolver: Resolves the stack's values.
        lookups: Answers what exists, for ``Fn::RefAll`` and ``Fn::ValueOf``.

    Raises:
        RequestRefused: With the descriptions of the assertions that do not hold.
    """
    for name, rule in (template.body.get("Rules") or {}).items():
        rules = _Rules(parameters, lookups, resolver, name)
        if "RuleCondition" in rule and not rules.holds(rule["RuleCondition"]):
            continue
        failed = [
            str(one.get("AssertDescription") or f"assertion {number} does not hold")
            for number, one in enumerate(rule["Assertions"], 1)
            if not rules.holds(one["Assert"])
        ]
        if failed:
            raise RequestRefused(f"Template error: Rule {name}: {'; '.join(failed)}")


def _check_functions(node: Node, place: str) -> None:
    match node:
        case Mapping():
            for name, argument in node.items():
                if name not in _FUNCTIONS and name not in _ORDINARY:
                    raise _malformed(place, f"{name} is not allowed in a rule")
                _check_functions(argument, place)
        case list():
            for one in node:
                _check_functions(one, place)


def _malformed(place: str, complaint: str) -> RequestRefused:
    return RequestRefused(f"Template format error: [/{place}] {complaint}.")


@dataclass(frozen=True)
class _Rules:
    """What evaluates the functions of one rule."""

    parameters: Parameters
    lookups: Lookups
    resolver: Resolver
    name: str

    def holds(self, node: Node) -> bool:
        try:
            value = self.value(node)
        except IntrinsicError as error:
            raise RequestRefused(f"Template error: Rule {self.name}: {error.message}") from None
        if isinstance(value, bool):
            return value
        raise RequestRefused(f"Template error: Rule {self.name}: neither true nor false")

    def value(self, node: Node) -> Node:
        """A value, functions of rules included, wherever in it they stand."""
        if isinstance(node, Mapping) and len(node) == 1:
            ((name, argument),) = node.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
            if name in _ORDINARY and name != "Ref":
                return self.resolver.resolve({name: self.value(argument)})
        if isinstance(node, list):
            return [self.value(one) for one in node]
        return self.resolver.resolve(node)

    def strings(self, node: Node) -> list[str]:
        found = self.value(node)
        values = found if isinstance(found, list) else [found]
        return [as_string(one, "a member of a list") for one in values]

    def things(self, parameter_type: str) -> Mapping[str, Mapping[str, str]]:
        found = self.lookups.things(parameter_type)
        if found is None:
            raise IntrinsicError(f"not simulated: values of type {parameter_type}")
        return found

    def attributes(self, parameter: str, attribute: str) -> list[str]:
        one = self.parameters.by_name.get(parameter)
        if one is None:
            raise IntrinsicError(f"Fn::ValueOf: there is no parameter {parameter}")
        things = self.things(one.element_type)
        values = one.value if isinstance(one.value, list) else [one.value]
        found = [things.get(value, {}).get(attribute) for value in values]
        return _known(found, attribute)


def _known(found: list[str | None], attribute: str) -> list[str]:
    if None in found:
        raise IntrinsicError(f"not simulated, or not there: the attribute {attribute}")
    return [one for one in found if one is not None]


def _contains(rules: _Rules, argument: Node) -> bool:
    allowed, value = _two("Fn::Contains", argument)
    return as_string(rules.value(value), "Fn::Contains") in rules.strings(allowed)


def _each_member_equals(rules: _Rules, argument: Node) -> bool:
    values, wanted = _two("Fn::EachMemberEquals", argument)
    return set(rules.strings(values)) <= {as_string(rules.value(wanted), "Fn::EachMemberEquals")}


def _each_member_in(rules: _Rules, argument: Node) -> bool:
    values, allowed = _two("Fn::EachMemberIn", argument)
    return set(rules.strings(values)) <= set(rules.strings(allowed))


def _ref_all(rules: _Rules, argument: Node) -> list[str]:
    return list(rules.things(as_string(argument, "Fn::RefAll")))


def _value_of(rules: _Rules, argument: Node) -> Node:
    parameter, attribute = (as_string(one, "Fn::ValueOf") for one in _two("Fn::ValueOf", argument))
    found = rules.attributes(parameter, attribute)
    return found if isinstance(rules.parameters.by_name[parameter].value, list) else found[0]


def _value_of_all(rules: _Rules, argument: Node) -> list[str]:
    two = _two("Fn::ValueOfAll", argument)
    parameter_type, attribute = (as_string(one, "Fn::ValueOfAll") for one in two)
    things = rules.things(parameter_type).values()
    return _known([one.get(attribute) for one in things], attribute)


def _two(name: str, argument: Node) -> tuple[Node, Node]:
    match argument:
        case [first, second]:
            return first, second
    raise IntrinsicError(f"{name} takes two arguments")


_FUNCTIONS: Final[Mapping[str, Callable[[_Rules, Node], Node]]] = {
    "Fn::Contains": _contains,
    "Fn::EachMemberEquals": _each_member_equals,
    "Fn::EachMemberIn": _each_member_in,
    "Fn::RefAll": _ref_all,
    "Fn::ValueOf": _value_of,
    "Fn::ValueOfAll": _value_of_all,
}
