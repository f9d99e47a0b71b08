"""pytest-xdist's workers: each has a local cloud of its own, whoever is given which tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cloud.cleanup import clean
from harness.cloud.engine import ContainerEngine
from harness.ledger import Entry, OpenEntry

pytestmark = pytest.mark.local

LIMIT = 120
TEMPLATE = {"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
SUITE = """\
import time
import pytest

@pytest.mark.local
@pytest.mark.parametrize("number", range(8))
def test_it(number, stack, target, harness_run, tmp_path_factory):
    assert stack.status == "CREATE_COMPLETE"
    seen = tmp_path_factory.getbasetemp().parent / "clouds"
    seen.mkdir(exist_ok=True)
    (seen / target.endpoint_url.rpartition(":")[2]).write_text(harness_run.naming.run_id)
    time.sleep(0.3)
"""


def test_workers_that_share_the_tests_have_a_cloud_each(tmp_path: Path) -> None:
    """Of one run, without an arrangement of the tests; nothing of either is left."""
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\n")
    (tmp_path / "formation.json").write_text(json.dumps(TEMPLATE))
    (tmp_path / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "local", "--require-local"]
    done = subprocess.run(
        [*command, "--basetemp", tmp_path / "base"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout
    clouds = list((tmp_path / "base" / "clouds").iterdir())
    (run_id,) = {one.read_text() for one in clouds}
    assert len(clouds) == 2
    with ContainerEngine.connect("test") as engine:
        assert [one for one in engine.run_ids() if one.startswith(run_id)] == []
    assert list((tmp_path / ".harness" / "runs").iterdir()) == []


def test_what_is_left_of_a_dead_run_goes_whichever_worker_made_it() -> None:
    """The ledgers name the clouds; a run of one process has one of its own name."""
    entries = []
    for worker in ("gw0", "gw1"):
        name = f"dead-run-{worker}"
        entries.append(
            OpenEntry(Entry("target", name, "local", "us-east-1"), confirmed=False, when=0.0)
        )
        with ContainerEngine.connect(name) as engine:
            engine.create_network(f"harness-{name}")
    assert clean("dead-run", entries) == []
    with ContainerEngine.connect("test") as engine:
        assert [one for one in engine.run_ids() if one.startswith("dead-run")] == []
