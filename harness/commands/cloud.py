"""``harness cloud``: serve the local AWS endpoint until told to stop."""

from __future__ import annotations

import argparse
import functools
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import Self

from harness.cloud.service import CloudService, CloudSettings
from harness.cloudformation.unsupported import Unsupported
from harness.errors import HarnessError
from harness.naming import new_run_id

DEFAULT_PORT = 4599
LAST_PORT = 65535
EXIT_CANNOT_RUN = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help=f"port on 127.0.0.1; 0 picks a free one (default: {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--base",
        choices=("auto", "registry", "mirror"),
        default="auto",
        help="where the guest image's root file system comes from (default: auto: "
        "the registry where it answers, else the apt mirror)",
    )
    parser.add_argument(
        "--registry-image", default="ubuntu:24.04", metavar="REF", help="the base in a registry"
    )
    parser.add_argument(
        "--helpers",
        default="auto",
        metavar="auto|stand-in|FILE",
        help="the helper scripts that guests are served: Amazon's where they can be fetched, "
        "the stand-in, or a tarball",
    )
    parser.add_argument(
        "--unsupported",
        choices=[str(one) for one in Unsupported],
        default=str(Unsupported.FAIL),
        help="what becomes of what is not simulated: its stack fails, or an event lists it as "
        "accepted; strict fails for what has no effect here, too, which is listed otherwise "
        "(default: fail)",
    )
    parser.add_argument("--run", default="", help=argparse.SUPPRESS)
    parser.add_argument("--owned", action="store_true", help=argparse.SUPPRESS)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to {LAST_PORT}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, or, when owned, until standard input ends."""
    settings = CloudSettings(
        run_id=arguments.run or new_run_id(),
        port=arguments.port,
        base=arguments.base,
        registry_image=arguments.registry_image,
        helpers=arguments.helpers,
        unsupported=Unsupported(arguments.unsupported),
    )
    tell = _tell_owner if arguments.owned else _tell_person
    serve = _serve_owner if arguments.owned else _serve
    try:
        with _End(owned=arguments.owned) as end:
            return serve(settings, tell, end)
    except KeyboardInterrupt:
        if not arguments.owned:
            raise
        return 0  # the owner has no use for it any more, and nothing is left


def _serve_owner(settings: CloudSettings, tell: Tell, end: _End) -> int:
    """Serve; what goes wrong is told in a form that the owner can raise again."""
    try:
        return _serve(settings, tell, end)
    except HarnessError as error:
        told = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
        # In one piece: an interruption may come at any moment.
        sys.stderr.write(f"{json.dumps(told)}\n")
        return EXIT_CANNOT_RUN


Tell = Callable[[str, object], None]


class _End:
    """The end of the service: a signal, or the end of the owner's pipe.

    Within the context, one that comes while the cloud still starts, which may be to build an image,
    interrupts that. Before and after it, nothing is interrupted.

    Args:
        owned: Whether standard input is a pipe of the owner's.
    """

    def __init__(self, *, owned: bool) -> None:
        self._read, self._write = os.pipe()
        self._interrupts = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._come)
        if owned:
            threading.Thread(target=self._follow_owner, name="owner", daemon=True).start()

    def __enter__(self) -> Self:
        self._interrupts = True
        if select.select([self._read], [], [], 0)[0]:  # it has come already
            self._interrupts = False
            raise KeyboardInterrupt(os.read(self._read, 1)[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.interrupts_no_more()

    def interrupts_no_more(self) -> None:
        """Let what is being done be done in peace."""
        self._interrupts = False

    def wait(self) -> None:
        """Return when it has come."""
        self.interrupts_no_more()
        select.select([self._read], [], [])

    def _come(self, number: int, _frame: object) -> None:
        if self._interrupts:
            self._interrupts = False  # what is being removed then is removed in peace
            raise KeyboardInterrupt(number)
        os.write(self._write, bytes([number]))

    def _follow_owner(self) -> None:
        select.select([sys.stdin.fileno()], [], [])
        os.kill(os.getpid(), signal.SIGTERM)


def _serve(settings: CloudSettings, tell: Tell, end: _End) -> int:
    say = functools.partial(tell, "say")
    with CloudService(settings, say=say, on_removal=end.interrupts_no_more) as cloud:
        tell("ready", {"endpoint_url": cloud.endpoint_url, "caller_cidr": cloud.caller_cidr})
        end.wait()
        say("removing guests")
    say("nothing is left")
    return 0


def _tell_owner(kind: str, what: object) -> None:
    """One JSON object a line, for the process that owns this one; it may be gone already."""
    try:
        print(json.dumps({kind: what}), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_person(kind: str, what: object) -> None:
    if kind == "ready" and isinstance(what, dict):
        url = what["endpoint_url"]
        print(
            f"ready: {url}\n"
            f"  export AWS_ENDPOINT_URL={url} AWS_DEFAULT_REGION=us-east-1 \\\n"
            "    AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n"
            f"  connections from this machine reach guests from {what['caller_cidr']}\n"
            "  Ctrl-C removes everything",
            flush=True,
        )
    else:
        print(what, flush=True)
