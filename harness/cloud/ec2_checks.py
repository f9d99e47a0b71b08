"""What EC2 refuses and moto would let pass, by action.

Sources: "Error codes for the Amazon EC2 API" and the pages of the actions. Each check is called
under :data:`moto_ec2.lock`, before moto sees the request.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from harness.cloud import moto_ec2
from harness.cloud.crash import AwsError
from harness.cloud.instance import State

Form = Mapping[str, str]

HOPS: Final = range(1, 65)
PORTS: Final = range(65536)
ICMP_NUMBERS: Final = range(-1, 256)
PROTOCOL_NUMBERS: Final = range(256)

_INSTANCE_ID: Final = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_IMAGE_NAME: Final = re.compile(r"[\w()\[\] ./\-'@]{3,128}", re.ASCII)
_METADATA_TAG: Final = re.compile(r"[\w\-+=,.@:]{1,255}", re.ASCII)
_PERMISSION: Final = re.compile(r"IpPermissions\.(\d+)\.(.+)")
_NAMED_PROTOCOLS: Final = frozenset({"-1", "all", "icmp", "icmpv6", "tcp", "udp"})
_TCP: Final = frozenset({"6", "tcp"})
_PORT_PROTOCOLS: Final = _TCP | {"17", "udp"}
_ICMP_PROTOCOLS: Final = frozenset({"1", "58", "icmp", "icmpv6"})
_ALIVE: Final = frozenset({State.PENDING, State.RUNNING})
_FROM: Final[Mapping[str, tuple[frozenset[State], str]]] = {
    "RebootInstances": (_ALIVE, "rebooted"),
    "StartInstances": (_ALIVE | {State.STOPPED}, "started"),
    "StopInstances": (
        frozenset({State.RUNNING, State.STOPPING, State.STOPPED}),
        "stopped",
    ),
}
"""From which states an action may set out."""

_WHILE_STOPPED: Final = ("EbsOptimized", "InstanceType", "Kernel", "Ramdisk", "UserData")
"""Attributes that can be modified while an instance is stopped only."""

_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "HttpEndpoint": frozenset({"disabled", "enabled"}),
    "HttpTokens": frozenset({"optional", "required"}),
    "InstanceMetadataTags": frozenset({"disabled", "enabled"}),
}


def check(action: str, form: Form, region: str) -> None:
    """Refuse what EC2 refuses.

    Raises:
        AwsError: The request cannot be done.
    """
    for instance_id in (*numbered(form, "InstanceId"), form.get("InstanceId", "")):
        if instance_id and not _INSTANCE_ID.fullmatch(instance_id):
            raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
    found = _CHECKS.get(action)
    if found:
        found(action, form, region)


def numbered(form: Form, name: str) -> list[str]:
    """The values of a list of parameters, such as ``InstanceId.1``."""
    return [value for key, value in form.items() if re.fullmatch(rf"{name}\.\d+", key)]


def known(instance_id: str) -> moto_ec2.InstanceModel:
    """The instance of that id.

    Raises:
        AwsError: There is none.
    """
    if not instance_id:
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceId")
    with moto_ec2.lock:
        model = moto_ec2.find(instance_id)
    if model is None:
        raise AwsError(
            "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
        )
    return model


def dependent(thing: str) -> AwsError:
    """The refusal to delete what something else needs."""
    return AwsError("DependencyViolation", f"{thing} and cannot be deleted.")


def _states(action: str, form: Form, _region: str) -> None:
    allowed, participle = _FROM[action]
    if not numbered(form, "InstanceId"):
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceId")
    for instance_id in numbered(form, "InstanceId"):
        model = moto_ec2.find(instance_id)
        if model and model.state not in allowed:
            raise AwsError(
                "IncorrectInstanceState",
                f"The instance '{instance_id}' is not in a state from which it can be "
                f"{participle}.",
            )


def _permissions(_action: str, form: Form, _region: str) -> None:
    """The rules of a security group: a port that is none would be no rule at all."""
    rules: dict[str, dict[str, str]] = {}
    for name, value in form.items():
        found = _PERMISSION.fullmatch(name)
        if found:
            rules.setdefault(found[1], {})[found[2]] = value
    flat = {name: form[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in form}
    for rule in (*rules.values(), *([flat] if flat else [])):
        if any(name.startswith("PrefixListIds.") for name in rule):
            raise AwsError("UnsupportedOperation", "The local cloud has no prefix lists")
        _permission(rule.get("IpProtocol", ""), rule.get("FromPort"), rule.get("ToPort"))


def _permission(protocol: str, first: str | None, last: str | None) -> None:
    known_number = protocol.isdecimal() and int(protocol) in PROTOCOL_NUMBERS
    if protocol.lower() not in _NAMED_PROTOCOLS and not known_number:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{protocol}' for IP protocol. Unknown protocol.",
        )
    for text in (first, last):
        if text is not None and not re.fullmatch(r"-?\d+", text):
            raise AwsError("InvalidParameterValue", f"Invalid value '{text}' for portRange.")
    if protocol.lower() in _PORT_PROTOCOLS:
        if first is None or last is None:
            raise AwsError(
                "InvalidParameterValue",
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
            )
        low, high = int(first), int(last)
        everything = low == high == -1
        if not everything and (low not in PORTS or high not in PORTS or low > high):
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid {'TCP' if protocol in _TCP else 'UDP'} port range ({low}, {high})",
            )
    elif protocol.lower() in _ICMP_PROTOCOLS:
        for text in (first, last):
            if text is not None and int(text) not in ICMP_NUMBERS:
                raise AwsError("InvalidParameterValue", f"ICMP code/type ({text}) out of range")


def _group_deletion(_action: str, form: Form, region: str) -> None:
    group_id = form.get("GroupId") or moto_ec2.group_id_of(region, form.get("GroupName", ""))
    if moto_ec2.group_name_of(region, group_id or "") == "default":
        raise AwsError(
            "CannotDelete",
            f'the specified group: "{group_id}" name: "default" cannot be deleted by a user',
        )
    if group_id and moto_ec2.is_group_in_use(region, group_id):
        raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")


def _subnet_deletion(_action: str, form: Form, region: str) -> None:
    subnet_id = form.get("SubnetId", "")
    if any(one.subnet.id == subnet_id for one in moto_ec2.interfaces_in_use(region)):
        raise dependent(f"The subnet '{subnet_id}' has dependencies")


def _interface_deletion(_action: str, form: Form, region: str) -> None:
    interface_id = form.get("NetworkInterfaceId", "")
    for one in moto_ec2.interfaces_in_use(region):
        if one.id == interface_id and one.is_attached:
            raise AwsError(
                "InvalidParameterValue",
                f"Network interface '{interface_id}' is currently in use.",
            )


def _instance_attribute(_action: str, form: Form, region: str) -> None:
    model = known(form.get("InstanceId", ""))
    values = {
        name.partition(".")[0]
        for name in form
        if name not in {"Action", "Version", "DryRun", "InstanceId"}
    }
    if not values:
        raise AwsError("InvalidParameterCombination", "No attributes specified.")
    named = form.get("Attribute", "")
    asked = values | {named[:1].upper() + named[1:]}
    if asked & set(_WHILE_STOPPED) and model.state is not State.STOPPED:
        raise AwsError(
            "IncorrectInstanceState",
            f"The instance '{model.instance_id}' is not in the 'stopped' state.",
        )
    wanted = form.get("InstanceType.Value")
    if wanted is not None and not moto_ec2.has_instance_type(region, wanted):
        raise AwsError(
            "InvalidInstanceAttributeValue", f"Invalid value '{wanted}' for InstanceType."
        )
    _shutdown_behaviour(form.get("InstanceInitiatedShutdownBehavior.Value"))
    for group_id in numbered(form, "GroupId"):
        if moto_ec2.group_name_of(region, group_id) is None:
            raise AwsError(
                "InvalidGroup.NotFound", f"The security group '{group_id}' does not exist"
            )


def _shutdown_behaviour(value: str | None) -> None:
    if value not in {None, "stop", "terminate"}:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({value}) for parameter instanceInitiatedShutdownBehavior is invalid.",
        )


def _launch(_action: str, form: Form, region: str) -> None:
    _shutdown_behaviour(form.get("InstanceInitiatedShutdownBehavior"))
    names = numbered(form, "SecurityGroup")
    if names and "SubnetId" in form:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter groupName cannot be used with the parameter subnet",
        )
    for name in names:
        if moto_ec2.group_id_of(region, name) is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
    _launch_template(form, region)
    _private_address(form, region)
    profile = form.get("IamInstanceProfile.Name") or form.get("IamInstanceProfile.Arn")
    if profile and not moto_ec2.has_instance_profile(profile):
        member = "name" if "IamInstanceProfile.Name" in form else "arn"
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({profile}) for parameter iamInstanceProfile.{member} is invalid. "
            f"Invalid IAM Instance Profile {member}",
        )
    prefix = "MetadataOptions."
    options = {name.removeprefix(prefix): form[name] for name in form if name.startswith(prefix)}
    _metadata_options(options)
    keys = list(_tag_keys(form, "TagSpecification"))
    _tags(keys, shown=options.get("InstanceMetadataTags") == "enabled")


def _launch_template(form: Form, region: str) -> None:
    template_id = form.get("LaunchTemplate.LaunchTemplateId")
    name = form.get("LaunchTemplate.LaunchTemplateName")
    if template_id and not moto_ec2.has_launch_template(region, template_id):
        raise AwsError(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with template ID {template_id}, does not exist.",
        )
    if name and not moto_ec2.has_launch_template(region, name):
        raise AwsError(
            "InvalidLaunchTemplateName.NotFoundException",
            f"The specified launch template, with template name {name}, does not exist.",
        )


def _private_address(form: Form, region: str) -> None:
    """The address that a launch asks for: in the subnet, and free."""
    prefixes = ("", *(f"NetworkInterface.{at}." for at in range(1, 9)))
    for prefix in prefixes:
        wanted = form.get(f"{prefix}PrivateIpAddress")
        subnet_id = form.get(f"{prefix}SubnetId") or form.get("SubnetId", "")
        subnet = moto_ec2.find_subnet(region, subnet_id, form.get("Placement.AvailabilityZone"))
        if wanted is None or subnet is None:
            continue
        try:
            inside = ipaddress.IPv4Address(wanted) in subnet.block
        except ValueError:
            raise AwsError("InvalidParameterValue", f"Invalid IPv4 address: {wanted}") from None
        if not inside:
            raise AwsError(
                "InvalidParameterValue",
                f"Address {wanted} does not fall within the subnet's address range",
            )
        if any(
            wanted == one.private_address and one.subnet.vpc_id == subnet.vpc_id
            for one in moto_ec2.interfaces_in_use(region)
        ):
            raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")


def _options_of_known(_action: str, form: Form, _region: str) -> None:
    model = known(form.get("InstanceId", ""))
    _metadata_options(form)
    if form.get("InstanceMetadataTags") == "enabled":
        _tags(list(model.facts().tags), shown=True, own=True)


def _metadata_options(options: Form) -> None:
    for name, allowed in _CHOICES.items():
        value = options.get(name)
        if value is not None and value not in allowed:
            raise AwsError("InvalidParameterValue", f"Invalid value '{value}' for {name}.")
    hops = options.get("HttpPutResponseHopLimit")
    if hops is not None and not (hops.isdecimal() and int(hops) in HOPS):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{hops}' for HttpPutResponseHopLimit. It must be between 1 and 64.",
        )


def _new_tags(_action: str, form: Form, _region: str) -> None:
    shown = False
    for resource in numbered(form, "ResourceId"):
        if _INSTANCE_ID.fullmatch(resource):
            shown = shown or known(resource).facts().metadata_options.tags
    _tags([form[name] for name in form if re.fullmatch(r"Tag\.\d+\.Key", name)], shown=shown)


def _tags(keys: Sequence[str], *, shown: bool, own: bool = False) -> None:
    """Tags that metadata shows have keys that are segments of a path ("View tags for …")."""
    for key in keys:
        if (
            key.lower().startswith("aws:")
            and not own
            and not key.startswith(("aws:cloudformation:", "aws:autoscaling:", "aws:ec2"))
        ):
            raise AwsError(
                "InvalidParameterValue",
                f"Tag keys starting with 'aws:' are reserved for internal use: {key}",
            )
        if shown and (not _METADATA_TAG.fullmatch(key) or key in {".", "..", "_index"}):
            raise AwsError(
                "InvalidParameterValue",
                f"'{key}' is not a valid tag key. Tag keys must match pattern "
                "([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name "
                "('.', '..', '_index')",
            )


def _tag_keys(form: Form, prefix: str) -> Iterator[str]:
    for name, value in form.items():
        if re.fullmatch(rf"{prefix}\.\d+\.Tag\.\d+\.Key", name):
            of = form.get(f"{name.partition('.Tag.')[0]}.ResourceType")
            if of == "instance":
                yield value


def _image(_action: str, form: Form, region: str) -> None:
    name = form.get("Name", "")
    for parameter in ("InstanceId", "Name"):
        if not form.get(parameter):
            raise AwsError(
                "MissingParameter", f"The request must contain the parameter {parameter}"
            )
    if not _IMAGE_NAME.fullmatch(name):
        raise AwsError(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, "
            "numbers, '(', ')', '[', ']', ' ', '.', '-', '/', '\\'', '@' and '_'",
        )
    taken = moto_ec2.image_id_of(region, name)
    if taken:
        raise AwsError(
            "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken}"
        )


_CHECKS: Final[Mapping[str, Callable[[str, Form, str], None]]] = {
    "AuthorizeSecurityGroupEgress": _permissions,
    "AuthorizeSecurityGroupIngress": _permissions,
    "CreateImage": _image,
    "CreateTags": _new_tags,
    "DeleteNetworkInterface": _interface_deletion,
    "DeleteSecurityGroup": _group_deletion,
    "DeleteSubnet": _subnet_deletion,
    "ModifyInstanceAttribute": _instance_attribute,
    "ModifyInstanceMetadataOptions": _options_of_known,
    "RebootInstances": _states,
    "RunInstances": _launch,
    "StartInstances": _states,
    "StopInstances": _states,
}
