"""Python's garbage collector, kept from searching what stays.

Large libraries and the models that they read stay for as long as the process does. To search them,
again and again while they are loaded and once more at the end, takes longer than to load them.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def none_expected() -> Iterator[None]:
    """Search nothing meanwhile, nor what is made meanwhile later on.

    For processes of our own: whatever of it does become garbage, in cycles, is never freed.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def ignore_at_exit() -> None:
    """Do not search for it when the process ends, which frees everything; harmless to ask twice."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
