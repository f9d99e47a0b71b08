"""What stays is not searched for garbage more often than it has to be."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.selftest

SCRIPT = """\
import gc, sys
from harness import garbage
from harness.cli import main

class Cycle:
    def __init__(self):
        self.self = self

{body}
"""


def run(body: str) -> list[str]:
    """What a process of its own prints, whose collector may be treated badly."""
    command = [sys.executable, "-c", SCRIPT.format(body=body)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_nothing_is_searched_at_the_end_of_a_process() -> None:
    """The finalizer of an object in a cycle is not called, however often that is asked for."""
    telling = "Cycle.__del__ = lambda self: print('found')\nCycle()\n"
    assert run(telling) == ["found"]
    assert run(f"garbage.ignore_at_exit()\ngarbage.ignore_at_exit()\n{telling}") == []


def test_only_a_process_of_ours_is_searched_rarely() -> None:
    """Who calls a command from a program keeps the collector as it is."""
    body = (
        "before = gc.get_threshold()\n"
        "main(['coverage', 'none'])\n"
        "print(gc.get_threshold() == before)\n"
        "sys.argv[1:] = ['coverage', 'none']\n"
        "main()\n"
        "print(gc.get_threshold()[0] > before[0], gc.isenabled())\n"
    )
    assert run(body) == ["True", "True", "True"]
