"""The container engine's errors become ours, and say what to do."""

from __future__ import annotations

import http.server
import ipaddress
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import docker.errors
import pytest
import requests

from harness.cloud.engine import (
    AddressTakenError,
    Condition,
    ContainerEngine,
    Network,
    Pod,
    _usual_socket,
    translated,
    unique_local_block,
)
from harness.errors import EngineAbsentError, EngineError

pytestmark = pytest.mark.selftest

INSPECTED: dict[str, Any] = {
    "running": {"Running": True, "Status": "running", "ExitCode": 0},
    "ended": {"Running": False, "Status": "exited", "ExitCode": 130},
    "going": {"Running": True, "Status": "removing", "ExitCode": 0},
}


class Looks:
    """What is answered differently at each look; the last answer stays."""

    def __init__(self, *answers: object) -> None:
        self._answers = [*answers]

    def next(self) -> object:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Api(http.server.BaseHTTPRequestHandler):
    """As much of the Docker API as is asked for here."""

    answers: ClassVar[dict[str, object]] = {}
    deleted: ClassVar[list[str]] = []
    created: ClassVar[list[dict[str, str]]] = []

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
        """Create and start containers, on a kernel without IPv6."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = 201, json.dumps({"Id": f"c{len(self.created)}"})
        if self.path.partition("?")[0].endswith("/create"):
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
def engine() -> Iterator[ContainerEngine]:
    Api.answers = {
        "/version": {"ApiVersion": "1.41", "Version": "20.10"},
        "/_ping": "OK",
        "/events": {
            "Actor": {"ID": "c1", "Attributes": {"harness.instance": "i-1", "exitCode": "137"}}
        },
        **{f"/containers/{name}/json": {"State": state} for name, state in INSPECTED.items()},
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
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


def test_no_engine_at_all_is_told_with_the_address_and_a_remedy(tmp_path: Path) -> None:
    """The one error that lets local tests be skipped."""
    url = f"unix://{tmp_path}/none.sock"
    with pytest.raises(EngineAbsentError, match="no container engine at") as caught:
        ContainerEngine.connect("run", {"DOCKER_HOST": url})
    assert url in caught.value.message
    assert "docker.io" in caught.value.remedy


def test_a_socket_of_the_user_is_found_too(tmp_path: Path) -> None:
    """Rootless engines have theirs below XDG_RUNTIME_DIR, where no system's is there."""
    system = [str(tmp_path / "system.sock"), str(tmp_path / "podman.sock")]
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert _usual_socket(environment, system) == f"unix://{system[0]}"
    (tmp_path / "docker.sock").touch()
    assert _usual_socket(environment, system) == f"unix://{tmp_path}/docker.sock"
    (tmp_path / "system.sock").touch()
    assert _usual_socket(environment, system) == f"unix://{system[0]}"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            lambda: docker.errors.APIError("x", explanation="bind: address already in use"),
            AddressTakenError,
            "address already in use",
        ),
        (
            lambda: docker.errors.APIError("x", explanation="port is already allocated"),
            AddressTakenError,
            "allocated",
        ),
        (
            lambda: docker.errors.APIError("x", explanation="write: no space left on device"),
            EngineError,
            "the disk is full",
        ),
        (lambda: docker.errors.APIError("x", explanation="no such image"), EngineError, "no such"),
        (lambda: requests.ConnectionError("Connection refused"), EngineError, "does not answer"),
        (lambda: requests.ReadTimeout("timed out"), EngineError, "does not answer"),
        (lambda: OSError("broken pipe"), EngineError, "does not answer"),
    ],
)
def test_every_error_of_the_engine_is_translated(
    error: Callable[[], Exception], kind: type[EngineError], said: str
) -> None:
    """None of the Docker SDK's reaches a user."""
    with pytest.raises(kind, match=said) as caught, translated("doing it"):
        raise error()
    assert caught.value.message.startswith("doing it failed")


