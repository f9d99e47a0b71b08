"""Security groups as rules, and addresses that are ours."""

from __future__ import annotations

import ipaddress
import random

import pytest

from harness.cloud.instance import Rule
from harness.cloud.network import (
    AddressBook,
    HostPorts,
    aws_names,
    local_addresses,
    name_servers,
    public_dns_name,
    ruleset,
)

pytestmark = pytest.mark.selftest

HOST = HostPorts("10.77.0.1", imds=8001, tls=8002)
ALL_OUT = Rule("-1", None, None, cidr="0.0.0.0/0")


def rules(*ingress: Rule, egress: tuple[Rule, ...] = (ALL_OUT,), **members: list[str]) -> list[str]:
    text = ruleset(ingress, egress, members=members, host=HOST)
    return [line.strip() for line in text.splitlines()]


def chain(lines: list[str], name: str) -> list[str]:
    start = lines.index(f"chain {name} {{")
    return lines[start : lines.index("}", start)]


def test_what_no_rule_allows_is_dropped_on_the_way_in() -> None:
    """A security group without ingress lets nothing in but answers to what went out."""
    accepted = [line for line in chain(rules(), "input") if line.endswith("accept")]
    assert accepted == [
        'iifname "lo" accept',
        "ct state established,related accept",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        "icmpv6 type mld-listener-query accept",
    ]
    assert any("hook input" in line and "policy drop" in line for line in chain(rules(), "input"))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule("tcp", 22, 22, cidr="10.77.0.1/32"), "ip saddr 10.77.0.1/32 tcp dport 22-22 accept"),
        (Rule("tcp", 22, 22, cidr="0.0.0.0/0"), "meta nfproto ipv4 tcp dport 22-22 accept"),
        (Rule("tcp", 22, 22, cidr="::/0"), "meta nfproto ipv6 tcp dport 22-22 accept"),
        (Rule("udp", 53, 60, cidr="fd00::/8"), "ip6 saddr fd00::/8 udp dport 53-60 accept"),
        (Rule("icmp", -1, -1, cidr="10.0.0.0/8"), "ip saddr 10.0.0.0/8 meta l4proto icmp accept"),
        (Rule("icmp", 8, -1, cidr="10.0.0.0/8"), "ip saddr 10.0.0.0/8 icmp type 8 accept"),
        (
            Rule("icmp", 3, 4, cidr="10.0.0.0/8"),
            "ip saddr 10.0.0.0/8 icmp type 3 icmp code 4 accept",
        ),
        (Rule("-1", None, None, cidr="10.0.0.0/8"), "ip saddr 10.0.0.0/8 accept"),
        (Rule("50", None, None, cidr="10.0.0.0/8"), "ip saddr 10.0.0.0/8 meta l4proto 50 accept"),
        (Rule("tcp", 22, 22, cidr="10.77.3.9/16"), "ip saddr 10.77.0.0/16 tcp dport 22-22 accept"),
    ],
)
def test_a_rule_lets_its_source_in(rule: Rule, line: str) -> None:
    """Each kind of source and service becomes the one rule that says it."""
    assert line in chain(rules(rule), "input")


def test_a_group_as_source_means_its_members() -> None:
    """A rule that names a group admits the private addresses of the group's instances."""
    rule = Rule("tcp", 80, 80, group_id="sg1")
    lines = chain(rules(rule, sg1=["10.77.0.5", "10.77.0.6"]), "input")
    assert "ip saddr 10.77.0.5 tcp dport 80-80 accept" in lines
    assert "ip saddr 10.77.0.6 tcp dport 80-80 accept" in lines
    assert not any("dport 80" in line for line in chain(rules(rule), "input"))


def test_a_group_as_source_means_its_members_over_ipv6_too() -> None:
    """Each address by its own family."""
    rule = Rule("tcp", 80, 80, group_id="sg1")
    lines = chain(rules(rule, sg1=["10.77.0.5", "fd12::5"]), "input")
    assert "ip6 saddr fd12::5 tcp dport 80-80 accept" in lines


def test_ipv6_leads_to_other_guests_and_nowhere_else() -> None:
    """Whatever a rule allows: no address of the host's, none of the Internet's."""
    anywhere = Rule("-1", None, None, cidr="::/0")
    guests = ipaddress.IPv6Network("fd12:3456:789a::/48")
    for ipv6, dropped in (
        (guests, f"ip6 daddr != {guests} drop"),
        (None, "meta nfproto ipv6 drop"),
    ):
        text = ruleset((), (anywhere,), members={}, host=HOST, ipv6=ipv6)
        lines = chain([line.strip() for line in text.splitlines()], "output")
        assert lines.index(dropped) < lines.index("meta nfproto ipv6 accept")


def test_no_guest_is_taken_for_a_router() -> None:
    """Neighbours are found whatever the rules say; who says that it is a router is not heard."""
    lines = chain(rules(Rule("-1", None, None, cidr="::/0")), "input")
    allowed = lines.index("meta nfproto ipv6 accept")
    for always in (
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        "icmpv6 type { nd-router-solicit, nd-router-advert, nd-redirect } drop",
        "ip6 saddr fe80::/10 drop",
    ):
        assert lines.index(always) < allowed


def test_blocks_of_ipv6_are_handed_out_once() -> None:
    """Each VPC has one of the size that Amazon provides, all of them the cloud's."""
    ours = ipaddress.IPv6Network("fd12:3456:789a::/48")
    book = AddressBook(ipaddress.IPv4Network("10.77.0.0/16"), ipv6=ours)
    blocks = [ipaddress.IPv6Network(book.ipv6_block()) for _ in range(256)]
    assert len(set(blocks)) == 256
    assert all(block.subnet_of(ours) and block.prefixlen == 56 for block in blocks)
    with pytest.raises(ValueError, match="no free IPv6 block"):
        book.ipv6_block()


