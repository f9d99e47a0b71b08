"""Kill live runs at random moments, and see that nothing is ever left.

``python -m bench.kills [--kills 100] [--seed 1] [--jobs 2]`` serves a local cloud, starts real
``pytest -m live`` processes against it as if it were AWS, and ends each with SIGKILL, SIGTERM,
SIGINT or SIGHUP at a random moment of its life. Prints what was left, if anything; the status is 1
then.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from harness.cloud.process import LocalCloud
from harness.naming import new_run_id
from tests.local.live import traces

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LONGEST = 9.0
"""Seconds after which a run that nobody disturbs is over, or nearly."""

SETTLE = 120.0
TEST = """\
import pytest


@pytest.mark.live
def test_inside(guest):
    assert guest.check_output("echo inside") == "inside"
"""


@dataclass(frozen=True)
class Kill:
    """One run and what became of it.

    Args:
        number: Which of all.
        signal: What ended it.
        moment: Seconds of its life.
        status: Its exit status.
        seconds: Until nothing of it was at work any more.
        left: What was left.
    """

    number: int
    signal: signal.Signals
    moment: float
    status: int
    seconds: float
    left: Sequence[str]


def main() -> int:
    """Kill as often as asked; 1 where something was left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many runs at the same time")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret depends on it
    cases = [
        (number, chance.choice(SIGNALS), chance.uniform(0.2, LONGEST))
        for number in range(arguments.kills)
    ]
    with LocalCloud(new_run_id(), say=print) as cloud, ThreadPoolExecutor(arguments.jobs) as pool:
        kills = list(pool.map(lambda case: kill_one(cloud.endpoint_url, *case), cases))
    return report(kills)


def kill_one(endpoint_url: str, number: int, how: signal.Signals, moment: float) -> Kill:
    """Start a run, end it, wait for its watchdog, and look at what is left."""
    project = f"kill{number}"
    with tempfile.TemporaryDirectory(prefix=f"{project}-") as name:
        directory = Path(name)
        process = start(directory, project, endpoint_url)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
        status = process.wait(SETTLE)
        began = time.monotonic()
        while traces.processes(directory) and time.monotonic() - began < SETTLE:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        found = traces.left(clients(endpoint_url), project, directory)
    kill = Kill(number, how, moment, status, seconds, found)
    print(
        f"{number:4} {how.name:8} at {moment:4.1f} s: status {status:4}, left {found or 'nothing'}"
    )
    return kill


def start(directory: Path, project: str, endpoint_url: str) -> subprocess.Popen[bytes]:
    """A real live run in a directory of its own."""
    (directory / "pyproject.toml").write_text("[tool.harness]\n")
    (directory / "formation.json").write_text(traces.template())
    (directory / "test_inside.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-m", "live", "-p", "no:cacheprovider", "-q"]
    command += ["--account", traces.ACCOUNT, "--live-endpoint", "local", "--project", project]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with (directory / "output.log").open("wb") as output:
        return subprocess.Popen(
            command, cwd=directory, env=environ, stdout=output, stderr=subprocess.STDOUT
        )


def clients(endpoint_url: str) -> Callable[[str], Any]:
    """What makes the local cloud's clients."""
    session: Any = boto3.session.Session("local", "local", region_name="us-east-1")
    return functools.partial(session.client, endpoint_url=endpoint_url)


def report(kills: Sequence[Kill]) -> int:
    """Print the sum of it."""
    statuses = Counter(kill.status for kill in kills)
    leaking = [kill for kill in kills if kill.left]
    slowest = max((kill.seconds for kill in kills), default=0.0)
    print(f"{len(kills)} kills, {len(leaking)} of them left something; statuses {dict(statuses)}")
    print(f"the watchdog was done {slowest:.1f} s after the end of the run at the latest")
    return 1 if leaking else 0


if __name__ == "__main__":
    sys.exit(main())
