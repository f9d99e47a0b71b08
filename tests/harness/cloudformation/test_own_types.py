"""CloudFormation's own resource types, and places kept for types that nobody makes."""

from __future__ import annotations

import pytest

from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.own_types import (
    ENTIRELY,
    HANDLE,
    WAIT_CONDITION,
    OwnTypes,
    Placeholder,
    WaitCondition,
)
from harness.cloudformation.provider import (
    Interruption,
    ProvisionedResource,
    ResourceFailure,
    ResourceRequest,
)
from harness.template import Node

pytestmark = pytest.mark.selftest


class Quiet:
    """Progress that nobody looks at."""

    cancelled = False

    def announce(self, physical_id: str) -> None:
        assert physical_id


@pytest.fixture
def inner() -> MemoryProvider:
    return MemoryProvider(unsupported={"Odd::Type": ["*"]})


@pytest.fixture
def types(inner: MemoryProvider) -> OwnTypes:
    return OwnTypes(inner, lambda stack_id, logical_id: f"https://s3/{stack_id}/{logical_id}")


def request(resource_type: str, **properties: Node) -> ResourceRequest:
    return ResourceRequest("stack-id", "demo", "It", resource_type, properties)


def create(types: OwnTypes, resource_type: str, **properties: Node) -> ProvisionedResource:
    return types.create(request(resource_type, **properties), Quiet())


def test_a_handle_is_its_url(types: OwnTypes) -> None:
    """Ref and physical id are where signals are to be sent."""
    handle = create(types, HANDLE)
    assert (handle.physical_id, handle.ref) == ("https://s3/stack-id/It",) * 2
    assert types.unsupported(HANDLE, {"Odd": 1}) == ["Odd"]


def test_a_wait_condition_has_data(types: OwnTypes) -> None:
    """And nothing else."""
    made = create(types, WAIT_CONDITION, Handle="https://…", Timeout="1")
    assert isinstance(made, WaitCondition)
    assert types.attribute(made, "Data") == "{}"
    with pytest.raises(ResourceFailure, match="has no attribute Other"):
        types.attribute(made, "Other")
    assert types.unsupported(WAIT_CONDITION, {"Count": 1, "Odd": 1}) == ["Odd"]


@pytest.mark.parametrize("own", [HANDLE, WAIT_CONDITION])
def test_own_types_cannot_be_updated(types: OwnTypes, own: str) -> None:
    """In CloudFormation's words."""
    made = create(types, own)
    with pytest.raises(ResourceFailure, match=f"Update to resource type {own} is not supported"):
        types.interruption(made, request(own, Count=2))


def test_a_place_is_kept_for_what_nobody_makes(types: OwnTypes, inner: MemoryProvider) -> None:
    """It can be referred to, updated and deleted, and the other provider hears nothing of it."""
    assert types.unsupported("Odd::Type", {}) == ENTIRELY
    made = create(types, "Odd::Type")
    assert isinstance(made, Placeholder)
    assert types.attribute(made, "Arn") == f"{made.physical_id}-Arn"
    wanted = request("Odd::Type", Size=2)
    assert types.interruption(made, wanted) is Interruption.NONE
    updated = types.update(made, wanted, Quiet())
    assert (updated.physical_id, updated.request) == (made.physical_id, wanted)
    types.delete(updated)
    assert inner.existing == {}


def test_everything_else_goes_to_the_other_provider(types: OwnTypes, inner: MemoryProvider) -> None:
    """Create, attribute, update, delete."""
    made = create(types, "AWS::EC2::VPC")
    assert list(inner.existing) == [made.physical_id]
    assert types.attribute(made, "Arn") == f"{made.physical_id}.Arn"
    wanted = request("AWS::EC2::VPC", Size=2)
    assert types.interruption(made, wanted) is Interruption.NONE
    assert types.update(made, wanted, Quiet()).request == wanted
    types.delete(made)
    assert inner.existing == {}
