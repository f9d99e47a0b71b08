"""A stack's parameters, checked as CloudFormation checks them ("Parameters", "Parameter types").

What is wrong with a value is refused when the stack is asked for; whether the AWS thing that it
names exists is looked up once the stack is under way, and fails the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from harness.cloudformation.intrinsics import as_string
from harness.cloudformation.quotas import check_parameter_value
from harness.cloudformation.refusal import RequestRefused
from harness.errors import IntrinsicError
from harness.template import Node, Template

MASK: Final = "****"
"""What stands wherever a NoEcho value would be shown."""

_LIST = re.compile(r"List<(.+)>")
_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_SSM_NAME: Final = "AWS::SSM::Parameter::Name"

AWS_TYPES: Final = frozenset(
    {
        "AWS::EC2::AvailabilityZone::Name",
        "AWS::EC2::Image::Id",
        "AWS::EC2::Instance::Id",
        "AWS::EC2::KeyPair::KeyName",
        "AWS::EC2::SecurityGroup::GroupName",
        "AWS::EC2::SecurityGroup::Id",
        "AWS::EC2::Subnet::Id",
        "AWS::EC2::Volume::Id",
        "AWS::EC2::VPC::Id",
        "AWS::Route53::HostedZone::Id",
    }
)
"""Types whose values name something in the account ("AWS-specific parameter types")."""


class Lookups(Protocol):
    """What exists in the account and region."""

    def exists(self, parameter_type: str, value: str) -> bool:
        """Whether there is such a thing; the type is one of :data:`AWS_TYPES`."""

    def ssm_parameter(self, name: str) -> str | None:
        """The value of a parameter in the Parameter Store; None where there is none.

        Raises:
            RequestRefused: It is a secure string.
        """

    def secure_parameter(self, name: str) -> str | None:
        """The same, of secure strings too, decrypted."""

    def secret(self, secret_id: str, *, stage: str = "", version_id: str = "") -> str | None:
        """The string that Secrets Manager holds; None where there is none."""

    def things(self, parameter_type: str) -> Mapping[str, Mapping[str, str]] | None:
        """All that exist of one of :data:`AWS_TYPES`: what "Supported attributes" lists of each.

        Returns:
            Attributes by value; None where nobody knows.
        """


class NothingToLookUp:
    """Takes every AWS thing for existing, and knows no parameter and no secret."""

    def exists(self, parameter_type: str, value: str) -> bool:
        """Always."""
        del parameter_type, value
        return True

    def ssm_parameter(self, name: str) -> str | None:
        """Never."""
        del name
        return None

    def secure_parameter(self, name: str) -> str | None:
        """Never."""
        del name
        return None

    def secret(self, secret_id: str, *, stage: str = "", version_id: str = "") -> str | None:
        """Never."""
        del secret_id, stage, version_id
        return None

    def things(self, parameter_type: str) -> Mapping[str, Mapping[str, str]] | None:
        """Nobody knows."""
        del parameter_type
        return None


@dataclass(frozen=True)
class Parameter:
    """One parameter of a stack.

    Args:
        name: Its name in the template.
        type: As declared.
        given: The value that was given, or the default; for an SSM type, the SSM name.
        text: The value that counts; differs from ``given`` for SSM types only.
        no_echo: Whether the value is never to be shown.
    """

    name: str
    type: str
    given: str = field(repr=False)
    text: str = field(repr=False)
    no_echo: bool = False

    @property
    def element_type(self) -> str:
        """The type of the value, or of an element of the list, without the SSM type around it."""
        inner = _SSM_VALUE.fullmatch(self.type)
        declared = inner[1] if inner else self.type
        of_list = _LIST.fullmatch(declared)
        return of_list[1] if of_list else declared

    @property
    def value(self) -> Node:
        """What ``Ref`` answers: a string, or a list of strings."""
        return _split(self.text) if _is_list(self.type) else self.text

    @property
    def shown(self) -> str:
        """``given``, as it may be shown."""
        return MASK if self.no_echo else self.given

    @property
    def shown_resolved(self) -> str | None:
        """An SSM parameter's value, as it may be shown; None for other types."""
        if not _SSM_VALUE.fullmatch(self.type):
            return None
        return MASK if self.no_echo else self.text


