"""botocore reads a model once for all sessions, where that is asked for."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.loaders import JSONFileLoader, Loader

from harness.service_models import read_once

pytestmark = pytest.mark.selftest


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that botocore reads from now on."""
    names: list[str] = []
    original = JSONFileLoader.load_file

    def load_file(self: JSONFileLoader, path: str) -> object:
        names.append(Path(path).name)
        return original(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", load_file)
    return names


def regions() -> list[str]:
    """What a new session knows of EC2."""
    return boto3.session.Session().get_available_regions("ec2")


def test_sessions_within_share_what_they_read(read: list[str]) -> None:
    """And know the same as others."""
    alone = regions()
    assert read.count("service-2") == 1
    with read_once():
        assert regions() == regions() == alone
    assert read.count("service-2") == 2
    assert "us-east-1" in alone


def test_afterwards_nothing_is_shared(read: list[str]) -> None:
    """Nor kept."""
    with read_once():
        regions()
    assert Loader.FILE_LOADER_CLASS is JSONFileLoader
    regions()
    assert read.count("service-2") == 2
