"""Clocks and workers, real and virtual."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from harness.cloudformation.clock import (
    VIRTUAL_START,
    InlineWorkers,
    ManualWorkers,
    SystemClock,
    ThreadWorkers,
    VirtualClock,
)

pytestmark = pytest.mark.selftest


def test_the_system_clock_calls_back_in_order_of_time() -> None:
    """Not in the order in which it was asked."""
    clock = SystemClock()
    called: list[str] = []
    done = threading.Event()
    # Seconds apart, so that a busy machine cannot ask for the first when the second is due.

    def second() -> None:
        called.append("second")
        done.set()

    clock.call_later(2.0, second)
    clock.call_later(1.0, lambda: called.append("never")).cancel()
    clock.call_later(0.0, lambda: called.append("first"))
    assert done.wait(30)
    clock.close()
    assert called == ["first", "second"]


def test_a_closed_clock_calls_nobody() -> None:
    """And has no thread."""
    before = threading.active_count()
    clock = SystemClock()
    clock.call_later(3600, lambda: None)
    assert threading.active_count() == before + 1
    clock.close()
    assert threading.active_count() == before
    clock.call_later(0, lambda: pytest.fail("it was closed"))
    assert threading.active_count() == before


def test_a_callback_that_fails_does_not_stop_the_clock(caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged; the next callback comes."""
    clock = SystemClock()
    done = threading.Event()

    def fail() -> None:
        raise RuntimeError("on purpose")

    clock.call_later(0, fail)
    clock.call_later(0, done.set)
    assert done.wait(10)
    clock.close()
    assert "on purpose" in caplog.text


def test_the_system_clock_never_goes_back() -> None:
    """Its time is aware and only grows."""
    clock = SystemClock()
    times = [clock.now() for _ in range(100)]
    assert times == sorted(times)
    assert times[0].utcoffset() == timedelta(0)


def test_thread_workers_work_side_by_side_and_are_joined() -> None:
    """Two pieces of work that wait for each other both end."""
    before = threading.active_count()
    workers = ThreadWorkers()
    barrier = threading.Barrier(2, timeout=10)
    ended: list[int] = []

    def work() -> None:
        barrier.wait()
        ended.append(1)

    workers.submit(work)
    workers.submit(work)
    workers.close()
    assert ended == [1, 1]
    assert threading.active_count() == before
    workers.submit(lambda: pytest.fail("they were closed"))


def test_a_worker_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It takes nobody with it."""
    workers = ThreadWorkers()

    def fail() -> None:
        raise RuntimeError("on purpose")

    workers.submit(fail)
    workers.close()
    assert "on purpose" in caplog.text


def test_a_virtual_clock_stands_until_it_is_advanced() -> None:
    """Callbacks come at their own time, also those that callbacks ask for."""
    clock = VirtualClock()
    seen: list[float] = []

    def note() -> None:
        seen.append((clock.now() - VIRTUAL_START).total_seconds())
        if len(seen) < 3:
            clock.call_later(10, note)

    clock.call_later(5, note)
    clock.call_later(7, lambda: pytest.fail("cancelled")).cancel()
    assert clock.next_due == 5
    clock.advance(4)
    assert seen == []
    clock.advance(20)
    assert seen == [5, 15]
    assert clock.now() == VIRTUAL_START + timedelta(seconds=24)
    assert clock.next_due == 1
    clock.close()
    assert clock.next_due is None


def test_inline_workers_finish_one_piece_before_the_next() -> None:
    """Work that submits work is not interrupted by it."""
    workers = InlineWorkers()
    order: list[str] = []

    def outer() -> None:
        workers.submit(lambda: order.append("inner"))
        order.append("outer")

    workers.submit(outer)
    assert order == ["outer", "inner"]
    workers.close()


def test_manual_workers_run_what_they_are_told() -> None:
    """In any order."""
    workers = ManualWorkers()
    order: list[int] = []
    for number in range(3):
        workers.submit(lambda number=number: order.append(number))  # type: ignore[misc]
    workers.run(2)
    assert (order, workers.waiting) == ([2], 2)
    workers.close()
    assert order == [2, 0, 1]
