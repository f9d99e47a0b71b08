"""Networks for guests, where nobody else has one."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import docker
import docker.types

from harness.cloud.engine.errors import translated
from harness.cloud.engine.things import Network
from harness.errors import EngineError

_TAKEN: Final = ("overlap", "is already used")
"""How Docker and Podman say that somebody has a subnet already."""

_SUBNETS: Final = tuple(f"10.{second}.0.0/16" for second in (77, *range(201, 250)))


def create_network(client: docker.DockerClient, name: str, labels: Mapping[str, str]) -> Network:
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
                network = client.networks.create(
                    name,
                    driver="bridge",
                    ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                    labels=dict(labels),
                )
        except EngineError as error:
            if any(words in error.message for words in _TAKEN):
                continue
            raise
        return Network(str(network.id), subnet, gateway, unique_local_block())
    raise EngineError(
        "no free subnet for a network",
        remedy="remove networks of earlier runs (harness sweep --local)",
    )


def unique_local_block() -> ipaddress.IPv6Network:
    """A /48 block of IPv6 that nobody else is likely to have (RFC 4193, section 3.2.2)."""
    prefix = b"\xfd" + secrets.token_bytes(5)
    return ipaddress.IPv6Network((prefix.ljust(16, b"\0"), 48))


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
