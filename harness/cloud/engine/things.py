"""What the container engine is asked for, and what it tells."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass


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
