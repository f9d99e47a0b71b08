"""As much of the Docker API as the tests of the engine ask for, served on this machine."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from harness.cloud.engine import ContainerEngine

INSPECTED: dict[str, Any] = {
    "running": {"Running": True, "Status": "running", "ExitCode": 0},
    "ended": {"Running": False, "Status": "exited", "ExitCode": 130},
    "going": {"Running": True, "Status": "removing", "ExitCode": 0},
}


class Looks:
    """Answers, one for each look."""

    def __init__(self, *answers: object) -> None:
        self._answers = [*answers]

    def next(self) -> object:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Api(http.server.BaseHTTPRequestHandler):
    """Answers what it was given, and notes what it was asked to make and to delete."""

    answers: ClassVar[dict[str, object]] = {}
    deleted: ClassVar[list[str]] = []
    refused: ClassVar[list[str]] = []
    created: ClassVar[list[dict[str, str]]] = []

    @staticmethod
    def in_turn(*answers: object) -> Looks:
        """Something else at each look; the last answer stays."""
        return Looks(*answers)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        path = path.removeprefix("/v1.41")
        found = self.answers.get(path)
        found = found.next() if isinstance(found, Looks) else found
        if found is None:
            body = json.dumps({"message": f"no such thing: {path}"})
        else:
            body = found if isinstance(found, str) else json.dumps(found)
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        """Create networks, and create and start containers, on a kernel without IPv6."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = 201, json.dumps({"Id": f"c{len(self.created)}"})
        if self.path.endswith("/networks/create"):
            if self.refused:
                status, answer = 403, json.dumps({"message": self.refused.pop(0)})
        elif self.path.partition("?")[0].endswith("/create"):
            self.created.append(json.loads(body)["HostConfig"]["Sysctls"])
        elif "net.ipv6.conf.all.disable_ipv6" in self.created[-1]:
            status = 500
            answer = json.dumps(
                {"message": "open /proc/sys/net/ipv6/conf/all/disable_ipv6: no such file"}
            )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def do_DELETE(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        self.deleted.append(name)
        self.send_response(409 if name == "busy" else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> type[Api]:
    """The API, with nothing made or deleted yet."""
    Api.created.clear()
    Api.deleted.clear()
    Api.refused.clear()
    Api.answers = {
        "/version": {"ApiVersion": "1.41", "Version": "20.10"},
        "/_ping": "OK",
        "/events": {
            "Actor": {"ID": "c1", "Attributes": {"harness.instance": "i-1", "exitCode": "137"}}
        },
        **{f"/containers/{name}/json": {"State": state} for name, state in INSPECTED.items()},
    }
    return Api


@pytest.fixture
def engine(api: type[Api]) -> Iterator[ContainerEngine]:
    """A connection to it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), api)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    environment = {"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}"}
    with ContainerEngine.connect("run", environment) as connected:
        yield connected
    server.shutdown()
    thread.join(10)
    server.server_close()
