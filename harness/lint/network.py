"""Where an instance stands in the network, as far as the template says: groups, subnet, routes.

Every answer may be None: what a parameter or another stack decides is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.lint.images import launch_value
from harness.lint.subject import Subject, as_mapping, referred
from harness.template import Node
from harness.userdata import Path

GROUP: Final = "AWS::EC2::SecurityGroup"
SUBNET: Final = "AWS::EC2::Subnet"
VPC: Final = "AWS::EC2::VPC"
ANYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})

_TCP: Final = frozenset({"tcp", "6"})
_ALL: Final = "-1"


@dataclass(frozen=True)
class Traffic:
    """One rule of a security group.

    Args:
        group: Logical id of the group.
        path: Where the template says it.
        rule: The rule, resolved.
    """

    group: str
    path: Path
    rule: Mapping[str, Node]

    def allows(self, port: int) -> bool:
        """Whether TCP to a port passes; also where that is not known."""
        protocol = str(self.rule.get("IpProtocol"))
        if protocol == _ALL:
            return True
        if protocol not in _TCP:
            return protocol.startswith("__")
        first, last = _port(self.rule.get("FromPort")), _port(self.rule.get("ToPort"))
        if first is None or last is None:
            return True
        return first <= port <= last or first == -1

    @property
    def names_its_ports(self) -> bool:
        """Whether it says which ports of TCP, or that it is all of them."""
        protocol = str(self.rule.get("IpProtocol"))
        ports = _port(self.rule.get("FromPort")), _port(self.rule.get("ToPort"))
        return protocol == _ALL or (protocol in _TCP and None not in ports)

    @property
    def blocks(self) -> frozenset[str]:
        """The address blocks that it names."""
        named = (self.rule.get("CidrIp"), self.rule.get("CidrIpv6"))
        return frozenset(one for one in named if isinstance(one, str))


def _port(value: Node) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def target(subject: Subject, node: Node, resource_type: str) -> str | None:
    """The resource of a type that a value refers to; None where it is no such reference."""
    if not isinstance(node, Mapping) or set(node) - {"Ref", "Fn::GetAtt", "Fn::Sub"}:
        return None
    names = {name for name, _ in referred(node)}
    if len(names) != 1:
        return None
    resource = subject.template.resources.get(next(iter(names)))
    return resource.logical_id if resource and resource.type == resource_type else None


def groups(subject: Subject, instance: str) -> tuple[str, ...] | None:
    """An instance's security groups, by logical id; None where not all are in the template."""
    named: list[Node] = []
    for name in ("SecurityGroupIds", "SecurityGroups"):
        _, node = launch_value(subject, instance, name)
        named += _elements(node)
    for _, interface in interfaces(subject, instance):
        named += [None] if "NetworkInterfaceId" in interface else []
        named += [*_elements(interface.get("GroupSet")), *_elements(interface.get("Groups"))]
    found = [target(subject, node, GROUP) for node in named]
    if any(one is None for one in found):
        return None
    return tuple(one for one in found if one is not None)


def _elements(node: Node) -> list[Node]:
    """The elements of a list as it is written; what only becomes one is one that is not known."""
    if node is None:
        return []
    return node if isinstance(node, list) else [None]


def interfaces(subject: Subject, instance: str) -> Iterator[tuple[Path, Mapping[str, Node]]]:
    """The network interfaces that an instance is launched with."""
    path, node = launch_value(subject, instance, "NetworkInterfaces")
    for index, one in enumerate(node if isinstance(node, list) else ()):
        yield (*path, index), as_mapping(one)


def traffic(subject: Subject, group: str, direction: str) -> Iterator[Traffic] | None:
    """The rules of a group; None where the template does not tell.

    Args:
        subject: The template.
        group: Logical id of the group.
        direction: ``Ingress`` or ``Egress``.
    """
    key = f"SecurityGroup{direction}"
    path: Path = ("Resources", group, "Properties", key)
    written = subject.node(path)
    rules: list[Traffic] = []
    if written is not None:
        resolved = subject.value(written)
        if isinstance(resolved, Mapping):
            resolved = [resolved]
        if not isinstance(resolved, list) or not all(isinstance(one, Mapping) for one in resolved):
            return None
        for index, rule in enumerate(resolved):
            exact = isinstance(written, list) and len(written) == len(resolved)
            rules.append(Traffic(group, (*path, index) if exact else path, rule))
    for other in subject.template.of_type(f"AWS::EC2::{key}"):
        if target(subject, other.properties.get("GroupId"), GROUP) == group:
            below: Path = ("Resources", other.logical_id, "Properties")
            rules.append(Traffic(group, below, subject.properties(other.logical_id)))
    return iter(rules)


