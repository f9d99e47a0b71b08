"""Ansible's modules of the collection amazon.aws, and Ansible on the instance that they made."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.local.clients.conftest import Client
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

PLAYBOOK = Path(__file__).with_name("playbook.yml")
FORMATION = Path(__file__).parents[3] / "formation.json"

Told = Mapping[str, Mapping[str, Any]]


def test_ansible_keeps_the_stack_as_its_playbook_says(
    client: Client, site: Site, tmp_path: Path
) -> None:
    """Present, present again without a change, what a change would do, absent, absent again."""
    known = tmp_path / "known_hosts"
    wanted = {
        "stack": f"an-{uuid.uuid4().hex[:8]}",
        "template": str(FORMATION),
        "public_key": site.key.public_line,
        "cidr": site.target.caller_cidr(),
        "instance_type": "t3.micro",
    }

    def play(*options: str, **changed: str) -> Told:
        """What every task told, of the host that it ran for."""
        done = client(
            "ansible",
            PLAYBOOK,
            *("--extra-vars", json.dumps({**wanted, **changed})),
            *("--private-key", site.key.private_path),
            *options,
            program_name="ansible-playbook",
            ANSIBLE_HOME=str(tmp_path / "ansible"),
            ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
            # No shared connections: their sockets' paths would be too long.
            ANSIBLE_SSH_ARGS=f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known}",
        )
        plays = json.loads(done.stdout)["plays"]
        tasks = [task for one in plays for task in one["tasks"]]
        return {
            task["task"]["name"]: told for task in tasks for told in task["hosts"].values() if told
        }

    def changes(told: Told) -> set[str]:
        return {name for name, one in told.items() if one.get("changed")}

    first = play(state="present")
    assert changes(first) == {"Key pair", "Stack"}
    (instance,) = first["Instances"]["instances"]
    outputs = first["Stack"]["stack_outputs"]
    assert outputs["InstanceId"] == instance["instance_id"]
    assert outputs["PublicIp"] == instance["public_ip_address"]
    assert instance["tags"]["made-by"] == "ansible"
    assert first["Stack"]["events"][0].endswith(f"{wanted['stack']} CREATE_COMPLETE")
    facts = first["Facts of the stack"]["cloudformation"][wanted["stack"]]
    assert facts["stack_tags"] == {"made-by": "ansible"}
    assert set(facts["stack_resources"]) == {"Compute", "InstanceSecurityGroup"}
    assert "Leiningen" in first["Leiningen"]["stdout"]

    assert changes(play(state="present")) == set()

    would = play("--check", state="present", instance_type="t3.small")["Stack"]
    assert would["changed"]
    (change,) = would["meta"]
    assert change["ResourceChange"]["LogicalResourceId"] == "Compute"

    last = play(state="absent")
    assert changes(last) == {"Key pair", "Stack"}
    assert last["Instances"]["instances"] == []
    assert changes(play(state="absent")) == set()
