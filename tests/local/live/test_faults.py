"""A live run when AWS does not answer as it should."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .conftest import Answer, Reset, refuse
from .traces import template

if TYPE_CHECKING:
    from .conftest import Call, LiveRun

pytestmark = pytest.mark.local


def _throttle(call: Call) -> Answer | None:
    return refuse("Throttling", call) if call.number % 3 == 1 else None


def _unavailable(call: Call) -> Answer | None:
    return refuse("ServiceUnavailable", call, 503) if call.number % 3 == 1 else None


def _reset(call: Call) -> Answer | None:
    if call.number % 4 == 1:
        raise Reset
    return None


@pytest.mark.parametrize("fault", [_throttle, _unavailable, _reset])
def test_passing_errors_are_got_over(
    live_run: LiveRun, fault: Callable[[Call], Answer | None]
) -> None:
    """Throttling, server errors, and connections that are reset: the run passes all the same."""
    live_run.proxy.before = fault
    assert live_run.start().finish() == 0, live_run.output
    assert live_run.left() == []


def test_a_lost_answer_to_create_makes_no_second_stack(live_run: LiveRun) -> None:
    """The request arrived, its answer did not: repeating it is harmless."""

    def lose(call: Call, answer: Answer) -> Answer:
        if (call.action, call.number) == ("CreateStack", 0):
            raise Reset
        return answer

    live_run.proxy.after = lose
    assert live_run.start().finish() == 0, live_run.output
    assert live_run.proxy.actions.count("CreateStack") == 2
    assert live_run.left() == []


def test_credentials_that_expire_under_way_leave_a_named_leak(live_run: LiveRun) -> None:
    """Nothing can be deleted any more: the run is red, and it names what is left."""

    def expire(call: Call) -> Answer | None:
        created = "CreateStack" in live_run.proxy.actions
        return (
            refuse("ExpiredToken", call, 403) if created and call.action != "CreateStack" else None
        )

    live_run.proxy.before = expire
    assert live_run.start().finish() == 1, live_run.output
    stack, key, *_ = live_run.left()
    summary = live_run.output.partition("STILL THERE")[2]
    assert stack in summary
    assert key in summary
    assert "ExpiredToken" in summary


def test_a_delete_that_fails_once_is_worked_through(live_run: LiveRun) -> None:
    """DELETE_FAILED at the first attempt: tried again, and green in the end."""
    live_run.proxy.before, live_run.proxy.after = _failing_deletes(live_run, 1)
    assert live_run.start().finish() == 0, live_run.output
    assert live_run.proxy.actions.count("DeleteStack") >= 2
    assert live_run.left() == []


def test_a_delete_that_always_fails_is_never_green(live_run: LiveRun) -> None:
    """All tests passed, but the stack stays: the status is not 0, and the leak is named."""
    live_run.proxy.before, live_run.proxy.after = _failing_deletes(live_run, 10_000)
    assert live_run.start().finish(300) == 1, live_run.output
    assert "1 passed" in live_run.output
    (stack,) = [name for name in live_run.left() if name.endswith("us-east-1")][:1]
    assert "STILL THERE" in live_run.output
    assert re.search(rf"aws cloudformation delete-stack .*{stack}", live_run.output)


def _failing_deletes(
    live_run: LiveRun, count: int
) -> tuple[Callable[[Call], Answer | None], Callable[[Call, Answer], Answer]]:
    """Deletes that are accepted and not acted on; the stack then says that they failed."""

    def deletes() -> int:
        return live_run.proxy.actions.count("DeleteStack")

    def before(call: Call) -> Answer | None:
        if call.action == "DeleteStack" and call.number < count:
            return Answer(200, b"<DeleteStackResponse><ResponseMetadata/></DeleteStackResponse>")
        return None

    def after(call: Call, answer: Answer) -> Answer:
        if call.action == "DescribeStacks" and 0 < deletes() <= count:
            failed = answer.body.replace(b">CREATE_COMPLETE<", b">DELETE_FAILED<")
            return Answer(answer.status, failed)
        return answer

    return before, after


def test_a_swapped_host_key_is_refused(live_run: LiveRun) -> None:
    """Another key answers than the console has shown: no login, no command, nothing left."""
    public = Ed25519PrivateKey.generate().public_key()
    other = public.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()

    def swap(call: Call, answer: Answer) -> Answer:
        if call.action != "GetConsoleOutput":
            return answer
        return Answer(answer.status, re.sub(rb"(?<=<output>)[^<]+", _swapped, answer.body))

    def _swapped(found: re.Match[bytes]) -> bytes:
        console = base64.b64decode(found[0]).decode(errors="replace")
        block = f"HOST KEY KEYS-----\n{other} root@host\n-----END"
        console = re.sub(r"HOST KEY KEYS-----.*?-----END", block, console, flags=re.DOTALL)
        # Whoever has only the fingerprints asks the host itself, which is another matter.
        console = re.sub(r"SHA256:\S+", "", console)
        return base64.b64encode(console.encode())

    live_run.proxy.after = swap
    assert live_run.start().finish() == 1, live_run.output
    assert "host key mismatch" in live_run.output
    assert live_run.left() == []


FAILING = """\
#!/bin/bash -e
set -Eeuo pipefail
trap 'echo "provision.sh: line $LINENO: $BASH_COMMAND" >&2' ERR
PS4='+ ${EPOCHREALTIME} line ${LINENO}: '
set -x
echo installing
ls /no/such/place
echo never
"""


def test_a_failing_script_shows_its_failing_line(live_run: LiveRun) -> None:
    """The root cause, the line that failed, and what it said; the rest is in the evidence."""
    policy = {"ResourceSignal": {"Timeout": "PT20S"}}
    (live_run.directory / "stack.json").write_text(template(FAILING, CreationPolicy=policy))
    assert live_run.start().finish() == 1, live_run.output
    assert "Failed to receive 1 resource signal(s) within the specified duration" in live_run.output
    assert "the failing line: provision.sh: line 7: ls /no/such/place" in live_run.output
    assert "cannot access '/no/such/place'" in live_run.output
    assert re.search(r"evidence: \S+\.harness/artifacts/\S+", live_run.output)
    assert "never" not in live_run.output
    assert live_run.left() == []
