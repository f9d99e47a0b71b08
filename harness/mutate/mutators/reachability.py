"""Mistakes in who may come in, and by which door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.mutate.mutator import Family, Rung
from harness.mutate.subject import Body, Change, Subject

FAMILY = Family()
GROUP = "AWS::EC2::SecurityGroup"
SSH = 22
EXACT = "the ingress rules, compared as a whole with the one rule that is meant"
LOGIN = "a login that is made by way of the stack's address"


def _groups(subject: Subject, change: Callable[[Body], object]) -> Iterator[Change]:
    """Change the properties of each security group."""
    for name in subject.of_type(GROUP):
        yield Change("", subject.changed(change, "Resources", name, "Properties"))


def _rules(subject: Subject, change: Callable[[dict[str, Any]], object]) -> Iterator[Change]:
    """Change the ingress rules of each security group."""

    def every(properties: Body) -> None:
        rules = properties.get("SecurityGroupIngress")
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, dict) and "IpProtocol" in rule:
                change(rule)

    yield from _groups(subject, every)


def _add_rule(properties: Body, rule: dict[str, Any]) -> None:
    rules = properties.setdefault("SecurityGroupIngress", [])
    if isinstance(rules, list):
        rules.append(rule)


@FAMILY.add("drop-ingress-rule", "forgot to let SSH in", EXACT)
def _drop(subject: Subject) -> Iterator[Change]:
    yield from _groups(subject, lambda one: one.pop("SecurityGroupIngress", None))


@FAMILY.add("nobody-gets-in", "forgot to let SSH in", LOGIN, Rung.LOCAL)
def _drop_local(subject: Subject) -> Iterator[Change]:
    yield from _groups(subject, lambda one: one.pop("SecurityGroupIngress", None))


@FAMILY.add("open-another-port", "left a port open that was of use for debugging", EXACT)
def _another_port(subject: Subject) -> Iterator[Change]:
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "CidrIp": "0.0.0.0/0"}
    yield from _groups(subject, lambda one: _add_rule(one, rule))


@FAMILY.add("open-ipv6", "let all of IPv6 in beside the block of IPv4", EXACT)
def _ipv6(subject: Subject) -> Iterator[Change]:
    rule = {"IpProtocol": "tcp", "FromPort": SSH, "ToPort": SSH, "CidrIpv6": "::/0"}
    yield from _groups(subject, lambda one: _add_rule(one, rule))


@FAMILY.add("wrong-port", "opened the port of another sshd", EXACT)
def _wrong_port(subject: Subject) -> Iterator[Change]:
    yield from _rules(subject, lambda rule: rule.update(FromPort=2222, ToPort=2222))


@FAMILY.add("port-range", "opened everything from SSH's port up", EXACT)
def _range(subject: Subject) -> Iterator[Change]:
    yield from _rules(subject, lambda rule: rule.update(ToPort=65535))


@FAMILY.add("wrong-protocol", "took UDP for TCP", EXACT)
def _udp(subject: Subject) -> Iterator[Change]:
    yield from _rules(subject, lambda rule: rule.update(IpProtocol="udp"))


@FAMILY.add("every-protocol", "opened every port of every protocol", EXACT)
def _every(subject: Subject) -> Iterator[Change]:
    yield from _rules(subject, lambda rule: rule.update(IpProtocol="-1"))


@FAMILY.add("open-to-the-world", "let everybody try to log in", EXACT)
def _world(subject: Subject) -> Iterator[Change]:
    yield from _rules(subject, lambda rule: rule.update(CidrIp="0.0.0.0/0"))


@FAMILY.add("wrong-source", "let in only what is inside of the network", EXACT)
def _source(subject: Subject) -> Iterator[Change]:
    yield from _rules(subject, lambda rule: rule.update(CidrIp="10.0.0.0/8"))


@FAMILY.add(
    "no-egress",
    "named an egress rule, and so took away the one that lets everything out",
    "a security group without egress rules of its own; a provisioning that downloads something",
)
def _egress(subject: Subject) -> Iterator[Change]:
    rule = {"IpProtocol": "-1", "CidrIp": "127.0.0.1/32"}
    yield from _groups(subject, lambda one: one.update(SecurityGroupEgress=[rule]))


@FAMILY.add(
    "another-group",
    "left the instance in the default security group",
    "the instance's security groups, compared with the stack's own",
)
def _no_group(subject: Subject) -> Iterator[Change]:
    for name in subject.of_type("AWS::EC2::Instance"):
        path = ("Resources", name, "Properties", "SecurityGroupIds")
        yield Change("", subject.without(*path))


@FAMILY.add(
    "group-by-name",
    "named the security group where its id is wanted",
    "the instance's security groups, compared with the id that Fn::GetAtt gives",
)
def _by_name(subject: Subject) -> Iterator[Change]:
    for name in subject.of_type("AWS::EC2::Instance"):
        for group in subject.of_type(GROUP)[:1]:
            path = ("Resources", name, "Properties", "SecurityGroupIds")
            yield Change("", subject.placed([f"demo-{group}-1A2B3C"], *path))
