"""Which instances a stack may launch at most, and of what size. What cannot be told is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.cloudformation.intrinsics import PseudoParameters, Resolver
from harness.errors import HarnessError, RefusedError
from harness.stack import StackSpec
from harness.template import Node, Resource

_ROOT_GIGABYTES: Final = 30.0
"""What a root volume is taken to have where the template does not say; images have less."""

_ROOT_DEVICES: Final = frozenset({"/dev/sda1", "/dev/xvda"})
_UNKNOWN_TYPE: Final = "m1.small"
"""What EC2 launches where no instance type is named ("RunInstances")."""

_VOLUME_TYPES: Final = frozenset({"gp2", "gp3", "standard", "sc1", "st1"})
"""Volume types whose gigabytes are all that costs; of gp3 up to what follows."""

_INCLUDED: Final[Mapping[str, float]] = {"Iops": 3000, "Throughput": 125}
"""What a gp3 volume has without further cost ("General Purpose SSD volumes")."""


@dataclass(frozen=True)
class Launch:
    """One instance.

    Args:
        instance_type: Such as ``t3.micro``.
        gigabytes: Of all its volumes.
    """

    instance_type: str
    gigabytes: float


def launches(spec: StackSpec, region: str) -> Iterator[Launch]:
    """Every instance that a stack may launch, those of an Auto Scaling group's largest size.

    Raises:
        RefusedError: How many they are, or what they cost, cannot be told.
    """
    resolver = _resolver(spec, region)
    for resource in spec.template.resources.values():
        if resource.type == "AWS::EC2::Instance":
            yield _launch(resource.logical_id, resource.properties, resolver)
        elif resource.type == "AWS::AutoScaling::AutoScalingGroup":
            size = _resolved(resource.properties.get("MaxSize"), resolver)
            if not str(size).isdigit():
                raise _unpriced(resource.logical_id, "its MaxSize")
            properties = _launch_properties(spec, resource, resolver)
            yield from [_launch(resource.logical_id, properties, resolver)] * int(size)


def _launch(logical_id: str, properties: Mapping[str, Node], resolver: Resolver) -> Launch:
    placement = _resolved(properties.get("Placement", {}), resolver) or {}
    tenancy = properties.get("Tenancy", placement.get("Tenancy", "default"))
    if _resolved(tenancy, resolver) != "default":
        raise _unpriced(logical_id, "its Tenancy")
    kind = _resolved(properties.get("InstanceType"), resolver) or _UNKNOWN_TYPE
    return Launch(str(kind), _gigabytes(logical_id, properties, resolver))


def _gigabytes(logical_id: str, properties: Mapping[str, Node], resolver: Resolver) -> float:
    mappings = _resolved(properties.get("BlockDeviceMappings", []), resolver)
    if not isinstance(mappings, list):
        raise _unpriced(logical_id, "its BlockDeviceMappings")
    disks = {one.get("DeviceName"): one["Ebs"] for one in mappings if one.get("Ebs")}
    sizes = [
        _ROOT_GIGABYTES
        if name in _ROOT_DEVICES and "VolumeSize" not in disk
        else _size(logical_id, disk)
        for name, disk in disks.items()
    ]
    return sum(sizes) + (0 if _ROOT_DEVICES & disks.keys() else _ROOT_GIGABYTES)


def _size(logical_id: str, disk: Mapping[str, Any]) -> float:
    if disk.get("VolumeType", "gp2") not in _VOLUME_TYPES:
        raise _unpriced(logical_id, f"a volume of type {disk['VolumeType']}")
    for name, included in _INCLUDED.items():
        if _number(disk.get(name, 0)) > included:
            raise _unpriced(logical_id, f"a volume's {name}")
    size = _number(disk.get("VolumeSize"))
    if size == float("inf"):
        raise _unpriced(logical_id, "a volume's VolumeSize")
    return size


def _number(value: object) -> float:
    """A number as templates write it; infinite where it is none."""
    try:
        return float(str(value))
    except ValueError:
        return float("inf")


def _unpriced(logical_id: str, what: str) -> RefusedError:
    return RefusedError(
        f"what {logical_id} may cost cannot be told, for {what}",
        remedy="write it as a plain value that has a price, or as a parameter",
    )


def _resolver(spec: StackSpec, region: str) -> Resolver:
    defaults = {
        name: declared["Default"]
        for name, declared in spec.template.parameters.items()
        if "Default" in declared
    }
    pseudo = PseudoParameters(spec.name, f"arn:aws:cloudformation:{region}::stack/{spec.name}")
    return Resolver(spec.template, {**defaults, **spec.parameters}, pseudo)


def _resolved(node: Node, resolver: Resolver) -> Any:  # noqa: ANN401 - a JSON value
    try:
        return resolver.resolve(node)
    except HarnessError:
        return None


def _launch_properties(spec: StackSpec, group: Resource, resolver: Resolver) -> Mapping[str, Node]:
    """What an Auto Scaling group launches by: its launch template's or configuration's properties.

    Where that is not in the same template nothing is known, so that the type is refused.
    """
    named = group.properties.get("LaunchConfigurationName")
    template = group.properties.get("LaunchTemplate") or {}
    reference = named or template.get("LaunchTemplateId")
    logical_id = reference.get("Ref") if isinstance(reference, Mapping) else None
    found = spec.template.resources.get(str(logical_id))
    if found is None:
        return {}
    data = found.properties.get("LaunchTemplateData") or found.properties
    resolved = _resolved(data, resolver)
    return resolved if isinstance(resolved, Mapping) else data
