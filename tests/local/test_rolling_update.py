"""A rolling update of an Auto Scaling group whose guests signal by themselves."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.stack import Stack, StackSpec
from harness.template import Template
from harness.waiting import LOCAL_PACE

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

LIMIT = 600.0
SIGNALLING = Path(__file__).with_name("signalling.json")


def fleet() -> str:
    """The instance that does nothing but signal, as a group of two; ``Before`` makes a new one."""
    body = json.loads(SIGNALLING.read_text().replace("=Compute ", "=Fleet "))
    data = body["Resources"]["Compute"]["Properties"]
    version = {"Fn::GetAtt": ["Launch", "LatestVersionNumber"]}
    signals = {"WaitOnResourceSignals": True, "PauseTime": "PT5M"}
    body["Resources"] = {
        "Launch": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}},
        "Fleet": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "CreationPolicy": {"ResourceSignal": {"Count": 2, "Timeout": "PT5M"}},
            "UpdatePolicy": {"AutoScalingRollingUpdate": {**signals, "MinInstancesInService": 1}},
            "Properties": {
                "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Launch"}, "Version": version},
                "AvailabilityZones": ["us-east-1a"],
                "MinSize": "2",
                "MaxSize": "3",
            },
        },
    }
    body["Outputs"] = {"Name": {"Value": {"Ref": "Fleet"}}}
    return json.dumps(body)


def test_guests_of_a_group_are_replaced_one_after_the_other(site: Site) -> None:
    """Each new one has signalled before the next old one goes."""
    cloudformation = site.target.client("cloudformation")
    autoscaling = site.target.client("autoscaling")
    spec = StackSpec(name=f"roll-{uuid.uuid4().hex[:8]}", template=Template.parse(fleet()))
    stack = Stack.create(cloudformation, spec, pace=LOCAL_PACE)

    def members() -> list[str]:
        named = [stack.outputs["Name"]]
        found: Any = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=named)
        return [one["InstanceId"] for one in found["AutoScalingGroups"][0]["Instances"]]

    try:
        stack.wait("CREATE_COMPLETE", limit=LIMIT)
        old = members()
        assert len(old) == 2
        cloudformation.update_stack(
            StackName=stack.name,
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": "Before", "ParameterValue": "echo again"}],
        )
        stack.wait("UPDATE_COMPLETE", limit=LIMIT)
        new = members()
        assert len(new) == 2
        assert not {*old} & {*new}
        order = [
            words
            for event in stack.events()
            for words in [event.reason.partition(" (Progress")[0]]
            if event.logical_id == "Fleet" and words.startswith(("Success", "Received"))
        ]
        assert order == [
            *(f"Received SUCCESS signal with UniqueId {one}" for one in _as_told(order, old)),
            f"Successfully terminated instance(s) [{old[0]}]",
            f"Received SUCCESS signal with UniqueId {new[0]}",
            f"Successfully terminated instance(s) [{old[1]}]",
            f"Received SUCCESS signal with UniqueId {new[1]}",
        ]
    finally:
        cloudformation.delete_stack(StackName=stack.name)
        stack.delete(limit=LIMIT)


def _as_told(order: list[str], instances: list[str]) -> list[str]:
    """The instances in the order in which their first signals came."""
    return sorted(instances, key=lambda one: [one in line for line in order].index(True))
