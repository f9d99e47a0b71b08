"""Sceptre launches a stack of a project, shows it and deletes it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.local.clients.conftest import Client

pytestmark = pytest.mark.local

TEMPLATE = Path(__file__).parents[1] / "signalling.json"


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
