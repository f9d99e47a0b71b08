"""The only module that reaches into moto's internals.

moto keeps the EC2 models (its API is what clients speak), but it makes every instance run at once
and gives it random addresses, some of which are real ones on the Internet. What is needed from
inside:

* a new instance gets addresses of the local cloud, and the public name that goes with them;
* an instance's state is what its guest's state is, and no API of moto's sets one;
* a guest needs its instance's user data, public key and security groups in one consistent look;
* an Auto Scaling group's instances are launched elsewhere, with all that the group says of them;
* a bucket policy's statement with a condition that moto cannot judge must not refuse everything.

:data:`lock` is held around every request to moto that may change instances, so that nobody sees the
state that moto would have given them.
"""
# ruff: noqa: ANN401, PLC0415, SLF001 - moto's models are typed in part, must be imported after
# load() has set them up, and keep the state that is wanted in private attributes

from __future__ import annotations

import base64
import functools
import ipaddress
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from harness import amis
from harness.cloud.instance import InstanceFacts, MetadataOptions, Rule, State
from harness.cloud.network import AddressBook, public_dns_name

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance

ACCOUNT_ID: Final = "123456789012"

_REACHABLE: Final = "_harness_reachable"

lock: Final = threading.RLock()


def load() -> None:
    """Import moto, set up as it is wanted, and boto3; to be called before anything imports them.

    moto reads its images from a file while it is imported. The file has no name, so that nothing
    is left of it however this process ends.
    """
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
    os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"
    with tempfile.TemporaryFile("w+") as catalogue:
        catalogue.write(amis.moto_catalogue())
        catalogue.seek(0)
        os.environ["MOTO_AMIS_PATH"] = f"/dev/fd/{catalogue.fileno()}"
        import boto3  # noqa: F401 - imported for later
        import moto.autoscaling.models
        import moto.ec2.models
        import moto.ec2.responses
        import moto.moto_server.werkzeug_app  # noqa: F401 - imported for later
    _pass_over_conditions()
    _note_launches()


_launches: Final[list[tuple[str, str, int]]] = []


def _note_launches() -> None:
    """Have Auto Scaling groups note the instances that they lack, and launch none.

    Replaces the one method that all of a group's launches go through.
    """
    from moto.autoscaling.models import FakeAutoScalingGroup

    def note(group: Any, count: int, _tags: dict[str, str]) -> None:
        _launches.append((group.autoscaling_backend.region_name, group.name, count))

    FakeAutoScalingGroup.replace_autoscaling_group_instances = note  # type: ignore[method-assign,assignment]


def take_launches() -> list[tuple[str, str, int]]:
    """What groups lack since they were asked last: region, name, how many instances."""
    with lock:
        taken = _launches.copy()
        _launches.clear()
        return taken


def group_sizes(region: str, name: str) -> tuple[int, int] | None:
    """The least and the most instances that a group may have; None where there is no such group."""
    from moto.autoscaling.models import autoscaling_backends

    with lock:
        group = autoscaling_backends[ACCOUNT_ID][region].autoscaling_groups.get(name)
        return None if group is None else (group.min_size or 0, group.max_size or 0)


def _pass_over_conditions() -> None:
    """Have a bucket policy's statements with a condition do nothing; moto has each of them deny.

    Replaces one method of the bucket model. Conditions are on the signature's version, TLS, the
    caller's organization: what a local cloud has no answer to.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def permission(bucket: Any, action: str, resource: str) -> PermissionResult:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        document = unconditional(bucket.policy.decode())
        return IAMPolicy(document).is_action_permitted(action, resource)

    FakeBucket.get_permission = permission  # type: ignore[method-assign,assignment]


def unconditional(policy: str) -> str:
    """A policy's text without its statements that have a condition."""
    document = json.loads(policy)
    statements = document.get("Statement", [])
    if not isinstance(statements, list):
        statements = [statements]
    kept = [statement for statement in statements if "Condition" not in statement]
    return json.dumps({**document, "Statement": kept})


