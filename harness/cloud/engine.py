"""The container engine, through the Docker API. The only module that talks to it.

Any engine with that API will do: Docker Engine, Docker Desktop, Podman's service. Everything made
here carries the label :data:`RUN_LABEL`, so that what a dead run left can be found and removed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import ipaddress
import json
import os
import resource
import secrets
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, cast

import docker
import docker.errors
import docker.models.containers
import requests.exceptions

from harness.errors import EngineAbsentError, EngineError, HarnessError, ImageError

RUN_LABEL: Final = "harness.run"
INSTANCE_LABEL: Final = "harness.instance"
ROLE_LABEL: Final = "harness.role"

API_TIMEOUT_SECONDS: Final = 120
REMOVAL_SECONDS: Final = 60.0
"""How long a removal that somebody else has begun is waited for."""

SYSTEMD: Final = ("/usr/local/lib/harness/init",)
_LOOK_SECONDS: Final = 0.02
_CONFLICT: Final = 409
_GOING: Final = frozenset({"removing", "dead"})
_LOW_PORTS: Final = {"net.ipv4.ip_unprivileged_port_start": "0"}
_WITH_IPV6: Final = {"net.ipv6.conf.all.disable_ipv6": "0"}
_SUBNETS: Final = tuple(f"10.{second}.0.0/16" for second in (77, *range(201, 250)))
_PODMANS: Final = 32_768
_SYSTEM_SOCKETS: Final = ("/var/run/docker.sock", "/run/podman/podman.sock")
_ENGINE_REMEDY: Final = (
    "install and start Docker (Debian, Ubuntu: apt-get install docker.io) or Podman, "
    "or point DOCKER_HOST at a running engine"
)


class AddressTakenError(EngineError):
    """The address and port to publish on are in use by somebody else."""


@dataclass(frozen=True)
class Network:
    """A bridge network of ours.

    Args:
        id: The engine's id.
        subnet: Where the guests' private addresses come from.
        gateway: The host's address on it, from where test clients reach guests.
        ipv6: Where the guests' IPv6 addresses come from. The engine knows nothing of it: they
            reach each other, nobody else reaches them, and no setting of the host is changed.
    """

    id: str
    subnet: ipaddress.IPv4Network
    gateway: str
    ipv6: ipaddress.IPv6Network


@dataclass(frozen=True)
class Pod:
    """The container that owns a guest's network namespace.

    Args:
        image: The guest image; the pod needs its ``nft`` and ``sleep``.
        instance_id: The instance that it stands for.
        network: Where it is attached.
        address: Its private address.
        publish: Address and port on the host that lead to its port 22; port 0 picks a free one.
        names: Entries for its hosts file, which the guest shares: name to address.
        name: Its full private name, by which the other guests find it. The first label is its
            host name, which the guest shares.
    """

    image: str
    instance_id: str
    network: Network
    address: str
    publish: tuple[str, int]
    names: Mapping[str, str]
    name: str


@dataclass(frozen=True)
class ExecResult:
    """What a command in a container did: exit status and output, both streams in one."""

    status: int
    output: str


@dataclass(frozen=True)
class ContainerEvent:
    """A container of ours ended.

    Args:
        container_id: Which one.
        instance_id: The instance that it stood for.
    """

    container_id: str
    instance_id: str


@dataclass(frozen=True)
class Condition:
    """How a container is.

    Args:
        running: Whether it runs.
        gone: Whether it was removed, and its disk with it.
        exit_code: How it ended last: 129 for a reboot from inside, 130 for a power-off, as PID 1
            is killed by SIGHUP or SIGINT then (reboot(2), "Behavior inside PID namespaces").
    """

    running: bool
    gone: bool = False
    exit_code: int = 0


@contextlib.contextmanager
def translated(doing: str) -> Generator[None]:
    """Turn the Docker SDK's errors into ours; ``doing`` completes the sentence "… failed"."""
    try:
        yield
    except docker.errors.APIError as error:
        text = str(error.explanation or error)
        if "address already in use" in text or "port is already allocated" in text:
            raise AddressTakenError(f"{doing} failed: {text}") from error
        if "no space left on device" in text:
            raise EngineError(
                f"{doing} failed: the disk is full", remedy="free some space for the engine"
            ) from error
        raise EngineError(f"{doing} failed: {text}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise EngineError(
            f"{doing} failed: the container engine does not answer ({_root_cause(error)})",
            remedy=_ENGINE_REMEDY,
        ) from error