def test_how_a_container_is(engine: ContainerEngine) -> None:
    """It runs, it ended, it is being removed, it is gone."""
    assert engine.condition("running") == Condition(running=True)
    assert engine.condition("ended") == Condition(running=False, exit_code=130)
    assert engine.condition("going") == Condition(running=False, gone=True)
    assert engine.condition("nobody") == Condition(running=False, gone=True)


def test_a_removal_that_is_under_way_already_is_no_error(engine: ContainerEngine) -> None:
    """Somebody else's conflict."""
    engine.remove("busy")
    assert "busy" in Api.deleted


def test_the_end_waits_for_a_removal_that_is_under_way(engine: ContainerEngine) -> None:
    """It is no leak; and what could not go before it is attempted again after it."""
    going = {"Id": "busy", "Names": ["/disk"], "State": "removing", "Labels": {}}
    pod = {"Id": "held", "Names": ["/pod"], "State": "exited", "Labels": {"harness.role": "pod"}}
    network = {"Id": "net", "Name": "bridge", "Labels": {}}
    Api.answers |= {
        "/containers/json": Looks([going, pod], [going, pod], [going, pod], [pod], [pod], []),
        "/networks": Looks([network], []),
        "/networks/net": network,
        "/images/json": [],
    }
    Api.deleted.clear()
    assert engine.remove_all() == []
    assert Api.deleted == ["busy", "held", "net", "held"]


def test_what_nobody_is_removing_is_left(engine: ContainerEngine) -> None:
    """And is named, at once."""
    stuck = {"Id": "busy", "Names": ["/disk"], "State": "dead", "Labels": {}}
    Api.answers |= {"/containers/json": [stuck], "/networks": [], "/images/json": []}
    assert engine.remove_all() == ["container disk"]


def test_deaths_name_the_instance_and_end_with_the_stream(engine: ContainerEngine) -> None:
    """An engine that goes away ends the stream, and whoever follows it can tell."""
    (event,) = engine.deaths(since=1.0)
    assert (event.container_id, event.instance_id) == ("c1", "i-1")
    assert engine.answers()


def test_a_kernel_without_ipv6_is_noticed_and_pods_start_all_the_same(
    engine: ContainerEngine,
) -> None:
    """Guests have IPv4 alone there, and whoever asks for more can be told."""
    Api.created.clear()
    Api.deleted.clear()
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
    assert Api.deleted == ["c0"]
    assert not engine.has_ipv6
    assert engine.create_pod(pod) == "c2"
    assert len(Api.created) == 3


@pytest.mark.parametrize(("version", "boots"), [("1", False), ("2", True)])
def test_podman_says_when_guests_cannot_boot(
    engine: ContainerEngine, version: str, *, boots: bool
) -> None:
    """Its Docker API forgets the namespace that systemd needs, where cgroups have version 1."""
    Api.answers["/info"] = {"CgroupVersion": version}
    engine.check_cgroups()  # Docker does not forget it
    Api.answers["/version"] = {
        "ApiVersion": "1.41",
        "Version": "4.3.1",
        "Components": [{"Name": "Podman Engine"}],
    }
    url = str(engine._client.api.base_url).replace("http", "tcp")
    with ContainerEngine.connect("run", {"DOCKER_HOST": url}) as podman:
        assert podman.bridges_late
        if boots:
            podman.check_cgroups()
        else:
            with pytest.raises(EngineError, match="cgroup version 1") as caught:
                podman.check_cgroups()
            assert "cgroup version 2" in caught.value.remedy


def test_blocks_of_ipv6_are_unique_local_ones() -> None:
    """As RFC 4193 makes them: nobody else's, and another every time."""
    blocks = {unique_local_block() for _ in range(64)}
    assert len(blocks) == 64
    assert all(block.subnet_of(ipaddress.IPv6Network("fd00::/8")) for block in blocks)
