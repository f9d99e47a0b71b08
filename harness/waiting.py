"""Waiting with a limit: how often to look, how long at most, and which errors pass by themselves.

The clock and the sleep come in, so that tests wait on a virtual clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

T = TypeVar("T")

PASSING_CODES: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServiceError",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "Unavailable",
    }
)
"""Error codes that AWS asks callers to try again on ("Retry behavior", AWS SDKs and Tools)."""

_SERVER_ERROR: Final = 500


@dataclass(frozen=True)
class Pace:
    """How often to look at something that changes by itself.

    Args:
        first: Seconds before the second look.
        ceiling: Seconds between two looks at most.
        growth: Factor from one pause to the next.
        jitter: Share of a pause that is left to chance, so that many callers do not look at once.
        patience: Seconds for which passing errors in a row are put up with.
    """

    first: float
    ceiling: float
    growth: float = 1.5
    jitter: float = 0.3
    patience: float = 120.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the given look, counted from 0."""
        base = min(self.ceiling, self.first * self.growth ** min(attempt, 64))
        return base * (1 - self.jitter * random.random())  # noqa: S311 - no secret depends on it


LOCAL_PACE: Final = Pace(first=0.05, ceiling=0.2, growth=1.2, patience=10.0)
"""For an endpoint on this machine: a change is seen within 0.2 s, and within 0.1 s while changes
follow one another. To look more often takes from the guests what they need to get on."""

AWS_PACE: Final = Pace(first=2.0, ceiling=6.0)
"""For AWS, whose CloudFormation throttles an account that looks every second."""


@dataclass(frozen=True)
class Clock:
    """Monotonic seconds, and a way to let them pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Deadline:
    """The limit of one wait.

    Args:
        seconds: How long it may take.
        clock: What measures it.
    """

    seconds: float
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.started = self.clock.now()

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return self.clock.now() - self.started

    @property
    def over(self) -> bool:
        """Whether the limit has been reached."""
        return self.elapsed >= self.seconds

    def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the limit."""
        self.clock.sleep(max(0.0, min(seconds, self.seconds - self.elapsed)))


def is_passing(error: BaseException) -> bool:
    """Whether an error of an AWS call is likely to be gone at the next attempt.

    Throttling, server errors and lost connections are; whatever says that the request itself is
    wrong, or that the credentials are, is not.
    """
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code in PASSING_CODES or status >= _SERVER_ERROR
    return isinstance(error, BotoConnectionError | HTTPClientError)


def patiently(call: Callable[[], T], pace: Pace, clock: Clock | None = None) -> T:
    """Call until no passing error is in the way.

    Args:
        call: What to do; it must be harmless to do it twice.
        pace: How often to try again, and for how long.
        clock: What measures the patience.

    Returns:
        What the call returned.

    Raises:
        Exception: What the call raised, when it does not pass or patience is at its end.
    """
    limit = Deadline(pace.patience, clock or Clock())
    attempt = 0
    while True:
        try:
            return call()
        except Exception as error:
            if not is_passing(error) or limit.over:
                raise
        limit.pause(pace.pause(attempt))
        attempt += 1
