"""The run's key pair: made, imported, deleted, and never readable by anybody else."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from harness.guest.keys import delete_key_pair, import_key_pair, key_pair_exists, make_key_pair
from harness.waiting import LOCAL_PACE

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

pytestmark = pytest.mark.selftest


@pytest.fixture
def ec2() -> Iterator[EC2Client]:
    """EC2 in this process."""
    with mock_aws():
        yield boto3.client("ec2", region_name="us-east-1")


def test_the_private_half_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 from the first moment, whatever the umask; an existing file is not overwritten."""
    key = make_key_pair("k", tmp_path)
    assert stat.S_IMODE(key.private_path.stat().st_mode) == 0o600
    assert key.private_path.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert key.public_line.startswith("ssh-ed25519 AAAA")
    assert key.public_line.endswith(" k")
    with pytest.raises(FileExistsError):
        make_key_pair("k", tmp_path)
    assert "PRIVATE" not in repr(key)


def test_it_is_imported_and_deleted_again(tmp_path: Path, ec2: EC2Client) -> None:
    """With its tags; asking twice for either is harmless."""
    key = make_key_pair("k", tmp_path)
    for _ in range(2):
        import_key_pair(ec2, key, LOCAL_PACE, {"harness:run": "r"})
    (described,) = ec2.describe_key_pairs(KeyNames=["k"])["KeyPairs"]
    assert described["Tags"] == [{"Key": "harness:run", "Value": "r"}]
    for _ in range(2):
        delete_key_pair(ec2, "k", LOCAL_PACE)
    assert not key_pair_exists(ec2, "k", LOCAL_PACE)


def test_the_private_half_can_be_forgotten_twice(tmp_path: Path) -> None:
    """The file is gone, and that is all that was asked for."""
    key = make_key_pair("k", tmp_path)
    key.forget()
    key.forget()
    assert not key.private_path.exists()