def test_the_way_out_to_aws_needs_an_egress_rule_for_https() -> None:
    """The endpoint stands for AWS: what would not reach AWS does not reach it either."""
    to_aws = "ip daddr 10.77.0.1 tcp dport 8002 accept"
    assert to_aws in chain(rules(), "output")
    https = Rule("tcp", 443, 443, cidr="0.0.0.0/0")
    assert to_aws in chain(rules(egress=(https,)), "output")
    http = Rule("tcp", 80, 80, cidr="0.0.0.0/0")
    assert to_aws not in chain(rules(egress=(http,)), "output")
    assert to_aws not in chain(rules(egress=()), "output")


def test_the_host_is_closed_to_guests_but_for_what_stands_for_aws() -> None:
    """A guest must not find the services that run on the machine under test."""
    lines = chain(rules(), "output")
    drops = [line for line in lines if line.endswith("drop")]
    assert drops == [
        "meta nfproto ipv6 drop",
        "ip daddr 10.77.0.1 tcp dport != 8002 drop",
        "ip daddr 10.77.0.1 meta l4proto != tcp drop",
    ]
    assert lines.index(drops[0]) < lines.index("meta nfproto ipv4 accept")


def test_other_addresses_of_the_host_are_closed_too() -> None:
    """The gateway is not the only way to the host; who answers names is reached all the same."""
    host = HostPorts(
        "10.77.0.1",
        8001,
        8002,
        addresses=lambda: ("10.77.0.1", "192.0.2.2"),
        resolvers=("192.0.2.53",),
    )
    lines = chain(
        [line.strip() for line in ruleset([], [ALL_OUT], members={}, host=host).splitlines()],
        "output",
    )
    assert lines.index("ip daddr 192.0.2.2 drop") < lines.index("meta nfproto ipv4 accept")
    assert "ip daddr 10.77.0.1 drop" not in lines
    names = "ip daddr 192.0.2.53 meta l4proto { tcp, udp } th dport 53 accept"
    assert lines.index(names) < lines.index("ip daddr 192.0.2.2 drop")


def test_a_machines_addresses_and_name_servers() -> None:
    """As the kernel and the resolver's configuration have them; loopback is nobody else's."""
    table = """\
Main:
  +-- 0.0.0.0/0 3 0 4
        |-- 10.77.0.0
           /16 link UNICAST
        |-- 192.0.2.2
           /32 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 10.77.255.255
           /32 link BROADCAST
"""
    assert local_addresses(table) == ("192.0.2.2",)
    stub = "nameserver 127.0.0.53\nsearch example.org\n"
    behind = "nameserver 192.0.2.53\nnameserver fd00::1\nnameserver\nnameserver 192.0.2.53\n"
    assert name_servers(stub, behind) == ("192.0.2.53",)
    assert name_servers("", "") == ()


def test_a_wanted_private_address_is_given_while_it_is_free() -> None:
    """PrivateIpAddress of a launch; never one outside of the subnet."""
    book = AddressBook(ipaddress.IPv4Network("10.77.0.0/16"))
    subnet = ipaddress.IPv4Network("10.77.16.0/24")
    assert book.private_address(subnet, "10.77.16.50") == "10.77.16.50"
    assert book.private_address(subnet, "10.77.16.50") == "10.77.16.4"
    assert book.private_address(subnet, "10.77.99.9") == "10.77.16.5"


def test_the_metadata_service_is_reached_whatever_the_groups_say() -> None:
    """Security groups do not filter 169.254.169.254."""
    assert "ct original ip daddr 169.254.169.254 accept" in chain(rules(egress=()), "output")


def test_public_addresses_are_on_the_loopback_network() -> None:
    """No address that is handed out can lead to somebody else's machine."""
    book = AddressBook(ipaddress.IPv4Network("10.77.0.0/16"), random.Random(1))  # noqa: S311 - no secret
    for _ in range(1000):
        assert ipaddress.IPv4Address(book.public_address()).is_loopback


def test_private_addresses_go_to_one_holder_at_a_time() -> None:
    """An address comes back only after it was released; EC2's reserved ones never come."""
    book = AddressBook(ipaddress.IPv4Network("10.77.0.0/16"))
    subnet = ipaddress.IPv4Network("10.77.16.0/29")
    handed = [book.private_address(subnet) for _ in range(3)]
    assert handed == ["10.77.16.4", "10.77.16.5", "10.77.16.6"]
    with pytest.raises(ValueError, match="no free address"):
        book.private_address(subnet)
    book.release("10.77.16.5")
    assert book.private_address(subnet) == "10.77.16.5"


def test_a_subnet_of_another_network_is_served_from_ours() -> None:
    """Guests of a VPC of the template's own live on the local network all the same."""
    book = AddressBook(ipaddress.IPv4Network("10.77.0.0/16"))
    address = book.private_address(ipaddress.IPv4Network("192.168.7.0/24"))
    assert ipaddress.IPv4Address(address) in book.private


def test_names_that_lead_to_the_endpoint() -> None:
    """The names that a provisioning script of that region asks for are among them."""
    names = aws_names("eu-west-1")
    assert "cloudformation.eu-west-1.amazonaws.com" in names
    assert "s3.amazonaws.com" in names
    assert "cloudformation-waitcondition-eu-west-1.s3.eu-west-1.amazonaws.com" in names
    assert "cloudformation.cn-north-1.amazonaws.com.cn" in aws_names("cn-north-1")


def test_a_public_name_is_nobody_elses() -> None:
    """It ends in a domain that is reserved for private use."""
    name = public_dns_name("127.77.1.2", "us-east-1")
    assert name == "ec2-127-77-1-2.us-east-1.compute.harness.internal"
