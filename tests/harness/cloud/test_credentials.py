"""Roles' credentials are renewed in time, and not before."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, cast

import pytest

from harness.cloud.credentials import RoleSessions
from harness.cloud.imds import RoleCredentials

if TYPE_CHECKING:
    from harness.cloud.instance import InstanceFacts

pytestmark = pytest.mark.selftest

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Facts:
    """As much of an instance as a session needs."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self.role_name = "role"


def facts(instance_id: str) -> InstanceFacts:
    return cast("InstanceFacts", Facts(instance_id))


def test_a_session_lasts_half_its_life() -> None:
    """Every guest has a session of its own; another one follows before it expires."""
    now = START
    opened: list[str] = []

    def assume(of: InstanceFacts) -> RoleCredentials:
        opened.append(of.instance_id)
        return RoleCredentials(f"key{len(opened)}", "s", "t", now, now + dt.timedelta(hours=6))

    sessions = RoleSessions(assume, lambda: now)
    assert sessions(facts("i-1")) is sessions(facts("i-1"))
    assert sessions(facts("i-2")).access_key_id == "key2"
    now = START + dt.timedelta(hours=3, seconds=1)
    assert sessions(facts("i-1")).access_key_id == "key3"
    assert opened == ["i-1", "i-2", "i-1"]
