"""provision.sh at work: run by bash for real, with stand-ins for the commands that it calls."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.formation.conftest import Sandbox

pytestmark = pytest.mark.unit

TARGET = "--stack demo-stack --resource Compute --region eu-west-1"
SUCCESS = f"cfn-signal --success true {TARGET}"
QUIET = (
    "--quiet --option Acquire::Retries=3 --option DPkg::Lock::Timeout=120 --option Dpkg::Use-Pty=0"
)
SILENT = "[noninteractive 1]"
INSTALL = f"apt-get install --yes --no-install-recommends {QUIET}"
UPDATE = f"apt-get update {QUIET} --option APT::Update::Error-Mode=any {SILENT}"
TARBALL = "/opt/aws/aws-cfn-bootstrap.tar.gz"
URL = "https://s3.amazonaws.com/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz"
CURL = "curl --fail --silent --show-error --location --retry 5 --connect-timeout 10"
HELPERS = (
    f"{INSTALL} ca-certificates curl python3-venv {SILENT}",
    "python3 -m venv /opt/aws",
    f"{CURL} --output {TARBALL} {URL}",
    f"pip install --quiet --disable-pip-version-check --no-cache-dir {TARBALL}",
)
LEIN = f"{INSTALL} default-jre-headless leiningen {SILENT}"


def test_provisions_and_signals_last(sandbox: Sandbox, user_data: str) -> None:
    """Helper scripts first, then what the instance is for, then one signal for this resource."""
    done = sandbox.run(user_data)
    assert done.status == 0, done.output
    assert done.calls == (UPDATE, *HELPERS, LEIN, SUCCESS)


def test_links_the_helpers_where_people_look(sandbox: Sandbox, user_data: str) -> None:
    """In /usr/local/bin, beside their home."""
    sandbox.run(user_data)
    for name in ("cfn-signal", "cfn-init", "cfn-get-metadata"):
        link = sandbox.place(f"/usr/local/bin/{name}")
        assert link.readlink() == sandbox.place(f"/opt/aws/bin/{name}")


def test_error_after_the_helpers_is_signalled(sandbox: Sandbox, user_data: str) -> None:
    """FAILURE, at once and only once, with the line that failed; the exit status is the error's."""
    done = sandbox.run(user_data, fail="apt-get install *leiningen")
    (signal,) = done.signals
    line = user_data[: user_data.index(" \\\n        default-jre-headless")].count("\n") + 1
    assert done.status == 7
    assert re.fullmatch(
        rf"cfn-signal --success false --reason provision\.sh: line {line}: apt-get .* {TARGET}",
        signal,
    )
    assert f"provision.sh: line {line}: apt-get" in done.output
    assert "(exit status 7)" in done.output


@pytest.mark.parametrize(
    "fail",
    ["apt-get update *", "apt-get install *python3-venv", "python3 *", "curl *", "pip *"],
)
def test_error_before_the_helpers_stops_without_a_signal(
    sandbox: Sandbox, user_data: str, fail: str
) -> None:
    """Nobody is there to send one; the CreationPolicy's timeout tells the stack."""
    done = sandbox.run(user_data, fail=fail)
    assert done.status != 0
    assert done.signals == []
    assert fnmatch(done.calls[-1], f"{fail}*")
    assert "provision.sh: line " in done.output


def test_signal_that_is_refused_is_an_error(sandbox: Sandbox, user_data: str) -> None:
    """The script does not claim success; it tries to say FAILURE, and its own status stays."""
    done = sandbox.run(user_data, fail="cfn-signal *")
    assert done.status == 7
    assert done.succeeded == [True, False]


@pytest.mark.parametrize(
    "early", ["exit 0", "exit 3", "kill $$", "true | false | true", "echo $unset", "false"]
)
def test_no_end_is_mistaken_for_success(sandbox: Sandbox, user_data: str, early: str) -> None:
    """Whatever ends it before its last step is told to the stack, and is no success."""
    lein = user_data.rindex("\n    apt-get install ") + 1
    done = sandbox.run(f"{user_data[:lein]}{early}\n{user_data[lein:]}")
    assert done.status != 0
    assert done.succeeded == [False]
    assert TARGET in done.signals[0]


def test_error_in_a_function_is_no_success(sandbox: Sandbox, user_data: str) -> None:
    """Steps that are added as functions are covered too, and their line is named."""
    last = user_data.rindex("failure=\n")
    line = user_data[:last].count("\n") + 2
    done = sandbox.run(f"{user_data[:last]}step() {{\n    false\n}}\nstep\n{user_data[last:]}")
    assert done.succeeded == [False]
    assert f"line {line}: false" in done.signals[0]


def test_lists_that_are_locked_are_tried_again(sandbox: Sandbox, user_data: str) -> None:
    """Five times, three seconds apart, and then it is an error."""
    done = sandbox.run(user_data, fail="apt-get update *")
    assert done.calls == (*[UPDATE, "sleep 3"] * 4, UPDATE)


def test_second_run_changes_nothing(sandbox: Sandbox, user_data: str) -> None:
    """Neither packages nor helper scripts nor the signal come a second time; no mirror is asked."""
    sandbox.run(user_data)
    done = sandbox.run(user_data)
    assert done.status == 0, done.output
    assert done.calls == ()


@pytest.mark.parametrize("lost", ["leiningen", "default-jre-headless"])
def test_package_that_is_missing_comes_again(sandbox: Sandbox, user_data: str, lost: str) -> None:
    """From lists of today, and nothing else comes with it."""
    sandbox.run(user_data)
    sandbox.remove(lost)
    assert sandbox.run(user_data).calls == (UPDATE, LEIN)


def test_package_that_is_not_configured_comes_again(sandbox: Sandbox, user_data: str) -> None:
    """What an earlier run has unpacked, and not more, is not installed."""
    sandbox.run(user_data)
    sandbox.remove("leiningen", left="half-configured")
    assert sandbox.run(user_data).calls == (UPDATE, LEIN)


def test_helpers_that_are_missing_come_again(sandbox: Sandbox, user_data: str) -> None:
    """Though all packages are there."""
    sandbox.run(user_data)
    sandbox.place("/opt/aws/bin/cfn-signal").unlink()
    assert sandbox.run(user_data).calls == (UPDATE, *HELPERS, LEIN)


def test_image_that_was_built_with_it_signals(
    sandbox: Sandbox, user_data: str, provision_sh: str
) -> None:
    """Where the script ran alone before, the instance only has to tell its stack."""
    alone = sandbox.run(provision_sh)
    assert alone.status == 0
    assert alone.calls == (UPDATE, *HELPERS, LEIN)
    assert sandbox.run(user_data).calls == (SUCCESS,)


def test_alone_it_has_nobody_to_tell(sandbox: Sandbox, provision_sh: str) -> None:
    """While an image is built an error only ends the script."""
    done = sandbox.run(provision_sh, fail="*leiningen")
    assert done.status == 7
    assert done.signals == []


def test_helpers_that_were_half_installed_are_installed(sandbox: Sandbox, user_data: str) -> None:
    """A run that broke off in between is made good by the next."""
    sandbox.run(user_data, fail="pip *")
    assert sandbox.run(user_data).calls == (UPDATE, *HELPERS, LEIN, SUCCESS)


def test_trace_shows_when_and_where(sandbox: Sandbox, user_data: str) -> None:
    """cloud-init's output has the time and the line before every step."""
    done = sandbox.run(user_data)
    line = user_data[: user_data.index("python3 -m venv")].count("\n") + 1
    assert re.search(rf"^\+ \d+\.\d{{6}} line {line}: python3 -m venv ", done.output, re.MULTILINE)
