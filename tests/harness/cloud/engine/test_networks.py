"""Networks that nobody else has."""

from __future__ import annotations

import ipaddress

import pytest

from harness.cloud.engine import unique_local_block

pytestmark = pytest.mark.selftest


def test_blocks_of_ipv6_are_unique_local_ones() -> None:
    """As RFC 4193 makes them: nobody else's, and another every time."""
    blocks = {unique_local_block() for _ in range(64)}
    assert len(blocks) == 64
    assert all(block.subnet_of(ipaddress.IPv6Network("fd00::/8")) for block in blocks)
