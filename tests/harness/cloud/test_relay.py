"""Elastic addresses lead to guests, and move."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from harness.cloud.relay import Relays

pytestmark = pytest.mark.selftest


@contextlib.contextmanager
def saying(word: bytes) -> Iterator[tuple[str, int]]:
    """A server that says a word, then what it hears, to whoever connects."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(word)
                    while heard := connection.recv(100):
                        connection.sendall(heard)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[:2]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)


def talk(address: tuple[str, int] | None, said: bytes = b"") -> bytes:
    assert address is not None
    with socket.create_connection(address, 10) as connection:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        while chunk := connection.recv(100):
            heard += chunk
    return heard


def test_a_relay_leads_both_ways_and_moves() -> None:
    """What is said there is heard behind it, and the other way round; then elsewhere."""
    relays = Relays()
    with saying(b"one:") as one, saying(b"two:") as two:
        relays.follow({"127.77.250.1": one})
        assert talk(relays.address_of("127.77.250.1"), b"hello") == b"one:hello"
        relays.follow({"127.77.250.1": two})
        assert talk(relays.address_of("127.77.250.1"), b"hello") == b"two:hello"
        gone = relays.address_of("127.77.250.1")
        relays.close()
        with pytest.raises(ConnectionRefusedError):
            talk(gone)
    assert relays.address_of("127.77.250.1") is None


def test_a_relay_whose_target_is_gone_closes_the_connection() -> None:
    """As a guest without sshd does, sooner or later."""
    relays = Relays()
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[:2]
    relays.follow({"127.77.250.2": nobody})
    assert talk(relays.address_of("127.77.250.2")) == b""
    relays.close()
