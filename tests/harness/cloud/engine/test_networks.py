"""Networks that nobody else has."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from harness.cloud.engine import unique_local_block
from harness.errors import EngineError

if TYPE_CHECKING:
    from harness.cloud.engine import ContainerEngine
    from tests.harness.cloud.engine.conftest import Api

pytestmark = pytest.mark.selftest


@pytest.mark.parametrize(
    "said",
    [
        "Pool overlaps with other one on this address space",
        "subnet 10.77.0.0/16 is already used on the host or by another config",
    ],
)
def test_a_subnet_that_somebody_has_makes_room_for_another(
    api: type[Api], engine: ContainerEngine, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whichever engine's words."""
    monkeypatch.setattr("harness.cloud.engine.networks._host_routes", list)
    api.answers["/networks/c0"] = {"Id": "c0"}
    api.refused = [said]
    assert str(engine.create_network("harness-1").subnet) == "10.201.0.0/16"
    api.refused = ["no room for a bridge"]
    with pytest.raises(EngineError, match="no room for a bridge"):
        engine.create_network("harness-1")


def test_blocks_of_ipv6_are_unique_local_ones() -> None:
    """As RFC 4193 makes them: nobody else's, and another every time."""
    blocks = {unique_local_block() for _ in range(64)}
    assert len(blocks) == 64
    assert all(block.subnet_of(ipaddress.IPv6Network("fd00::/8")) for block in blocks)
