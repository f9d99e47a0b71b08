"""Clients that never heard of the harness: the AWS CLI and Sceptre, as they come from PyPI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

LIMIT = 600
CLIENTS = {"aws": "awscli>=1.40,<2", "sceptre": "sceptre>=4.5,<5"}
TEMPLATE = Path(__file__).with_name("signalling.json")

Client = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def client(request: pytest.FixtureRequest, site: Site) -> Client:
    """Runs a client in an environment of its own, which is made once."""

    def run(
        name: str, *arguments: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        folder = request.config.cache.mkdir("clients") / name
        program = folder / "bin" / name
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=LIMIT)
            pip = [str(folder / "bin" / "pip"), "install", "--quiet", CLIENTS[name]]
            subprocess.run(pip, check=True, timeout=LIMIT, capture_output=True)
        done = subprocess.run(
            [str(program), *arguments],
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
                "AWS_ENDPOINT_URL": site.target.endpoint_url or "",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_PAGER": "",
            },
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
        return done

    return run


def test_the_aws_cli_deploys_a_stack_and_deletes_it(client: Client) -> None:
    """deploy, wait, describe-stack-events, deploy again without a change, delete-stack."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    stack = ("--stack-name", name)
    deploy = ("cloudformation", "deploy", *stack, "--template-file", str(TEMPLATE))
    client("aws", *deploy)
    client("aws", "cloudformation", "wait", "stack-create-complete", *stack)
    events = json.loads(client("aws", "cloudformation", "describe-stack-events", *stack).stdout)
    reasons = [event.get("ResourceStatusReason", "") for event in events["StackEvents"]]
    assert any(reason.startswith("Received SUCCESS signal with UniqueId i-") for reason in reasons)
    again = client("aws", *deploy, "--no-fail-on-empty-changeset")
    assert "No changes to deploy" in again.stdout + again.stderr
    client("aws", "cloudformation", "delete-stack", *stack)
    client("aws", "cloudformation", "wait", "stack-delete-complete", *stack)


def test_sceptre_launches_a_stack_and_deletes_it(client: Client, tmp_path: Path) -> None:
    """launch, status, list outputs, delete."""
    code = f"sc-{uuid.uuid4().hex[:8]}"
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "it.json").write_text(TEMPLATE.read_text())
    (tmp_path / "config" / "dev").mkdir(parents=True)
    config = tmp_path / "config" / "config.yaml"
    config.write_text(f"project_code: {code}\nregion: us-east-1\n")
    stack = "dev/compute.yaml"
    (tmp_path / "config" / stack).write_text("template: {path: it.json, type: file}\n")

    client("sceptre", "launch", "-y", stack, cwd=tmp_path)
    assert "CREATE_COMPLETE" in client("sceptre", "status", stack, cwd=tmp_path).stdout
    outputs = client("sceptre", "--output", "json", "list", "outputs", stack, cwd=tmp_path)
    (told,) = json.loads(outputs.stdout)
    assert told["dev/compute"][0]["OutputValue"].startswith("i-")
    client("sceptre", "delete", "-y", stack, cwd=tmp_path)
