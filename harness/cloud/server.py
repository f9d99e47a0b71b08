"""HTTP servers that bind a free port, publish it, and join on stop; with TLS for the guests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import trustme
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from harness.errors import EngineError

IDLE_SECONDS: Final = 120
JOIN_SECONDS: Final = 10
IP_FREEBIND: Final = 15
"""Of ip(7); Python has no name for it."""

WsgiApplication = Callable[..., Any]


class Authority:
    """A throwaway certificate authority that issues for whatever name a guest asks for.

    The guests have no way to reach those names but through the local endpoint, and nobody but the
    guests trusts the authority.
    """

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="cfn-harness local cloud")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate (PEM)."""
        return self._ca.cert_pem.bytes()

    def server_context(self) -> ssl.SSLContext:
        """A context that presents a certificate for the name of each handshake."""
        context = self._context("localhost")

        def pick(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            if name:
                connection.context = self._context(name)

        context.sni_callback = pick
        return context

    def _context(self, name: str) -> ssl.SSLContext:
        with self._lock:
            if name not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._ca.issue_cert(name).configure_cert(context)
                self._contexts[name] = context
            return self._contexts[name]


class _Handler(WSGIRequestHandler):
    """Quiet, and patient with idle connections for a limited time only."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - as overridden
        """Say nothing; the endpoint has a log of its own."""

    def handle(self) -> None:
        """Serve a connection; one that ends early is the client's affair."""
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            super().handle()


class Listener:
    """An address and a port that are taken, before it is known what will be served there.

    Args:
        host: Address to bind.
        port: Port to bind; 0 picks a free one.
        early: Whether the address may be one that this machine is yet to get.

    Raises:
        EngineError: The address or the port is taken.
    """

    def __init__(self, host: str, port: int = 0, *, early: bool = False) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if early and sys.platform == "linux":
            self.socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        try:
            self.socket.bind((host, port))
        except OSError as error:
            self.socket.close()
            raise EngineError(
                f"cannot serve on {host}:{port}: {error.strerror}",
                remedy="choose another port, or 0 for any that is free",
            ) from error
        self.socket.listen(128)
        self.host = host
        self.port = int(self.socket.getsockname()[1])

    def close(self) -> None:
        """Let go of the address; a server that took it over has a handle of its own."""
        self.socket.close()


class Server:
    """A WSGI application behind a listener, in a thread, until :meth:`stop`.

    Args:
        application: What is served.
        listener: Where; taken over.
        context: TLS, where it is wanted.
    """

    def __init__(
        self,
        application: WsgiApplication,
        listener: Listener,
        *,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server: BaseWSGIServer = make_server(
            listener.host,
            listener.port,
            application,
            threaded=True,
            request_handler=_Handler,
            fd=listener.socket.fileno(),
        )
        listener.close()
        if context is not None:
            # The handshake is left to the connection's own thread: a client that stalls in it
            # must not keep others from being accepted.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"server-{listener.port}",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, and wait for the thread to end."""
        self._server.shutdown()
        self._thread.join(JOIN_SECONDS)
        self._server.server_close()
