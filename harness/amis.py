"""The public images that the local cloud knows: their AMI ids, their SSM parameters, their login.

An AMI id is made of the image's name, so it is the same in every region and on every run. Sources:
"Find an AMI using Systems Manager public parameters", Canonical's and Debian's pages on their AMIs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import platform
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

CANONICAL: Final = "099720109477"
DEBIAN: Final = "136693071363"
AMAZON: Final = "137112412989"

_ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "arm64"}
_UBUNTU: Final = {
    "20.04": ("focal", "ebs-gp2", "hvm-ssd"),
    "22.04": ("jammy", "ebs-gp2", "hvm-ssd"),
    "24.04": ("noble", "ebs-gp3", "hvm-ssd-gp3"),
}
_DEBIAN: Final = {"11": "bullseye", "12": "bookworm", "13": "trixie"}
_AMAZON: Final = {
    "al2023-ami-kernel-default-{}": "al2023-ami-2023.6.20250303.0-kernel-6.1-{}",
    "al2023-ami-kernel-6.1-{}": "al2023-ami-2023.6.20250303.0-kernel-6.1-{}",
    "al2023-ami-minimal-kernel-default-{}": "al2023-ami-minimal-2023.6.20250303.0-kernel-6.1-{}",
    "amzn2-ami-hvm-{}-gp2": "amzn2-ami-hvm-2.0.20250305.0-{}-gp2",
    "amzn2-ami-kernel-5.10-hvm-{}-gp2": "amzn2-ami-kernel-5.10-hvm-2.0.20250305.0-{}-gp2",
}


@dataclass(frozen=True)
class PublicImage:
    """An image that its owner publishes.

    Args:
        name: The AMI's name.
        owner: Account id of the publisher.
        architecture: ``x86_64`` or ``arm64``.
        parameters: SSM parameters that hold its id.
        user: The account that cloud-init makes for logging in; None where no guest image stands
            for it.
    """

    name: str
    owner: str
    architecture: str
    parameters: tuple[str, ...]
    user: str | None

    @property
    def image_id(self) -> str:
        """The AMI id."""
        return f"ami-{hashlib.sha256(self.name.encode()).hexdigest()[:17]}"


def _ubuntu() -> Iterator[PublicImage]:
    for (version, (codename, volume, hvm)), (debian, architecture) in itertools.product(
        _UBUNTU.items(), _ARCHITECTURES.items()
    ):
        yield PublicImage(
            name=f"ubuntu/images/{hvm}/ubuntu-{codename}-{version}-{debian}-server-20250305",
            owner=CANONICAL,
            architecture=architecture,
            parameters=tuple(
                f"/aws/service/canonical/ubuntu/server/{release}/stable/current/{debian}/hvm/{volume}/ami-id"
                for release in (version, codename)
            ),
            user="ubuntu",
        )


def _debian() -> Iterator[PublicImage]:
    for (version, codename), (debian, architecture) in itertools.product(
        _DEBIAN.items(), _ARCHITECTURES.items()
    ):
        yield PublicImage(
            name=f"debian-{version}-{debian}-20250316-2053",
            owner=DEBIAN,
            architecture=architecture,
            parameters=tuple(
                f"/aws/service/debian/release/{release}/latest/{debian}"
                for release in (version, codename)
            ),
            user="admin",
        )


def _amazon() -> Iterator[PublicImage]:
    for (parameter, name), architecture in itertools.product(
        _AMAZON.items(), _ARCHITECTURES.values()
    ):
        yield PublicImage(
            name=name.format(architecture),
            owner=AMAZON,
            architecture=architecture,
            parameters=(f"/aws/service/ami-amazon-linux-latest/{parameter.format(architecture)}",),
            user=None,
        )


PUBLIC_IMAGES: Final = (*_ubuntu(), *_debian(), *_amazon())
_BY_ID: Final = {image.image_id: image for image in PUBLIC_IMAGES}
_BY_PARAMETER: Final = {
    parameter: image for image in PUBLIC_IMAGES for parameter in image.parameters
}


def by_parameter(name: str) -> PublicImage | None:
    """The image whose id an SSM parameter holds; None for a parameter of nobody's."""
    return _BY_PARAMETER.get(name)


def parameters() -> Collection[str]:
    """The names of the SSM parameters that hold images."""
    return _BY_PARAMETER.keys()


def why_no_guest(image_id: str, machine: str | None = None) -> str | None:
    """Why an instance of a public image cannot be booted here; None where it can.

    Args:
        image_id: The AMI id; one that is not public is not judged.
        machine: The host's architecture as ``uname -m`` has it; this machine's by default.
    """
    image = _BY_ID.get(image_id)
    if image is None:
        return None
    if image.user is None:
        return f"no guest image stands for {image.name}; Ubuntu's and Debian's do"
    mine = {"aarch64": "arm64"}.get(machine or platform.machine(), machine or platform.machine())
    if image.architecture != mine:
        return f"{image.name} is for {image.architecture}, and this machine is {mine}"
    return None


def login_user(image_id: str) -> str | None:
    """The account that cloud-init makes on a public image; None for other images."""
    image = _BY_ID.get(image_id)
    return image.user if image else None


def moto_catalogue() -> str:
    """The images as the JSON document that moto reads from ``MOTO_AMIS_PATH``."""
    entries: dict[str, dict[str, Any]] = {
        image.image_id: {
            "ami_id": image.image_id,
            "name": image.name,
            "description": image.name,
            "owner_id": image.owner,
            "architecture": image.architecture,
            "public": True,
            "state": "available",
            "image_type": "machine",
            "image_location": f"{image.owner}/{image.name}",
            "hypervisor": "xen",
            "virtualization_type": "hvm",
            "root_device_type": "ebs",
            "root_device_name": "/dev/sda1",
            "sriov": "simple",
            "creation_date": "2025-03-16T00:00:00.000Z",
        }
        for image in PUBLIC_IMAGES
    }
    return json.dumps(list(entries.values()))
