"""IPv6 in EC2's API: blocks of subnets and addresses of interfaces, which moto invents or ignores.

Sources: "IP addressing for your VPCs and subnets", "Assign IPv6 addresses to an instance",
"RunInstances", "AssignIpv6Addresses". Every block comes out of the cloud's own, so no address is
given that leads anywhere else.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.cloud import moto_ec2
from harness.cloud.crash import AwsError

SUBNET_PREFIX: Final = 64
MOST: Final = 30
"""As many as an interface of the largest types takes ("Maximum IP addresses per interface")."""

_RESERVED: Final = 4
_RANDOM: Final = random.SystemRandom()
_BROUGHT: Final = ("Ipv6Pool", "Ipv6IpamPoolId", "Ipv6NetmaskLength")
_WISH: Final = re.compile(r"^(?P<interface>NetworkInterface\.\d+\.)?Ipv6Address(?P<rest>.*)$")


@dataclass(frozen=True)
class Wish:
    """What a launch asks for.

    Args:
        count: How many addresses; None for as many as the subnet says.
        addresses: Which ones, where that is asked.
    """

    count: int | None = None
    addresses: tuple[str, ...] = ()

    @property
    def wants_any(self) -> bool:
        """Whether the subnet has to have a block for it."""
        return bool(self.count or self.addresses)


def wish_of(form: Mapping[str, str]) -> Wish:
    """The wish of a RunInstances, for the instance or for its interface.

    Raises:
        AwsError: It contradicts itself, or makes no sense.
    """
    count: int | None = None
    addresses: list[str] = []
    for name, value in form.items():
        found = _WISH.match(name)
        if found is None:
            continue
        if found["rest"] == "Count":
            count = _count(value)
        else:
            addresses.append(_address(value))
    if count is not None and addresses:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameters ipv6AddressCount and ipv6Addresses cannot be used together",
        )
    if addresses and int(form.get("MaxCount", "1")) > 1:
        raise AwsError(
            "InvalidParameterCombination",
            "IPv6 addresses cannot be specified for more than one instance",
        )
    return Wish(count, tuple(addresses))


def without_wish(form: Mapping[str, str]) -> dict[str, str]:
    """The request without what :func:`wish_of` reads."""
    return {name: value for name, value in form.items() if not _WISH.match(name)}


def check_launch(form: Mapping[str, str], region: str) -> Wish:
    """Hold a launch's wish against its subnet. Call it under :data:`moto_ec2.lock`.

    Raises:
        AwsError: The subnet has no block, or the addresses are not in it or not free.
    """
    wish = wish_of(form)
    if wish.wants_any:
        subnet_id = next(
            (value for name, value in form.items() if name.rpartition(".")[2] == "SubnetId"), ""
        )
        subnet = moto_ec2.find_subnet(region, subnet_id, form.get("Placement.AvailabilityZone"))
        if subnet is not None:
            _check_addresses(wish.addresses, region, subnet)
    return wish


def give(instance: moto_ec2.InstanceModel, wish: Wish) -> None:
    """Give a new instance its addresses. Call it under :data:`moto_ec2.lock`."""
    interface = instance.interface
    if wish.addresses:
        interface.ipv6_addresses = wish.addresses
    elif wish.count is not None:
        interface.ipv6_addresses = _free(instance.region, interface.subnet, wish.count)
    elif not interface.ipv6_addresses and interface.subnet.assigns_ipv6:
        interface.ipv6_addresses = _free(instance.region, interface.subnet, 1)


def assign(form: Mapping[str, str], region: str) -> Sequence[str]:
    """AssignIpv6Addresses. Call it under :data:`moto_ec2.lock`.

    Returns:
        The addresses that are new.

    Raises:
        AwsError: There is no such interface, or it cannot have these addresses.
    """
    interface = moto_ec2.find_interface(region, form.get("NetworkInterfaceId", ""))
    if interface is None:
        named = form.get("NetworkInterfaceId", "")
        raise AwsError(
            "InvalidNetworkInterfaceID.NotFound",
            f"The networkInterface ID '{named}' does not exist",
        )
    wish = wish_of({re.sub(r"^Ipv6Addresses\.", "Ipv6Address.", name): form[name] for name in form})
    if not wish.wants_any:
        raise AwsError(
            "MissingParameter", "Either ipv6AddressCount or ipv6Addresses must be specified"
        )
    added = tuple(one for one in wish.addresses if one not in interface.ipv6_addresses)
    _check_addresses(added, region, interface.subnet)
    if wish.count:
        added = _free(region, interface.subnet, wish.count)
    if len(interface.ipv6_addresses) + len(added) > MOST:
        raise AwsError("AddressLimitExceeded", f"An interface takes up to {MOST} IPv6 addresses")
    interface.ipv6_addresses = interface.ipv6_addresses + added
    return added


def check_request(action: str, form: Mapping[str, str], region: str) -> None:
    """Refuse what EC2 refuses of blocks. Call it under :data:`moto_ec2.lock`.

    Raises:
        AwsError: The request cannot be done.
    """
    check = _CHECKS.get(action)
    if check:
        check(form, region)


def _check_vpc(form: Mapping[str, str], _region: str) -> None:
    if any(name in form for name in (*_BROUGHT, "Ipv6CidrBlock")):
        raise AwsError(
            "UnsupportedOperation",
            "The local cloud has no IPv6 blocks but its own (AmazonProvidedIpv6CidrBlock)",
        )


def _check_new_subnet(form: Mapping[str, str], region: str) -> None:
    if any(name in form for name in _BROUGHT) or form.get("Ipv6Native") == "true":
        raise AwsError(
            "UnsupportedOperation",
            "Subnets of the local cloud have IPv4, and IPv6 beside it (Ipv6CidrBlock) at most",
        )
    block = form.get("Ipv6CidrBlock")
    if block:
        _check_block(block, moto_ec2.ipv6_blocks(region, form.get("VpcId", "")))


def _check_more_of_subnet(form: Mapping[str, str], region: str) -> None:
    subnet = moto_ec2.find_subnet(region, form.get("SubnetId", ""))
    if subnet is None:
        return  # for moto to refuse
    _check_block(form.get("Ipv6CidrBlock", ""), moto_ec2.ipv6_blocks(region, subnet.vpc_id))
    if subnet.ipv6_block:
        raise AwsError(
            "InvalidParameterValue", f"The subnet {subnet.id} already has an IPv6 CIDR block"
        )


def _check_attribute(form: Mapping[str, str], region: str) -> None:
    """AssignIpv6AddressOnCreation needs a block."""
    subnet = moto_ec2.find_subnet(region, form.get("SubnetId", ""))
    wanted = form.get("AssignIpv6AddressOnCreation.Value", "").lower() == "true"
    if wanted and subnet is not None and not subnet.ipv6_block:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value 'true' for assignIpv6AddressOnCreation. "
            f"The subnet {subnet.id} has no IPv6 CIDR block",
        )


def _check_interface(form: Mapping[str, str], region: str) -> None:
    subnet = moto_ec2.find_subnet(region, form.get("SubnetId", ""))
    wish = wish_of({re.sub(r"^Ipv6Addresses\.", "Ipv6Address.", name): form[name] for name in form})
    if wish.wants_any and subnet is not None:
        _check_addresses(wish.addresses, region, subnet)


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, str], str], None]]] = {
    "AssociateSubnetCidrBlock": _check_more_of_subnet,
    "AssociateVpcCidrBlock": _check_vpc,
    "CreateNetworkInterface": _check_interface,
    "CreateSubnet": _check_new_subnet,
    "CreateVpc": _check_vpc,
    "ModifySubnetAttribute": _check_attribute,
}


def _check_block(text: str, blocks: Sequence[ipaddress.IPv6Network]) -> None:
    try:
        block = ipaddress.IPv6Network(text)
    except ValueError:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({text}) for parameter ipv6CidrBlock is invalid.",
        ) from None
    if block.prefixlen != SUBNET_PREFIX or not any(block.subnet_of(one) for one in blocks):
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
    if moto_ec2.overlaps(block):
        raise AwsError("InvalidSubnet.Conflict", f"The CIDR '{text}' conflicts with another subnet")


def _check_addresses(addresses: Sequence[str], region: str, subnet: moto_ec2.SubnetModel) -> None:
    block = subnet.ipv6_block
    if block is None:
        raise AwsError(
            "InvalidParameterValue", f"The subnet {subnet.id} has no IPv6 CIDR block associated"
        )
    taken = moto_ec2.ipv6_in_use(region)
    for address in addresses:
        if not _usable(ipaddress.IPv6Address(address), block):
            raise AwsError(
                "InvalidParameterValue",
                f"Address {address} does not fall within the subnet's address range",
            )
        if address in taken:
            raise AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _usable(address: ipaddress.IPv6Address, block: ipaddress.IPv6Network) -> bool:
    """The first four and the last address of a subnet are AWS's."""
    return block[_RESERVED] <= address < block[-1]


def _free(region: str, subnet: moto_ec2.SubnetModel, count: int) -> tuple[str, ...]:
    block = subnet.ipv6_block
    if block is None:
        return ()
    taken = moto_ec2.ipv6_in_use(region)
    found: list[str] = []
    while len(found) < count:
        address = str(block[_RANDOM.randrange(_RESERVED, block.num_addresses - 1)])
        if address not in taken:
            found.append(address)
    return tuple(found)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST:
        raise AwsError(
            "InvalidParameterValue", f"Value ({text}) for parameter ipv6AddressCount is invalid."
        )
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise AwsError(
            "InvalidParameterValue", f"Value ({text}) for parameter ipv6Addresses is invalid."
        ) from None
