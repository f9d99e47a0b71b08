"""What all tests of the harness itself share: like the unit rung, they reach nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.isolation import NetworkGuard

GUARD = NetworkGuard()
RUNGS = {"unit", "local", "live"}


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Spare whoever asks for one rung of the stack the import of all these modules."""
    return True if config.getoption("markexpr") in RUNGS else None


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    with GUARD.on():
        yield