def subnet_of(subject: Subject, instance: str) -> tuple[str | None, bool]:
    """The subnet of an instance, and whether it has one at all.

    Returns:
        Its logical id, None where it is none of the template's; and whether any is named: an
        instance without one is in a subnet of the default VPC.
    """
    named: list[Node] = []
    _, node = launch_value(subject, instance, "SubnetId")
    if node is not None:
        named.append(node)
    for _, interface in interfaces(subject, instance):
        if "SubnetId" in interface or "NetworkInterfaceId" in interface:
            named.append(interface.get("SubnetId"))
    if not named:
        return None, False
    return target(subject, named[0], SUBNET), True


def has_public_address(subject: Subject, instance: str) -> bool | None:
    """Whether an instance gets a public address; None where the template does not tell."""
    asked = [
        None if "NetworkInterfaceId" in one else subject.value(one.get("AssociatePublicIpAddress"))
        for _, one in interfaces(subject, instance)
        if {"NetworkInterfaceId", "AssociatePublicIpAddress"} & set(one)
    ]
    subnet, named = subnet_of(subject, instance)
    if _has_elastic_ip(subject, instance):
        return True
    if asked:
        return _truth(asked[0])
    if subnet is not None:
        return _truth(subject.properties(subnet).get("MapPublicIpOnLaunch", False))
    return None if named else True


def _has_elastic_ip(subject: Subject, instance: str) -> bool:
    """Whether an Elastic IP is for an instance, or for an interface that may be the instance's."""
    return any(
        "NetworkInterfaceId" in other.properties
        or any(name == instance for name, _ in referred(other.properties))
        for kind in ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation")
        for other in subject.template.of_type(kind)
    )


def _truth(value: Node) -> bool | None:
    return {True: True, "true": True, False: False, "false": False}.get(value)


def vpc_of(subject: Subject, logical_id: str) -> Node:
    """What a subnet or a group says of its VPC, as written; None where it says nothing."""
    return subject.template.resources[logical_id].properties.get("VpcId")


def default_routes(subject: Subject, subnet: str) -> list[tuple[Path, Mapping[str, Node]]] | None:
    """The routes of a subnet to everywhere, as written; None where its table is not known here.

    A subnet without a table of its own uses the VPC's main one, to which no template adds.
    """
    if target(subject, vpc_of(subject, subnet), VPC) is None:
        return None
    table: str | None = None
    for one in subject.template.of_type("AWS::EC2::SubnetRouteTableAssociation"):
        if target(subject, one.properties.get("SubnetId"), SUBNET) == subnet:
            table = target(subject, one.properties.get("RouteTableId"), "AWS::EC2::RouteTable")
            if table is None:
                return None
    found: list[tuple[Path, Mapping[str, Node]]] = []
    for route in subject.template.of_type("AWS::EC2::Route"):
        of = target(subject, route.properties.get("RouteTableId"), "AWS::EC2::RouteTable")
        if of is None:
            return None
        destination = subject.value(route.properties.get("DestinationCidrBlock"))
        if of == table and destination == "0.0.0.0/0":
            found.append((("Resources", route.logical_id, "Properties"), route.properties))
    return found


def leads_to_internet(subject: Subject, route: Mapping[str, Node]) -> bool:
    """Whether a route goes through an Internet gateway that is attached, or one not known here."""
    if "GatewayId" not in route:
        return False
    gateway = target(subject, route["GatewayId"], "AWS::EC2::InternetGateway")
    if gateway is None:
        return True
    return any(
        target(subject, one.properties.get("InternetGatewayId"), "AWS::EC2::InternetGateway")
        == gateway
        for one in subject.template.of_type("AWS::EC2::VPCGatewayAttachment")
    )
