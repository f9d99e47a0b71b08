"""The UserData that the instance gets, as text."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from harness.template import MAX_USER_DATA_BYTES, Template
from harness.userdata import render_user_data

pytestmark = pytest.mark.unit

SHELLCHECK = Path(sysconfig.get_path("scripts"), "shellcheck")


def check(*command: str | Path, script: str) -> None:
    """Feed a script to a checker that is silent when content."""
    done = subprocess.run(command, check=False, input=script, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_is_the_script_after_what_it_must_know(user_data: str, provision_sh: str) -> None:
    """Stack, region and resource are this stack's; the script follows to the byte."""
    assert user_data == (
        "#!/bin/bash -e\n"
        "CFN_STACK='demo-stack'\n"
        "CFN_REGION='eu-west-1'\n"
        "CFN_RESOURCE='Compute'\n" + provision_sh
    )


def test_is_a_script_for_cloud_init(user_data: str) -> None:
    """Its first line names bash and errexit; its line ends are a shell's."""
    assert user_data.startswith("#!/bin/bash -e\n")
    assert "\r" not in user_data
    assert user_data.endswith("\n")


def test_fits(template: Template) -> None:
    """EC2 takes it even with the longest name that a stack may have."""
    longest = render_user_data(template, "Compute").replace("__AWS_StackName__", "x" * 128)
    assert len(longest.encode()) < MAX_USER_DATA_BYTES


def test_is_valid_bash(user_data: str, provision_sh: str) -> None:
    """bash can parse it, alone and as UserData."""
    check("bash", "-n", script=user_data)
    check("bash", "-n", script=provision_sh)


def test_has_nothing_for_shellcheck_to_say(user_data: str, provision_sh: str) -> None:
    """Down to style."""
    check(SHELLCHECK, "--severity=style", "--shell=bash", "-", script=user_data)
    check(SHELLCHECK, "--severity=style", "-", script=provision_sh)


def test_script_stops_at_errors_by_itself(provision_sh: str) -> None:
    """Also when it runs without the header that the template adds."""
    lines = provision_sh.splitlines()
    assert lines[0] == "#!/bin/bash -e"
    assert "set -Eeuo pipefail" in lines


def test_ends_with_the_signal(provision_sh: str) -> None:
    """Nothing comes after it that could still fail."""
    commands = [line.strip() for line in provision_sh.replace("\\\n", "").splitlines()]
    last = commands[-2:]
    assert last[0].startswith('"$helpers/bin/cfn-signal" --success true ')
    assert last[1] == "fi"


def test_script_is_a_program() -> None:
    """It can be run from a checkout, to build an image."""
    assert Path(__file__).parents[2].joinpath("provision.sh").stat().st_mode & 0o111 == 0o111
