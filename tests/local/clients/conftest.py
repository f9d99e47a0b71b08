"""Programs that never heard of the harness: where they are, and how they are run.

Each is what its own distribution ships, told of the local cloud by nothing but its environment.
"""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from harness.cloud.server import Authority
from harness.run import Run

if TYPE_CHECKING:
    from tests.local.conftest import Site

ROOT: Final = Path(__file__).parents[3]
LIMIT: Final = 600
SOCKET_SECONDS: Final = 10
NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Program(Protocol):
    """Finds a program of a client."""

    def __call__(self, client: str, name: str) -> Path: ...


class Client(Protocol):
    """Runs a program of a client, by default that of its name, and wants it to succeed."""

    def __call__(
        self,
        client: str,
        *arguments: str | Path,
        program_name: str = "",
        cwd: Path | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]: ...


class _Nothing(socketserver.StreamRequestHandler):
    """Answers every request to a proxy, also one inside TLS, that there is nothing."""

    timeout = SOCKET_SECONDS
    server: Outside

    def handle(self) -> None:
        method, address = self._head()
        self.server.asked.add(address.split("://")[-1].partition("/")[0].partition(":")[0])
        if method != "CONNECT":
            self.wfile.write(NOT_FOUND)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        context = self.server.authority.server_context()
        try:
            with context.wrap_socket(self.request, server_side=True) as inside:
                inside.recv(65_536)
                inside.sendall(NOT_FOUND)
        except OSError:
            return  # who does not trust the authority gets no answer

    def _head(self) -> tuple[str, str]:
        method, address = "", ""
        while (line := self.rfile.readline().decode("latin-1").strip()) != "":
            if not method:
                method, address = line.split()[:2]
        return method, address


class Outside(socketserver.ThreadingTCPServer):
    """What stands for the Internet before a client: a proxy that notes who was asked for.

    Some clients ask for news of themselves or for a style sheet, and do not end well where nobody
    answers at all.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Nothing)
        self.authority = Authority()
        self.asked: set[str] = set()

    def environment(self, certificate: Path) -> dict[str, str]:
        """Variables that lead a client here instead of out."""
        certificate.write_bytes(self.authority.certificate)
        proxy = f"http://127.0.0.1:{self.server_address[1]}"
        variables = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost"}
        lower = {name.lower(): value for name, value in variables.items()}
        return {**variables, **lower, "REQUESTS_CA_BUNDLE": str(certificate)}


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    """The Internet, as clients see it."""
    with Outside() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(SOCKET_SECONDS)


@pytest.fixture(scope="session")
def program(harness_run: Run) -> Program:
    """Programs of clients, which ``tools/setup`` installs where they are not there."""

    def find(client: str, name: str) -> Path:
        setup = [str(ROOT / "tools/setup"), "clients", client]
        done = subprocess.run(
            setup, capture_output=True, text=True, timeout=LIMIT, check=False, cwd=ROOT
        )
        if done.returncode != 0:
            missing = pytest.fail if harness_run.settings.require_local else pytest.skip
            missing(f"{client} cannot be had: {done.stderr[-1000:]}")
        found = shutil.which(name, path=ROOT / ".harness/clients" / client / "bin")
        return Path(found or shutil.which(name) or name)

    return find


@pytest.fixture
def client(site: Site, program: Program, outside: Outside, tmp_path: Path) -> Client:
    """Runs a client against the local cloud; it asks nobody else on behalf of AWS."""

    def run(
        client: str,
        *arguments: str | Path,
        program_name: str = "",
        cwd: Path | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        done = subprocess.run(
            [str(program(client, program_name or client)), *map(str, arguments)],
            env={
                **own,
                **outside.environment(tmp_path / "outside.pem"),
                "AWS_ENDPOINT_URL": site.target.endpoint_url or "",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_PAGER": "",
                **environment,
            },
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        told = f"{done.args}: {done.stdout[-6000:]}{done.stderr[-3000:]}"
        assert done.returncode == 0, told
        assert not [host for host in outside.asked if host.endswith(".amazonaws.com")], told
        return done

    return run
