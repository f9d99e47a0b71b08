"""Public images: their parameters, and whether a guest can stand for them."""

from __future__ import annotations

import json

import pytest

from harness import amis

pytestmark = pytest.mark.selftest

NOBLE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


def image_id(parameter: str) -> str:
    image = amis.by_parameter(parameter)
    assert image is not None
    return image.image_id


@pytest.mark.parametrize(
    ("parameter", "user"),
    [
        (NOBLE, "ubuntu"),
        (NOBLE.replace("24.04", "noble"), "ubuntu"),
        (NOBLE.replace("24.04", "22.04").replace("gp3", "gp2"), "ubuntu"),
        ("/aws/service/debian/release/12/latest/amd64", "admin"),
        ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", None),
    ],
)
def test_a_public_parameter_names_an_image(parameter: str, user: str | None) -> None:
    """Canonical's, Debian's and Amazon's resolve; who logs in depends on the image."""
    assert amis.login_user(image_id(parameter)) == user


def test_an_unknown_parameter_names_none() -> None:
    """It is for the account's own parameters then."""
    assert amis.by_parameter("/my/parameter") is None


def test_why_an_image_cannot_be_booted_is_said() -> None:
    """Another architecture, or a system that no guest image stands for."""
    arm = image_id(NOBLE.replace("amd64", "arm64"))
    assert amis.why_no_guest(image_id(NOBLE), "x86_64") is None
    assert "this machine is x86_64" in str(amis.why_no_guest(arm, "x86_64"))
    assert amis.why_no_guest(arm, "aarch64") is None
    amazon = image_id("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
    assert "no guest image" in str(amis.why_no_guest(amazon, "x86_64"))
    assert amis.why_no_guest("ami-of-the-account", "x86_64") is None


def test_the_catalogue_has_each_image_once() -> None:
    """moto reads it; two parameters may name one image."""
    ids = [entry["ami_id"] for entry in json.loads(amis.moto_catalogue())]
    assert len(ids) == len(set(ids)) == 20
    assert image_id(NOBLE) in ids
