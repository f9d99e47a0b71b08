"""Python's garbage collector, kept from searching what stays.

Large libraries and the models that they read stay for as long as the process does. To search them,
again and again while they are loaded and once more at the end, takes as long as to load them.
"""

from __future__ import annotations

import atexit
import gc
from typing import Final

_RARELY: Final = (100_000, 50, 100)
"""Objects more than before until the young are searched, and how often until the older are: with
these, a linter of a hundred templates takes a twelfth more memory, and one of one half the time."""


def search_rarely() -> None:
    """For processes of our own, whose memory is mostly what they have loaded."""
    gc.set_threshold(*_RARELY)
    ignore_at_exit()


def ignore_at_exit() -> None:
    """Do not search when the process ends, which frees everything; harmless to ask twice."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