def adopt_addresses(book: AddressBook) -> None:
    """Make moto give out our addresses: the default VPC, public addresses and public names.

    Replaces one method of the VPC backend, some properties of the instance model, and the functions
    that invent addresses and blocks, in every module of moto's EC2 that has imported them.
    """
    from moto.ec2.models import elastic_network_interfaces as interfaces
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.vpcs import VPCBackend

    for module in [module for name, module in sys.modules.items() if name.startswith("moto.ec2")]:
        for inventor in ("random_public_ip", "random_ip"):
            if hasattr(module, inventor):
                setattr(module, inventor, book.public_address)
        if hasattr(module, "random_private_ip"):
            module.random_private_ip = functools.partial(  # type: ignore[attr-defined]
                _private_address, module.random_private_ip, str(book.private)
            )
        if hasattr(module, "random_ipv6_cidr"):
            module.random_ipv6_cidr = book.ipv6_block  # type: ignore[attr-defined]

    def create_default_vpc(backend: Any) -> Any:
        vpc = backend.create_vpc(cidr_block=str(book.private), is_default=True)
        for zone in backend.describe_availability_zones():
            backend.create_default_subnet(zone.name)
        return vpc

    def public_name(instance: Any) -> str | None:
        address = instance.public_ip
        return public_dns_name(address, instance.ec2_backend.region_name) if address else None

    VPCBackend.create_default_vpc = create_default_vpc  # type: ignore[assignment,method-assign]
    Instance.public_dns_name = property(public_name)  # type: ignore[assignment,method-assign]
    Instance.ipv6_address = property(_first_ipv6_address)  # type: ignore[attr-defined]
    Instance.instance_status = property(_status)  # type: ignore[assignment,method-assign]
    Instance.system_status = property(_status)  # type: ignore[assignment,method-assign]
    private_name: Callable[[str], str] = vars(interfaces)["generate_dns_from_ip"]

    def interface_name(address: str) -> str:
        is_public = ipaddress.IPv4Address(address) in book.public
        return public_dns_name(address, "us-east-1") if is_public else private_name(address)

    vars(interfaces)["generate_dns_from_ip"] = interface_name


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
        return _is_true(self._subnet.assign_ipv6_address_on_creation)


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
        vars(self._instance)[_REACHABLE] = reachable

    @property
    def is_protected(self) -> bool:
        """Whether it may not be terminated through the API (DisableApiTermination)."""
        return _is_true(self._instance.disable_api_termination)

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
    from moto.ec2.models import ec2_backends

    for backend in list(ec2_backends[ACCOUNT_ID].values()):
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


def find_subnet(region: str, subnet_id: str, zone: str | None = None) -> SubnetModel | None:
    """A subnet; without an id the default one of a zone, which is the first where none is named."""
    from moto.ec2.models import ec2_backends

    backend = ec2_backends[ACCOUNT_ID][region]
    subnets = {one.id: one for zoned in backend.subnets.values() for one in zoned.values()}
    if not subnet_id:
        default = backend.get_default_subnets().get(zone or f"{region}a")
        return SubnetModel(default) if default else None
    return SubnetModel(subnets[subnet_id]) if subnet_id in subnets else None


def find_interface(region: str, interface_id: str) -> InterfaceModel | None:
    """The network interface of that id; None where there is none."""
    from moto.ec2.models import ec2_backends

    interface = ec2_backends[ACCOUNT_ID][region].enis.get(interface_id)
    return InterfaceModel(interface) if interface else None


def ipv6_blocks(region: str, vpc_id: str) -> list[ipaddress.IPv6Network]:
    """The IPv6 blocks of a VPC; none where there is no such VPC."""
    from moto.ec2.models import ec2_backends

    vpc = ec2_backends[ACCOUNT_ID][region].vpcs.get(vpc_id)
    blocks = vpc.get_cidr_block_association_set(ipv6=True) if vpc else []
    return [ipaddress.IPv6Network(one["cidr_block"]) for one in blocks]


def ipv6_in_use(region: str) -> frozenset[str]:
    """The IPv6 addresses that interfaces have."""
    from moto.ec2.models import ec2_backends

    return frozenset(
        address
        for interface in ec2_backends[ACCOUNT_ID][region].enis.values()
        if not (interface.instance and interface.instance.state == State.TERMINATED.value)
        for address in interface.ipv6_addresses
    )


def overlaps(block: ipaddress.IPv6Network) -> bool:
    """Whether a subnet has a part of an IPv6 block already."""
    from moto.ec2.models import ec2_backends

    models = (
        SubnetModel(subnet)
        for backend in ec2_backends[ACCOUNT_ID].values()
        for zoned in backend.subnets.values()
        for subnet in zoned.values()
    )
    return any(model.ipv6_block and model.ipv6_block.overlaps(block) for model in models)


def interfaces_in_use(region: str) -> list[InterfaceModel]:
    """The network interfaces of a region, without those of terminated instances."""
    from moto.ec2.models import ec2_backends

    found = dict(ec2_backends[ACCOUNT_ID][region].enis.items())
    for model in instances():
        if model.region == region and model.state is not State.TERMINATED:
            found.update({nic.id: nic for nic in model._instance.nics.values()})
    models = [InterfaceModel(one) for one in found.values()]
    return [one for one in models if one.is_attached or one._interface.instance is None]


