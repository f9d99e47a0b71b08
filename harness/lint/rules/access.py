"""Whether one can log in where the outputs promise it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import HarnessError
from harness.lint.finding import Severity
from harness.lint.images import launch_value, launched_images
from harness.lint.network import (
    ANYWHERE,
    GROUP,
    Traffic,
    default_routes,
    groups,
    has_public_address,
    leads_to_internet,
    subnet_of,
    target,
    traffic,
    vpc_of,
)
from harness.lint.rule import Hit, Rule
from harness.lint.subject import Subject, as_mapping, referred
from harness.userdata import Path

_NAMED_SSH: Final = re.compile(r"ssh", re.IGNORECASE)
_OTHER_WAYS: Final = re.compile(
    r"ec2[- ]instance[- ]connect|aws ssm|start-session|session manager|key|security ?group|tunnel",
    re.IGNORECASE,
)
_PORT: Final = re.compile(r"\s-p\s*(\d+)")
_USER: Final = re.compile(r"\b([a-z_][\w.-]*)@")
_LOGIN: Final = re.compile(r"ssh_authorized_keys|authorized_keys|ssh_import_id|ssh-import-id")
_OWN_USERS: Final = re.compile(
    r"^\s*-?\s*users:|system_info|default_user|useradd|adduser", re.MULTILINE
)
_PUBLIC: Final = frozenset({"PublicIp", "PublicDnsName"})
SSH_PORT: Final = 22


@dataclass(frozen=True)
class Promise:
    """An output that tells how to log in to an instance.

    Args:
        path: The output.
        output: Its name.
        instance: Whom it leads to.
        public: Whether it names the instance's public address.
        text: Its value, as far as it is known.
    """

    path: Path
    output: str
    instance: str
    public: bool
    text: str

    @property
    def port(self) -> int:
        """Where the server is expected."""
        match = _PORT.search(self.text)
        return int(match[1]) if match else SSH_PORT


def promises(subject: Subject) -> Iterator[Promise]:
    """The outputs that promise SSH."""
    instances = {one.logical_id for one in subject.template.of_type("AWS::EC2::Instance")}
    for name, output in subject.template.outputs.items():
        body = as_mapping(output)
        value = subject.value(body.get("Value"))
        text = value if isinstance(value, str) else ""
        said = f"{name} {body.get('Description', '')}"
        commanded = bool(re.match(r"\s*ssh\s", text))
        if not commanded and (not _NAMED_SSH.search(said) or _OTHER_WAYS.search(said)):
            continue
        for instance, attribute in _leads_to(subject, body.get("Value"), instances):
            public = attribute in _PUBLIC
            if public or (commanded and attribute):
                yield Promise(("Outputs", name), name, instance, public, text)
                break


def _leads_to(subject: Subject, value: object, instances: set[str]) -> Iterator[tuple[str, str]]:
    """The instances whose address a value names, directly or by their Elastic IP."""
    for name, attribute in referred(value):
        resource = subject.template.resources.get(name)
        if name in instances:
            yield name, attribute or ""
        elif resource is not None and resource.type == "AWS::EC2::EIP":
            for of, _ in referred(resource.properties.get("InstanceId")):
                if of in instances:
                    yield of, "PublicIp"


def _no_ingress(subject: Subject) -> Iterator[Hit]:
    for promise in promises(subject):
        named = groups(subject, promise.instance)
        if named is None:
            continue
        rules = [traffic(subject, group, "Ingress") for group in named]
        if any(one is None for one in rules):
            continue
        if not any(rule.allows(promise.port) for one in rules for rule in one or ()):
            told = " and ".join(named) or "the VPC's default security group"
            yield Hit(
                f"output {promise.output} promises SSH to {promise.instance}, and {told} "
                f"let{'s' if len(named) < 2 else ''} nobody in on port {promise.port}",  # noqa: PLR2004 - plural
                path=promise.path,
            )


def _no_address(subject: Subject) -> Iterator[Hit]:
    instances = {one.logical_id for one in subject.template.of_type("AWS::EC2::Instance")}
    promised = {promise.output for promise in promises(subject) if promise.public}
    for name, output in subject.template.outputs.items():
        for instance, attribute in referred(as_mapping(output).get("Value")):
            if instance not in instances or attribute not in _PUBLIC:
                continue
            if has_public_address(subject, instance) is False:
                yield Hit(
                    f"output {name} names the public address of {instance}, which has none",
                    path=("Outputs", name),
                    severity=None if name in promised else Severity.WARNING,
                )
                break


def _no_key(subject: Subject) -> Iterator[Hit]:
    for promise in promises(subject):
        _, key = launch_value(subject, promise.instance, "KeyName")
        texts = [one.text.text for one in subject.user_data if one.resource == promise.instance]
        if key is None and not any(_LOGIN.search(text) for text in texts):
            yield Hit(
                f"output {promise.output} promises SSH to {promise.instance}, "
                "which has no key pair",
                path=promise.path,
            )


def _no_route(subject: Subject) -> Iterator[Hit]:
    for promise in promises(subject):
        subnet, _ = subnet_of(subject, promise.instance)
        if not promise.public or subnet is None:
            continue
        routes = default_routes(subject, subnet)
        if routes is None or any(leads_to_internet(subject, route) for _, route in routes):
            continue
        yield Hit(
            f"output {promise.output} promises SSH to {promise.instance}, and {subnet} has no "
            "route to an Internet gateway that is attached to its VPC",
            path=promise.path,
        )


def _open_to_all(subject: Subject) -> Iterator[Hit]:
    for group in subject.template.of_type(GROUP):
        for rule in traffic(subject, group.logical_id, "Ingress") or ():
            everywhere = rule.blocks & ANYWHERE
            if everywhere and _certainly_allows(rule, SSH_PORT) and _is_made(subject, rule):
                yield Hit(
                    f"{group.logical_id} lets {' and '.join(sorted(everywhere))} in on port 22",
                    path=rule.path,
                )


def _certainly_allows(rule: Traffic, port: int) -> bool:
    """Whether the port is among those that the rule names, not only perhaps."""
    return rule.names_its_ports and rule.allows(port)


def _is_made(subject: Subject, rule: Traffic) -> bool:
    """Whether the resource that says it is made, by the values that are known; also if unknown."""
    condition = subject.template.resources[str(rule.path[1])].body.get("Condition")
    try:
        return not isinstance(condition, str) or subject.resolver.condition(condition)
    except HarnessError:
        return True


def _other_vpc(subject: Subject) -> Iterator[Hit]:
    for instance in subject.template.of_type("AWS::EC2::Instance"):
        subnet, named = subnet_of(subject, instance.logical_id)
        for group in groups(subject, instance.logical_id) or ():
            of_group = vpc_of(subject, group)
            of_subnet = vpc_of(subject, subnet) if subnet else None
            if of_subnet is not None and of_group is None:
                said = f"{group} names no VPC, so it is the default one's"
            elif of_subnet is not None and of_group != of_subnet:
                said = f"{group} is in another VPC than {subnet}"
            elif not named and of_group is not None and _is_own_vpc(subject, of_group):
                said = (
                    f"{group} is in the template's VPC, and {instance.logical_id} names no subnet"
                )
            else:
                continue
            path: Path = ("Resources", instance.logical_id)
            yield Hit(f"{instance.logical_id}: {said}", path=path)


def _is_own_vpc(subject: Subject, node: object) -> bool:
    return target(subject, node, "AWS::EC2::VPC") is not None


def _wrong_user(subject: Subject) -> Iterator[Hit]:
    images = launched_images(subject)
    for promise in promises(subject):
        user = _USER.search(promise.text)
        known = images.get(promise.instance)
        texts = [one.text.text for one in subject.user_data if one.resource == promise.instance]
        if user is None or known is None or any(_OWN_USERS.search(text) for text in texts):
            continue
        _, image = known
        if user[1] not in {image.user, "root"} and not user[1].startswith("__"):
            yield Hit(
                f"output {promise.output} logs in as {user[1]!r}, and the user of "
                f"{image.release} is {image.user!r}",
                path=promise.path,
            )


RULES: Final = (
    Rule(
        "HR001",
        Severity.ERROR,
        "SSH is promised, and no ingress allows it",
        "add an ingress rule for the port, from those who may log in",
        _no_ingress,
    ),
    Rule(
        "HR002",
        Severity.ERROR,
        "an address is promised, and there is none",
        "AssociatePublicIpAddress, MapPublicIpOnLaunch, or an Elastic IP",
        _no_address,
    ),
    Rule(
        "HR003",
        Severity.ERROR,
        "SSH is promised, and no key fits",
        "give the instance a KeyName",
        _no_key,
    ),
    Rule(
        "HR004",
        Severity.ERROR,
        "SSH is promised, and no route leads there",
        "associate the subnet with a route table that leads 0.0.0.0/0 to an Internet gateway",
        _no_route,
    ),
    Rule(
        "HR005",
        Severity.WARNING,
        "port 22 is open to the world",
        "let a parameter name those who may log in, without a default of 0.0.0.0/0",
        _open_to_all,
    ),
    Rule(
        "HR006",
        Severity.ERROR,
        "an instance and its security group in different VPCs",
        "give both the same VPC",
        _other_vpc,
    ),
    Rule(
        "HR009",
        Severity.ERROR,
        "SSH is promised to a user that the image lacks",
        "ubuntu on Ubuntu, admin on Debian, ec2-user on Amazon Linux",
        _wrong_user,
    ),
)
