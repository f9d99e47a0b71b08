"""What the instance looks like inside, once the stack is complete: the same here and on AWS."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from harness.cloudformation.intrinsics import PseudoParameters
from harness.guest import Login
from harness.matrix import Rung
from harness.stack import Stack
from harness.template import Template
from harness.userdata import render_user_data

pytestmark = pytest.mark.booted

Guest = Any
"""Testinfra's ``Host``, whose modules come at run time."""

HELPERS = ("cfn-signal", "cfn-init", "cfn-get-metadata", "cfn-hup")
METADATA = "http://169.254.169.254/latest"


def test_lein_is_there(guest: Guest) -> None:
    """Installed from the distribution, where everybody's PATH finds it."""
    found = guest.run("which lein")
    assert found.rc == 0
    assert found.stdout.strip() == "/usr/bin/lein"
    assert guest.package("leiningen").is_installed
    assert guest.package("default-jre-headless").is_installed


def test_lein_runs_on_a_jvm(guest: Guest) -> None:
    """The login's own user can use it."""
    done = guest.run("lein version")
    assert done.rc == 0, done.stderr
    assert re.search(r"^Leiningen \d+\.\d+\.\d+ on Java \d+[\d.]* .*VM$", done.stdout, re.MULTILINE)


def test_cloud_init_is_done(guest: Guest) -> None:
    """Without an error in any of its stages, from EC2's datasource."""
    assert guest.run("cloud-init status").stdout.strip() == "status: done"
    result = json.loads(guest.file("/run/cloud-init/result.json").content_string)["v1"]
    assert result["errors"] == []
    assert "Ec2" in result["datasource"]


def test_ran_the_user_data_of_the_template(
    guest: Guest, template: Template, stack: Stack, stack_outputs: Mapping[str, str], rung: Rung
) -> None:
    """What cloud-init got is what the template renders to for this stack."""
    status = guest.run(
        "curl --silent --fail %s/meta-data/instance-id -H %s", METADATA, _token(guest)
    )
    assert status.stdout == stack_outputs["InstanceId"]
    pseudo = PseudoParameters(stack.name, stack.id, rung.region)
    with guest.sudo():
        given = guest.file("/var/lib/cloud/instance/user-data.txt").content_string
    assert given == render_user_data(template, "Compute", pseudo=pseudo)


def test_metadata_wants_a_token(guest: Guest) -> None:
    """A request that anything on the instance could be tricked into gets nothing."""
    answer = guest.run("curl --silent --output /dev/null --write-out %%{http_code} %s/", METADATA)
    assert answer.stdout == "401"


def test_helper_scripts_are_where_they_are_looked_for(guest: Guest) -> None:
    """In a virtual environment of their own, and linked into everybody's PATH."""
    assert guest.file("/opt/aws/pyvenv.cfg").is_file
    for name in HELPERS:
        assert guest.file(f"/opt/aws/bin/{name}").mode & 0o111 == 0o111
        assert guest.file(f"/usr/local/bin/{name}").linked_to == f"/opt/aws/bin/{name}"
    assert guest.run("cfn-signal --help").rc == 0


def test_told_the_stack_that_it_is_ready(
    guest: Guest, stack: Stack, stack_outputs: Mapping[str, str]
) -> None:
    """By the signal of the instance itself, which is noted here and there."""
    reasons = [one.reason for one in stack.events() if one.logical_id == "Compute"]
    instance = stack_outputs["InstanceId"]
    assert reasons.count(f"Received SUCCESS signal with UniqueId {instance}") == 1
    assert guest.file("/run/cfn-signalled").exists


def test_nothing_failed_on_the_way(guest: Guest) -> None:
    """The script's trace is in cloud-init's output, up to its end."""
    with guest.sudo():
        output = guest.file("/var/log/cloud-init-output.log").content_string
    steps = re.findall(r"^\+ \d+\.\d{6} line \d+: (\S+)", output, re.MULTILINE)
    assert steps.count("/opt/aws/bin/cfn-signal") == 1
    assert steps[-1] == "exit"
    assert "provision.sh: " not in output


def test_only_sshd_listens_to_the_outside(guest: Guest) -> None:
    """Besides the client of DHCP, which has to hear the answers."""
    outside = set(_listening(guest))
    assert ("tcp", 22) in outside
    assert outside <= {("tcp", 22), ("udp", 68), ("udp", 546)}


def test_login_is_by_key_as_ubuntu(
    guest: Guest, login: Login, stack_outputs: Mapping[str, str]
) -> None:
    """At the address that the stack's outputs name; the user may become root."""
    assert guest.user().name == "ubuntu"
    assert guest.run("sudo --non-interactive id -u").stdout.strip() == "0"
    assert stack_outputs["SshCommand"] == f"ssh ubuntu@{stack_outputs['PublicIp']}"
    assert login.instance_id == stack_outputs["InstanceId"]


def test_script_can_run_again(guest: Guest) -> None:
    """By hand, with the stack's name and all: it asks no mirror and signals nothing."""
    with guest.sudo():
        done = guest.run("/var/lib/cloud/instance/scripts/part-001")
    assert done.rc == 0, done.stderr
    steps = re.findall(r"^\+ \d+\.\d{6} line \d+: (\S+)", done.stderr, re.MULTILINE)
    assert "installed" in steps
    assert not {"apt-get", "curl", "/opt/aws/bin/cfn-signal"} & set(steps)


def _token(guest: Guest) -> str:
    answer = guest.run(
        "curl --silent --fail --request PUT %s/api/token"
        " --header 'X-aws-ec2-metadata-token-ttl-seconds: 60'",
        METADATA,
    )
    assert answer.rc == 0
    return f"X-aws-ec2-metadata-token: {answer.stdout}"


def _listening(guest: Guest) -> Iterator[tuple[str, int]]:
    """Protocol and port of each socket that others than the instance itself could reach."""
    for line in guest.check_output("ss --no-header --tcp --udp --listening --numeric").splitlines():
        protocol, _, _, _, local = line.split()[:5]
        address, _, port = local.rpartition(":")
        host = address.strip("[]").partition("%")[0]
        ip = ipaddress.ip_address({"*": "0.0.0.0", "": "0.0.0.0"}.get(host, host))  # noqa: S104 - reads one
        if not (ip.is_loopback or (ip.version == 4 and ip.is_link_local)):
            yield protocol, int(port)
