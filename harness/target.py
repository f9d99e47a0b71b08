"""Where a stack is created: on the local cloud, or on AWS; the contract both sides keep.

Whoever creates a stack, logs in or deletes sees nothing but :class:`Target`. The implementations
are looked up by name when they are wanted, so that neither is loaded for the other's sake.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

from harness.errors import UsageError
from harness.options import Settings
from harness.stack import StackSpec
from harness.waiting import Pace

TARGETS: Final[Mapping[str, str]] = {
    "local": "harness.cloud.target:open_target",
    "aws": "harness.live.target:open_target",
}
"""Who opens the target of a name: ``module:function``, a :class:`TargetOpener`."""

PREPARATIONS: Final[Mapping[str, str]] = {"local": "harness.cloud.target:prepare_target"}
"""Who begins what opening a target takes, where that is long."""

RUNG_TARGETS: Final[Mapping[str, str]] = {"local": "local", "live": "aws"}
"""The target that a rung creates its stacks on."""


class Target(Protocol):
    """A place where stacks are created. Methods may be called from several threads."""

    @property
    def name(self) -> str:
        """``local`` or ``aws``."""

    @property
    def region(self) -> str:
        """The region that stacks are created in."""

    @property
    def endpoint_url(self) -> str | None:
        """Where all services are spoken to; None for AWS's own endpoints."""

    @property
    def pace(self) -> Pace:
        """How often to look at a stack here."""

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients are made at run time
        """A boto3 client for the target's region."""

    def ssh_address(self, instance_id: str) -> tuple[str, int] | None:
        """Address and port that an instance's sshd is reached at from here.

        Returns:
            None where the instance has no address that could be reached.
        """

    def caller_cidr(self) -> str:
        """The CIDR block that connections from this machine come from, as the target sees it."""

    def admit(self, spec: StackSpec) -> Sequence[str]:
        """Check a stack before it is created.

        Returns:
            Lines to show before it is created: account, region, what it may cost.

        Raises:
            RefusedError: It must not be created here.
        """

    def secrets(self) -> frozenset[str]:
        """What must not be written down of the credentials that are used."""

    def facts(self) -> Mapping[str, str]:
        """What a report should say of this place: the engine, the image, the account, stand-ins."""


@dataclass(frozen=True)
class TargetRequest:
    """What a target is opened for.

    Args:
        settings: The settings of the run.
        run_id: Names the run, and its worker where it has several; everything made for it carries
            the id in its name, tag or label.
        region: The region that stacks are created in.
        directory: The run's own directory, readable by nobody else.
        say: Shows a line to the user.
    """

    settings: Settings
    run_id: str
    region: str
    directory: Path
    say: Callable[[str], object] = print


class TargetOpener(Protocol):
    """Opens a target for as long as the context lasts."""

    def __call__(self, request: TargetRequest) -> AbstractContextManager[Target]:
        """Open it.

        Raises:
            EngineError: The local target has no container engine; the remedy says how to get one.
            RefusedError: A guard forbids it.
        """


def open_target(name: str, request: TargetRequest) -> AbstractContextManager[Target]:
    """Open the target of that name.

    Raises:
        UsageError: There is no target of that name.
        EngineError: As the target says.
        RefusedError: As the target says.
    """
    if name not in TARGETS:
        raise UsageError(f"there is no target {name!r}", remedy=f"one of {', '.join(TARGETS)}")
    return cast("TargetOpener", _named(TARGETS[name]))(request)


def prepare_target(name: str, request: TargetRequest) -> AbstractContextManager[None]:
    """Begin what opening a target will take, beside whatever else is done until it is opened.

    What goes wrong is told by :func:`open_target`. The context ends what was begun in vain.
    """
    if name not in PREPARATIONS:
        return nullcontext()
    return cast("AbstractContextManager[None]", _named(PREPARATIONS[name])(request))


def _named(place: str) -> Callable[..., object]:
    module, _, function = place.partition(":")
    return cast("Callable[..., object]", getattr(importlib.import_module(module), function))
