"""Elastic addresses: what is published for a guest is led on to by an address that can be moved."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import Final

SSH_PORT: Final = 22
POLL_SECONDS: Final = 0.2
CHUNK: Final = 65536

Address = tuple[str, int]


class Relay:
    """Leads connections to one address and port on to another, until :meth:`close`.

    Args:
        host: Where to listen; on port 22, or a free one where that cannot be had.
        target: Where to.

    Raises:
        OSError: Nothing can listen on that address.
    """

    def __init__(self, host: str, target: Address) -> None:
        self.target = target
        try:
            self._listener = socket.create_server((host, SSH_PORT))
        except OSError:
            self._listener = socket.create_server((host, 0))
        self._listener.settimeout(POLL_SECONDS)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=f"relay-{host}", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Take no more connections; those that are open stay, as EC2 lets them."""
        self._closed.set()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.settimeout(None)
                threading.Thread(target=self._lead_on, args=(connection,), daemon=True).start()

    def _lead_on(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self.target) as far:
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source has no more; then say so to the sink."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Relays:
    """The relays of one local cloud, by the address that each listens on."""

    def __init__(self) -> None:
        self._relays: dict[str, Relay] = {}

    def follow(self, targets: Mapping[str, Address]) -> None:
        """Have exactly these: listening address to where it leads."""
        for host, relay in list(self._relays.items()):
            if targets.get(host) != relay.target:
                del self._relays[host]
                relay.close()
        for host, target in targets.items():
            if host not in self._relays:
                with contextlib.suppress(OSError):
                    self._relays[host] = Relay(host, target)

    def address_of(self, host: str | None) -> Address | None:
        """Where the relay on an address listens; None where there is none."""
        relay = self._relays.get(host or "")
        return relay.address if relay else None

    def close(self) -> None:
        """End them all."""
        self.follow({})
