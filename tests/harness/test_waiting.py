"""Waiting on a virtual clock: limits, patience, and which errors pass."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from harness.waiting import Clock, Deadline, Pace, is_passing, patiently

pytestmark = pytest.mark.selftest

PACE = Pace(first=1.0, ceiling=4.0, growth=2.0, jitter=0.0, patience=10.0)


class VirtualTime:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        """The clock that shows it."""
        return Clock(lambda: self.now, self.sleep)


def client_error(code: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (client_error("Throttling"), True),
        (client_error("RequestLimitExceeded"), True),
        (client_error("Whatever", 503), True),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), True),
        (client_error("ExpiredToken"), False),
        (client_error("ValidationError"), False),
        (client_error("AccessDenied", 403), False),
        (ValueError("no"), False),
    ],
)
def test_errors_that_pass_are_told_from_those_that_stay(error: Exception, passing: bool) -> None:  # noqa: FBT001 - a case
    """Throttling, server errors and lost connections pass; wrong requests do not."""
    assert is_passing(error) is passing


def test_passing_errors_are_tried_again() -> None:
    """The answer comes after two throttled attempts, with growing pauses."""
    time = VirtualTime()
    answers: list[Exception | str] = [client_error("Throttling"), client_error("X", 500), "done"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(call, PACE, time.clock) == "done"
    assert time.slept == [1.0, 2.0]


def test_patience_ends() -> None:
    """An error that does not pass in time is raised; the pauses never exceed the patience."""
    time = VirtualTime()

    def call() -> None:
        raise client_error("Throttling")

    with pytest.raises(ClientError):
        patiently(call, PACE, time.clock)
    assert time.now == pytest.approx(PACE.patience)


def test_an_error_that_stays_is_raised_at_once() -> None:
    """Nobody waits for a wrong request to become right."""
    time = VirtualTime()

    def call() -> None:
        raise client_error("ValidationError")

    with pytest.raises(ClientError):
        patiently(call, PACE, time.clock)
    assert time.slept == []


def test_a_pause_is_capped_and_jittered() -> None:
    """Pauses grow to the ceiling; chance takes at most its share away."""
    assert [PACE.pause(attempt) for attempt in (0, 1, 2, 3, 1000)] == [1.0, 2.0, 4.0, 4.0, 4.0]
    jittered = Pace(first=1.0, ceiling=1.0, jitter=0.3)
    assert all(0.7 <= jittered.pause(0) <= 1.0 for _ in range(100))


def test_a_deadline_is_never_overslept() -> None:
    """A pause that would go beyond the limit ends at it."""
    time = VirtualTime()
    deadline = Deadline(3.0, time.clock)
    deadline.pause(2.0)
    before = deadline.over
    deadline.pause(60.0)
    assert (before, deadline.over) == (False, True)
    assert time.now == 3.0