def is_group_in_use(region: str, group_id: str) -> bool:
    """Whether an interface has a security group, or another group's rule names it."""
    if any(group_id in one.group_ids for one in interfaces_in_use(region)):
        return True
    return any(
        (rule.source_group or {}).get("GroupId") == group_id
        for group in _groups(region)
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )


def group_name_of(region: str, group_id: str) -> str | None:
    """The name of a security group; None where there is none of that id."""
    return next((str(one.name) for one in _groups(region) if one.id == group_id), None)


def group_id_of(region: str, name: str, vpc_id: str | None = None) -> str | None:
    """The id of the security group of that name, in a VPC or in any; None where there is none."""
    return next(
        (
            str(one.id)
            for one in _groups(region)
            if one.name == name and vpc_id in {None, one.vpc_id}
        ),
        None,
    )


def _groups(region: str) -> list[Any]:
    from moto.ec2.models import ec2_backends

    by_vpc = ec2_backends[ACCOUNT_ID][region].groups.values()
    return [group for groups in by_vpc for group in groups.values()]


def has_instance_type(region: str, name: str) -> bool:
    """Whether EC2 has instances of that type."""
    from moto.ec2.models import ec2_backends

    types = ec2_backends[ACCOUNT_ID][region].describe_instance_types()
    return any(one["InstanceType"] == name for one in types)


def has_instance_profile(named: str) -> bool:
    """Whether IAM has an instance profile of that name or ARN."""
    from moto.iam.models import iam_backends

    backends = iam_backends[ACCOUNT_ID].values()
    profiles = [one for backend in backends for one in backend.instance_profiles.values()]
    return any(named in {one.name, one.arn} for one in profiles)


def has_launch_template(region: str, named: str) -> bool:
    """Whether a region has a launch template of that id or name."""
    from moto.ec2.models import ec2_backends

    templates = ec2_backends[ACCOUNT_ID][region].launch_templates.values()
    return any(named in {one.id, one.name} for one in templates)


def image_id_of(region: str, name: str) -> str | None:
    """The AMI of the account that has a name; None where there is none."""
    from moto.ec2.models import ec2_backends

    images = ec2_backends[ACCOUNT_ID][region].amis.values()
    own = (one for one in images if one.owner_id == ACCOUNT_ID and one.state == "available")
    return next((str(one.id) for one in own if one.name == name), None)


def has_key_pair(region: str, name: str) -> bool:
    """Whether a region has a key pair of that name."""
    from moto.ec2.models import ec2_backends

    return name in ec2_backends[ACCOUNT_ID][region].key_pairs


def application() -> Callable[..., Any]:
    """Moto's own server as a WSGI application, for all services."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


_PROTOCOLS: Final = {"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""What has a name and is called otherwise."""


def _private_address(
    invent: Callable[[str | None, bool], str],
    private: str,
    cidr: str | None = None,
    ipv6: bool = False,  # noqa: FBT001, FBT002 - as moto calls it
) -> str:
    """What moto invents, out of our network where it is not told which."""
    return invent(cidr or (None if ipv6 else private), ipv6)


def _rule(rule: Any) -> Rule:
    return Rule(
        protocol=_PROTOCOLS.get(str(rule.ip_protocol).lower(), str(rule.ip_protocol).lower()),
        from_port=rule.from_port,
        to_port=rule.to_port,
        cidr=rule.cidr_ipv4 or rule.cidr_ipv6,
        group_id=(rule.source_group or {}).get("GroupId"),
    )


def _first_ipv6_address(instance: Any) -> str | None:
    addresses = instance.nics[0].ipv6_addresses if 0 in instance.nics else []
    return addresses[0] if addresses else None


def _status(instance: Any) -> dict[str, Any]:
    """Of DescribeInstanceStatus: the check of an instance is whether it can be reached."""
    if instance._state.name != State.RUNNING.value:
        return {"Status": "not-applicable"}
    reached = vars(instance).get(_REACHABLE, False)
    detail = {"Name": "reachability", "Status": "passed" if reached else "initializing"}
    return {"Status": "ok" if reached else "initializing", "Details": [detail]}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _decoded(user_data: object) -> bytes | None:
    """User data as the guest gets it; moto keeps the Base64 that clients send."""
    if not user_data:
        return None
    text = str(user_data)
    return base64.b64decode(text)
