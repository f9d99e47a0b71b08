"""Whether an instance can be launched as described, on an image that is still looked after."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Final

from harness.lint.finding import Severity
from harness.lint.images import (
    SUPPORTED_UNTIL,
    architecture_of,
    launch_paths,
    launch_value,
    launched_images,
)
from harness.lint.rule import Hit, Rule
from harness.lint.subject import Subject, as_mapping
from harness.lint.waits import launched_elsewhere
from harness.template import Node
from harness.userdata import Path, value_at

_REGION: Final = re.compile(r"^[a-z]{2,4}(?:-[a-z]+)+-\d$")
_ZONE: Final = re.compile(r"^([a-z]{2,4}(?:-[a-z]+)+-\d)(?:[a-z]|-[a-z0-9-]+)$")
"""Of a zone, a local zone (``us-west-2-lax-1a``) or a wavelength zone; its region."""

_AMI: Final = re.compile(r"^ami-[0-9a-f]{8,17}$")

_ZONES: Final[Mapping[str, Sequence[Path]]] = {
    "AWS::EC2::Instance": (("AvailabilityZone",),),
    "AWS::EC2::Subnet": (("AvailabilityZone",),),
    "AWS::EC2::Volume": (("AvailabilityZone",),),
    "AWS::AutoScaling::AutoScalingGroup": (("AvailabilityZones",),),
    "AWS::EC2::LaunchTemplate": (("LaunchTemplateData", "Placement", "AvailabilityZone"),),
}


def _zones(subject: Subject) -> Iterator[tuple[Path, str]]:
    for logical_id, resource in subject.template.resources.items():
        for below in _ZONES.get(resource.type, ()):
            path: Path = ("Resources", logical_id, "Properties", *below)
            value = subject.value(subject.node(path))
            if isinstance(value, list):
                written = subject.node(path)
                for index, one in enumerate(value):
                    inner = (*path, index) if isinstance(written, list) else path
                    yield inner, str(one)
            elif isinstance(value, str):
                yield path, value


def _region_as_zone(subject: Subject) -> Iterator[Hit]:
    for path, zone in _zones(subject):
        if _REGION.match(zone):
            yield Hit(f"{zone} is a region, and a zone is wanted, such as {zone}a", path=path)
        elif not zone.startswith("__") and not _ZONE.match(zone):
            yield Hit(f"{zone!r} is no availability zone", path=path)
        elif subject.regions and (match := _ZONE.match(zone)):
            others = [one for one in subject.regions if one != match[1]]
            if others and not _by_function(subject.node(path)):
                yield Hit(f"{zone} is a zone of {match[1]}, not of {', '.join(others)}", path=path)


def _by_function(node: Node) -> bool:
    return isinstance(node, Mapping)


def _foreign_image(subject: Subject) -> Iterator[Hit]:
    for path in launch_paths(subject).values():
        node = subject.node((*path, "ImageId"))
        if isinstance(node, str) and _AMI.match(node) and len(set(subject.regions)) > 1:
            yield Hit(
                f"{node} is an image of one region, and the template is meant for "
                f"{', '.join(subject.regions)}",
                path=(*path, "ImageId"),
            )
    yield from _shared_in_mapping(subject)
    yield from _missing_in_mapping(subject)


def _shared_in_mapping(subject: Subject) -> Iterator[Hit]:
    """An id that a mapping gives for two regions is wrong in one of them."""
    for name, mapping in subject.template.mappings.items():
        seen: dict[str, str] = {}
        for region, values in as_mapping(mapping).items():
            if not _REGION.match(str(region)):
                continue
            for key, value in as_mapping(values).items():
                if not isinstance(value, str) or not _AMI.match(value):
                    continue
                if seen.setdefault(value, region) != region:
                    yield Hit(
                        f"{value} stands for {seen[value]} and for {region}, and an image is "
                        "of one region",
                        path=("Mappings", name, region, key),
                    )


def _missing_in_mapping(subject: Subject) -> Iterator[Hit]:
    """A region that the template is meant for, and that its mapping of images lacks."""
    for path in launch_paths(subject).values():
        node = subject.node((*path, "ImageId"))
        match node:
            case {"Fn::FindInMap": [str() as name, {"Ref": "AWS::Region"}, _]}:
                known = as_mapping(subject.template.mappings.get(name))
                missing = [one for one in subject.regions if one not in known]
                if missing:
                    yield Hit(
                        f"mapping {name} has no image for {', '.join(missing)}",
                        path=(*path, "ImageId"),
                    )


def _types(subject: Subject, logical_id: str) -> Iterator[tuple[Path, str, bool]]:
    """The instance types that a launch may have: where said, which, and whether by default."""
    path, node = launch_value(subject, logical_id, "InstanceType")
    match node:
        case str():
            yield path, node, True
        case {"Ref": str() as name} if name in subject.template.parameters:
            definition = as_mapping(subject.template.parameters[name])
            chosen = subject.parameters.get(name, definition.get("Default"))
            if isinstance(chosen, str):
                yield ("Parameters", name, "Default"), chosen, True
            allowed = definition.get("AllowedValues")
            for index, one in enumerate(allowed if isinstance(allowed, list) else ()):
                if one != chosen:
                    yield ("Parameters", name, "AllowedValues", index), str(one), False
        case {"Fn::FindInMap": _}:
            value = subject.value(node)
            if isinstance(value, str):
                yield path, value, True


def _wrong_architecture(subject: Subject) -> Iterator[Hit]:
    reported: set[Path] = set()
    for logical_id, (_, image) in launched_images(subject).items():
        for path, instance_type, certain in _types(subject, logical_id):
            architecture = architecture_of(instance_type)
            if not image.architecture or not architecture or path in reported:
                continue
            if architecture != image.architecture:
                reported.add(path)
                yield Hit(
                    f"{instance_type} is {architecture}, and the image of {logical_id} is for "
                    f"{image.architecture}",
                    path=path,
                    severity=None if certain else Severity.WARNING,
                )


@cache
def _offered() -> Mapping[str, frozenset[str]]:
    """The instance types of each region, from cfn-lint's data; as old as its release."""
    spec = find_spec("cfnlint")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = FilePath(folder) / "data/schemas/extensions/aws_ec2_instance/instancetype_enum.json"
        if path.is_file():
            table = json.loads(path.read_text())
            return {
                region: frozenset(offered.get("enum", ()))
                for region, offered in table.items()
                if isinstance(offered, Mapping)  # one key describes the file
            }
    return {}