def _root_cause(error: BaseException) -> str:
    text = str(error)
    for known in ("Permission denied", "No such file or directory", "Connection refused"):
        if known in text:
            return known
    return text or type(error).__name__


class ContainerEngine:
    """A connection to the engine, for one run.

    Args:
        client: The Docker SDK's client.
        run_id: Value of :data:`RUN_LABEL` on everything that is made.
    """

    def __init__(self, client: docker.DockerClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id
        self.has_ipv6 = True
        """Whether containers can have IPv6 addresses, as far as is known yet."""
        self._closed = threading.Event()

    @classmethod
    def connect(cls, run_id: str, environment: Mapping[str, str] | None = None) -> ContainerEngine:
        """Connect where ``DOCKER_HOST`` points, else to the usual sockets.

        Raises:
            EngineAbsentError: Nobody answers there, or the caller may not talk to it.
        """
        environment = os.environ if environment is None else environment
        url = environment.get("DOCKER_HOST") or _usual_socket(environment)
        try:
            _knock(url)
            client = docker.DockerClient(base_url=url, timeout=API_TIMEOUT_SECONDS)
            client.ping()
        except (
            docker.errors.DockerException,
            requests.exceptions.RequestException,
            OSError,
        ) as error:
            cause = _root_cause(error)
            remedy = _ENGINE_REMEDY
            if cause == "Permission denied":
                remedy = "join the group that owns the socket (usually: docker), or run as root"
            raise EngineAbsentError(
                f"no container engine at {url}: {cause}", remedy=remedy
            ) from error
        return cls(client, run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; what was made stays."""
        self._closed.set()
        self._client.close()

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self._client.ping())
        except (docker.errors.DockerException, requests.exceptions.RequestException):
            return False

    @property
    def bridges_late(self) -> bool:
        """Whether a network gets its gateway with its first container only, as Podman's do."""
        return self._is_podman

    @functools.cached_property
    def _is_podman(self) -> bool:
        with translated("asking the engine for its version"):
            components = self._client.version().get("Components", [])
        return any(one.get("Name") == "Podman Engine" for one in components)

    def check_cgroups(self) -> None:
        """See whether systemd can boot in a container.

        Raises:
            EngineError: It is Podman on cgroup version 1, whose Docker API leaves containers the
                host's cgroups whatever it is asked for.
        """
        if not self._is_podman:
            return
        with translated("asking the engine for its cgroups"):
            version = str(self._client.info().get("CgroupVersion", ""))
        if version in {"1", "v1"}:
            raise EngineError(
                "guests cannot boot here: Podman gives them no cgroup namespace of their own on "
                "a machine with cgroup version 1",
                remedy="boot the machine with cgroup version 2 "
                "(systemd.unified_cgroup_hierarchy=1), or use Docker",
            )

    def _limits(self) -> list[docker.types.Ulimit]:
        """Limits that Podman can set where it may not raise any; it would ask for more."""
        if not self._is_podman:
            return []
        named = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
        # Podman lowers its own to what Linux has at least, and -1 means that there is no limit.
        limits = {
            name: min(one for one in (*resource.getrlimit(which), _PODMANS) if one >= 0)
            for name, which in named.items()
        }
        return [docker.types.Ulimit(name=name, soft=one, hard=one) for name, one in limits.items()]

    def describe(self) -> str:
        """Name and version, for people."""
        with translated("asking the engine for its version"):
            version = self._client.version()
        name = version.get("Platform", {}).get("Name") or "Docker Engine"
        return f"{name} {version['Version']}".replace(" - Community", "")

    # Images

    def has_image(self, tag: str) -> bool:
        """Whether the engine has the image already."""
        with translated(f"looking for image {tag}"):
            return bool(self._client.images.list(name=tag))

    def pull(self, reference: str) -> None:
        """Fetch an image from its registry.

        Raises:
            EngineError: The registry does not answer, or has no such image.
        """
        with translated(f"pulling {reference}"):
            self._client.images.pull(reference)

    def import_image(self, archive: Path, tag: str) -> None:
        """Make an image of a root file system.

        Raises:
            ImageError: The engine would not take it.
        """
        repository, _, version = tag.rpartition(":")
        try:
            with translated(f"importing {tag}"):
                api = self._client.api
                told = api.import_image(src=str(archive), repository=repository, tag=version)
                if not self._client.images.list(name=tag):
                    # Podman 4 forgets the tag, and takes "latest".
                    api.tag(json.loads(told.splitlines()[-1])["id"], repository, version)
        except EngineError as error:
            raise ImageError(error.message, remedy=error.remedy) from error

    def build_image(
        self, context: Path, tag: str, *, base: str, on_line: Callable[[str], None]
    ) -> None:
        """Build an image from a folder with a Dockerfile that takes the build argument ``BASE``.

        Raises:
            ImageError: A step failed; the message ends with its last lines.
        """
        lines: list[str] = []
        try:
            with translated(f"building {tag}"):
                stream = self._client.api.build(
                    path=str(context),
                    tag=tag,
                    buildargs={"BASE": base},
                    labels={"harness.image": "guest"},
                    rm=True,
                    forcerm=True,
                    decode=True,
                    network_mode="bridge",
                )
                failure = _follow_build(stream, lines, on_line)
        except EngineError as error:
            raise ImageError(error.message, remedy=error.remedy) from error
        if failure is not None:
            remedy = "free some space for the engine" if "no space left" in failure else ""
            raise ImageError(f"building {tag} failed: {failure}", remedy=remedy)

    def remove_image(self, tag: str) -> None:
        """Remove an image; one that is not there is no error."""
        with contextlib.suppress(docker.errors.ImageNotFound), translated(f"removing image {tag}"):
            self._client.images.remove(tag, force=True)

    def discard_image(self, tag: str) -> bool:
        """Remove an image if no container uses it; whether it is gone."""
        try:
            with translated(f"removing image {tag}"):
                self._client.images.remove(tag, force=False)
        except EngineError:
            return not self.has_image(tag)
        return True

    def commit(self, container_id: str, tag: str) -> None:
        """Make an image of a container's file system as it is now."""
        repository, _, version = tag.rpartition(":")
        with translated(f"making image {tag}"):
            self._client.containers.get(container_id).commit(
                repository=repository,
                tag=version,
                changes=f"LABEL {RUN_LABEL}={self.run_id}",
            )

    # Networks

    def create_network(self, name: str) -> Network:
        """Create a bridge network on the first subnet of ours that nobody uses.

        Raises:
            EngineError: All of them are in use.
        """
        routes = _host_routes()
        for candidate in _SUBNETS:
            subnet = ipaddress.IPv4Network(candidate)
            if any(subnet.overlaps(route) for route in routes):
                continue
            gateway = str(subnet.network_address + 1)
            pool = docker.types.IPAMPool(subnet=candidate, gateway=gateway)
            try:
                with translated(f"creating network {name}"):
                    network = self._client.networks.create(
                        name,
                        driver="bridge",
                        ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                        labels={RUN_LABEL: self.run_id},
                    )
            except EngineError as error:
                if "overlap" in error.message:
                    continue
                raise
            return Network(str(network.id), subnet, gateway, unique_local_block())
        raise EngineError(
            "no free subnet for a network",
            remedy="remove networks of earlier runs (harness sweep --local)",
        )

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
                    ulimits=self._limits(),
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
                ulimits=self._limits(),
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
                if error.status_code != _CONFLICT:  # it does not run
                    raise

    def remove(self, container_id: str) -> None:
        """End and remove a container; one that is gone is no error."""
        with translated("removing a container"):
            try:
                self._client.api.remove_container(container_id, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                # Somebody else is removing it at this moment.
                if error.status_code != _CONFLICT:
                    raise

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
        (binding, *_) = settings["Ports"]["22/tcp"]
        return binding["HostIp"], int(binding["HostPort"])

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

    # What is there

    def run_ids(self) -> set[str]:
        """The runs that have something here."""
        with translated("listing what runs left"):
            containers = self._client.containers.list(
                all=True, filters={"label": RUN_LABEL}, ignore_removed=True
            )
            networks = self._client.networks.list(filters={"label": RUN_LABEL})
            images = self._client.api.images(filters={"label": RUN_LABEL})
        labels = [one.labels for one in containers]
        labels += [one.attrs["Labels"] for one in networks]
        labels += [one["Labels"] for one in images]
        return {one[RUN_LABEL] for one in labels}

    def containers(self, labels: Mapping[str, str]) -> list[str]:
        """Names of the containers that carry all the labels, of whatever run."""
        filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
        with translated("listing containers"):
            found = self._client.api.containers(all=True, filters=filters)
        return [one["Names"][0].lstrip("/") for one in found if one["Names"]]

    def leftovers(self) -> list[str]:
        """Names of the containers, networks and images of this run that are there now."""
        containers = self._own_containers()
        with translated("listing networks"):
            networks = self._client.networks.list(filters=self._mine)
        names = [f"container {one['Names'][0].lstrip('/')}" for one in containers if one["Names"]]
        names += [f"network {one.name}" for one in networks]
        return names + [f"image {one}" for one in self._own_images()]

    def remove_all(self) -> list[str]:
        """Remove every container, network and image of this run, attempting all.

        Removals that somebody else has begun are waited for, after all that need not wait.

        Returns:
            The names of what is there still.
        """
        limit = time.monotonic() + REMOVAL_SECONDS
        while True:
            self._remove_containers()
            self._remove_networks()
            for image in self._own_images():
                with contextlib.suppress(HarnessError):
                    self.remove_image(image)
            left = self.leftovers()
            if not left or not self._await_removals(limit):
                return left

    def _remove_containers(self) -> None:
        # Guests before the pods whose network namespace they use.
        listed = self._own_containers()
        for one in sorted(listed, key=lambda one: one["Labels"].get(ROLE_LABEL) == "pod"):
            with contextlib.suppress(HarnessError):
                self.remove(one["Id"])

    def _remove_networks(self) -> None:
        with translated("listing networks to remove"):
            networks = self._client.networks.list(filters=self._mine)
        for network in networks:
            with contextlib.suppress(HarnessError, docker.errors.NotFound), translated("removing"):
                network.remove()

    def _await_removals(self, limit: float) -> bool:
        """Wait for what is being removed; whether there was anything, and it went in time."""
        waited = False
        while any(one["State"] == "removing" for one in self._own_containers()):
            if time.monotonic() >= limit:
                return False
            waited = True
            time.sleep(_LOOK_SECONDS)
        return waited

    @property
    def _mine(self) -> dict[str, str]:
        """The filter for what is this run's."""
        return {"label": f"{RUN_LABEL}={self.run_id}"}

    def _own_containers(self) -> list[dict[str, Any]]:
        with translated("listing containers"):
            found: list[dict[str, Any]] = self._client.api.containers(all=True, filters=self._mine)
        return found

    def _own_images(self) -> list[str]:
        """Ids of the images that were made of this run's guests."""
        with translated("listing images"):
            images = self._client.api.images(filters=self._mine)
        return [str(image["Id"]) for image in images]

    def _labels(self, instance_id: str, role: str) -> dict[str, str]:
        return {RUN_LABEL: self.run_id, INSTANCE_LABEL: instance_id, ROLE_LABEL: role}


def _usual_socket(environment: Mapping[str, str], system: Sequence[str] = _SYSTEM_SOCKETS) -> str:
    """The first socket that is there: Docker's of the system, the user's own, Podman's."""
    candidates = list(system)
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        candidates[1:1] = [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    found = next((path for path in candidates if Path(path).exists()), candidates[0])
    return f"unix://{found}"


def _knock(url: str) -> None:
    """See whether anybody listens on a socket; the SDK would leave its own open where nobody does.

    Raises:
        OSError: Nobody does.
    """
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(API_TIMEOUT_SECONDS)
            probe.connect(url.removeprefix("unix://"))


def _follow_build(
    stream: Iterator[dict[str, Any]], lines: list[str], on_line: Callable[[str], None]
) -> str | None:
    """Pass a build's lines on; what went wrong and the last lines where it failed, else None."""
    for message in stream:
        if "error" in message:
            return "\n    ".join([message["error"].strip(), *lines[-15:]])
        for line in message.get("stream", "").splitlines():
            if line.strip():
                lines.append(line)
                on_line(line)
    return None


def unique_local_block() -> ipaddress.IPv6Network:
    """A /48 block of IPv6 that nobody else is likely to have (RFC 4193, section 3.2.2)."""
    prefix = b"\xfd" + secrets.token_bytes(5)
    return ipaddress.IPv6Network((prefix.ljust(16, b"\0"), 48))


def _is_without_ipv6(error: docker.errors.APIError) -> bool:
    """Whether a container could not be started because its kernel has no IPv6."""
    text = str(error.explanation or error)
    return "net.ipv6" in text or "net/ipv6" in text


def _host_routes() -> list[ipaddress.IPv4Network]:
    """The host's routes, the default one left out, so that no network of ours hides one."""
    table = Path("/proc/net/route")
    if not table.exists():
        return []
    routes = []
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(fields[i]), "little") for i in (1, 7))
        if mask:
            prefix = mask.bit_count()
            routes.append(ipaddress.IPv4Network((address, prefix), strict=False))
    return routes
