"""A connection to the container engine, for one run."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self, cast

import docker
import docker.errors
import requests.exceptions

from harness.cloud.engine.belongings import (
    INSTANCE_LABEL,
    ROLE_LABEL,
    RUN_LABEL,
    Belongings,
    labelled_containers,
    remove_container,
    run_ids,
)
from harness.cloud.engine.connection import connect
from harness.cloud.engine.errors import CONFLICT, translated
from harness.cloud.engine.images import Images
from harness.cloud.engine.networks import create_network
from harness.cloud.engine.podman import Podman
from harness.cloud.engine.things import Condition, ContainerEvent, ExecResult, Network, Pod
from harness.errors import EngineError

SYSTEMD: Final = ("/usr/local/lib/harness/init",)
_GOING: Final = frozenset({"removing", "dead"})
_LOW_PORTS: Final = {"net.ipv4.ip_unprivileged_port_start": "0"}
_WITH_IPV6: Final = {"net.ipv6.conf.all.disable_ipv6": "0"}


class ContainerEngine:
    """A connection to the engine, for one run.

    Args:
        client: The Docker SDK's client.
        run_id: Value of :data:`RUN_LABEL` on everything that is made.
    """

    def __init__(self, client: docker.DockerClient, run_id: str) -> None:
        self._client = client
        self._podman = Podman(client)
        self._belongings = Belongings(client, run_id)
        self._closed = threading.Event()
        self.run_id = run_id
        self.images = Images(client)
        self.has_ipv6 = True
        """Whether containers can have IPv6 addresses, as far as is known yet."""

    @classmethod
    def connect(cls, run_id: str, environment: Mapping[str, str] | None = None) -> Self:
        """Connect where ``DOCKER_HOST`` points, else to the usual sockets.

        Raises:
            EngineAbsentError: Nobody answers there, or the caller may not talk to it.
        """
        return cls(connect(os.environ if environment is None else environment), run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; what was made stays."""
        self._closed.set()
        self._client.close()

    # The engine itself

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self._client.ping())
        except (docker.errors.DockerException, requests.exceptions.RequestException):
            return False

    def describe(self) -> str:
        """Name and version, for people."""
        with translated("asking the engine for its version"):
            version = self._client.version()
        name = version.get("Platform", {}).get("Name") or "Docker Engine"
        return f"{name} {version['Version']}".replace(" - Community", "")

    @property
    def bridges_late(self) -> bool:
        """Whether a network gets its gateway with its first container only, as Podman's do."""
        return self._podman.is_there

    def check_cgroups(self) -> None:
        """See whether systemd can boot in a container.

        Raises:
            EngineError: It cannot, and why.
        """
        self._podman.check_cgroups()

    # What is there

    def run_ids(self) -> set[str]:
        """The runs that have something here."""
        return run_ids(self._client)

    def containers(self, labels: Mapping[str, str]) -> list[str]:
        """Names of the containers that carry all the labels, of whatever run."""
        return labelled_containers(self._client, labels)

    def leftovers(self) -> list[str]:
        """Names of the containers, networks and images of this run that are there now."""
        return self._belongings.names()

    def remove_all(self) -> list[str]:
        """Remove every container, network and image of this run; what is there still."""
        return self._belongings.remove_all()

    # Networks

    def create_network(self, name: str) -> Network:
        """Create a bridge network on the first subnet of ours that nobody uses.

        Raises:
            EngineError: All of them are in use.
        """
        return create_network(self._client, name, {RUN_LABEL: self.run_id})

    # Containers

    def create_pod(self, wanted: Pod) -> str:
        """Create and start the container that owns a guest's network namespace.

        It can have IPv6 addresses where containers can, which :attr:`has_ipv6` tells from now on.

        Raises:
            AddressTakenError: The address to publish on is in use.
        """
        api = self._client.api

        def start(sysctls: Mapping[str, str]) -> str:
            container = api.create_container(
                wanted.image,
                command=["sleep", "infinity"],
                name=f"harness-{self.run_id}-{wanted.instance_id}-pod",
                hostname=wanted.name.partition(".")[0],
                labels=self._labels(wanted.instance_id, "pod"),
                ports=[22],
                environment={"DEBIAN_FRONTEND": "noninteractive"},
                stop_signal="SIGKILL",
                host_config=api.create_host_config(
                    cap_add=["NET_ADMIN"],
                    port_bindings={22: wanted.publish},
                    extra_hosts=dict(wanted.names),
                    sysctls=dict(sysctls),
                    ulimits=self._podman.limits(),
                ),
                networking_config=cast(
                    "Any",  # the stubs want the endpoint alone, the API a mapping by network
                    {
                        "EndpointsConfig": {
                            wanted.network.id: api.create_endpoint_config(
                                ipv4_address=wanted.address, aliases=[wanted.name]
                            )
                        }
                    },
                ),
            )
            try:
                api.start(container["Id"])
            except docker.errors.APIError:
                api.remove_container(container["Id"], force=True)
                raise
            return str(container["Id"])

        with translated(f"starting the pod of {wanted.instance_id}"):
            if self.has_ipv6:
                try:
                    return start({**_LOW_PORTS, **_WITH_IPV6})
                except docker.errors.APIError as error:
                    if not _is_without_ipv6(error):
                        raise
                    self.has_ipv6 = False
            return start(_LOW_PORTS)

    def create_guest(
        self, *, image: str, instance_id: str, pod_id: str, files: Mapping[str, bytes]
    ) -> str:
        """Create, not start, the container that boots systemd in a pod's network namespace.

        Args:
            image: The guest image.
            instance_id: The instance that it stands for.
            pod_id: Whose network namespace it joins.
            files: Files to lay into it before it boots, by absolute path.
        """
        with translated(f"creating the guest {instance_id}"):
            container = self._client.containers.create(
                image,
                command=list(SYSTEMD),
                name=f"harness-{self.run_id}-{instance_id}",
                labels=self._labels(instance_id, "guest"),
                network_mode=f"container:{pod_id}",
                cap_add=["SYS_ADMIN", "SYS_BOOT"],  # to mount, and to power itself off
                cgroupns="private",
                tmpfs={"/run": "", "/run/lock": ""},
                environment={"container": "docker"},
                tty=True,
                stop_signal="SIGRTMIN+3",
                security_opt=["seccomp=unconfined", "apparmor=unconfined"],
                ulimits=self._podman.limits(),
            )
        try:
            self.put_files(str(container.id), files)
        except EngineError:
            self.remove(str(container.id))
            raise
        return str(container.id)

    def put_files(self, container_id: str, files: Mapping[str, bytes]) -> None:
        """Lay files into a container, owned by root, mode 0644."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, content in files.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        with translated("copying files into a container"):
            self._client.api.put_archive(container_id, "/", archive.getvalue())

    def start(self, container_id: str) -> None:
        """Start a container that was created or stopped."""
        with translated("starting a container"):
            self._client.api.start(container_id)

    def stop(self, container_id: str, *, seconds: int = 10) -> None:
        """Ask a container to shut down, and end it when it has not after that many seconds."""
        with translated("stopping a container"):
            self._client.api.stop(container_id, timeout=seconds)

    def restart(self, container_id: str, *, seconds: int = 10) -> None:
        """Stop and start."""
        with translated("restarting a container"):
            self._client.api.restart(container_id, timeout=seconds)

    def kill(self, container_id: str) -> None:
        """End a container at once; one that has ended, or is gone, is no error."""
        with translated("ending a container"):
            try:
                self._client.api.kill(container_id)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != CONFLICT:  # it does not run
                    raise

    def remove(self, container_id: str) -> None:
        """End and remove a container; one that is gone is no error."""
        remove_container(self._client, container_id)

    def condition(self, container_id: str) -> Condition:
        """Whether a container runs, or how it ended."""
        with translated("looking at a container"):
            try:
                state = self._client.api.inspect_container(container_id)["State"]
            except docker.errors.NotFound:
                return Condition(running=False, gone=True)
        return Condition(
            running=bool(state["Running"]) and state["Status"] not in _GOING,
            gone=state["Status"] in _GOING,
            exit_code=int(state["ExitCode"]),
        )

    def published_port(self, container_id: str) -> tuple[str, int]:
        """Address and port on the host that lead to the pod's port 22."""
        with translated("looking at a pod"):
            settings = self._client.api.inspect_container(container_id)["NetworkSettings"]
        bindings = settings["Ports"].get("22/tcp")
        if not bindings:
            raise EngineError("the pod's port 22 is not published: it has ended, or is about to")
        return bindings[0]["HostIp"], int(bindings[0]["HostPort"])

    def execute(self, container_id: str, command: Sequence[str]) -> ExecResult:
        """Run a command in a running container and wait for it."""
        with translated(f"running {command[0]} in a container"):
            api = self._client.api
            started = api.exec_create(container_id, list(command))
            output = api.exec_start(started["Id"])
            status = api.exec_inspect(started["Id"])["ExitCode"]
        return ExecResult(int(status), output.decode(errors="replace"))

    def console(self, container_id: str) -> bytes:
        """Everything that the guest has written to its console."""
        with translated("reading a console"):
            return bytes(self._client.api.logs(container_id, stdout=True, stderr=True))

    def deaths(self, since: float | None = None) -> Iterator[ContainerEvent]:
        """Containers of this run as they end, until :meth:`close` or the engine's own end.

        Blocks; for a thread of its own.

        Args:
            since: Begin with what happened then, in seconds of the epoch; now by default.
        """
        filters = {
            "type": "container",
            "event": ["die", "died"],  # the latter is Podman's
            "label": [f"{RUN_LABEL}={self.run_id}", INSTANCE_LABEL],
        }
        with contextlib.suppress(EngineError), translated("following the engine's events"):
            start = None if since is None else int(since)
            for event in self._client.api.events(since=start, filters=filters, decode=True):
                if self._closed.is_set():
                    return
                attributes: Mapping[str, Any] = event["Actor"]["Attributes"]
                yield ContainerEvent(
                    container_id=event["Actor"]["ID"],
                    instance_id=attributes[INSTANCE_LABEL],
                )

    def commit(self, container_id: str, tag: str) -> None:
        """Make an image of a container's file system as it is now."""
        repository, _, version = tag.rpartition(":")
        with translated(f"making image {tag}"):
            self._client.containers.get(container_id).commit(
                repository=repository,
                tag=version,
                changes=f"LABEL {RUN_LABEL}={self.run_id}",
            )

    def remove_image(self, tag: str) -> None:
        """Remove an image; one that is not there is no error."""
        self.images.remove(tag)

    def _labels(self, instance_id: str, role: str) -> dict[str, str]:
        return {RUN_LABEL: self.run_id, INSTANCE_LABEL: instance_id, ROLE_LABEL: role}


def _is_without_ipv6(error: docker.errors.APIError) -> bool:
    """Whether a container could not be started because its kernel has no IPv6."""
    text = str(error.explanation or error)
    return "net.ipv6" in text or "net/ipv6" in text
