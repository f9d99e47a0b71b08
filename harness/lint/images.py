"""Which operating system, release and architecture an instance boots, as far as its ImageId tells.

AMI ids tell nothing; the public SSM parameters of Canonical, Debian and Amazon tell everything.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from harness.lint.subject import Subject, as_mapping
from harness.lint.waits import launched_from
from harness.template import Node
from harness.userdata import Path


class Family(enum.Enum):
    """Operating systems that differ in who installs what."""

    AMAZON = "Amazon Linux"
    DEBIAN = "Debian or Ubuntu"
    OTHER = "another"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Image:
    """What an SSM parameter says of the image that it names.

    Args:
        family: Its operating system.
        release: Name and version: ``Ubuntu 24.04``.
        architecture: ``x86_64`` or ``arm64``; empty where the name does not say.
        user: Who may log in.
    """

    family: Family
    release: str
    architecture: str
    user: str


SUPPORTED_UNTIL: Final[Mapping[str, dt.date]] = {
    "Amazon Linux 1": dt.date(2023, 12, 31),
    "Amazon Linux 2": dt.date(2026, 6, 30),
    "Amazon Linux 2023": dt.date(2029, 6, 30),
    "Debian 8": dt.date(2020, 6, 30),
    "Debian 9": dt.date(2022, 6, 30),
    "Debian 10": dt.date(2024, 6, 30),
    "Debian 11": dt.date(2026, 8, 31),
    "Debian 12": dt.date(2028, 6, 30),
    "Debian 13": dt.date(2030, 6, 30),
    "Ubuntu 14.04": dt.date(2019, 4, 25),
    "Ubuntu 16.04": dt.date(2021, 4, 30),
    "Ubuntu 18.04": dt.date(2023, 5, 31),
    "Ubuntu 20.04": dt.date(2025, 5, 31),
    "Ubuntu 22.04": dt.date(2027, 4, 30),
    "Ubuntu 23.04": dt.date(2024, 1, 25),
    "Ubuntu 23.10": dt.date(2024, 7, 11),
    "Ubuntu 24.04": dt.date(2029, 4, 30),
    "Ubuntu 24.10": dt.date(2025, 7, 10),
}
"""Last day of free security updates, long-term ones included, as announced in 2025."""

_CODE_NAMES: Final[Mapping[str, str]] = {
    "trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04",
    "lunar": "23.04", "mantic": "23.10", "noble": "24.04", "oracular": "24.10",
    "jessie": "8", "stretch": "9", "buster": "10", "bullseye": "11", "bookworm": "12",
    "trixie": "13",
}  # fmt: skip

_ARM: Final = re.compile(r"arm64|aarch64")
_X86: Final = re.compile(r"amd64|x86_64|x86-64")
_PATTERNS: Final = (
    (re.compile(r"/canonical/ubuntu/(?:server|server-minimal|pro-server)/([^/]+)/"), "Ubuntu"),
    (re.compile(r"/debian/(?:release|daily)/([^/]+)/"), "Debian"),
    (re.compile(r"ami-amazon-linux-latest/(al2023|amzn2|amzn|al2022)-"), "Amazon Linux"),
)
_AMAZON: Final = {"al2023": "2023", "al2022": "2022", "amzn2": "2", "amzn": "1"}
_USERS: Final = {"Ubuntu": "ubuntu", "Debian": "admin", "Amazon Linux": "ec2-user"}

_GRAVITON: Final = re.compile(r"^(?:a1|[a-z]+\d+[a-z-]*g[a-z0-9-]*)\.|^p\d+e-gb")
_INSTANCE: Final = re.compile(r"^[a-z][a-z0-9-]*\d[a-z0-9-]*\.[a-z0-9-]+$")


def image_of(name: str) -> Image | None:
    """What an SSM parameter's name, or a reference to one, says; None where it says nothing."""
    for pattern, system in _PATTERNS:
        match = pattern.search(name)
        if match:
            version = _AMAZON.get(match[1], _CODE_NAMES.get(match[1], match[1]))
            family = Family.AMAZON if system == "Amazon Linux" else Family.DEBIAN
            architecture = "arm64" if _ARM.search(name) else "x86_64" if _X86.search(name) else ""
            return Image(family, f"{system} {version}", architecture, _USERS[system])
    if "/ami-windows-latest/" in name:
        return Image(Family.OTHER, "Windows", "x86_64", "Administrator")
    return None


def architecture_of(instance_type: str) -> str:
    """``arm64`` or ``x86_64``, by "Instance type naming conventions"; empty for no instance type.

    A ``g`` among the letters after the generation stands for AWS's own Arm processors.
    """
    if not _INSTANCE.match(instance_type) or instance_type.startswith("mac"):
        return ""
    return "arm64" if _GRAVITON.match(instance_type) else "x86_64"


_LAUNCHERS: Final[Mapping[str, Path]] = {
    "AWS::EC2::Instance": ("Properties",),
    "AWS::AutoScaling::LaunchConfiguration": ("Properties",),
    "AWS::EC2::LaunchTemplate": ("Properties", "LaunchTemplateData"),
}


def launch_paths(subject: Subject) -> Mapping[str, Path]:
    """Where each resource that says how an instance is launched says it."""
    return {
        logical_id: ("Resources", logical_id, *_LAUNCHERS[resource.type])
        for logical_id, resource in subject.template.resources.items()
        if resource.type in _LAUNCHERS
    }


def launch_value(subject: Subject, logical_id: str, name: str) -> tuple[Path, Node]:
    """A property of a launch, from the resource or from the launch template that it names.

    Returns:
        Where it stands and what it is as written; None where neither says it.
    """
    path = (*launch_paths(subject).get(logical_id, ()), name)
    node = subject.node(path) if len(path) > 1 else None
    if node is not None:
        return path, node
    resource = subject.template.resources[logical_id]
    for other in launched_from(resource):
        if other in subject.template.resources and other != logical_id:
            return launch_value(subject, other, name)
    return path, None


def ssm_name(subject: Subject, node: Node) -> str:
    """The SSM parameter that an ImageId comes from; empty where it comes from none."""
    match node:
        case {"Ref": str() as name} if name in subject.template.parameters:
            definition = as_mapping(subject.template.parameters[name])
            if str(definition.get("Type", "")).startswith("AWS::SSM::Parameter::Value"):
                return str(subject.parameters.get(name, definition.get("Default", "")))
    value = subject.value(node)
    return value if isinstance(value, str) and "resolve:ssm:" in value else ""


def launched_images(subject: Subject) -> Mapping[str, tuple[Path, Image]]:
    """The image of every resource that launches, where it is known, and where that is said."""
    found: dict[str, tuple[Path, Image]] = {}
    for logical_id in launch_paths(subject):
        path, node = launch_value(subject, logical_id, "ImageId")
        image = image_of(ssm_name(subject, node)) if node is not None else None
        if image is not None:
            found[logical_id] = path, image
    return found


def images(subject: Subject) -> Mapping[str, Family]:
    """The operating system of every resource that launches one that is known."""
    families = {one: image.family for one, (_, image) in launched_images(subject).items()}
    for logical_id, resource in subject.template.resources.items():
        for launcher in launched_from(resource):
            if launcher in families:
                families.setdefault(logical_id, families[launcher])
    return families