def _not_in_region(subject: Subject) -> Iterator[Hit]:
    if not subject.regions:
        return
    reported: set[Path] = set()
    for logical_id in launch_paths(subject):
        _, node = launch_value(subject, logical_id, "InstanceType")
        if isinstance(node, str):
            continue  # cfn-lint's E3628
        for path, instance_type, certain in _types(subject, logical_id):
            lacking = [
                region
                for region in subject.regions
                if region in _offered()
                and instance_type not in _offered()[region]
                and any(instance_type in types for types in _offered().values())
            ]
            if lacking and path not in reported:
                reported.add(path)
                yield Hit(
                    f"{', '.join(lacking)} has no {instance_type}",
                    path=path,
                    severity=None if certain else Severity.WARNING,
                )


def _out_of_support(subject: Subject) -> Iterator[Hit]:
    reported: set[Path] = set()
    for path, image in launched_images(subject).values():
        until = SUPPORTED_UNTIL.get(image.release)
        if until is not None and until < subject.today and path not in reported:
            reported.add(path)
            yield Hit(f"{image.release} got its last update on {until:%Y-%m-%d}", path=path)


def _old_runtime(subject: Subject) -> Iterator[Hit]:
    for shell in subject.shells:
        text = shell.code
        for pattern, said in _RUNTIMES:
            for match in re.finditer(pattern, text):
                major = match[1] if match.groups() else ""
                if not major or int(major) < _NODE_SUPPORTED:
                    yield Hit(said.format(major), script=shell.script, offset=match.start())


_NODE_SUPPORTED: Final = 20
"""The oldest Node.js that got updates in 2025."""

_RUNTIMES: Final = (
    (r"nodesource\.com/setup_(\d+)\.x", "Node.js {0} gets no more updates"),
    (r"\binstall\b[^\n|;&]*\s(?:python2(?:\.7)?|python-pip)(?=\s|$)", "Python 2 is gone"),
)


