"""Security groups as nftables rules, names as hosts entries, addresses of our own. Pure.

The rules live in the network namespace of a guest's pod, where the guest itself cannot change them.
What they are held against is the address that a packet really comes from: a test on the host comes
from the gateway of the local network, a guest from its private address.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.cloud.instance import Rule

IMDS_ADDRESS: Final = "169.254.169.254"
VPC_IPV6_PREFIX: Final = 56
"""The size of the IPv6 block that Amazon provides a VPC with."""

_ALL: Final = (None, -1)
_DNS: Final = "meta l4proto { tcp, udp } th dport 53"
# Neighbour discovery is what ARP is for IPv4, and no security group filters that. Nobody but the
# network itself tells an instance about routers, so no guest may, nor believe another.
_NEIGHBOURS: Final = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
_ROUTERS: Final = "icmpv6 type { nd-router-solicit, nd-router-advert, nd-redirect }"
_LISTENERS: Final = "icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report }"
_NEIGHBOURS_IN: Final = (
    f"    {_NEIGHBOURS} accept",
    f"    {_ROUTERS} drop",
    "    icmpv6 type mld-listener-query accept",
    "    ip6 saddr fe80::/10 drop",
)
_NEIGHBOURS_OUT: Final = (
    f"    {_NEIGHBOURS} accept",
    f"    {_LISTENERS} accept",
)
_FOREIGN: Final = {"icmp": 6, "icmpv6": 4}
"""The family that a protocol is never of: nothing comes in by such a rule."""

_PORT_PROTOCOLS: Final = frozenset({"tcp", "udp"})
_SERVICES: Final = (
    "autoscaling",
    "cloudformation",
    "ec2",
    "iam",
    "kms",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)
_GLOBAL_NAMES: Final = (
    "cloudformation-examples.s3.amazonaws.com",
    "iam.amazonaws.com",
    "s3.amazonaws.com",
    "sts.amazonaws.com",
)


@dataclass(frozen=True)
class HostPorts:
    """Where the host answers the guests, all on the gateway of the local network.

    Args:
        address: The gateway.
        imds: Port of the metadata service.
        tls: Port of the AWS endpoint over TLS.
        addresses: Tells the other IPv4 addresses that the host has at the moment.
        resolvers: IPv4 addresses of the name servers that the engine asks for guests.
    """

    address: str
    imds: int
    tls: int
    addresses: Callable[[], Sequence[str]] = tuple
    resolvers: tuple[str, ...] = ()


def aws_names(region: str) -> tuple[str, ...]:
    """The names of AWS that lead to the local endpoint inside a guest of that region."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    regional = tuple(f"{service}.{region}.{suffix}" for service in _SERVICES)
    waitcondition = f"cloudformation-waitcondition-{region}.s3"
    return (
        *regional,
        *_GLOBAL_NAMES,
        f"{waitcondition}.amazonaws.com",
        f"{waitcondition}.{region}.{suffix}",
    )


def public_dns_name(address: str, region: str) -> str:
    """The public name of an instance: as EC2 forms it, under a domain that nobody else has.

    ``.internal`` is reserved for private use; the name means something in the generated
    ssh_config only.
    """
    dashed = address.replace(".", "-")
    return f"ec2-{dashed}.{region}.compute.harness.internal"


class AddressBook:
    """Hands out addresses, each to one holder at a time.

    Args:
        private: Where private addresses come from.
        ipv6: Where the IPv6 blocks of VPCs come from.
        chance: Picks public addresses, so that runs side by side seldom want the same one.
    """

    public: Final = ipaddress.IPv4Network("127.77.0.0/16")

    def __init__(
        self,
        private: ipaddress.IPv4Network,
        chance: random.Random | None = None,
        *,
        ipv6: ipaddress.IPv6Network | None = None,
    ) -> None:
        self.private = private
        self._blocks = iter(()) if ipv6 is None else ipv6.subnets(new_prefix=VPC_IPV6_PREFIX)
        self._chance = chance or random.SystemRandom()
        self._taken: set[ipaddress.IPv4Address] = {private.network_address + 1}

    def public_address(self) -> str:
        """A public address: on the loopback network, so that it can lead nowhere else."""
        return str(self.public.network_address + self._chance.randrange(256, 65280))

    def private_address(self, subnet: ipaddress.IPv4Network, wanted: str = "") -> str:
        """A private address that nobody holds, in the given part of the private network.

        Args:
            subnet: Which part; where it is none, the whole network.
            wanted: The one to hand out where it can be.

        Raises:
            ValueError: All are held.
        """
        if not subnet.subnet_of(self.private):
            subnet = self.private
        if wanted:
            first = ipaddress.IPv4Address(wanted)
            if first in subnet and first not in self._taken:
                self._taken.add(first)
                return wanted
        # EC2 keeps the first four and the last address of a subnet to itself.
        for offset in range(4, subnet.num_addresses - 1):
            candidate = subnet.network_address + offset
            if candidate not in self._taken:
                self._taken.add(candidate)
                return str(candidate)
        raise ValueError(f"no free address in {subnet}")

    def ipv6_block(self) -> str:
        """An IPv6 block for a VPC, which no other has.

        Raises:
            ValueError: All were handed out.
        """
        block = next(self._blocks, None)
        if block is None:
            raise ValueError("no free IPv6 block for a VPC")
        return str(block)

    def release(self, address: str) -> None:
        """Give a private address back."""
        self._taken.discard(ipaddress.IPv4Address(address))


