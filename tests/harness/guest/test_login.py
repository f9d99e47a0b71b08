"""A login that does not come about says why, before anybody is connected to."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
import pytest
from moto import mock_aws

from harness.errors import UnreachableError
from harness.guest.keys import make_key_pair
from harness.guest.login import (
    Login,
    LoginRequest,
    _saw_end_of_cloud_init,
    _wait_for_login,
    _write_config,
    open_login,
)
from harness.waiting import LOCAL_PACE, Clock, Deadline

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


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
BLOCK = f"-----BEGIN SSH HOST KEY KEYS-----\n{KEY} root@i\n-----END SSH HOST KEY KEYS-----\n"


class Refusing(Login):
    """A login whose sshd refuses every key, and whose tries are counted."""

    tries: ClassVar[int]

    def run(self, command: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        type(self).tries += 1
        said = "ubuntu@i: Permission denied (publickey)."
        return subprocess.CompletedProcess([command, str(limit)], 255, "", said)


class Console:
    """EC2 as it is, but for what the instance's console shows: one text for each look."""

    def __init__(self, ec2: EC2Client, *shown: str) -> None:
        self._ec2 = ec2
        self._shown = [*shown]

    def __getattr__(self, name: str) -> object:
        return getattr(self._ec2, name)

    def get_console_output(self, **_: object) -> dict[str, str]:
        return {"Output": self._shown.pop(0) if len(self._shown) > 1 else self._shown[0]}


@pytest.mark.parametrize(
    ("shown", "tries"),
    [
        ((BLOCK,), 2),
        (("booting", "booting", BLOCK), 4),
        (("booting", BLOCK.replace("AAAAIAAB", "AAAAIZZZ"), BLOCK), 4),
    ],
)
def test_a_key_that_is_refused_after_the_boot_stays_refused(
    ec2: EC2Client, request_: LoginRequest, shown: tuple[str, ...], tries: int
) -> None:
    """Nobody waits out the limit; but while cloud-init is at work the key may be still to come."""
    Refusing.tries = 0
    login = Refusing(request_.instance_id, request_.directory / "config", *HERE)
    client: Any = Console(ec2, *shown)
    deadline = Deadline(3600, Clock())
    with pytest.raises(UnreachableError, match="wrong key or wrong user"):
        _wait_for_login(client, login, request_, [KEY], deadline, LOCAL_PACE)
    assert Refusing.tries == tries


ACTIVE = 'echo "systemctl $*" >>"$0.calls"; [ "$(wc -l <"$0.calls")" -ge {looks} ]'
"""A systemctl that finds a unit active from that look on."""


class Here(Login):
    """A login to this machine, with nothing on its PATH but what a folder has."""

    commands: ClassVar[Path]

    def run(self, command: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env={"PATH": str(self.commands)},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )

    def install(self, name: str, script: str) -> None:
        program = self.commands / name
        program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        program.chmod(0o755)

    def calls(self, name: str) -> int:
        calls = self.commands / f"{name}.calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """An instance with a cloud-init that counts how often it is asked."""
    Here.commands = tmp_path
    login = Here("i-0", tmp_path / "config", *HERE)
    login.install("sleep", 'exec sleep "$@"')
    login.install("cloud-init", 'echo "$*" >>"$0.calls"')
    return login


@pytest.mark.parametrize(
    ("looks", "asked"),
    [
        (1, 0),  # it has ended
        (3, 0),  # it ends in a moment, as after a signal that is its script's last step
        (99, 1),  # it is at work, has failed, or is disabled
    ],
)
def test_cloud_init_is_asked_only_where_systemd_cannot_tell(
    here: Here, looks: int, asked: int
) -> None:
    """To ask it takes a fifth of a second, whatever it says."""
    here.install("systemctl", ACTIVE.format(looks=looks))
    assert _saw_end_of_cloud_init(here, Deadline(60, Clock()))
    assert here.calls("systemctl") == min(looks, 5)
    assert here.calls("cloud-init") == asked


def test_cloud_init_is_asked_where_there_is_no_systemd(here: Here) -> None:
    """Nothing else is waited for."""
    assert _saw_end_of_cloud_init(here, Deadline(60, Clock()))
    assert here.calls("cloud-init") == 1


def test_nothing_is_waited_for_without_cloud_init(here: Here) -> None:
    """An image may do without it."""
    (here.commands / "cloud-init").unlink()
    here.install("systemctl", ACTIVE.format(looks=1))
    assert _saw_end_of_cloud_init(here, Deadline(60, Clock()))
    assert here.calls("systemctl") == 0
