"""moto's instances, as the lifecycle of guests needs them."""
# ruff: noqa: ANN401, SLF001 - as the package says

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from harness.cloud.instance import InstanceFacts, MetadataOptions, Rule, State
from harness.cloud.moto_ec2.account import backend_of, backends, lock
from harness.cloud.moto_ec2.network_models import InterfaceModel, SubnetModel, ipv6_blocks, is_true

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance

REACHABLE: Final = "_harness_reachable"


class InstanceModel:
    """One of moto's instances, as the guests' lifecycle needs it. Use under :data:`lock`."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    @property
    def instance_id(self) -> str:
        """Such as ``i-0123456789abcdef0``."""
        return str(self._instance.id)

    @property
    def region(self) -> str:
        """The region that it is in."""
        return str(self._backend.region_name)

    @property
    def image_id(self) -> str:
        """The AMI that it was launched from."""
        return str(self._instance.image_id)

    @property
    def state(self) -> State:
        """What moto says of it now."""
        return State(self._instance._state.name)

    def set_state(self, state: State, reason: str = "", *, code: str = "") -> None:
        """Say how it is.

        Args:
            state: The state.
            reason: Why, for people; shown as the state transition reason.
            code: EC2's code of the reason, such as ``Client.UserInitiatedShutdown``.
        """
        self._instance._state.name = state.value
        self._instance._state.code = state.code
        if state not in {State.RUNNING, State.PENDING}:
            self.set_reachable(reachable=False)
        if state is State.TERMINATED:
            self._release()
        if reason:
            self._instance._reason = reason
        if code:
            self._instance.state_reason.code = code
            self._instance.state_reason.message = f"{code}: {reason}"

    def _release(self) -> None:
        """Let go of its interfaces: those that go with it are deleted, others are free again."""
        interfaces = self._backend.enis
        for interface in self._instance.nics.values():
            if interface.instance is not self._instance:
                continue
            if interface.delete_on_termination:
                interfaces.pop(interface.id, None)
                interface.subnet.del_subnet_ip(interface.private_ip_address)
            else:
                interface.instance = None
                interface.attachment_id = interface.attach_time = None
                interface.status = "available"

    def set_reachable(self, *, reachable: bool) -> None:
        """Say whether its guest has been heard of on the network since it was started."""
        vars(self._instance)[REACHABLE] = reachable

    @property
    def is_protected(self) -> bool:
        """Whether it may not be terminated through the API (DisableApiTermination)."""
        return is_true(self._instance.disable_api_termination)

    def protect(self) -> None:
        """Let it not be terminated through the API."""
        self._instance.disable_api_termination = True

    @property
    def zone(self) -> str:
        """Its availability zone."""
        return str(self._instance.availability_zone)

    def share_profile_of(self, other: InstanceModel) -> None:
        """Associate it with the instance profile of another one; moto does it for the first."""
        associations = self._backend.iam_instance_profile_associations
        association = associations.get(other.instance_id)
        if association is not None and self.instance_id not in associations:
            self._backend.associate_iam_instance_profile(
                instance_id=self.instance_id,
                iam_instance_profile_arn=association.iam_instance_profile.arn,
            )

    @property
    def private_name(self) -> str:
        """Its private DNS name."""
        return str(self._instance.private_dns_name)

    def set_private_address(self, address: str) -> None:
        """Give its first interface another private address, and the name that goes with it."""
        interface = self._instance.nics[0]
        interface.private_ip_address = address
        described = {"Primary": True, "PrivateIpAddress": address}
        if getattr(interface, "private_dns_name", None):
            interface.private_dns_name = self._instance.private_dns_name
            described["PrivateDnsName"] = interface.private_dns_name
        interface.private_ip_addresses = [described]

    @property
    def private_address(self) -> str:
        """The private address of its first interface."""
        return str(self._instance.private_ip)

    @property
    def public_address(self) -> str | None:
        """The public address of its first interface; None where it has none."""
        return self._instance.public_ip

    def set_public_address(self, address: str | None) -> None:
        """Give its first interface another public address."""
        self._instance.nics[0].public_ip = address

    @property
    def interface(self) -> InterfaceModel:
        """Its first interface."""
        return InterfaceModel(self._instance.nics[0])

    @property
    def ipv6_addresses(self) -> tuple[str, ...]:
        """The IPv6 addresses of its first interface."""
        return self.interface.ipv6_addresses

    @property
    def elastic_address(self) -> str | None:
        """The Elastic IP address that is associated with it; None for none."""
        addresses: list[Any] = self._backend.addresses
        for address in addresses:
            if address.instance is self._instance or address.eni is self._instance.nics[0]:
                return str(address.public_ip)
        return None

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """The block of the subnet that it is in."""
        return ipaddress.IPv4Network(self._instance.nics[0].subnet.cidr_block)

    @property
    def group_ids(self) -> frozenset[str]:
        """The security groups of its interfaces."""
        return frozenset(group.id for group in self._groups())

    def rules(self) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        """Ingress and egress rules of all its security groups."""
        groups = list(self._groups())
        ingress = tuple(_rule(rule) for group in groups for rule in group.ingress_rules)
        egress = tuple(_rule(rule) for group in groups for rule in group.egress_rules)
        return ingress, egress

    @property
    def metadata_options(self) -> Any:
        """How its IMDS is to answer, as moto keeps it."""
        return self._instance.metadata_options

    @property
    def shutdown_terminates(self) -> bool:
        """Whether a power-off from inside terminates it (InstanceInitiatedShutdownBehavior)."""
        return str(self._instance.instance_initiated_shutdown_behavior) == "terminate"

    def facts(self) -> InstanceFacts:
        """All that its IMDS tells."""
        instance = self._instance
        subnet = instance.nics[0].subnet
        profile_arn, profile_id, role = self._profile()
        options = instance.metadata_options
        return InstanceFacts(
            instance_id=self.instance_id,
            region=self.region,
            availability_zone=str(instance.availability_zone),
            account_id=str(instance.owner_id),
            image_id=self.image_id,
            instance_type=instance.instance_type,
            architecture=str(instance.architecture),
            reservation_id=self._reservation_id(),
            launch_index=int(instance.ami_launch_index),
            launch_time=instance.launch_time,
            private_ip=self.private_address,
            private_dns_name=instance.private_dns_name,
            public_ip=self.public_address,
            public_dns_name=instance.public_dns_name,
            mac=instance.nics[0].mac_address,
            vpc_id=str(instance.vpc_id),
            vpc_cidr=str(self._backend.get_vpc(str(instance.vpc_id)).cidr_block),
            subnet_id=str(instance.subnet_id),
            subnet_cidr=str(subnet.cidr_block),
            ipv6_addresses=self.ipv6_addresses,
            subnet_ipv6_cidr=_text(SubnetModel(subnet).ipv6_block),
            vpc_ipv6_cidr=_text(next(iter(ipv6_blocks(self.region, str(instance.vpc_id))), None)),
            key_name=instance.key_name,
            public_key=self._public_key(),
            user_data=_decoded(instance.user_data),
            security_groups=tuple((group.id, group.name) for group in self._groups()),
            shutdown_terminates=self.shutdown_terminates,
            metadata_options=MetadataOptions(
                enabled=options.http_endpoint == "enabled",
                token_required=options.http_tokens == "required",
                hop_limit=int(options.http_put_response_hop_limit),
                tags=options.instance_metadata_tags == "enabled",
            ),
            instance_profile=profile_arn,
            instance_profile_id=profile_id,
            role_name=role,
            tags={tag["key"]: tag["value"] for tag in instance.get_tags()},
        )

    @property
    def _backend(self) -> EC2Backend:
        return self._instance.ec2_backend  # type: ignore[no-any-return]

    def _groups(self) -> Iterator[Any]:
        seen = set()
        for interface in self._instance.nics.values():
            for group in interface.group_set:
                if group.id not in seen:
                    seen.add(group.id)
                    yield group

    def _reservation_id(self) -> str:
        for reservation in self._backend.reservations.values():
            if self._instance in reservation.instances:
                return reservation.id
        return "r-unknown"

    def _public_key(self) -> str | None:
        pair = self._backend.key_pairs.get(self._instance.key_name or "")
        return pair.material_public.decode().strip() if pair else None

    def _profile(self) -> tuple[str | None, str | None, str | None]:
        associations = self._backend.iam_instance_profile_associations
        association = associations.get(self.instance_id)
        if association is None:
            return None, None, None
        profile = association.iam_instance_profile
        role = profile.roles[0].name if profile.roles else None
        return profile.arn, profile.id, role


def instances() -> Iterator[InstanceModel]:
    """Every instance of every region that moto has."""
    for backend in backends():
        for reservation in list(backend.reservations.values()):
            for instance in list(reservation.instances):
                yield InstanceModel(instance)


def find(instance_id: str) -> InstanceModel | None:
    """The instance of that id; None where there is none."""
    return next((one for one in instances() if one.instance_id == instance_id), None)


_STACK_TAG: Final = "aws:cloudformation:stack-id"


def stack_of(instance_id: str) -> str | None:
    """The id of the stack that an instance was launched for, by its tags; None for no stack's."""
    with lock:
        model = find(instance_id)
        tags = model._instance.get_tags() if model else []
        return next((str(tag["value"]) for tag in tags if tag["key"] == _STACK_TAG), None)


def interfaces_in_use(region: str) -> list[InterfaceModel]:
    """The network interfaces of a region, without those of terminated instances."""
    found = dict(backend_of(region).enis.items())
    for model in instances():
        if model.region == region and model.state is not State.TERMINATED:
            found.update({nic.id: nic for nic in model._instance.nics.values()})
    models = [InterfaceModel(one) for one in found.values()]
    return [one for one in models if one.is_attached or one._interface.instance is None]


_PROTOCOLS: Final = {"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""What has a name and is called otherwise."""


def _rule(rule: Any) -> Rule:
    return Rule(
        protocol=_PROTOCOLS.get(str(rule.ip_protocol).lower(), str(rule.ip_protocol).lower()),
        from_port=rule.from_port,
        to_port=rule.to_port,
        cidr=rule.cidr_ipv4 or rule.cidr_ipv6,
        group_id=(rule.source_group or {}).get("GroupId"),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _decoded(user_data: object) -> bytes | None:
    """User data as the guest gets it; moto keeps the Base64 that clients send."""
    if not user_data:
        return None
    text = str(user_data)
    return base64.b64decode(text)
