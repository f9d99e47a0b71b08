"""Rolling updates of Auto Scaling groups ("UpdatePolicy attribute", AutoScalingRollingUpdate).

Pure: what is to be done in which order, and in which words it is told. The operation does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from harness.cloudformation.creation import Manner, PolicyError, SignalPolicy, parse_duration

ROLLING: Final = "AutoScalingRollingUpdate"

KNOWN: Final = frozenset(
    {
        "MaxBatchSize",
        "MinInstancesInService",
        "MinSuccessfulInstancesPercent",
        "PauseTime",
        "WaitOnResourceSignals",
    }
)
"""What of the policy is acted on."""

_ZERO: Final = ("PT0S", "PT0M", "PT0H", "PT0M0S", "PT0H0M0S")


@dataclass(frozen=True)
class RollingPolicy:
    """How instances of a group are replaced.

    Args:
        batch_size: How many at once.
        min_in_service: How many are to be in service meanwhile.
        pause: How long to pause after each batch, or to wait for its signals.
        pause_text: The same, as it is written.
        waits: Whether it waits for signals.
        min_success_percent: Share of all new instances that must signal success.
    """

    batch_size: int = 1
    min_in_service: int = 0
    pause: timedelta = timedelta(0)
    pause_text: str = "PT0S"
    waits: bool = False
    min_success_percent: float = 100.0


@dataclass(frozen=True)
class Step:
    """One part of a rolling update.

    Args:
        end: Instances to be terminated.
        launch: How many to launch once they are.
        progress: Percentage of obsolete instances that are gone then.
    """

    end: tuple[str, ...]
    launch: int
    progress: int = 0


@dataclass
class Rolling:
    """A rolling update under way.

    Args:
        policy: How it is done.
        obsolete: The instances that it replaces.
        size: How many instances the group is to have.
        run: Does a step, on a worker's thread.
    """

    policy: RollingPolicy
    obsolete: Sequence[str]
    size: int
    run: Callable[[Step], None]
    failures: int = 0
    current: Step | None = None
    paused: bool = False
    _steps: Iterator[Step] | None = field(default=None, repr=False)

    @property
    def begun(self) -> bool:
        """Whether its first step has been taken."""
        return self._steps is not None

    @property
    def launches_first(self) -> bool:
        """Whether too few would be in service, were a batch terminated before it is replaced."""
        batch = min(self.policy.batch_size, len(self.obsolete))
        return self.size - batch < self.policy.min_in_service

    def advance(self, successes: int) -> Step | None:
        """The next step; None where all is done.

        Args:
            successes: How many instances of the step before have signalled success.
        """
        if self.current is not None and self.policy.waits:
            self.failures += max(0, self.current.launch - successes)
        if self._steps is None:
            self._steps = self._plan()
        self.current = next(self._steps, None)
        self.paused = False
        return self.current

    def signals(self, step: Step) -> SignalPolicy | None:
        """What a step waits for; None for nothing."""
        if not self.policy.waits or not step.launch:
            return None
        total = len(self.obsolete)
        tolerated = total - math.ceil(total * self.policy.min_success_percent / 100)
        return SignalPolicy(
            count=step.launch,
            timeout=self.policy.pause,
            min_success_percent=self.policy.min_success_percent,
            manner=Manner.GROUP,
            spare=min(step.launch, max(0, tolerated - self.failures)),
        )

    def beginning(self) -> list[str]:
        """What events say before the first step."""
        policy = self.policy
        batch = min(policy.batch_size, len(self.obsolete))
        sentence = (
            f"Rolling update initiated. Terminating {len(self.obsolete)} obsolete instance(s) in "
            f"batches of {batch}, while keeping at least {policy.min_in_service} instance(s) in "
            "service."
        )
        if policy.waits:
            sentence += (
                f" Waiting on resource signals with a timeout of {policy.pause_text} when new "
                "instances are added to the autoscaling group."
            )
        if not self.launches_first:
            return [sentence]
        size = self.size + batch
        return [
            sentence,
            f"Temporarily setting autoscaling group MinSize and DesiredCapacity to {size}.",
        ]

    def before(self, step: Step) -> str:
        """What an event says before a step; empty for nothing."""
        if not step.end:
            return ""
        new = step.launch or (len(step.end) if self.launches_first else 0)
        return (
            f"Terminating instance(s) [{','.join(step.end)}]; replacing with {new} new instance(s)."
        )

    def after(self, step: Step) -> list[str]:
        """What events say once its instances are gone, and the new ones there."""
        told = []
        if step.end:
            told.append(
                f"Successfully terminated instance(s) [{','.join(step.end)}] "
                f"(Progress {step.progress}%)."
            )
        if step.launch and self.policy.waits:
            told.append(
                "New instance(s) added to autoscaling group - Waiting on "
                f"{step.launch} resource signal(s) with a timeout of {self.policy.pause_text}."
            )
        return told

    def _plan(self) -> Iterator[Step]:
        total = len(self.obsolete)
        for start in range(0, total, self.policy.batch_size):
            batch = tuple(self.obsolete[start : start + self.policy.batch_size])
            progress = 100 * (start + len(batch)) // total
            if self.launches_first:
                yield Step((), len(batch))
                yield Step(batch, 0, progress)
            else:
                yield Step(batch, len(batch), progress)


def rolling_policy(body: object) -> RollingPolicy:
    """Read the policy, intrinsic functions resolved.

    Raises:
        PolicyError: A value is not what CloudFormation takes.
    """
    if not isinstance(body, Mapping):
        raise PolicyError(f"{ROLLING} must be an object")
    waits = str(body.get("WaitOnResourceSignals")).lower() == "true"
    pause = body.get("PauseTime", "PT5M" if waits else "PT0S")
    percent = _number(body, "MinSuccessfulInstancesPercent", 100, 0)
    if percent > 100:  # noqa: PLR2004 - a percentage
        raise PolicyError("MinSuccessfulInstancesPercent must be at most 100")
    return RollingPolicy(
        batch_size=int(_number(body, "MaxBatchSize", 1, 1)),
        min_in_service=int(_number(body, "MinInstancesInService", 0, 0)),
        pause=timedelta(0) if pause in _ZERO and not waits else parse_duration(pause),
        pause_text=str(pause),
        waits=waits,
        min_success_percent=percent,
    )


def check_service(policy: RollingPolicy, properties: Mapping[str, Any]) -> None:
    """Hold how many instances are to stay in service against the group's size.

    Raises:
        PolicyError: A group of that size cannot keep as many.
    """
    most = int(properties.get("MaxSize", policy.min_in_service + 1))
    if policy.min_in_service >= most:
        raise PolicyError(
            f"MinInstancesInService ({policy.min_in_service}) must be less than the autoscaling "
            f"group's MaxSize ({most})"
        )


def _number(body: Mapping[str, Any], name: str, default: float, least: float) -> float:
    try:
        number = float(body.get(name, default))
    except (TypeError, ValueError):
        number = math.nan
    if not number >= least or math.isinf(number):
        raise PolicyError(f"{name} must be a number from {least:g}, not {body.get(name)!r}")
    return number
