"""Containers, as the engine tells of them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from harness.cloud.engine import Condition, Network, Pod, unique_local_block
from harness.errors import EngineError

if TYPE_CHECKING:
    from harness.cloud.engine import ContainerEngine
    from tests.harness.cloud.engine.conftest import Api

pytestmark = pytest.mark.selftest


def test_how_a_container_is(engine: ContainerEngine) -> None:
    """It runs, it ended, it is being removed, it is gone."""
    assert engine.condition("running") == Condition(running=True)
    assert engine.condition("ended") == Condition(running=False, exit_code=130)
    assert engine.condition("going") == Condition(running=False, gone=True)
    assert engine.condition("nobody") == Condition(running=False, gone=True)


def test_where_a_pod_is_reached(api: type[Api], engine: ContainerEngine) -> None:
    """One that has just ended is reached nowhere, and that is said."""
    ports = {"22/tcp": [{"HostIp": "127.77.1.1", "HostPort": "22"}]}
    api.answers |= {
        "/containers/pod/json": {"NetworkSettings": {"Ports": ports}},
        "/containers/ended/json": {"NetworkSettings": {"Ports": {}}},
    }
    assert engine.published_port("pod") == ("127.77.1.1", 22)
    with pytest.raises(EngineError, match="not published"):
        engine.published_port("ended")


def test_deaths_name_the_instance_and_end_with_the_stream(engine: ContainerEngine) -> None:
    """An engine that goes away ends the stream, and whoever follows it can tell."""
    (event,) = engine.deaths(since=1.0)
    assert (event.container_id, event.instance_id) == ("c1", "i-1")
    assert engine.answers()


def test_a_kernel_without_ipv6_is_noticed_and_pods_start_all_the_same(
    api: type[Api],
    engine: ContainerEngine,
) -> None:
    """Guests have IPv4 alone there, and whoever asks for more can be told."""
    network = Network(
        "net", ipaddress.IPv4Network("10.77.0.0/16"), "10.77.0.1", unique_local_block()
    )

    pod = Pod(
        image="guest",
        instance_id="i-1",
        network=network,
        address="10.77.0.4",
        publish=("127.77.1.1", 22),
        names={},
        name="ip-10-77-0-4.ec2.internal",
    )

    assert engine.create_pod(pod) == "c1"
    assert api.deleted == ["c0"]
    assert not engine.has_ipv6
    assert engine.create_pod(pod) == "c2"
    assert len(api.created) == 3
