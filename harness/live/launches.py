"""Which instances a stack may launch at most, and of what size. What cannot be told is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.cloudformation.intrinsics import NO_VALUE, PseudoParameters, Resolver
from harness.errors import HarnessError, RefusedError
from harness.stack import StackSpec
from harness.template import Node

_ROOT_GIGABYTES: Final = 30.0
"""What a root volume is taken to have where the template does not say; images have less."""

_ROOT_DEVICES: Final = frozenset({"/dev/sda1", "/dev/xvda"})
_UNKNOWN_TYPE: Final = "m1.small"
"""What EC2 launches where no instance type is named ("RunInstances")."""

_VOLUME_TYPES: Final = frozenset({"gp2", "gp3", "standard", "sc1", "st1"})
"""Volume types whose gigabytes are all that costs; of gp3 up to what follows."""

_INCLUDED: Final[Mapping[str, float]] = {"Iops": 3000, "Throughput": 125}
"""What a gp3 volume has without further cost ("General Purpose SSD volumes")."""

_DEFAULTS: Final[Mapping[str, Node]] = {
    "BlockDeviceMappings": [],
    "InstanceTenancy": "default",
    "InstanceType": _UNKNOWN_TYPE,
    "PlacementTenancy": "default",
    "Tenancy": "default",
}
"""What EC2 takes where a property is not there."""

_ABSENT: Final = {"Ref": "AWS::NoValue"}


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
        named = _Properties(resource.logical_id, resource.properties, resolver)
        if resource.type == "AWS::EC2::Instance":
            yield _launch(named.over(_launch_template(spec, named)))
        elif resource.type == "AWS::AutoScaling::AutoScalingGroup":
            size = named.get("MaxSize")
            if not str(size).isdigit():
                raise named.unpriced("its MaxSize")
            by = _launch_template(spec, named)
            if by is None:
                raise named.unpriced("what it launches by")
            yield from [_launch(by)] * int(size)
        elif resource.type == "AWS::EC2::VPC" and named.get("InstanceTenancy") != "default":
            raise named.unpriced("its InstanceTenancy")


@dataclass(frozen=True)
class _Properties:
    """Properties of one resource, and what they resolve to."""

    logical_id: str
    nodes: Mapping[str, Node]
    resolver: Resolver

    def get(self, name: str) -> Any:  # noqa: ANN401 - a JSON value
        """What a property resolves to.

        Raises:
            RefusedError: Only a created stack would tell.
        """
        try:
            value = self.resolver.resolve(self.nodes.get(name, _ABSENT))
        except HarnessError:
            raise self.unpriced(f"its {name}") from None
        return _DEFAULTS.get(name) if value is NO_VALUE else value

    def below(self, name: str) -> _Properties:
        """The members of a property, each of which may be told though another cannot."""
        node = self.nodes.get(name, {})
        if isinstance(node, Mapping) and any(key == "Ref" or "::" in key for key in node):
            node = self.get(name) or {}
        if not isinstance(node, Mapping):
            raise self.unpriced(f"its {name}")
        return replace(self, nodes=node)

    def over(self, others: _Properties | None) -> _Properties:
        """These, and those of others that these do not have."""
        return replace(self, nodes={**others.nodes, **self.nodes}) if others else self

    def unpriced(self, what: str) -> RefusedError:
        """For what costs nobody knows how much."""
        return RefusedError(
            f"what {self.logical_id} may cost cannot be told, for {what}",
            remedy="write it as a plain value that has a price, or as a parameter",
        )


def _launch(properties: _Properties) -> Launch:
    tenancies = [properties.get("Tenancy"), properties.get("PlacementTenancy")]
    if {*tenancies, properties.below("Placement").get("Tenancy")} != {"default"}:
        raise properties.unpriced("its Tenancy")
    return Launch(str(properties.get("InstanceType")), _gigabytes(properties))


def _gigabytes(properties: _Properties) -> float:
    mappings = properties.get("BlockDeviceMappings")
    if not isinstance(mappings, list) or not all(isinstance(one, Mapping) for one in mappings):
        raise properties.unpriced("its BlockDeviceMappings")
    disks = {one.get("DeviceName"): one["Ebs"] for one in mappings if one.get("Ebs")}
    if not all(isinstance(one, Mapping) for one in disks.values()):
        raise properties.unpriced("its BlockDeviceMappings")
    sizes = [_size(properties, disk, root=name in _ROOT_DEVICES) for name, disk in disks.items()]
    return sum(sizes) + (0 if _ROOT_DEVICES & disks.keys() else _ROOT_GIGABYTES)


def _size(properties: _Properties, disk: Mapping[str, Any], *, root: bool) -> float:
    if disk.get("VolumeType", "gp2") not in _VOLUME_TYPES:
        raise properties.unpriced(f"a volume of type {disk['VolumeType']}")
    for name, included in _INCLUDED.items():
        if _number(disk.get(name, 0)) > included:
            raise properties.unpriced(f"a volume's {name}")
    size = _number(disk.get("VolumeSize", _ROOT_GIGABYTES if root else None))
    if size == float("inf"):
        raise properties.unpriced("a volume's VolumeSize")
    return size


def _number(value: object) -> float:
    """A number as templates write it; infinite where it is none."""
    try:
        return float(str(value))
    except ValueError:
        return float("inf")


def _resolver(spec: StackSpec, region: str) -> Resolver:
    defaults = {
        name: declared["Default"]
        for name, declared in spec.template.parameters.items()
        if "Default" in declared
    }
    pseudo = PseudoParameters(spec.name, f"arn:aws:cloudformation:{region}::stack/{spec.name}")
    return Resolver(spec.template, {**defaults, **spec.parameters}, pseudo)


def _launch_template(spec: StackSpec, properties: _Properties) -> _Properties | None:
    """What something is launched by: its launch template's or configuration's properties.

    Returns:
        None where it names none.

    Raises:
        RefusedError: What it names is not in the same template.
    """
    template = properties.nodes.get("LaunchTemplate")
    by_id = template.get("LaunchTemplateId") if isinstance(template, Mapping) else None
    reference = properties.nodes.get("LaunchConfigurationName", by_id)
    if template is None and reference is None:
        return None
    logical_id = reference.get("Ref") if isinstance(reference, Mapping) else None
    found = spec.template.resources.get(str(logical_id))
    if found is None:
        raise properties.unpriced("what it launches by, which is not in this template")
    by = replace(properties, nodes=found.properties)
    return by.below("LaunchTemplateData") if "LaunchTemplateData" in by.nodes else by
