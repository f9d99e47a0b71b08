"""What all tests of the harness itself share: like the unit rung, they reach nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.isolation import NetworkGuard

GUARD = NetworkGuard()


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    with GUARD.on():
        yield
