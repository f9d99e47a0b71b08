"""Which wanted stacks are the same, and what is kept of a stack that stays."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.deployment import Deployment, Wanted, keep, kept_key
from harness.errors import UsageError
from harness.guest import Login, make_key_pair
from harness.stack import Resource
from harness.template import Template

pytestmark = pytest.mark.selftest

BODY = {"Resources": {"A": {"Type": "AWS::EC2::Instance"}}}
WANTED = Wanted("aws", "us-east-1", Template.parse(json.dumps(BODY)), {"X": "1"})


def deployment(tmp_path: Path, instances: dict[str, str]) -> Deployment:
    """A stack with these instances, launched with a key of ours."""
    made = [
        Resource(name, instance_id, "AWS::EC2::Instance", "CREATE_COMPLETE")
        for name, instance_id in instances.items()
    ]
    stack: Any = SimpleNamespace(name="s", resources=lambda: made)
    target: Any = SimpleNamespace(
        region="us-east-1", endpoint_url=None, ssh_address=lambda _: ("192.0.2.1", 22)
    )
    return Deployment(WANTED, target, stack, make_key_pair("k", tmp_path))


@pytest.mark.parametrize(
    "other",
    [
        replace(WANTED, target="local"),
        replace(WANTED, region="eu-west-1"),
        replace(WANTED, parameters={"X": "2"}),
        replace(WANTED, parameters={}),
        replace(WANTED, on_failure="ROLLBACK"),
        replace(WANTED, capabilities=("CAPABILITY_IAM",)),
        replace(WANTED, template=Template.parse(json.dumps(BODY, indent=1))),
    ],
)
def test_what_differs_in_anything_is_another_stack(other: Wanted) -> None:
    """Only what is the same in everything is shared."""
    assert other.key != WANTED.key
    assert replace(WANTED).key == WANTED.key


def test_the_only_instance_needs_no_name(tmp_path: Path) -> None:
    """Several do, and one that is not there is told with those that are."""
    (tmp_path / "one").mkdir()
    assert deployment(tmp_path / "one", {"A": "i-1"}).instance_id(None) == "i-1"
    two = deployment(tmp_path, {"A": "i-1", "B": "i-2"})
    assert two.instance_id("B") == "i-2"
    with pytest.raises(UsageError, match="2 instances, not 1") as raised:
        two.instance_id(None)
    assert "A, B" in raised.value.remedy
    with pytest.raises(UsageError, match="no instance C"):
        two.instance_id("C")


def test_a_kept_stack_can_be_reached_without_the_run(tmp_path: Path) -> None:
    """Key, known hosts and ssh_config are copied, the paths in it are those of the copies."""
    kept = deployment(tmp_path, {"A": "i-1"})
    assert kept.key is not None
    known_hosts = tmp_path / "i-1.known_hosts"
    known_hosts.write_text("i-1 ssh-ed25519 AAAA\n")
    config = tmp_path / "i-1.ssh_config"
    config.write_text(
        f'Host i-1\n    IdentityFile "{kept.key.private_path}"\n'
        f'    UserKnownHostsFile "{known_hosts}"\n    ControlPath "/tmp/gone/%C"\n'
    )
    kept.logins["i-1"] = Login("i-1", config, "192.0.2.1", 22)
    root = tmp_path / "project"
    text = "\n".join(keep(kept, root, "ubuntu"))
    for part in ("s in us-east-1", "192.0.2.1 port 22", "ssh -F", "--reuse s", "delete-stack"):
        assert part in text
    place = root / ".harness" / "kept" / "s"
    shown = (place / "i-1.ssh_config").read_text()
    assert str(place / "id.key") in shown
    assert str(place / "i-1.known_hosts") in shown
    assert "Control" not in shown
    assert stat.S_IMODE((place / "id.key").stat().st_mode) == 0o600


def test_where_nobody_has_logged_in_the_key_is_named(tmp_path: Path) -> None:
    """The stack failed before; whoever looks into it still wants in."""
    text = "\n".join(keep(deployment(tmp_path, {"A": "i-1"}), tmp_path, "admin"))
    assert "id.key -p 22 admin@192.0.2.1" in text


def test_a_kept_key_is_found_again(tmp_path: Path) -> None:
    """By the stack's name, or where it is named."""
    assert kept_key("s", tmp_path, None) is None
    keep(deployment(tmp_path, {}), tmp_path, "ubuntu")
    found = kept_key("s", tmp_path, None)
    assert found is not None
    assert found.private_path == tmp_path / ".harness" / "kept" / "s" / "id.key"
    own = kept_key("s", tmp_path, tmp_path / "k.key")
    assert own is not None
    assert own.private_path == tmp_path / "k.key"
