"""A login that does not come about says why, before anybody is connected to."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from harness.errors import UnreachableError
from harness.guest.keys import make_key_pair
from harness.guest.login import LoginRequest, _write_config, open_login
from harness.waiting import LOCAL_PACE

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

pytestmark = pytest.mark.selftest

HERE = ("127.0.0.1", 1)


@pytest.fixture
def ec2() -> Iterator[EC2Client]:
    """EC2 in this process."""
    with mock_aws():
        yield boto3.client("ec2", region_name="us-east-1")


@pytest.fixture
def control() -> Iterator[Path]:
    """A folder with a path short enough for sockets, however deep pytest's own folders are."""
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        yield Path(folder)


@pytest.fixture
def request_(tmp_path: Path, control: Path, ec2: EC2Client) -> LoginRequest:
    """A request for an instance that runs in name only."""
    image = ec2.describe_images()["Images"][0]["ImageId"]
    (launched,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    return LoginRequest(
        instance_id=launched["InstanceId"],
        key=make_key_pair("k", tmp_path),
        user="ubuntu",
        directory=tmp_path,
        control=control,
        cidr="192.0.2.7/32",
        limit=0.01,
    )


def test_an_instance_without_an_address_is_unreachable(
    ec2: EC2Client, request_: LoginRequest
) -> None:
    """Nobody waits for an address that is not going to come."""
    with pytest.raises(UnreachableError, match="has no public address"):
        open_login(ec2, lambda _: None, request_, pace=LOCAL_PACE)


def test_unknown_host_keys_are_refused(ec2: EC2Client, request_: LoginRequest) -> None:
    """Nobody is connected to; the way to go on all the same is in the remedy."""
    with pytest.raises(UnreachableError, match="no host keys on its console") as raised:
        open_login(ec2, lambda _: HERE, request_, pace=LOCAL_PACE)
    assert "--accept-unpinned-host-key" in raised.value.remedy


def test_a_reason_lets_an_unpinned_login_be_tried(ec2: EC2Client, request_: LoginRequest) -> None:
    """It goes on to ssh, which here finds that nobody listens."""
    request = replace(request_, unpinned_reason="console is disabled")
    with pytest.raises(UnreachableError, match="nobody listens"):
        open_login(ec2, lambda _: HERE, request, pace=LOCAL_PACE)


def test_ssh_understands_the_config(request_: LoginRequest) -> None:
    """Strict checking against the pinned key alone, no agent, no password, no other identity."""
    path = _write_config(request_, ("192.0.2.1", 2222), ["ssh-ed25519 AAAA"])
    command = ["ssh", "-G", "-F", str(path), request_.instance_id]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    lines = set(shown.lower().splitlines())
    assert {
        "hostname 192.0.2.1",
        "port 2222",
        "user ubuntu",
        "stricthostkeychecking true",
        "identitiesonly yes",
        "batchmode yes",
        "globalknownhostsfile /dev/null",
    } <= lines
    known = (request_.directory / f"{request_.instance_id}.known_hosts").read_text()
    assert known == f"{request_.instance_id} ssh-ed25519 AAAA\n"
