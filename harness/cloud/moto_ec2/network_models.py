"""moto's subnets, network interfaces and IPv6 addresses."""
# ruff: noqa: ANN401 - as the package says

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from harness.cloud.instance import State
from harness.cloud.moto_ec2.account import backend_of, backends


class SubnetModel:
    """One of moto's subnets, as IPv6 needs it. Use under :data:`lock`."""

    def __init__(self, subnet: Any) -> None:
        self._subnet = subnet
        self.id = str(subnet.id)
        self.vpc_id = str(subnet.vpc_id)

    @property
    def block(self) -> ipaddress.IPv4Network:
        """Its IPv4 block."""
        return ipaddress.IPv4Network(self._subnet.cidr_block)

    @property
    def ipv6_block(self) -> ipaddress.IPv6Network | None:
        """Its IPv6 block; None where it has none."""
        associations = self._subnet.ipv6_cidr_block_association_set
        blocks = [ipaddress.IPv6Network(one["ipv6CidrBlock"]) for one in associations]
        return blocks[0] if blocks else None

    @property
    def assigns_ipv6(self) -> bool:
        """Whether new interfaces get an IPv6 address (AssignIpv6AddressOnCreation)."""
        return is_true(self._subnet.assign_ipv6_address_on_creation)


class InterfaceModel:
    """One of moto's network interfaces. Use under :data:`lock`."""

    def __init__(self, interface: Any) -> None:
        self._interface = interface
        self.id = str(interface.id)
        self.subnet = SubnetModel(interface.subnet)

    @property
    def is_attached(self) -> bool:
        """Whether an instance has it that is not terminated."""
        instance = self._interface.instance
        return bool(instance) and instance.state != State.TERMINATED.value

    @property
    def private_address(self) -> str:
        """Its first private IPv4 address."""
        return str(self._interface.private_ip_address)

    @property
    def group_ids(self) -> frozenset[str]:
        """Its security groups."""
        return frozenset(group.id for group in self._interface.group_set)

    def goes_with_its_instance(self, *, goes: bool) -> None:
        """Say whether it is deleted once its instance is terminated (DeleteOnTermination).

        moto would delete it as soon as somebody asks for the instance's end, and fail for it when
        somebody asks again.
        """
        self._interface.delete_on_termination = goes
        self._interface.delete = lambda: None

    @property
    def ipv6_addresses(self) -> tuple[str, ...]:
        """Its IPv6 addresses, the first one first."""
        return tuple(self._interface.ipv6_addresses)

    @ipv6_addresses.setter
    def ipv6_addresses(self, addresses: Sequence[str]) -> None:
        self._interface.ipv6_addresses = list(addresses)


def find_subnet(region: str, subnet_id: str, zone: str | None = None) -> SubnetModel | None:
    """A subnet; without an id the default one of a zone, which is the first where none is named."""
    backend = backend_of(region)
    subnets = {one.id: one for zoned in backend.subnets.values() for one in zoned.values()}
    if not subnet_id:
        default = backend.get_default_subnets().get(zone or f"{region}a")
        return SubnetModel(default) if default else None
    return SubnetModel(subnets[subnet_id]) if subnet_id in subnets else None


def find_interface(region: str, interface_id: str) -> InterfaceModel | None:
    """The network interface of that id; None where there is none."""
    interface = backend_of(region).enis.get(interface_id)
    return InterfaceModel(interface) if interface else None


def ipv6_blocks(region: str, vpc_id: str) -> list[ipaddress.IPv6Network]:
    """The IPv6 blocks of a VPC; none where there is no such VPC."""
    vpc = backend_of(region).vpcs.get(vpc_id)
    blocks = vpc.get_cidr_block_association_set(ipv6=True) if vpc else []
    return [ipaddress.IPv6Network(one["cidr_block"]) for one in blocks]


def ipv6_in_use(region: str) -> frozenset[str]:
    """The IPv6 addresses that interfaces have."""
    return frozenset(
        address
        for interface in backend_of(region).enis.values()
        if not (interface.instance and interface.instance.state == State.TERMINATED.value)
        for address in interface.ipv6_addresses
    )


def overlaps(block: ipaddress.IPv6Network) -> bool:
    """Whether a subnet has a part of an IPv6 block already."""
    models = (
        SubnetModel(subnet)
        for backend in backends()
        for zoned in backend.subnets.values()
        for subnet in zoned.values()
    )
    return any(model.ipv6_block and model.ipv6_block.overlaps(block) for model in models)


def is_true(value: object) -> bool:
    """Whether an attribute of moto's is; clients' words are kept as they are."""
    return str(value).lower() == "true"
