"""``harness sweep`` as it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from harness.cli import main
from harness.cloud import liveness
from harness.commands.sweep import why_spared
from harness.naming import Naming

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

pytestmark = pytest.mark.selftest


@pytest.fixture
def ec2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2Client]:
    """AWS in this process, with a key pair that expired an hour ago."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\naccounts = ["123456789012"]\n')
    naming = Naming("p", "ada", "dead", datetime.now(UTC) - timedelta(hours=2), 60)
    tags: Any = [{"Key": key, "Value": value} for key, value in naming.tags().items()]
    with mock_aws():
        client = boto3.client("ec2", region_name="us-east-1")
        client.create_key_pair(
            KeyName="left", TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags}]
        )
        yield client


def test_it_says_what_it_would_delete(ec2: EC2Client, capsys: pytest.CaptureFixture[str]) -> None:
    """And deletes nothing unless it is told to."""
    assert main(["sweep"]) == 0
    assert "would delete key-pair left in us-east-1: project p, by ada" in capsys.readouterr().out
    assert len(ec2.describe_key_pairs()["KeyPairs"]) == 1


def test_it_deletes_when_told_to(ec2: EC2Client, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time nothing is left, and that is no error."""
    assert main(["sweep", "--delete"]) == 0
    assert main(["sweep", "--delete"]) == 0
    output = capsys.readouterr().out
    assert output.count("deleted key-pair left") == 1
    assert output.count("account 123456789012: 0 to be deleted") == 1
    assert ec2.describe_key_pairs()["KeyPairs"] == []


def test_it_goes_by_the_allow_list(ec2: EC2Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is looked at in an account that nobody allowed."""
    del ec2
    assert main(["sweep", "--account", "210987654321"]) == 2
    assert "is not in the allow-list" in capsys.readouterr().err


def test_only_the_dead_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose cloud lives, and of whom nobody here knows, is spared, and why is said."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    directory = liveness.default_directory()
    with liveness.alive("mine", directory):
        assert why_spared("mine") == "its local cloud is alive"
    assert "nothing here says" in why_spared("mine")
    (directory / "mine").touch()
    assert why_spared("mine") == ""
