"""Servers publish their port, take TLS names as they come, and end."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Iterable
from typing import Any

import pytest

from harness.cloud.server import Authority, Listener, Server
from harness.errors import EngineError

pytestmark = pytest.mark.selftest


def hello(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def test_a_server_answers_on_the_port_it_publishes_until_it_is_stopped() -> None:
    """Port 0 picks a free one, which is free again afterwards."""
    listener = Listener("127.0.0.1")
    server = Server(hello, listener)
    with urllib.request.urlopen(f"http://127.0.0.1:{listener.port}/", timeout=10) as answer:
        assert answer.read() == b"hello"
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), 10)


def test_an_address_that_is_yet_to_come_can_be_served_on() -> None:
    """Podman makes a network's bridge when the first container joins it."""
    elsewhere = "192.0.2.1"
    with pytest.raises(EngineError, match="cannot serve on"):
        Listener(elsewhere)
    listener = Listener(elsewhere, early=True)
    assert listener.port
    listener.close()


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    """With a remedy."""
    taken = Listener("127.0.0.1")
    with pytest.raises(EngineError, match=f"cannot serve on 127.0.0.1:{taken.port}") as caught:
        Listener("127.0.0.1", taken.port)
    assert "another port" in caught.value.remedy
    taken.close()


def test_every_name_gets_a_certificate_of_the_one_authority() -> None:
    """A guest that trusts the authority verifies whatever name of AWS's it asks for."""
    authority = Authority()
    listener = Listener("127.0.0.1")
    server = Server(hello, listener, context=authority.server_context())
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    for name in ("ec2.us-east-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com"):
        with (
            socket.create_connection(("127.0.0.1", listener.port), 10) as plain,
            trusting.wrap_socket(plain, server_hostname=name) as secured,
        ):
            secured.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            assert secured.recv(100).startswith(b"HTTP/1.1 200")
    server.stop()


def test_a_client_that_stalls_in_the_handshake_keeps_nobody_waiting() -> None:
    """It has a thread of its own."""
    authority = Authority()
    listener = Listener("127.0.0.1")
    server = Server(hello, listener, context=authority.server_context())
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    address = ("127.0.0.1", listener.port)
    with (
        socket.create_connection(address, 10),
        socket.create_connection(address, 10) as plain,
        trusting.wrap_socket(plain, server_hostname="a.amazonaws.com") as secured,
    ):
        assert secured.version() is not None
    server.stop()
