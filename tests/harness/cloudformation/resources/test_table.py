"""What handlers say of their types is held against the types' schemas, which cfn-lint bundles."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from harness.cloudformation.resources.base import Handler
from harness.cloudformation.resources.table import MODULES, handler_of

pytestmark = pytest.mark.selftest

EVERY_TYPE = sorted(MODULES)


def handler(resource_type: str) -> Handler:
    found = handler_of(resource_type)
    assert found is not None
    return found


def schema(resource_type: str) -> dict[str, Any]:
    found = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    assert isinstance(found, dict)
    return found


def members(whole: dict[str, Any], node: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """The properties of an object, or of a list's elements; None where it is neither."""
    while "$ref" in node:
        node = whole["definitions"][node["$ref"].rpartition("/")[2]]
    if "items" in node:
        return members(whole, node["items"])
    found = node.get("properties")
    return found if isinstance(found, dict) else None


def knows(whole: dict[str, Any], path: str) -> bool:
    """Whether the schema has a property of that path."""
    known: dict[str, Any] | None = whole["properties"]
    for name in path.split("."):
        if known is None or name not in known:
            return False
        known = members(whole, known[name])
    return True


def top_level(whole: dict[str, Any], keyword: str) -> Iterator[str]:
    for pointer in whole.get(keyword, []):
        yield pointer.removeprefix("/properties/").partition("/")[0]


@pytest.mark.parametrize("resource_type", EVERY_TYPE)
def test_what_it_acts_on_exists(resource_type: str) -> None:
    """Each path that a handler names is a property of its type."""
    one, whole = handler(resource_type), schema(resource_type)
    named = {*one.acts_on, *one.without_effect, *one.required}
    named |= one.replacing | one.interrupting | one.updating | {one.custom_name} - {""}
    assert sorted(path for path in named if not knows(whole, path)) == []


@pytest.mark.parametrize("resource_type", EVERY_TYPE)
def test_what_cannot_change_is_replaced(resource_type: str) -> None:
    """What the schema lets be set at creation alone, a handler does not change in place."""
    one, whole = handler(resource_type), schema(resource_type)
    assert (
        sorted({*top_level(whole, "createOnlyProperties")} & (one.updating | one.interrupting))
        == []
    )


@pytest.mark.parametrize("resource_type", EVERY_TYPE)
def test_every_property_has_one_update_behaviour(resource_type: str) -> None:
    """Each property that is looked at can be changed, with an interruption, or by a replacement."""
    one = handler(resource_type)
    looked_at = {path.partition(".")[0] for path in (*one.acts_on, *one.without_effect)}
    assert sorted(looked_at - one.updating - one.interrupting - one.replacing) == []
    assert sorted(one.updating & one.replacing) == []
    assert sorted(one.interrupting & one.replacing) == []


@pytest.mark.parametrize("resource_type", EVERY_TYPE)
def test_what_is_required_is_required(resource_type: str) -> None:
    """What the schema requires, a handler requires."""
    assert set(schema(resource_type).get("required", [])) <= set(handler(resource_type).required)


@pytest.mark.parametrize("resource_type", EVERY_TYPE)
def test_attributes_exist(resource_type: str) -> None:
    """Each attribute that a handler answers is one that the type has."""
    whole = schema(resource_type)
    answered = set(handler(resource_type).attributes)
    assert sorted(name for name in answered if not knows(whole, name)) == []


@pytest.mark.parametrize("resource_type", EVERY_TYPE)
def test_every_attribute_is_answered(resource_type: str) -> None:
    """Each attribute that the type has beyond its properties is answered, or named here."""
    read_only = set(top_level(schema(resource_type), "readOnlyProperties"))
    answered = {name.partition(".")[0] for name in handler(resource_type).attributes}
    assert sorted(read_only - answered - NOT_ANSWERED.get(resource_type, set())) == []


NOT_ANSWERED: dict[str, set[str]] = {
    "AWS::EC2::NatGateway": {"AutoProvisionZones", "AutoScalingIps", "RouteTableId"},
    "AWS::EC2::NetworkInterface": {"PrimaryIpv6Address", "PublicIpDnsNameOptions"},
    "AWS::EC2::Subnet": {"BlockPublicAccessStates"},
    "AWS::EC2::VPC": {"VpcEncryptionControl"},
    "AWS::EC2::VPCCidrBlock": {"IpSource", "Ipv6AddressAttribute"},
    "AWS::S3::Bucket": {"MetadataConfiguration", "MetadataTableConfiguration"},
}
"""Attributes of things that no guest has; asking for one fails the stack and names it."""


@pytest.mark.parametrize("name", sorted(set(MODULES.values())))
def test_modules_make_what_the_table_says(name: str) -> None:
    """The table and the modules name the same types."""
    module = importlib.import_module(f"harness.cloudformation.resources.{name}")
    assert set(module.HANDLERS) == {one for one, where in MODULES.items() if where == name}


def test_a_type_of_nobodys() -> None:
    """A type that is not in the table has no handler."""
    assert handler_of("AWS::Nonsense::Thing") is None
