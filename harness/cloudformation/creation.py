"""CreationPolicy and WaitCondition: whether the signals received so far make a resource complete.

Pure: a :class:`SignalPolicy`, the signals that were counted and the time decide, nothing else
("CreationPolicy attribute", "AWS::CloudFormation::WaitCondition").
"""

from __future__ import annotations

import contextlib
import enum
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from harness.errors import HarnessError

DEFAULT_COUNT: Final = 1
DEFAULT_TIMEOUT: Final = timedelta(minutes=5)
MAX_TIMEOUT: Final = timedelta(hours=12)

_DURATION = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


class PolicyError(HarnessError):
    """A CreationPolicy, or a WaitCondition's properties, that CloudFormation would refuse."""


class SignalStatus(enum.StrEnum):
    """What a signal says."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class Outcome(enum.Enum):
    """What the signals so far amount to."""

    WAITING = "waiting"
    COMPLETE = "complete"
    FAILED = "failed"


class Manner(enum.Enum):
    """Whose words a failure is told in."""

    RESOURCE = "resource"
    GROUP = "group"
    WAIT_CONDITION = "wait condition"


@dataclass(frozen=True)
class Signal:
    """One signal as it was received.

    Args:
        unique_id: Who sends it; for an EC2 instance its instance id.
        status: Success or failure.
        reason: Why; wait conditions only.
        data: Anything; wait conditions only, answered by ``Fn::GetAtt`` of ``Data``.
    """

    unique_id: str
    status: SignalStatus
    reason: str = ""
    data: str = ""


@dataclass(frozen=True)
class Decision:
    """An outcome.

    Args:
        outcome: It.
        reason: CloudFormation's reason, where it is a failure.
        note: What an event says before the outcome, empty for none.
    """

    outcome: Outcome
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class SignalPolicy:
    """How many signals a resource waits for, and for how long.

    Args:
        count: Signals expected.
        timeout: From the resource's CREATE_IN_PROGRESS on.
        min_success_percent: Share of ``count`` that must be successes; of Auto Scaling groups.
        manner: Whose words a failure is told in.
        spare: Failures that are tolerated, where more than these signals decide that.
    """

    count: int = DEFAULT_COUNT
    timeout: timedelta = DEFAULT_TIMEOUT
    min_success_percent: float = 100.0
    manner: Manner = Manner.RESOURCE
    spare: int | None = None

    @property
    def needed(self) -> int:
        """Successes without which the resource fails: half of five instances are three."""
        if self.spare is not None:
            return self.count - self.spare
        return math.ceil(self.count * self.min_success_percent / 100)


@dataclass(frozen=True)
class Signals:
    """The signals that were counted: the first of every UniqueId."""

    counted: Mapping[str, Signal] = field(default_factory=dict)

    def add(self, signal: Signal) -> Signals:
        """Count one more; a UniqueId that was heard before is a retransmission."""
        if signal.unique_id in self.counted:
            return self
        return replace(self, counted={**self.counted, signal.unique_id: signal})

    def of(self, status: SignalStatus) -> list[Signal]:
        """Those that say so, in the order in which they came."""
        return [signal for signal in self.counted.values() if signal.status is status]

    def data(self) -> str:
        """A wait condition's ``Data``: a JSON object of data by UniqueId."""
        successes = self.of(SignalStatus.SUCCESS)
        return json.dumps(
            {signal.unique_id: signal.data for signal in successes}, separators=(",", ":")
        )


def decide(policy: SignalPolicy, signals: Signals, started: datetime, now: datetime) -> Decision:
    """Whether the resource is complete, has failed, or waits on.

    Args:
        policy: What it waits for.
        signals: What came.
        started: When the resource went CREATE_IN_PROGRESS.
        now: What time it is; at ``started + timeout`` sharp, it is too late.
    """
    successes = len(signals.of(SignalStatus.SUCCESS))
    failures = signals.of(SignalStatus.FAILURE)
    if len(failures) > policy.count - policy.needed:
        return Decision(Outcome.FAILED, _failure_reason(policy, failures))
    if successes + len(failures) >= policy.count:
        return Decision(Outcome.COMPLETE)
    if now < started + policy.timeout:
        return Decision(Outcome.WAITING)
    note = ""
    if policy.manner is Manner.GROUP:
        note = (
            f"Failed to receive {policy.count - successes - len(failures)} resource signal(s) for "
            "the current batch.  Each resource signal timeout is counted as a FAILURE."
        )
    if successes >= policy.needed:
        return Decision(Outcome.COMPLETE, note=note)
    return Decision(Outcome.FAILED, _timeout_reason(policy, successes), note)


