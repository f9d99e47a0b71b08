"""A guest's two containers: how they are made of what is known of its instance.

The pod owns the network namespace, with the address, the names and the rules of the security
groups; the guest joins it without any right to change them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from harness import amis
from harness.cloud.engine import AddressTakenError, Condition, ExecResult, Network, Pod
from harness.cloud.instance import InstanceFacts
from harness.cloud.network import AddressBook, HostPorts, aws_names
from harness.errors import EngineError

SSH_PORT: Final = 22
INTERFACE: Final = "eth0"
ADDRESS_ATTEMPTS: Final = 5
AUTHORITY_FILE: Final = "/usr/local/share/ca-certificates/harness.crt"
USER_FILE: Final = "/etc/cloud/cloud.cfg.d/99-login-user.cfg"


class Engine(Protocol):
    """What guests need of the container engine."""

    @property
    def has_ipv6(self) -> bool:
        """Whether containers can have IPv6 addresses, as far as is known yet."""

    def create_pod(self, wanted: Pod) -> str:
        """Create and start the container that owns a guest's network namespace."""

    def create_guest(
        self, *, image: str, instance_id: str, pod_id: str, files: Mapping[str, bytes]
    ) -> str:
        """Create the container that boots."""

    def start(self, container_id: str) -> None:
        """Start a container."""

    def stop(self, container_id: str, *, seconds: int = 10) -> None:
        """Shut a container down."""

    def restart(self, container_id: str, *, seconds: int = 10) -> None:
        """Shut a container down and start it."""

    def kill(self, container_id: str) -> None:
        """End a container at once."""

    def remove(self, container_id: str) -> None:
        """Remove a container."""

    def condition(self, container_id: str) -> Condition:
        """Whether a container runs, or how it ended."""

    def execute(self, container_id: str, command: Sequence[str]) -> ExecResult:
        """Run a command in a container."""

    def published_port(self, container_id: str) -> tuple[str, int]:
        """Address and port on the host that lead to the pod's port 22."""

    def console(self, container_id: str) -> bytes:
        """What a guest wrote to its console."""

    def commit(self, container_id: str, tag: str) -> None:
        """Make an image of a container's file system."""

    def remove_image(self, tag: str) -> None:
        """Remove an image."""


@dataclass(frozen=True)
class Site:
    """Where the guests of one cloud live.

    Args:
        network: Their network.
        host: Where the host answers them.
        authority: Certificate (PEM) of the authority that they trust.
        default_image: The guest image of public AMIs.
    """

    network: Network
    host: HostPorts
    authority: bytes
    default_image: str


class Containers:
    """Makes pods and guests.

    Args:
        engine: The container engine.
        site: Where they live.
        book: Has another public address where one is taken.
    """

    def __init__(self, engine: Engine, site: Site, book: AddressBook) -> None:
        self._engine = engine
        self._site = site
        self._book = book

    def create_pod(self, facts: InstanceFacts, image: str) -> str:
        """Start a pod on its public address; on another, or a free port, where it is taken."""
        address = facts.public_ip or self._book.public_address()
        for attempt in range(ADDRESS_ATTEMPTS):
            port = SSH_PORT if attempt < ADDRESS_ATTEMPTS - 1 else 0
            try:
                return self._engine.create_pod(
                    Pod(
                        image=image,
                        instance_id=facts.instance_id,
                        network=self._site.network,
                        address=facts.private_ip,
                        publish=(address, port),
                        names=dict.fromkeys(aws_names(facts.region), self._site.host.address),
                        name=facts.private_dns_name,
                    )
                )
            except AddressTakenError:
                if port == 0:
                    raise
                address = self._book.public_address()
        raise AssertionError("unreachable")

    def create_guest(self, facts: InstanceFacts, image: str, pod_id: str) -> str:
        """Create, not start, the guest that joins a pod."""
        files = {AUTHORITY_FILE: self._site.authority}
        user = amis.login_user(facts.image_id)
        if user:
            config = f"system_info: {{default_user: {{name: {user}, gecos: {user.title()}}}}}\n"
            files[USER_FILE] = config.encode()
        return self._engine.create_guest(
            image=image, instance_id=facts.instance_id, pod_id=pod_id, files=files
        )

    def load_rules(self, pod_id: str, rules: str) -> None:
        """Replace the rules of a pod's network namespace.

        Raises:
            EngineError: The pod does not run, or nft would not take them.
        """
        command = ["sh", "-c", 'printf %s "$1" | nft -f -', "nft", rules]
        result = self._engine.execute(pod_id, command)
        if result.status:
            raise EngineError(f"nft refused the security groups' rules: {result.output}")

    def set_ipv6(self, pod_id: str, had: Collection[str], wanted: Collection[str]) -> None:
        """Give a pod other IPv6 addresses than it had.

        Raises:
            EngineError: The pod does not run, or the kernel has no IPv6.
        """
        length = self._site.network.ipv6.prefixlen
        changes = [f"addr del {one}/{length} dev {INTERFACE}" for one in had if one not in wanted]
        # Nobody else can have them, so there is no need to wait until the network has been asked.
        changes += [
            f"addr add {one}/{length} dev {INTERFACE} nodad" for one in wanted if one not in had
        ]
        if not changes:
            return
        script = 'printf "%s\\n" "$@" | ip -6 -batch -'
        result = self._engine.execute(pod_id, ["sh", "-c", script, "ip", *changes])
        if result.status:
            raise EngineError(f"the IPv6 addresses could not be set: {result.output}")

    def console(self, guest_id: str) -> bytes:
        """What a guest wrote to its console; nothing where that cannot be had any more."""
        try:
            return self._engine.console(guest_id)
        except EngineError:
            return b""
