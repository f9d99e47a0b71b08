"""What stays is not searched for garbage; what comes later is."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.selftest

SCRIPT = """\
import gc, weakref
from harness import garbage

class Cycle:
    def __init__(self):
        self.self = self

def gone(cycle):
    watched = weakref.ref(cycle)
    del cycle
    gc.collect()
    return watched() is None

{body}
"""


def run(body: str) -> list[str]:
    """What a process of its own prints, whose collector may be treated badly."""
    command = [sys.executable, "-c", SCRIPT.format(body=body)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_what_is_made_meanwhile_is_never_searched() -> None:
    """Afterwards the collector is at work again, on all that is new."""
    body = (
        "with garbage.none_expected():\n"
        "    print(gc.isenabled())\n"
        "    watched = weakref.ref(Cycle())\n"
        "gc.collect()\n"
        "print(watched() is None, gc.isenabled(), gone(Cycle()))\n"
    )
    assert run(body) == ["False", "False", "True", "True"]


def test_a_collector_that_was_off_stays_off() -> None:
    """And one is on again after an error."""
    body = (
        "try:\n"
        "    with garbage.none_expected(): raise ValueError\n"
        "except ValueError: print(gc.isenabled())\n"
        "gc.disable()\n"
        "with garbage.none_expected(): pass\n"
        "print(gc.isenabled())\n"
    )
    assert run(body) == ["True", "False"]


def test_nothing_is_searched_at_the_end_of_a_process() -> None:
    """The finalizer of an object in a cycle is not called, however often that is asked for."""
    telling = "Cycle.__del__ = lambda self: print('found')\nCycle()\n"
    assert run(telling) == ["found"]
    assert run(f"garbage.ignore_at_exit()\ngarbage.ignore_at_exit()\n{telling}") == []
