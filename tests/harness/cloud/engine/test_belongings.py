"""What a run has on the engine goes, and what does not is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.cloud.engine import ContainerEngine
    from tests.harness.cloud.engine.conftest import Api

pytestmark = pytest.mark.selftest


def test_the_end_waits_for_a_removal_that_is_under_way(
    api: type[Api], engine: ContainerEngine
) -> None:
    """It is no leak; and what could not go before it is attempted again after it."""
    going = {"Id": "busy", "Names": ["/disk"], "State": "removing", "Labels": {}}
    pod = {"Id": "held", "Names": ["/pod"], "State": "exited", "Labels": {"harness.role": "pod"}}
    both = [going, pod]
    network = {"Id": "net", "Name": "bridge", "Labels": {}}
    api.answers |= {
        "/containers/json": api.in_turn(both, both, [pod], [pod], [pod], []),
        "/networks": api.in_turn([network], []),
        "/networks/net": network,
        "/images/json": [],
    }
    assert engine.remove_all() == []
    assert api.deleted == ["busy", "held", "net", "held"]


def test_what_nobody_is_removing_is_left(api: type[Api], engine: ContainerEngine) -> None:
    """And is named, after one more attempt."""
    stuck = {"Id": "busy", "Names": ["/disk"], "State": "dead", "Labels": {}}
    api.answers |= {"/containers/json": [stuck], "/networks": [], "/images/json": []}
    assert engine.remove_all() == ["container disk"]
    assert api.deleted == ["busy", "busy"]


def test_a_removal_that_is_under_way_already_is_no_error(
    api: type[Api], engine: ContainerEngine
) -> None:
    """Somebody else's conflict."""
    engine.remove("busy")
    assert "busy" in api.deleted
