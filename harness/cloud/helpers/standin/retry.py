"""When a request is tried again, how often, and after how long."""

from __future__ import annotations

import enum
import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

LONGEST_PAUSE_SECONDS = 20.0
log = logging.getLogger("cfn.client")


class Again(enum.Enum):
    """Whether the same request may succeed later."""

    NEVER = "never"
    A_FEW_TIMES = "a few times"
    ALWAYS = "always"


class RemoteError(OSError):
    """A service refused, or could not be reached.

    Args:
        code: HTTP status; None where there was no answer.
        message: What the user is told; also :attr:`strerror`.
        again: Whether to repeat the request.
    """

    def __init__(self, code: int | None, message: str, again: Again = Again.A_FEW_TIMES) -> None:
        super().__init__(code, message)
        self.again = again


def retry(attempt: Callable[[], Result], tries: int = 5) -> Result:
    """Call until it succeeds, with pauses that grow and differ from machine to machine.

    Raises:
        RemoteError: What the last attempt raised.
    """
    done = 0
    while True:
        try:
            return attempt()
        except RemoteError as error:
            done += 1
            log.debug("attempt %d: %s", done, error.strerror)
            if error.again is Again.NEVER:
                raise
            if error.again is Again.A_FEW_TIMES and done >= tries:
                raise
        # The cap on the exponent only keeps the power small.
        pause = random.random() * min(LONGEST_PAUSE_SECONDS, 2.0 ** min(done, 10) - 1)  # noqa: S311 - jitter
        time.sleep(pause)
