"""What the tests of the live rung need: a proxy that makes faults, and real runs of pytest."""

from __future__ import annotations

import http.client
import http.server
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from harness.target import Target

from . import traces
from .traces import ACCOUNT, template

QUERY_ERROR: Final = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    "</Error><RequestId>0</RequestId></ErrorResponse>"
)
EC2_ERROR: Final = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>0</RequestID></Response>"
)

INNER_TEST: Final = """\
import pytest

pytestmark = pytest.mark.live


def test_inside(guest):
    assert guest.check_output("echo inside") == "inside"
"""
WITHOUT_LOGIN: Final = """\
import pytest

pytestmark = pytest.mark.live


def test_created(stack):
    assert stack.status == "CREATE_COMPLETE"
"""


@dataclass(frozen=True)
class Call:
    """One request of an AWS API in the query protocol.

    Args:
        action: Such as ``CreateStack``.
        parameters: All of them.
        number: How many requests of that action came before.
    """

    action: str
    parameters: Mapping[str, str]
    number: int


@dataclass(frozen=True)
class Answer:
    """An answer of the endpoint, or one that is given in its place."""

    status: int
    body: bytes


class Reset(Exception):  # noqa: N818 - raised to have the connection reset
    """The connection is reset; nothing is answered."""


def refuse(code: str, call: Call, status: int = 400, message: str = "injected") -> Answer:
    """An error as the API of the call words it."""
    ec2 = call.parameters.get("Version", "").startswith("2016")
    shape = EC2_ERROR if ec2 else QUERY_ERROR
    return Answer(status, shape.format(code=code, message=message).encode())


@dataclass
class FaultyProxy:
    """Stands between a client and an endpoint, and does what a test tells it to.

    Args:
        endpoint: ``host:port`` behind it.
        before: Is asked before a request is passed on; an answer is given in its place.
        after: Is given the endpoint's answer, and says what to answer.
    """

    endpoint: str
    before: Callable[[Call], Answer | None] = lambda _: None
    after: Callable[[Call, Answer], Answer] = lambda _, answer: answer
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def note(self, body: bytes) -> Call:
        """Remember a request."""
        parameters = dict(urllib.parse.parse_qsl(body.decode()))
        action = parameters.get("Action", "")
        number = sum(call.action == action for call in self.calls)
        self.calls.append(Call(action, parameters, number))
        return self.calls[-1]

    def pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Ask the endpoint."""
        connection = http.client.HTTPConnection(self.endpoint, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    @property
    def actions(self) -> list[str]:
        """The actions that were asked for, in order."""
        return [call.action for call in self.calls]


@pytest.fixture
def proxy(target: Target) -> Iterator[FaultyProxy]:
    """A proxy before the local cloud."""
    assert target.endpoint_url
    proxy = FaultyProxy(urllib.parse.urlsplit(target.endpoint_url).netloc)

    class Handler(http.server.BaseHTTPRequestHandler):
        """Passes on, or not."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            """The local cloud's own questions pass."""
            self._give(proxy.pass_on("GET", self.path, {}, b""))

        def do_POST(self) -> None:
            """AWS's questions pass through the faults."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = proxy.note(body)
            try:
                given = proxy.before(call)
                if given is None:
                    headers = dict(self.headers.items())
                    given = proxy.after(call, proxy.pass_on("POST", self.path, headers, body))
                self._give(given)
            except Reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client was killed

        def _give(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


@dataclass
class LiveRun:
    """A real ``pytest -m live`` in a directory of its own.

    Args:
        directory: Where it runs.
        project: What the names of all that it makes begin with.
        target: The local cloud, for looking at what is left.
        proxy: What it takes for AWS.
    """

    directory: Path
    project: str
    target: Target
    proxy: FaultyProxy
    process: subprocess.Popen[str] | None = None
    output: str = ""

    def start(self, *options: str, environ: Mapping[str, str] | None = None) -> LiveRun:
        """Start it."""
        command = [sys.executable, "-m", "pytest", "-m", "live", "-p", "no:cacheprovider"]
        command += [
            "--account",
            ACCOUNT,
            "--live-endpoint",
            "local",
            "--project",
            self.project,
        ]
        command += ["--template", "stack.json", "--login-timeout", "60", *options]
        surroundings = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        }
        surroundings |= {
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE00",
            "AWS_SECRET_ACCESS_KEY": "example/secret/key",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        # Under nohup, or what starts tests as it does, it would inherit not to be hung up.
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        try:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=surroundings | dict(environ or {}),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        finally:
            signal.signal(signal.SIGHUP, before)
        return self

    def finish(self, limit: float = 180) -> int:
        """Wait for its end; its exit status."""
        assert self.process is not None
        self.output, _ = self.process.communicate(timeout=limit)
        return self.process.returncode

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait_until_settled(self, limit: float = 90) -> None:
        """Wait until its watchdog, should one be at work, is done."""
        end = time.monotonic() + limit
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)

    def processes(self) -> Sequence[str]:
        """Command lines of living processes that belong to it."""
        return traces.processes(self.directory)

    def left(self) -> Sequence[str]:
        """All that it has made and that is still there."""
        return traces.left(self.target.client, self.project, self.directory)


@pytest.fixture
def live_run(
    tmp_path: Path, target: Target, proxy: FaultyProxy, request: pytest.FixtureRequest
) -> Iterator[LiveRun]:
    """A run with the usual stack and one test; what it leaves is deleted after the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    run = LiveRun(tmp_path, f"t{os.getpid()}-{name}"[:40].strip("-"), target, proxy)
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\n")
    (tmp_path / "stack.json").write_text(template())
    (tmp_path / "test_inner.py").write_text(INNER_TEST)
    yield run
    proxy.before = lambda _: None
    proxy.after = lambda _, answer: answer
    if run.process is not None and run.process.poll() is None:
        run.process.kill()
        run.process.communicate()
    run.wait_until_settled()
    for stack in target.client("cloudformation").describe_stacks()["Stacks"]:
        if stack["StackName"].startswith(run.project):
            target.client("cloudformation").delete_stack(StackName=stack["StackName"])
    for key in target.client("ec2").describe_key_pairs()["KeyPairs"]:
        if key["KeyName"].startswith(run.project):
            target.client("ec2").delete_key_pair(KeyName=key["KeyName"])
