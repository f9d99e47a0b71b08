"""What keeps tests off AWS from reaching it: dummy credentials, and no network for units."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

from harness.errors import RefusedError

DUMMY_ENVIRONMENT: Final[Mapping[str, str]] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""Stands for every ``AWS_…`` variable off AWS: no key that is real, no profile, no role."""


@contextmanager
def without_credentials(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Replace all that AWS clients read from the environment, until the context is left."""
    saved = {name: value for name, value in environ.items() if name.startswith("AWS_")}
    try:
        _replace(environ, DUMMY_ENVIRONMENT)
        yield
    finally:
        _replace(environ, saved)


def _replace(environ: MutableMapping[str, str], variables: Mapping[str, str]) -> None:
    for name in [name for name in environ if name.startswith("AWS_")]:
        del environ[name]
    environ.update(variables)


class NetworkGuard:
    """Refuses connections and look-ups that leave this machine, while it is on.

    It is an audit hook ("Audit events table", Python), which sees connections of every library and
    cannot be removed again; so there is one for the process, and it is switched.
    """

    def __init__(self) -> None:
        self._on = False
        self._installed = False
        self._own_name = ""

    @contextmanager
    def on(self) -> Iterator[None]:
        """Refuse until the context is left.

        Raises:
            RefusedError: From the call that would have left this machine.
        """
        if not self._installed:
            sys.addaudithook(self._audit)
            self._installed = True
        self._own_name = socket.gethostname()
        before, self._on = self._on, True
        try:
            yield
        finally:
            self._on = before

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            family, address = getattr(arguments[0], "family", None), arguments[1]
            if address and family in {socket.AF_INET, socket.AF_INET6}:
                self._refuse_unless_loopback(address[0])
        elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
            self._refuse_unless_loopback(arguments[0])
        elif event == "socket.getnameinfo":
            self._refuse_unless_loopback(arguments[0][0])

    def _refuse_unless_loopback(self, host: str | bytes | None) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if not name or name in {"localhost", self._own_name} or _is_loopback(name):
            return
        raise RefusedError(
            f"a test of the unit rung wanted to reach {name}",
            remedy="answer from this machine, or mark the test local or live",
        )


def _is_loopback(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