def _any_metadata_version(subject: Subject) -> Iterator[Hit]:
    amazon = {
        one for one, (_, image) in launched_images(subject).items() if "2023" in image.release
    }
    for logical_id in launch_paths(subject):
        path, node = launch_value(subject, logical_id, "MetadataOptions")
        tokens = as_mapping(subject.value(node)).get("HttpTokens")
        endpoint = as_mapping(subject.value(node)).get("HttpEndpoint")
        if endpoint == "disabled" or tokens == "required":
            continue
        if tokens == "optional":
            yield Hit(f"{logical_id} answers IMDSv1", path=(*path, "HttpTokens"))
        elif (
            tokens is None
            and logical_id not in amazon
            and not launched_elsewhere(subject.template, logical_id)
        ):
            yield Hit(
                f"{logical_id} answers IMDSv1, unless its image or the account says otherwise",
                path=("Resources", logical_id),
                severity=Severity.INFO,
            )


def _token_forgotten(subject: Subject) -> Iterator[Hit]:
    for shell in subject.shells:
        if shell.script.resource not in subject.template.resources:
            continue
        _, node = launch_value(subject, shell.script.resource, "MetadataOptions")
        if as_mapping(subject.value(node)).get("HttpTokens") != "required":
            continue
        for command in shell.commands:
            said = " ".join((*command.texts, *(word.raw for word in command.words)))
            asks = command.name in {"curl", "wget"} and "169.254.169.254" in said
            if asks and "token" not in said.lower() and "$" not in said.replace("$(", ""):
                yield Hit(
                    f"`{command.name}` asks the metadata service without a token, "
                    "which the instance requires",
                    script=shell.script,
                    offset=command.start,
                )


def _unencrypted(subject: Subject) -> Iterator[Hit]:
    for path, ebs in _volumes(subject):
        encrypted = subject.value(ebs.get("Encrypted"))
        if encrypted in (False, "false"):
            yield Hit("the volume is not encrypted", path=(*path, "Encrypted"))
        elif encrypted is None and not {"SnapshotId", "KmsKeyId"} & set(ebs):
            yield Hit(
                "the volume is not encrypted, unless the account does so by default",
                path=path,
                severity=Severity.INFO,
            )


def _volumes(subject: Subject) -> Iterator[tuple[Path, Mapping[str, Node]]]:
    for path in launch_paths(subject).values():
        devices = subject.node((*path, "BlockDeviceMappings"))
        for index, device in enumerate(devices if isinstance(devices, list) else ()):
            ebs = value_at(device, ("Ebs",))
            if isinstance(ebs, Mapping):
                yield (*path, "BlockDeviceMappings", index, "Ebs"), ebs
    for volume in subject.template.of_type("AWS::EC2::Volume"):
        yield ("Resources", volume.logical_id, "Properties"), volume.properties


RULES: Final = (
    Rule(
        "HM001",
        Severity.ERROR,
        "an availability zone that is none",
        "Fn::Select one of Fn::GetAZs, or leave it out",
        _region_as_zone,
    ),
    Rule(
        "HM002",
        Severity.ERROR,
        "an image of another region",
        "let an SSM parameter name the image: it is there in every region",
        _foreign_image,
    ),
    Rule(
        "HM003",
        Severity.ERROR,
        "an image for another architecture than the instance type's",
        "take the image for the other architecture, or another instance type",
        _wrong_architecture,
    ),
    Rule(
        "HM004",
        Severity.ERROR,
        "an instance type that the region lacks",
        "choose a type that all regions have",
        _not_in_region,
    ),
    Rule(
        "HM005",
        Severity.WARNING,
        "an image that gets no more updates",
        "move to a release that is supported",
        _out_of_support,
    ),
    Rule(
        "HM006",
        Severity.WARNING,
        "a runtime that gets no more updates",
        "move to a release that is supported",
        _old_runtime,
    ),
    Rule(
        "HM007",
        Severity.WARNING,
        "IMDSv1 is left on",
        "MetadataOptions: {HttpTokens: required}",
        _any_metadata_version,
    ),
    Rule(
        "HM008",
        Severity.WARNING,
        "a volume that is not encrypted",
        "Encrypted: true",
        _unencrypted,
    ),
    Rule(
        "HM009",
        Severity.ERROR,
        "the metadata service is asked without the token it requires",
        "PUT /latest/api/token first, and send it as X-aws-ec2-metadata-token",
        _token_forgotten,
    ),
)
