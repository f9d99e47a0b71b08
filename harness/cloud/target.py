"""The local cloud as a target that stacks are created on."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness import garbage
from harness.cloud.process import LocalCloud
from harness.errors import EngineError, UsageError
from harness.stack import StackSpec
from harness.target import TargetRequest
from harness.waiting import LOCAL_PACE, Pace

CONTROL_SECONDS: Final = 10
OPTIONS: Final = frozenset({"base", "registry-image", "helpers", "unsupported"})


class LocalTarget:
    """A target on an endpoint of this machine.

    Args:
        endpoint_url: The local cloud's endpoint.
        region: The region that stacks are created in.
    """

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._clients: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The name in :data:`harness.target.TARGETS`."""
        return "local"

    @property
    def region(self) -> str:
        """The region that stacks are created in."""
        return self._region

    @property
    def endpoint_url(self) -> str:
        """Where all services are spoken to."""
        return self._endpoint_url

    @property
    def pace(self) -> Pace:
        """Quick: nobody is charged for looking."""
        return LOCAL_PACE

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients are made at run time
        """A boto3 client that knows no credentials but made-up ones."""
        with _making_clients:  # boto3 does not make clients on several threads at once
            if service not in self._clients:
                self._clients[service] = _session().client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url
                )
            return self._clients[service]

    def ssh_address(self, instance_id: str) -> tuple[str, int] | None:
        """Address and port on this machine that lead to the guest's port 22."""
        answer = self._ask(f"ssh/{instance_id}")
        return (answer["host"], answer["port"]) if answer else None

    def caller_cidr(self) -> str:
        """The gateway of the local network: where a guest sees this machine's connections from."""
        return str(self._known()["caller_cidr"])

    def admit(self, spec: StackSpec) -> Sequence[str]:
        """Nothing is refused here, and nothing costs."""
        del spec
        return ()

    def secrets(self) -> frozenset[str]:
        """None: its credentials are made up."""
        return frozenset()

    def facts(self) -> Mapping[str, str]:
        """Engine, guest image, helper scripts."""
        return {str(name): str(value) for name, value in self._known()["facts"].items()}

    def _known(self) -> Mapping[str, Any]:
        answer = self._ask("facts")
        if answer is None:
            raise EngineError(f"{self._endpoint_url} is no local cloud of ours")
        return answer

    def _ask(self, path: str) -> Mapping[str, Any] | None:
        url = f"{self._endpoint_url}/_harness/{path}"
        try:
            with urllib.request.urlopen(url, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 - http
                told: Mapping[str, Any] | None = json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except OSError as error:
            raise EngineError(
                f"the local cloud at {self._endpoint_url} does not answer: {error}",
                remedy="is its process still there? start the run again",
            ) from error
        return told


_making_clients: Final = threading.Lock()

_running: Final[dict[str, LocalCloud]] = {}
"""The local cloud of each run of this process."""

_begun: Final[dict[str, LocalCloud]] = {}
"""The local clouds that nobody has waited for yet, by their runs."""


@contextlib.contextmanager
def prepare_target(request: TargetRequest) -> Iterator[None]:
    """Let the run's local cloud start beside what else is to be done; opening it waits for it.

    Raises:
        UsageError: ``[tool.harness.cloud]`` has a key that is not known.
    """
    cloud = _begun[request.run_id] = _local_cloud(request)
    try:
        cloud.begin()
        yield
    finally:
        _begun.pop(request.run_id, None)
        cloud.stop()


@contextlib.contextmanager
def open_target(request: TargetRequest) -> Iterator[LocalTarget]:
    """Start a local cloud for the run, in a process that ends with this one.

    It has all regions: another one of the same run is on the cloud that is there already.

    Raises:
        EngineAbsentError: There is no container engine.
        EngineError: The cloud could not start.
        UsageError: ``[tool.harness.cloud]`` has a key that is not known.
    """
    running = _running.get(request.run_id)
    if running is not None:
        yield LocalTarget(running.endpoint_url, request.region)
        return
    cloud = _begun.pop(request.run_id, None) or _local_cloud(request)
    try:
        cloud.begin()
        _read_models()
        cloud.start()
        _running[request.run_id] = cloud
        yield LocalTarget(cloud.endpoint_url, request.region)
    finally:
        _running.pop(request.run_id, None)
        cloud.stop()


def _local_cloud(request: TargetRequest) -> LocalCloud:
    return LocalCloud(request.run_id, _arguments(request.settings.table("cloud")), request.say)


@functools.cache
def _session() -> Any:  # noqa: ANN401 - boto3's types come at run time
    """One for all clients: it reads the services' large models only once."""
    import boto3  # noqa: PLC0415 - slow to import, and not needed to start the cloud

    return boto3.session.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the local cloud takes any
    )


def _read_models() -> None:
    """Read what every stack will take while the cloud starts; making a client connects to none."""
    for service in ("cloudformation", "ec2"):
        _session().client(service, region_name="us-east-1", endpoint_url="http://127.0.0.1:1")
    garbage.ignore_at_exit()


def _arguments(table: Mapping[str, Any]) -> list[str]:
    arguments = []
    for key, value in table.items():
        option = key.replace("_", "-")
        if option not in OPTIONS:
            raise UsageError(
                f"[tool.harness.cloud] has no key {key!r}",
                remedy=f"one of {', '.join(sorted(OPTIONS))}",
            )
        arguments += [f"--{option}", str(value)]
    return arguments