@dataclass(frozen=True)
class Parameters:
    """All parameters of a stack, by name, in the order of the template."""

    by_name: Mapping[str, Parameter]

    @property
    def values(self) -> Mapping[str, Node]:
        """What ``Ref`` answers for each."""
        return {name: one.value for name, one in self.by_name.items()}

    @property
    def masked(self) -> Mapping[str, Node]:
        """The same, NoEcho values hidden."""
        return {name: MASK if one.no_echo else one.value for name, one in self.by_name.items()}

    @property
    def hidden(self) -> frozenset[str]:
        """NoEcho values, and the elements of those that are lists."""
        secret = [one for one in self.by_name.values() if one.no_echo]
        return frozenset(
            part
            for one in secret
            for part in (one.given, one.text, *(_split(one.text) if _is_list(one.type) else ()))
        )

    @property
    def any_hidden(self) -> bool:
        """Whether there is a NoEcho parameter among them."""
        return any(one.no_echo for one in self.by_name.values())


def check_parameters(
    template: Template,
    given: Mapping[str, str],
    lookups: Lookups,
    *,
    previous: Mapping[str, Parameter] | None = None,
    use_previous: frozenset[str] = frozenset(),
) -> Parameters:
    """The parameters that a stack gets, defaults filled in.

    Args:
        template: Declares them.
        given: Values by name.
        lookups: Answers what SSM parameters hold.
        previous: The parameters that the stack has, on an update.
        use_previous: Names that keep the value they have ("UsePreviousValue").

    Raises:
        RequestRefused: A ValidationError in CloudFormation's words.
    """
    for position, value in enumerate(given.values(), 1):
        check_parameter_value(position, value)
    declared = template.parameters
    unknown = [name for name in (*given, *sorted(use_previous)) if name not in declared]
    if unknown:
        raise RequestRefused(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {name: one.given for name, one in (previous or {}).items() if name in use_previous}
    lost = sorted(use_previous - set(values))
    if lost:
        raise RequestRefused(
            f"Invalid input for parameter key {lost[0]}. Cannot specify usePreviousValue as true "
            "for a parameter key not in the previous template"
        )
    values.update(given)
    for name, declaration in declared.items():
        if name not in values and "Default" in declaration:
            values[name] = _default(name, declaration["Default"])
    missing = [name for name in declared if name not in values]
    if missing:
        raise RequestRefused(f"Parameters: [{', '.join(missing)}] must have values")
    return Parameters(
        {
            name: _checked(name, declaration, values[name], lookups)
            for name, declaration in declared.items()
        }
    )


def missing_things(parameters: Parameters, lookups: Lookups) -> str | None:
    """Why the stack fails, where a parameter names an AWS thing that does not exist; else None."""
    for one in parameters.by_name.values():
        if one.element_type not in AWS_TYPES:
            continue
        for value in _split(one.text) if _is_list(one.type) else [one.text]:
            if not value or not lookups.exists(one.element_type, value):
                shown = MASK if one.no_echo else value
                return (
                    f"Parameter validation failed: parameter value {shown} "
                    f"for parameter name {one.name} does not exist"
                )
    return None


def _checked(name: str, declaration: Mapping[str, Node], given: str, lookups: Lookups) -> Parameter:
    declared_type = declaration.get("Type")
    if not isinstance(declared_type, str):
        raise RequestRefused(
            "Template format error: Every Parameters object must contain a Type member."
        )
    no_echo = str(declaration.get("NoEcho", False)).lower() == "true"
    text = _looked_up(declared_type, given, lookups, no_echo=no_echo)
    one = Parameter(name, declared_type, given, text, no_echo=no_echo)
    _check_type(one)
    # The constraints of an SSM parameter are held against its name, not against its value.
    for value in _split(given) if _is_list(declared_type) else [given]:
        _check_constraints(name, declaration, value)
    return one


def _looked_up(declared_type: str, given: str, lookups: Lookups, *, no_echo: bool) -> str:
    names_a_parameter = declared_type == _SSM_NAME
    if not names_a_parameter and not _SSM_VALUE.fullmatch(declared_type):
        return given
    found = lookups.ssm_parameter(given)
    if found is None:
        raise RequestRefused(
            f"Unable to fetch parameters [{MASK if no_echo else given}] "
            "from parameter store for this account."
        )
    return given if names_a_parameter else found


def _check_type(one: Parameter) -> None:
    if one.element_type == "Number":
        for value in _split(one.text) if _is_list(one.type) else [one.text]:
            if not _is_number(value):
                raise RequestRefused(f"Parameter '{one.name}' must be a number")
    elif one.element_type not in {"String", "CommaDelimitedList", _SSM_NAME, *AWS_TYPES}:
        raise RequestRefused(f"Template format error: Unrecognized parameter type: {one.type}")


def _check_constraints(name: str, declaration: Mapping[str, Node], value: str) -> None:
    for keyword, (holds, complaint) in _CONSTRAINTS.items():
        if keyword in declaration and not holds(value, declaration[keyword]):
            described = declaration.get("ConstraintDescription")
            if described:
                raise RequestRefused(f"Parameter {name} failed to satisfy constraint: {described}")
            raise RequestRefused(f"Parameter '{name}' {complaint.format(declaration[keyword])}")


def _matches(value: str, pattern: Any) -> bool:  # noqa: ANN401 - a JSON value
    try:
        return re.fullmatch(str(pattern), value) is not None
    except re.error as error:
        raise RequestRefused(
            f"Template format error: the AllowedPattern {pattern!r} is no pattern: {error}"
        ) from None


_CONSTRAINTS: Final[Mapping[str, tuple[Callable[[str, Any], bool], str]]] = {
    "AllowedValues": (
        lambda value, allowed: value in [_default("AllowedValues", one) for one in allowed],
        "must be one of AllowedValues",
    ),
    "AllowedPattern": (_matches, "must match pattern {}"),
    "MinLength": (
        lambda value, least: len(value) >= int(least),
        "must contain at least {} characters",
    ),
    "MaxLength": (
        lambda value, most: len(value) <= int(most),
        "must contain at most {} characters",
    ),
    "MinValue": (
        lambda value, least: _is_number(value) and float(value) >= float(least),
        "must be a number not less than {}",
    ),
    "MaxValue": (
        lambda value, most: _is_number(value) and float(value) <= float(most),
        "must be a number not greater than {}",
    ),
}


def _default(name: str, value: Node) -> str:
    try:
        return as_string(value, name)
    except IntrinsicError:
        raise RequestRefused(
            f"Template format error: Every Default member must be a string ({name})."
        ) from None


def _is_list(declared_type: str) -> bool:
    inner = _SSM_VALUE.fullmatch(declared_type)
    declared = inner[1] if inner else declared_type
    return declared == "CommaDelimitedList" or _LIST.fullmatch(declared) is not None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def declarations(template: Template) -> Iterator[Mapping[str, Node]]:
    """What ``ValidateTemplate`` and ``GetTemplateSummary`` say of each parameter."""
    for name, declaration in template.parameters.items():
        entry: dict[str, Node] = {
            "ParameterKey": name,
            "ParameterType": declaration.get("Type", "String"),
            "NoEcho": str(declaration.get("NoEcho", False)).lower() == "true",
        }
        if "Description" in declaration:
            entry["Description"] = declaration["Description"]
        if "Default" in declaration:
            default = _default(name, declaration["Default"])
            entry["DefaultValue"] = MASK if entry["NoEcho"] else default
        if "AllowedValues" in declaration:
            entry["ParameterConstraints"] = {
                "AllowedValues": [_default(name, one) for one in declaration["AllowedValues"]]
            }
        yield entry
