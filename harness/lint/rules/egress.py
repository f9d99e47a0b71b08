"""Whether an instance that has to fetch something can get out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.lint.finding import Severity
from harness.lint.images import launch_paths
from harness.lint.network import (
    ANYWHERE,
    Traffic,
    default_routes,
    groups,
    has_public_address,
    leads_to_internet,
    subnet_of,
    traffic,
)
from harness.lint.rule import Hit, Rule
from harness.lint.scripts import Script
from harness.lint.shell import Command
from harness.lint.subject import Subject

_HTTP: Final = 80
_HTTPS: Final = 443
_APT: Final = frozenset({"apt-get", "apt", "aptitude"})
_FETCH: Final = frozenset({"install", "update", "upgrade", "dist-upgrade", "full-upgrade"})
_FETCHERS: Final = _APT | {"yum", "dnf", "pip", "pip3", "npm", "git", "curl", "wget", "docker"}


@dataclass(frozen=True)
class _Need:
    """A command that has to reach the Internet."""

    script: Script
    command: Command

    @property
    def is_apt(self) -> bool:
        return self.command.name in _APT


def _needs(subject: Subject, instance: str) -> Iterator[_Need]:
    for shell in subject.shells:
        if shell.script.resource == instance and shell.script.runs:
            for command in shell.commands:
                if _fetches(command):
                    yield _Need(shell.script, command)


def _fetches(command: Command) -> bool:
    if command.name in {"curl", "wget"}:
        text = " ".join(command.texts)
        return "http" in text and not any(own in text for own in ("169.254.", "localhost", "127."))
    return command.name in _FETCHERS and any(one in _FETCH for one in command.operands)


def _mirrors_changed(subject: Subject, instance: str) -> bool:
    texts = (one.text.text for one in subject.user_data if one.resource == instance)
    return any("sources.list" in text or ("https://" in text and "apt" in text) for text in texts)


def _blocked(subject: Subject) -> Iterator[Hit]:
    for instance in launch_paths(subject):
        egress = _egress(subject, instance)
        if egress is None or not egress:
            continue
        web = any(rule.allows(_HTTP) for rule in egress)
        secure = any(rule.allows(_HTTPS) for rule in egress)
        for need in _needs(subject, instance):
            if need.is_apt and not web and not (secure and _mirrors_changed(subject, instance)):
                yield _hit(
                    need,
                    f"`{need.command.name}` fetches over port 80, which the egress rules of "
                    f"{instance} do not let out",
                )
                break
            if not web and not secure:
                yield _hit(
                    need,
                    f"`{need.command.name}` fetches from the Internet, and the egress rules of "
                    f"{instance} let neither port 80 nor 443 out",
                )
                break


def _egress(subject: Subject, instance: str) -> list[Traffic] | None:
    """The egress rules of an instance; empty where all is allowed, None where it is not known."""
    found: list[Traffic] = []
    for group in groups(subject, instance) or ():
        rules = traffic(subject, group, "Egress")
        listed = None if rules is None else list(rules)
        if listed is None:
            return None
        if not listed:
            return []
        if any(not rule.blocks for rule in listed):
            return None  # a prefix list or another group: who knows what is behind it
        found += listed
    anywhere = [rule for rule in found if rule.blocks & ANYWHERE or _unknown(rule)]
    nothing = [Traffic(rule.group, rule.path, {"IpProtocol": "none"}) for rule in found]
    return anywhere or nothing


def _unknown(rule: Traffic) -> bool:
    return any("__" in block for block in rule.blocks)


def _no_way_out(subject: Subject) -> Iterator[Hit]:
    if subject.template.of_type("AWS::EC2::VPCEndpoint"):
        return
    for instance in subject.template.of_type("AWS::EC2::Instance"):
        name = instance.logical_id
        subnet, _ = subnet_of(subject, name)
        routes = default_routes(subject, subnet) if subnet else None
        if routes is None:
            continue
        through_gateway = [route for _, route in routes if "GatewayId" in route]
        others = [route for _, route in routes if "GatewayId" not in route]
        public = has_public_address(subject, name)
        if others or (
            public is not False
            and any(leads_to_internet(subject, route) for route in through_gateway)
        ):
            continue
        for need in _needs(subject, name):
            why = f"{subnet} has no route to the Internet"
            if through_gateway and public is False:
                why = f"{name} has no public address and {subnet} no NAT"
            yield _hit(need, f"`{need.command.name}` fetches from the Internet, and {why}")
            break


def _hit(need: _Need, message: str) -> Hit:
    return Hit(message, script=need.script, offset=need.command.start)


RULES: Final = (
    Rule(
        "HR007",
        Severity.ERROR,
        "egress rules that keep packages out",
        "let TCP 80 and 443 out, or drop SecurityGroupEgress: without it everything may leave",
        _blocked,
    ),
    Rule(
        "HR008",
        Severity.ERROR,
        "no way to the Internet for an instance that fetches from it",
        "a NAT gateway, a public address with a route to an Internet gateway, or VPC endpoints",
        _no_way_out,
    ),
)
