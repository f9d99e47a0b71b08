"""CreationPolicy and WaitCondition: what signals amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.cloudformation.creation import (
    Decision,
    Manner,
    Outcome,
    PolicyError,
    Signal,
    SignalPolicy,
    Signals,
    SignalStatus,
    creation_policy,
    decide,
    parse_duration,
    wait_condition_policy,
)

pytestmark = pytest.mark.selftest

START = datetime(2026, 1, 1, tzinfo=UTC)


def signals(*said: str) -> Signals:
    """Signals from ``"one"`` (success) or ``"!one"`` (failure)."""
    counted = Signals()
    for one in said:
        status = SignalStatus.FAILURE if one.startswith("!") else SignalStatus.SUCCESS
        counted = counted.add(Signal(one.lstrip("!"), status, reason="why", data=f"<{one}>"))
    return counted


def after(seconds: float, policy: SignalPolicy, *said: str) -> Decision:
    return decide(policy, signals(*said), START, START + timedelta(seconds=seconds))


def test_a_bare_resource_signal_is_one_signal_in_five_minutes() -> None:
    """The defaults of "CreationPolicy attribute"."""
    assert creation_policy({"ResourceSignal": {}}) == SignalPolicy(1, timedelta(minutes=5))


def test_without_a_resource_signal_nothing_is_waited_for() -> None:
    """Other creation policies exist."""
    assert creation_policy({"StartFleet": True}) is None


@pytest.mark.parametrize("count", [2, "2", 2.0])
def test_numbers_may_be_strings(count: object) -> None:
    """JSON and parameters hand them over as either."""
    policy = creation_policy({"ResourceSignal": {"Count": count, "Timeout": "PT1H"}})
    assert policy == SignalPolicy(2, timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5M", 300), ("PT1H30M", 5400), ("PT90S", 90), ("PT12H", 43200), ("PT0.5H", 1800)],
)
def test_durations(text: str, seconds: int) -> None:
    """ISO 8601, as CloudFormation takes it."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["5M", "PT", "P", "PT13H", "PT0S", "300", "", None, 300, "P1Y"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    """Nor is more than twelve hours, nor nothing."""
    with pytest.raises(PolicyError, match="Invalid timeout"):
        parse_duration(text)


@pytest.mark.parametrize(
    "signal",
    [{"Count": "many"}, {"Count": -1}, {"Count": 1.5}, {"Count": True}, {"Count": []}, "PT5M"],
)
def test_what_is_no_count_is_refused(signal: Any) -> None:  # noqa: ANN401 - a JSON value
    """The message names what is wrong."""
    with pytest.raises(PolicyError, match=r"Count|ResourceSignal"):
        creation_policy({"ResourceSignal": signal})


def test_one_success_completes() -> None:
    """At once, whatever the time."""
    assert after(0, SignalPolicy(), "i-1").outcome is Outcome.COMPLETE


def test_the_timeout_is_too_late() -> None:
    """Until then it waits; then it says how many are missing."""
    policy = SignalPolicy(count=3, timeout=timedelta(seconds=60))
    assert after(59.999, policy, "one").outcome is Outcome.WAITING
    assert after(60, policy, "one") == Decision(
        Outcome.FAILED, "Failed to receive 2 resource signal(s) within the specified duration"
    )


def test_a_failure_fails_at_once() -> None:
    """With the sender in the reason."""
    assert after(0, SignalPolicy(count=2), "one", "!two") == Decision(
        Outcome.FAILED, "Received FAILURE signal with UniqueId two"
    )


def test_a_unique_id_counts_once() -> None:
    """The first word stands: later ones are retransmissions."""
    assert after(0, SignalPolicy(count=2), "one", "one").outcome is Outcome.WAITING
    assert after(0, SignalPolicy(count=2), "one", "!one").outcome is Outcome.WAITING
    repeated = signals("one")
    assert repeated.add(Signal("one", SignalStatus.SUCCESS)) is repeated


def test_a_count_of_zero_waits_for_nothing() -> None:
    """As a group of no instances has it."""
    assert after(0, SignalPolicy(count=0)).outcome is Outcome.COMPLETE


@pytest.mark.parametrize(
    ("count", "percent", "needed"), [(5, 50, 3), (4, 75, 3), (1, 100, 1), (3, 0, 0), (3, 1, 1)]
)
def test_a_share_of_a_group_is_rounded_up(count: int, percent: float, needed: int) -> None:
    """Of five instances, half are three."""
    policy = creation_policy(
        {
            "ResourceSignal": {"Count": count},
            "AutoScalingCreationPolicy": {"MinSuccessfulInstancesPercent": percent},
        },
        group=True,
    )
    assert policy is not None
    assert policy.needed == needed


def test_a_group_takes_as_many_failures_as_its_share_allows() -> None:
    """It waits for the others, and takes silence for failure when time is up."""
    policy = SignalPolicy(4, min_success_percent=50, manner=Manner.GROUP)
    assert after(0, policy, "a", "!b", "!c").outcome is Outcome.WAITING
    assert after(0, policy, "a", "!b", "!c", "d").outcome is Outcome.COMPLETE
    silent = (
        "Failed to receive 1 resource signal(s) for the current batch.  "
        "Each resource signal timeout is counted as a FAILURE."
    )
    assert after(300, policy, "a", "!b", "d") == Decision(Outcome.COMPLETE, note=silent)
    assert after(300, policy, "a", "!b", "!c") == Decision(
        Outcome.FAILED,
        "Received 1 SUCCESS signal(s) out of 4.  Unable to satisfy 50% "
        "MinSuccessfulInstancesPercent requirement",
        silent,
    )
    assert after(0, policy, "!a", "!b", "!c") == Decision(
        Outcome.FAILED,
        "Received 3 FAILURE signal(s) out of 4.  Unable to satisfy 50% "
        "MinSuccessfulInstancesPercent requirement",
    )


def test_the_share_is_for_groups_only() -> None:
    """An instance has no share of successes."""
    body = {
        "ResourceSignal": {},
        "AutoScalingCreationPolicy": {"MinSuccessfulInstancesPercent": 0},
    }
    policy = creation_policy(body)
    assert policy is not None
    assert policy.needed == 1


def test_a_wait_condition_has_its_own_words() -> None:
    """They name the sender and its reason, or the numbers."""
    policy = wait_condition_policy({"Count": "2", "Timeout": "30", "Handle": "https://…"})
    assert after(0, policy, "!one") == Decision(
        Outcome.FAILED,
        "WaitCondition received failed message: 'why' for uniqueId: one",
    )
    assert after(30, policy, "one") == Decision(
        Outcome.FAILED, "WaitCondition timed out. Received 1 conditions when expecting 2"
    )


@pytest.mark.parametrize("timeout", ["43201", "-1", "soon", "nan"])
def test_a_wait_condition_waits_for_twelve_hours_at_most(timeout: str) -> None:
    """In seconds."""
    with pytest.raises(PolicyError, match="Timeout must be a number from 0 to 43200"):
        wait_condition_policy({"Timeout": timeout})


def test_data_is_an_object_by_unique_id() -> None:
    """Of successes only."""
    assert signals("one", "!two", "three").data() == '{"one":"<one>","three":"<three>"}'
