"""Tests that need no AWS cannot reach it."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from harness.errors import RefusedError
from harness.isolation import NetworkGuard, without_credentials

pytestmark = pytest.mark.selftest


def test_real_credentials_are_out_of_sight() -> None:
    """Keys, profiles, endpoints: replaced or gone, and back afterwards."""
    environ = {"AWS_PROFILE": "prod", "AWS_ACCESS_KEY_ID": "AKIAREAL", "HOME": "/home/ada"}
    before = dict(environ)
    with without_credentials(environ):
        assert "AWS_PROFILE" not in environ
        assert environ["AWS_ACCESS_KEY_ID"] == "testing"
        assert environ["AWS_EC2_METADATA_DISABLED"] == "true"
        assert environ["HOME"] == "/home/ada"
    assert environ == before


@pytest.mark.parametrize("address", ["192.0.2.1", "169.254.169.254"])
@pytest.mark.parametrize(
    "leave",
    [
        lambda client, address: client.connect((address, 80)),
        lambda client, address: client.sendto(b"x", (address, 80)),
        lambda client, address: client.sendmsg([b"x"], [], 0, (address, 80)),
    ],
)
def test_what_leaves_this_machine_is_refused(
    address: str, leave: Callable[[socket.socket, str], object]
) -> None:
    """At once, without a packet."""
    with (
        NetworkGuard().on(),
        socket.socket(type=socket.SOCK_DGRAM) as client,
        pytest.raises(RefusedError, match=address.replace(".", r"\.")),
    ):
        leave(client, address)


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: socket.getaddrinfo("example.com", 443),
        lambda: socket.gethostbyname("example.com"),
        lambda: socket.gethostbyaddr("192.0.2.1"),
        lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
    ],
)
def test_names_are_not_looked_up(look_up: Callable[[], object]) -> None:
    """The look-up alone would leave this machine."""
    with NetworkGuard().on(), pytest.raises(RefusedError, match=r"example\.com|192\.0\.2\.1"):
        look_up()


def test_this_machine_may_be_reached() -> None:
    """Servers of tests listen on the loopback."""
    with (
        NetworkGuard().on(),
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(("localhost", server.getsockname()[1])) as client,
    ):
        assert client.getpeername()[1] == server.getsockname()[1]


def test_the_plugin_guards_this_very_test() -> None:
    """What the unit rung promises holds without any fixture."""
    with socket.socket() as client, pytest.raises(RefusedError, match="unit rung"):
        client.connect(("192.0.2.1", 80))