def _failure_reason(policy: SignalPolicy, failures: list[Signal]) -> str:
    last = failures[-1]
    match policy.manner:
        case Manner.WAIT_CONDITION:
            return (
                f"WaitCondition received failed message: '{last.reason}' "
                f"for uniqueId: {last.unique_id}"
            )
        case Manner.GROUP:
            return _unsatisfied(policy, len(failures), SignalStatus.FAILURE)
        case Manner.RESOURCE:
            return f"Received FAILURE signal with UniqueId {last.unique_id}"


def _unsatisfied(policy: SignalPolicy, received: int, status: SignalStatus) -> str:
    return (
        f"Received {received} {status} signal(s) out of {policy.count}.  Unable to "
        f"satisfy {policy.min_success_percent:g}% MinSuccessfulInstancesPercent requirement"
    )


def _timeout_reason(policy: SignalPolicy, successes: int) -> str:
    if policy.manner is Manner.GROUP:
        return _unsatisfied(policy, successes, SignalStatus.SUCCESS)
    if policy.manner is Manner.WAIT_CONDITION:
        return (
            f"WaitCondition timed out. Received {successes} conditions "
            f"when expecting {policy.count}"
        )
    return (
        f"Failed to receive {policy.needed - successes} resource signal(s) "
        "within the specified duration"
    )


def creation_policy(body: object, *, group: bool = False) -> SignalPolicy | None:
    """Read a CreationPolicy, intrinsic functions resolved.

    Args:
        body: The attribute; ``{"ResourceSignal": {}}`` is one signal within five minutes.
        group: Whether the resource is an Auto Scaling group.

    Returns:
        None where it asks for no signal.

    Raises:
        PolicyError: A value is not what CloudFormation takes.
    """
    signal = _object(body, "CreationPolicy").get("ResourceSignal")
    if signal is None:
        return None
    signal = _object(signal, "ResourceSignal")
    percent: float = 100
    if group:
        scaling = _object(body, "CreationPolicy").get("AutoScalingCreationPolicy")
        percent = _min_percent(_object(scaling or {}, "AutoScalingCreationPolicy"))
    return SignalPolicy(
        count=_count(signal.get("Count", DEFAULT_COUNT)),
        timeout=parse_duration(signal.get("Timeout", "PT5M")),
        min_success_percent=percent,
        manner=Manner.GROUP if group else Manner.RESOURCE,
    )


def update_policy(body: object) -> Mapping[str, Any]:
    """An UpdatePolicy, intrinsic functions resolved.

    Raises:
        PolicyError: It is no object.
    """
    return _object(body, "UpdatePolicy")


def wait_condition_policy(properties: Mapping[str, Any]) -> SignalPolicy:
    """Read a WaitCondition's ``Count`` and ``Timeout`` (seconds).

    Raises:
        PolicyError: A value is not what CloudFormation takes.
    """
    most = int(MAX_TIMEOUT.total_seconds())
    seconds = _number(properties.get("Timeout", 0), "Timeout", bounds=(0, most))
    return SignalPolicy(
        count=_count(properties.get("Count", DEFAULT_COUNT)),
        timeout=timedelta(seconds=seconds),
        manner=Manner.WAIT_CONDITION,
    )


def parse_duration(text: object) -> timedelta:
    """An ISO 8601 duration as CreationPolicy and UpdatePolicy take it, such as ``PT1H30M``.

    Raises:
        PolicyError: It is none, is nothing, or is longer than 12 hours.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise PolicyError(f"Invalid timeout {text!r}: it must be an ISO 8601 duration such as PT5M")
    duration = timedelta(**{unit: float(value) for unit, value in match.groupdict("0").items()})
    if not timedelta(0) < duration <= MAX_TIMEOUT:
        raise PolicyError(f"Invalid timeout {text!r}: it must be more than zero, at most 12 hours")
    return duration


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PolicyError(f"{name} must be an object")
    return value


def _min_percent(body: Mapping[str, Any]) -> float:
    name = "MinSuccessfulInstancesPercent"
    return _number(body.get(name, 100), name, bounds=(0, 100))


def _count(value: object) -> int:
    number = _number(value, "Count", bounds=(0, math.inf))
    if number != int(number):
        raise PolicyError(f"Count must be a whole number, not {value!r}")
    return int(number)


def _number(value: object, name: str, *, bounds: tuple[float, float]) -> float:
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            number = float(value)
    if not bounds[0] <= number <= bounds[1] or math.isinf(number):
        raise PolicyError(
            f"{name} must be a number from {bounds[0]:g} to {bounds[1]:g}, not {value!r}"
        )
    return number
