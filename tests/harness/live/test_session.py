"""It is AWS that is spoken to, unless a local cloud is meant and named."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from harness.errors import RefusedError
from harness.live.session import Clients, is_aws, is_local, secrets_of

pytestmark = pytest.mark.selftest


@pytest.mark.parametrize(
    ("url", "aws", "local"),
    [
        ("https://cloudformation.us-east-1.amazonaws.com", True, False),
        ("https://ec2.cn-north-1.amazonaws.com.cn", True, False),
        ("http://ec2.us-east-1.amazonaws.com", False, False),
        ("https://amazonaws.com.example.org", False, False),
        ("http://127.0.0.1:4599", False, True),
        ("http://localhost:4599", False, True),
        ("http://[::1]:4599", False, True),
        ("http://192.0.2.1", False, False),
    ],
)
def test_urls_are_told_apart(url: str, aws: bool, local: bool) -> None:  # noqa: FBT001 - a case
    """AWS's own are under its domains and over TLS."""
    assert (is_aws(url), is_local(url)) == (aws, local)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"])
def test_an_override_that_nobody_named_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For all services or for one."""
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(RefusedError, match="an endpoint override is set: ec2"):
        Clients("us-east-1", None)("ec2")


def test_a_local_cloud_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it must be one: neither AWS, nor another machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert Clients("us-east-1", "local").override == "http://127.0.0.1:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
    with pytest.raises(RefusedError, match="says that this is a local cloud"):
        Clients("us-east-1", "local")("ec2")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(RefusedError, match="says that this is a local cloud"):
        Clients("us-east-1", "local")("ec2")


def test_the_credentials_of_a_profile_are_secrets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is masked must not depend on where they come from."""
    file = tmp_path / "credentials"
    file.write_text("[p]\naws_access_key_id = AKIAPAPER\naws_secret_access_key = of-paper\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert secrets_of(boto3.Session(profile_name="p")) == {"AKIAPAPER", "of-paper"}
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert secrets_of(boto3.Session()) == frozenset()


def test_without_an_override_it_is_aws() -> None:
    """No client is made twice."""
    clients = Clients("eu-west-1", None)
    assert clients.override is None
    assert clients("ec2") is clients("ec2")
    assert clients("ec2").meta.region_name == "eu-west-1"
