"""A stack on a virtual clock."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.state import Settings
from harness.errors import TemplateError
from harness.simulate import Simulation, simulate
from harness.template import Template

pytestmark = pytest.mark.selftest

ROLLBACK = "The following resource(s) failed to create: [Compute]. Rollback requested by user."


def template(policy: dict[str, Any] | None = None) -> Template:
    """An instance in a security group; the instance waits for signals."""
    return Template.parse(
        json.dumps(
            {
                "Parameters": {
                    "InstanceType": {
                        "Type": "String",
                        "Default": "t3.micro",
                        "AllowedValues": ["t3.micro", "t3.small"],
                    }
                },
                "Resources": {
                    "Compute": {
                        "Type": "AWS::EC2::Instance",
                        "CreationPolicy": {"ResourceSignal": policy or {}},
                        "Properties": {
                            "InstanceType": {"Ref": "InstanceType"},
                            "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                        },
                    },
                    "Group": {"Type": "AWS::EC2::SecurityGroup"},
                },
                "Outputs": {"Instance": {"Value": {"Ref": "Compute"}}},
            }
        )
    )


def begin(policy: dict[str, Any] | None = None, **options: Any) -> Simulation:  # noqa: ANN401 - simulate's
    return simulate(template(policy), provider=MemoryProvider(), **options)


def test_a_success_signal_completes_the_stack() -> None:
    """One signal, the default count, and the outputs resolve."""
    with begin() as stack:
        assert stack.status == "CREATE_IN_PROGRESS"
        instance = stack.resource("Compute").physical_id
        stack.signal("Compute")
        assert stack.status == "CREATE_COMPLETE"
        assert stack.outputs == {"Instance": instance}
        assert stack.history("Compute") == [
            ("CREATE_IN_PROGRESS", ""),
            ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
            ("CREATE_IN_PROGRESS", f"Received SUCCESS signal with UniqueId {instance}"),
            ("CREATE_COMPLETE", ""),
        ]


def test_a_failure_signal_rolls_back_at_once() -> None:
    """Nothing is waited for; what was created is deleted in reverse order."""
    with begin() as stack:
        stack.signal("Compute", unique_id="i-1", status="FAILURE")
        assert stack.status == "ROLLBACK_COMPLETE"
        assert [(event.logical_id, event.status, event.reason) for event in stack.events][-6:] == [
            ("simulation", "ROLLBACK_IN_PROGRESS", ROLLBACK),
            ("Compute", "DELETE_IN_PROGRESS", ""),
            ("Compute", "DELETE_COMPLETE", ""),
            ("Group", "DELETE_IN_PROGRESS", ""),
            ("Group", "DELETE_COMPLETE", ""),
            ("simulation", "ROLLBACK_COMPLETE", ""),
        ]
        assert ("CREATE_FAILED", "Received FAILURE signal with UniqueId i-1") in stack.history(
            "Compute"
        )


def test_no_signal_in_time_rolls_back() -> None:
    """A bare ResourceSignal waits for five minutes, to the second."""
    with begin() as stack:
        stack.advance(299.9)
        assert stack.status == "CREATE_IN_PROGRESS"
        stack.advance(0.1)
        assert stack.status == "ROLLBACK_COMPLETE"
        assert (
            "CREATE_FAILED",
            "Failed to receive 1 resource signal(s) within the specified duration",
        ) in stack.history("Compute")


def test_a_late_signal_is_refused() -> None:
    """Once the stack has given up, it says so."""
    with begin() as stack:
        stack.advance(timedelta(minutes=5))
        with pytest.raises(RequestRefused, match="ROLLBACK_COMPLETE state and cannot be signaled"):
            stack.signal("Compute", unique_id="i-1")


def test_a_signal_for_a_resource_that_does_not_wait_is_refused() -> None:
    """A signal for another resource does not help the one that waits."""
    with begin() as stack:
        with pytest.raises(RequestRefused, match="Resource Group is in CREATE_COMPLETE state"):
            stack.signal("Group")
        with pytest.raises(RequestRefused, match="Resource Nope does not exist for stack"):
            stack.signal("Nope", unique_id="i-1")
        stack.advance(300)
        assert stack.status == "ROLLBACK_COMPLETE"


def test_a_unique_id_counts_once() -> None:
    """A retransmission of one signal is not the second of two."""
    with begin({"Count": 2, "Timeout": "PT2M"}) as stack:
        stack.signal("Compute", unique_id="one")
        stack.signal("Compute", unique_id="one")
        assert stack.status == "CREATE_IN_PROGRESS"
        stack.advance(120)
        assert (
            "CREATE_FAILED",
            "Failed to receive 1 resource signal(s) within the specified duration",
        ) in stack.history("Compute")


def test_two_unique_ids_are_two_signals() -> None:
    """Count 2 is satisfied by two senders."""
    with begin({"Count": 2}) as stack:
        stack.signal("Compute", unique_id="one")
        stack.signal("Compute", unique_id="two")
        assert stack.status == "CREATE_COMPLETE"


def test_a_parameter_is_refused_as_cloudformation_refuses_it() -> None:
    """The words are those of the API."""
    with pytest.raises(
        RequestRefused, match=r"^Parameter 'InstanceType' must be one of AllowedValues$"
    ):
        begin(parameters={"InstanceType": "m1.small"})


def test_an_instance_that_vanishes_fails_the_stack() -> None:
    """Nobody waits out the timeout for a signal that cannot come."""
    with begin() as stack:
        stack.lose("Compute", "Instance was terminated from outside")
        assert stack.status == "ROLLBACK_COMPLETE"
        assert ("CREATE_FAILED", "Instance was terminated from outside") in stack.history("Compute")


def test_on_failure_do_nothing_keeps_what_exists() -> None:
    """The failed stack stays to be looked at, and can be deleted."""
    provider = MemoryProvider()
    with simulate(
        template(), provider=provider, settings=Settings(on_failure="DO_NOTHING")
    ) as stack:
        stack.advance(300)
        assert stack.status == "CREATE_FAILED"
        assert len(provider.existing) == 2
        stack.delete()
        assert stack.status == "DELETE_COMPLETE"
        assert not provider.existing


def test_a_provider_that_fails_is_told_in_the_reason() -> None:
    """Its message becomes the event's reason, and nothing was created after it."""

    def refuse(verb: str, logical_id: str) -> None:
        if (verb, logical_id) == ("create", "Group"):
            raise ResourceFailure("The maximum number of security groups has been reached.")

    with simulate(template(), provider=MemoryProvider(before=refuse)) as stack:
        assert stack.status == "ROLLBACK_COMPLETE"
        assert stack.history("Compute") == []
        assert stack.history("Group")[1] == (
            "CREATE_FAILED",
            "The maximum number of security groups has been reached.",
        )


def test_an_update_that_replaces_must_signal_again() -> None:
    """The old instance stays until the new one has signalled."""
    provider = MemoryProvider(replacing={"InstanceType"})
    with simulate(template(), provider=provider) as stack:
        stack.signal("Compute")
        old = stack.resource("Compute").physical_id
        stack.update(parameters={"InstanceType": "t3.small"})
        assert stack.status == "UPDATE_IN_PROGRESS"
        assert old in provider.existing
        stack.signal("Compute")
        assert stack.status == "UPDATE_COMPLETE"
        assert old not in provider.existing
        with pytest.raises(RequestRefused, match="No updates are to be performed"):
            stack.update()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path is read as a template is."""
    with pytest.raises(TemplateError, match="no such file"):
        simulate(tmp_path / "formation.json", provider=MemoryProvider())


def test_no_thread_is_started() -> None:
    """A simulation lives on its caller's thread."""
    before = threading.active_count()
    with begin() as stack:
        stack.advance(300)
        assert threading.active_count() == before
