"""Time and work, passed in: the same stack engine runs on the wall clock and on a virtual one.

:class:`SystemClock` and :class:`ThreadWorkers` are the real pair; :class:`VirtualClock` goes with
:class:`InlineWorkers`, or with :class:`ManualWorkers` where a test decides what runs when.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

Callback = Callable[[], None]

_LOG = logging.getLogger(__name__)

VIRTUAL_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a virtual clock begins unless it is told otherwise."""


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Forget it; no error where it has happened already."""


class Clock(Protocol):
    """Says what time it is and calls back later."""

    def now(self) -> datetime:
        """The time, aware, in UTC; never earlier than it said before."""

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call back, from no particular thread, once that many seconds have passed."""

    def close(self) -> None:
        """Forget every call still to come, and wait for one that is under way."""


class Workers(Protocol):
    """Runs work that blocks."""

    def submit(self, work: Callback) -> None:
        """Run it, side by side with the others; it must not raise."""

    def close(self) -> None:
        """Take no more work, and wait until what was taken is done."""


class _Scheduled:
    """A callback on a heap."""

    def __init__(self, due: float, order: int, callback: Callback) -> None:
        self.due = due
        self._order = order
        self._callback: Callback | None = callback

    def __lt__(self, other: _Scheduled) -> bool:
        return (self.due, self._order) < (other.due, other._order)

    def cancel(self) -> None:
        self._callback = None

    @property
    def cancelled(self) -> bool:
        return self._callback is None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class SystemClock:
    """The wall clock, and one thread that calls back."""

    def __init__(self) -> None:
        self._offset = datetime.now(UTC) - timedelta(seconds=time.monotonic())
        self._condition = threading.Condition()
        self._heap: list[_Scheduled] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> datetime:
        """The time; a step of the machine's clock does not show in it."""
        return self._offset + timedelta(seconds=time.monotonic())

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call back from the timer's thread."""
        with self._condition:
            scheduled = _Scheduled(time.monotonic() + seconds, next(self._order), callback)
            if self._closed:
                scheduled.cancel()
                return scheduled
            heapq.heappush(self._heap, scheduled)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stack-timer", daemon=True)
                self._thread.start()
            self._condition.notify()
        return scheduled

    def close(self) -> None:
        """Stop the thread."""
        with self._condition:
            self._closed = True
            self._heap.clear()
            self._condition.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while (scheduled := self._next()) is not None:
            try:
                scheduled.fire()
            except Exception:  # noqa: BLE001 - the timer outlives what it calls
                _LOG.exception("a timer's callback failed")

    def _next(self) -> _Scheduled | None:
        """Wait for the next call that is due; None once the clock is closed."""
        with self._condition:
            while not self._closed:
                while self._heap and self._heap[0].cancelled:
                    heapq.heappop(self._heap)
                wait = self._heap[0].due - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)
                self._condition.wait(wait)
            return None


class ThreadWorkers:
    """A thread for each piece of work: it mostly waits for somebody else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._names = itertools.count(1)
        self._closed = False

    def submit(self, work: Callback) -> None:
        """Run it on a thread of its own; dropped once the workers are closed."""
        with self._lock:
            if self._closed:
                return
            thread = threading.Thread(
                target=self._run,
                args=(work,),
                name=f"stack-worker-{next(self._names)}",
                daemon=True,
            )
            self._threads.add(thread)
            thread.start()

    def close(self) -> None:
        """Join every thread."""
        with self._lock:
            self._closed = True
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join()

    def _run(self, work: Callback) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - a thread has nobody to raise to
            _LOG.exception("a worker failed")
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())


class VirtualClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, start: datetime = VIRTUAL_START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._heap: list[_Scheduled] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """The virtual time."""
        return self._start + timedelta(seconds=self._elapsed)

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call back from within :meth:`advance`."""
        scheduled = _Scheduled(self._elapsed + max(seconds, 0.0), next(self._order), callback)
        heapq.heappush(self._heap, scheduled)
        return scheduled

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due on the way is called in order, at its own time."""
        end = self._elapsed + seconds
        while self._heap and self._heap[0].due <= end:
            scheduled = heapq.heappop(self._heap)
            self._elapsed = max(self._elapsed, scheduled.due)
            scheduled.fire()
        self._elapsed = end

    @property
    def next_due(self) -> float | None:
        """Seconds until the next call; None where nothing is to come."""
        while self._heap and self._heap[0].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0].due - self._elapsed if self._heap else None

    def close(self) -> None:
        """Forget every call."""
        self._heap.clear()


class InlineWorkers:
    """Runs work at once on the caller's thread, one piece after the other."""

    def __init__(self) -> None:
        self._queue: deque[Callback] = deque()
        self._running = False

    def submit(self, work: Callback) -> None:
        """Run it now, or, where work submits work, once that work is done."""
        self._queue.append(work)
        if self._running:
            return
        self._running = True
        try:
            while self._queue:
                self._queue.popleft()()
        finally:
            self._running = False

    def close(self) -> None:
        """Nothing is left to wait for."""


class ManualWorkers:
    """Keeps work until it is told which piece to run."""

    def __init__(self) -> None:
        self._waiting: list[Callback] = []

    def submit(self, work: Callback) -> None:
        """Keep it."""
        self._waiting.append(work)

    @property
    def waiting(self) -> int:
        """How many pieces of work wait."""
        return len(self._waiting)

    def run(self, index: int = 0) -> None:
        """Run one of the waiting pieces."""
        self._waiting.pop(index)()

    def run_all(self) -> None:
        """Run what waits, and what that submits, until nothing waits."""
        while self._waiting:
            self.run()

    def close(self) -> None:
        """Run what is left, as threads would."""
        self.run_all()
