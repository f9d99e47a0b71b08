"""What the local cloud knows of one EC2 instance and of the rules that guard it."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class State(enum.Enum):
    """Instance states, with the codes that EC2 gives them ("Instance lifecycle")."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"

    @property
    def code(self) -> int:
        """The code beside the name in EC2's answers."""
        return _STATE_CODES[self]


_STATE_CODES = {
    State.PENDING: 0,
    State.RUNNING: 16,
    State.SHUTTING_DOWN: 32,
    State.TERMINATED: 48,
    State.STOPPING: 64,
    State.STOPPED: 80,
}


@dataclass(frozen=True)
class Rule:
    """One rule of a security group, for one source or destination.

    Args:
        protocol: ``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``-1`` for all, or a protocol's number.
        from_port: First port, or ICMP type; None or -1 for all.
        to_port: Last port, or ICMP code; None or -1 for all.
        cidr: An IPv4 or IPv6 block; None where a group is named.
        group_id: A security group whose members are meant; None where a block is named.
    """

    protocol: str
    from_port: int | None
    to_port: int | None
    cidr: str | None = None
    group_id: str | None = None


@dataclass(frozen=True)
class MetadataOptions:
    """How an instance's IMDS answers ("Configure the instance metadata options")."""

    enabled: bool = True
    token_required: bool = False
    hop_limit: int = 1
    tags: bool = False


@dataclass(frozen=True)
class InstanceFacts:
    """An instance as its IMDS and its guest need it. ``user_data`` is decoded; None for none."""

    instance_id: str
    region: str
    availability_zone: str
    account_id: str
    image_id: str
    instance_type: str
    architecture: str
    reservation_id: str
    launch_index: int
    launch_time: dt.datetime
    private_ip: str
    private_dns_name: str
    public_ip: str | None
    public_dns_name: str | None
    mac: str
    vpc_id: str
    vpc_cidr: str
    subnet_id: str
    subnet_cidr: str
    key_name: str | None
    public_key: str | None
    user_data: bytes | None
    security_groups: tuple[tuple[str, str], ...]
    """Pairs of id and name."""
    shutdown_terminates: bool
    metadata_options: MetadataOptions
    instance_profile: str | None = None
    """ARN of the IAM instance profile."""
    instance_profile_id: str | None = None
    role_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    ipv6_addresses: tuple[str, ...] = ()
    subnet_ipv6_cidr: str | None = None
    vpc_ipv6_cidr: str | None = None


class InstanceModel(Protocol):
    """An instance as its clients have asked for it, and as they are shown it."""

    @property
    def instance_id(self) -> str:
        """Such as ``i-0123456789abcdef0``."""

    @property
    def image_id(self) -> str:
        """The AMI that it was launched from."""

    @property
    def state(self) -> State:
        """The state that clients have asked for, or that they are shown."""

    def set_state(self, state: State, reason: str = "", *, code: str = "") -> None:
        """Show a state, and why."""

    def set_reachable(self, *, reachable: bool) -> None:
        """Say whether its guest has been heard of on the network since it was started."""

    @property
    def private_address(self) -> str:
        """The private address of its first interface."""

    def set_private_address(self, address: str) -> None:
        """Give its first interface another private address."""

    @property
    def public_address(self) -> str | None:
        """The public address of its first interface; None where it has none."""

    def set_public_address(self, address: str | None) -> None:
        """Give its first interface another public address."""

    @property
    def ipv6_addresses(self) -> tuple[str, ...]:
        """The IPv6 addresses of its first interface."""

    @property
    def elastic_address(self) -> str | None:
        """The Elastic IP address that is associated with it; None for none."""

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """The block of the subnet that it is in."""

    @property
    def group_ids(self) -> frozenset[str]:
        """The security groups of its interfaces."""

    def rules(self) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        """Ingress and egress rules of all its security groups."""

    @property
    def shutdown_terminates(self) -> bool:
        """Whether a power-off from inside terminates it."""

    def facts(self) -> InstanceFacts:
        """All that its IMDS tells."""
