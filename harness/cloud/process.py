"""A local cloud in a process of its own, which ends when its owner does, however that is.

The child watches its standard input. Whether the owner closes it or is killed, the child sees the
end of it, removes every guest and network, and exits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, Queue
from typing import IO, Any, Final, NoReturn, Self

from harness import errors
from harness.errors import EngineError, HarnessError, LeakError
from harness.waiting import Deadline

START_SECONDS: Final = 1200
"""Building the guest image is part of the first start."""

STOP_SECONDS: Final = 120

_ENDED: Final = "ended"


class LocalCloud:
    """A local cloud for as long as the context lasts.

    Args:
        run_id: Labels everything that it makes.
        arguments: Further arguments of ``harness cloud``.
        say: Told what takes long, in lines.

    Raises:
        EngineAbsentError: There is no container engine.
        EngineError: It could not start; with what the process said.
        LeakError: On exit: something could not be removed.
    """

    def __init__(
        self,
        run_id: str,
        arguments: Sequence[str] = (),
        say: Callable[[str], object] = lambda _line: None,
    ) -> None:
        self.run_id = run_id
        self._arguments = arguments
        self._say = say
        self._told: Queue[Mapping[str, Any]] = Queue()
        self._ready = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._last_words: deque[str] = deque(maxlen=30)
        self._last_said = ""
        self._readers: list[threading.Thread] = []
        self.endpoint_url = ""
        self.caller_cidr = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def begin(self) -> None:
        """Let it start beside whatever else is to be done; :meth:`start` waits for it."""
        if self._process is not None:
            return
        command = [sys.executable, "-m", "harness", "cloud", "--owned", "--port", "0"]
        # A session of its own: Ctrl-C at the terminal is for the owner to act on.
        self._process = subprocess.Popen(
            [*command, "--run", self.run_id, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"},
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - piped above
        assert self._process.stderr is not None  # noqa: S101 - piped above
        self._read(self._listen, self._process.stdout)
        self._read(self._remember, self._process.stderr)

    def start(self) -> None:
        """Start it, unless it has begun already, and wait until it answers."""
        self.begin()
        limit = Deadline(START_SECONDS)
        try:
            ready = None
            while ready is None:
                told = self._told.get(timeout=max(0.0, limit.seconds - limit.elapsed))
                if _ENDED in told:
                    self._raise_what_it_said()
                ready = self._take(told)
        except Empty:
            self.stop()
            raise EngineError(
                f"the local cloud has not started within {limit.seconds:.0f} s; what it said last: "
                f"{self._last_said or 'nothing'}",
                remedy="see whether the container engine answers: docker info",
            ) from None
        except KeyboardInterrupt:
            self.stop()
            raise
        self.endpoint_url = ready["endpoint_url"]
        self.caller_cidr = ready["caller_cidr"]

    def stop(self) -> None:
        """Let it remove everything and wait for its end; harmless when it has ended already."""
        process, self._process = self._process, None
        if process is None:
            return
        self._await_end(process)
        if process.returncode and not self._made_nothing():
            raise LeakError(
                f"the local cloud of run {self.run_id} ended with status {process.returncode}: "
                + "\n".join(self._last_words),
                remedy=f"harness sweep --local --run {self.run_id} --delete",
            )

    def _await_end(self, process: subprocess.Popen[str]) -> None:
        """Close its standard input and wait for its end, and for its last words.

        Raises:
            LeakError: It had to be killed.
        """
        assert process.stdin is not None  # noqa: S101 - piped by begin()
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise LeakError(
                f"the local cloud of run {self.run_id} did not end within {STOP_SECONDS} s",
                remedy=f"harness sweep --local --run {self.run_id} --delete",
            ) from None
        finally:
            for reader in self._readers:
                reader.join(STOP_SECONDS)

    def _made_nothing(self) -> bool:
        """Whether it was over before it was ready, and says of what."""
        error = self._error()
        return not (self._ready.is_set() or error is None or isinstance(error, LeakError))

    def _take(self, told: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Pass on what it says; how it is reached, where that is what it told."""
        if "say" in told:
            self._last_said = str(told["say"])
            self._say(self._last_said)
        ready: Mapping[str, Any] | None = told.get("ready")
        return ready

    def _read(self, target: Callable[[IO[str]], None], stream: IO[str]) -> None:
        reader = threading.Thread(target=target, args=(stream,), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _listen(self, stream: IO[str]) -> None:
        """What it says until it answers is for whoever waits for it; later on nobody does."""
        with stream:
            for line in stream:
                try:
                    told = json.loads(line)
                except ValueError:
                    told = {"say": line.rstrip()}
                if self._ready.is_set():
                    self._take(told)
                    continue
                if "ready" in told:
                    self._ready.set()
                self._told.put(told)
        self._told.put({_ENDED: True})

    def _remember(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._last_words.append(line.rstrip())

    def _raise_what_it_said(self) -> NoReturn:
        """Raise the error that ended the process, as it would have been raised in this one."""
        process, self._process = self._process, None
        if process is not None:
            self._await_end(process)
        raise self._error() or EngineError(
            "the local cloud did not start: " + "\n".join(self._last_words)
        )

    def _error(self) -> HarnessError | None:
        """The error that its process has ended with, as it was there."""
        for line in self._last_words:
            if line.startswith("{") and '"error"' in line:
                told = json.loads(line)
                kind: type[HarnessError] = getattr(errors, told["error"], HarnessError)
                return kind(told["message"], remedy=told["remedy"])
        return None
