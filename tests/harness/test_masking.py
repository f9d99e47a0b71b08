"""Secrets never reach what is written down."""

from __future__ import annotations

import json

import pytest

from harness.masking import MASK, Masker, environment_secrets, no_echo_values
from harness.template import Template

pytestmark = pytest.mark.selftest

PRIVATE_KEY = """\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmU
-----END OPENSSH PRIVATE KEY-----"""


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"key:\n{PRIVATE_KEY}\nend", f"key:\n{MASK}\nend"),
        (f"cut off: {PRIVATE_KEY[:50]}", f"cut off: {MASK}"),
        ("id AKIAIOSFODNN7EXAMPLE used", f"id {MASK} used"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f"aws_secret{MASK}"),
        ("Authorization: CFN_V1 abc:def", f"Authorization: {MASK}"),
        ("nothing here", "nothing here"),
    ],
)
def test_shapes_that_tell(text: str, masked: str) -> None:
    """Private keys also where they are cut off, key ids, secret keys by name, authorisations."""
    assert Masker()(text) == masked


def test_values_that_are_known() -> None:
    """Also where one contains another; values too short to be secrets are left alone."""
    mask = Masker(["hunter22", "hunter2200", "abc"])
    assert mask("hunter2200 hunter22 abc") == f"{MASK} {MASK} abc"


def test_no_echo_parameters_are_secrets() -> None:
    """Given or by default; other parameters are not."""
    body = {
        "Parameters": {
            "A": {"NoEcho": True, "Default": "default-a"},
            "B": {"NoEcho": "true"},
            "C": {"Default": "shown"},
        },
        "Resources": {"R": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
    }
    found = no_echo_values(Template.parse(json.dumps(body)), {"B": "given-b"})
    assert found == {"default-a", "given-b"}


def test_credentials_of_the_environment_are_secrets() -> None:
    """By the names that AWS's tools read."""
    environ = {"AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_REGION": "r"}
    assert environment_secrets(environ) == {"s", "t"}
