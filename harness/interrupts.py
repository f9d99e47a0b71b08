"""Signals that would end the process where it stands, taken as Ctrl-C is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SIGNALLED: Final = 128
"""A shell adds a signal's number to this for the status of what the signal ended."""

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let them raise KeyboardInterrupt, with the signal's number, until the context is left.

    One that is ignored, as under nohup, stays so.
    """

    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    before = {one: signal.getsignal(one) for one in _ENDING}
    taken = [one for one, handler in before.items() if handler != signal.SIG_IGN]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) is end:  # a command may have its own
                signal.signal(number, before[number])