def ruleset(
    ingress: Iterable[Rule],
    egress: Iterable[Rule],
    *,
    members: Mapping[str, Sequence[str]],
    host: HostPorts,
    ipv6: ipaddress.IPv6Network | None = None,
) -> str:
    """The nftables rules of a pod.

    Args:
        ingress: What may come in.
        egress: What may go out.
        members: Private and IPv6 addresses of the instances in each security group.
        host: Where the host answers.
        ipv6: Where IPv6 leads to from here, and nowhere else; None for nowhere.

    Returns:
        A script for ``nft -f`` that replaces the rules of an earlier one at once.
    """
    return "\n".join(
        [
            "table inet harness",
            "delete table inet harness",
            "table ip harness_nat",
            "delete table ip harness_nat",
            "table inet harness {",
            "  chain input {",
            "    type filter hook input priority filter; policy drop;",
            '    iifname "lo" accept',
            "    ct state established,related accept",
            *_NEIGHBOURS_IN,
            *_accepts(ingress, members, side="saddr"),
            "  }",
            "  chain output {",
            "    type filter hook output priority filter; policy drop;",
            '    oifname "lo" accept',
            "    ct state established,related accept",
            # Security groups do not filter the metadata service and Amazon's name servers
            # ("Control traffic to your AWS resources using security groups").
            f"    ct original ip daddr {IMDS_ADDRESS} accept",
            *_NEIGHBOURS_OUT,
            f"    ip6 daddr != {ipv6} drop" if ipv6 else "    meta nfproto ipv6 drop",
            *[f"    ip daddr {one} {_DNS} accept" for one in host.resolvers],
            # The host itself is no place for a guest to connect to, but where it stands for AWS.
            f"    ip daddr {host.address} tcp dport != {host.tls} drop",
            f"    ip daddr {host.address} meta l4proto != tcp drop",
            *[f"    ip daddr {one} drop" for one in host.addresses() if one != host.address],
            *_accepts(egress, members, side="daddr", gateway=host),
            "  }",
            "}",
            "table ip harness_nat {",
            "  chain output {",
            "    type nat hook output priority -100; policy accept;",
            f"    ip daddr {IMDS_ADDRESS} tcp dport 80 dnat to {host.address}:{host.imds}",
            f"    ip daddr {host.address} tcp dport 443 dnat to {host.address}:{host.tls}",
            "  }",
            "}",
            "",
        ]
    )


def _accepts(
    rules: Iterable[Rule],
    members: Mapping[str, Sequence[str]],
    *,
    side: str,
    gateway: HostPorts | None = None,
) -> list[str]:
    lines = []
    for rule in rules:
        service = _service(rule)
        peers = _peers(rule, members, side)
        foreign = _FOREIGN.get(rule.protocol)
        lines += [f"    {one}{service}accept" for one in peers if _version(one) != foreign]
        if gateway and rule.cidr == "0.0.0.0/0" and _covers(rule, 443):
            # The endpoint's own port, after translation; to the guest it is AWS's 443.
            lines.append(f"    ip daddr {gateway.address} tcp dport {gateway.tls} accept")
    return lines


def _covers(rule: Rule, port: int) -> bool:
    if rule.protocol == "-1":
        return True
    if rule.protocol != "tcp":
        return False
    first, last = rule.from_port, rule.to_port
    return first is None or first == -1 or first <= port <= (last or first)


def _peers(rule: Rule, members: Mapping[str, Sequence[str]], side: str) -> list[str]:
    if rule.group_id is not None:
        return [f"{_family(one)} {side} {one} " for one in members.get(rule.group_id, ())]
    if rule.cidr is None:
        return []
    network = ipaddress.ip_network(rule.cidr, strict=False)
    family = _family(rule.cidr)
    if network.prefixlen == 0:
        return [f"meta nfproto {'ipv4' if family == 'ip' else 'ipv6'} "]
    return [f"{family} {side} {network} "]


def _version(peer: str) -> int:
    return 6 if peer.startswith(("ip6 ", "meta nfproto ipv6 ")) else 4


def _family(address: str) -> str:
    return "ip6" if ":" in address else "ip"


def _service(rule: Rule) -> str:
    """The part of a rule that names protocol and ports, with a blank behind; "" for all."""
    if rule.protocol == "-1":
        return ""
    if rule.protocol in _PORT_PROTOCOLS:
        if rule.from_port in _ALL:
            return f"meta l4proto {rule.protocol} "
        return f"{rule.protocol} dport {rule.from_port}-{rule.to_port} "
    if rule.protocol in {"icmp", "icmpv6"}:
        if rule.from_port in _ALL:
            return f"meta l4proto {rule.protocol} "
        code = "" if rule.to_port in _ALL else f"{rule.protocol} code {rule.to_port} "
        return f"{rule.protocol} type {rule.from_port} {code}"
    return f"meta l4proto {rule.protocol} "


def local_addresses(table: str) -> tuple[str, ...]:
    """The IPv4 addresses of a machine, loopback left out.

    Args:
        table: Its ``/proc/net/fib_trie``.
    """
    found = set()
    leaf = ""
    for line in table.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words[:2] == ["/32", "host"] and "LOCAL" in words:
            found.add(leaf)
    return tuple(sorted(one for one in found if not ipaddress.IPv4Address(one).is_loopback))


def name_servers(*configurations: str) -> tuple[str, ...]:
    """The IPv4 name servers of a machine that others can reach too.

    Args:
        configurations: The texts of its ``resolv.conf`` and of those that stand behind it.
    """
    found = []
    for line in "\n".join(configurations).splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            try:
                address = ipaddress.IPv4Address(words[1])
            except ValueError:
                continue
            if not address.is_loopback:
                found.append(str(address))
    return tuple(dict.fromkeys(found))
