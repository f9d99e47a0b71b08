"""Auto Scaling groups that clients change: each instance is a guest with all the group says."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Machine

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

SCRIPT = "#!/bin/sh\necho from the template > /run/mark\n"


@dataclass(frozen=True)
class Group:
    """A group under test."""

    site: Site
    name: str

    @property
    def autoscaling(self) -> Any:  # noqa: ANN401 - boto3 makes clients at run time
        return self.site.target.client("autoscaling")

    def describe(self) -> dict[str, Any]:
        found = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])
        described: dict[str, Any] = found["AutoScalingGroups"][0]
        return described

    def machines(self) -> list[Machine]:
        return [
            Machine(self.site, one["InstanceId"], self.site.key, "ubuntu")
            for one in self.describe()["Instances"]
        ]

    def resize(self, count: int) -> None:
        self.autoscaling.set_desired_capacity(AutoScalingGroupName=self.name, DesiredCapacity=count)


@contextlib.contextmanager
def group_of_one(site: Site) -> Iterator[Group]:
    """A group that a client makes, of a launch template that a client makes."""
    group = Group(site, f"asg-{uuid.uuid4().hex[:8]}")
    with site.group(22) as security_group:
        data = {
            "ImageId": site.ami,
            "InstanceType": "t3.micro",
            "KeyName": site.key.name,
            "SecurityGroupIds": [security_group],
            "UserData": base64.b64encode(SCRIPT.encode()).decode(),
        }
        site.ec2.create_launch_template(LaunchTemplateName=group.name, LaunchTemplateData=data)
        group.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=group.name,
            LaunchTemplate={"LaunchTemplateName": group.name, "Version": "$Latest"},
            AvailabilityZones=["us-east-1a"],
            MinSize=1,
            MaxSize=2,
            Tags=[{"Key": "Name", "Value": "ours", "PropagateAtLaunch": True}],
        )
        launched = group.machines()
        try:
            yield group
        finally:
            launched += group.machines()
            group.autoscaling.delete_auto_scaling_group(
                AutoScalingGroupName=group.name, ForceDelete=True
            )
            for machine in launched:
                machine.wait_for("terminated")
            site.ec2.delete_launch_template(LaunchTemplateName=group.name)


def test_what_a_client_asks_for_is_launched_like_what_a_stack_asks_for(site: Site) -> None:
    """More, fewer, and one in the place of one that was terminated; each with key and user data."""
    with group_of_one(site) as group:
        (first,) = group.machines()
        group.resize(2)
        both = group.machines()
        assert len(both) == 2
        for machine in both:
            machine.wait_for("running")
            assert machine.run("cat /run/mark") == "from the template"
            tags = {one["Key"]: one["Value"] for one in machine.describe()["Tags"]}
            assert (tags["Name"], tags["aws:autoscaling:groupName"]) == ("ours", group.name)

        site.ec2.terminate_instances(InstanceIds=[first.id])
        first.wait_for("terminated")
        replaced = group.machines()
        assert len(replaced) == 2
        assert first.id not in {machine.id for machine in replaced}
        for machine in replaced:
            machine.wait_for("running")

        group.resize(1)
        (last,) = group.machines()
        for machine in replaced:
            machine.wait_for("running" if machine.id == last.id else "terminated")

        for beyond, words in ((3, "above max value 2"), (0, "below min value 1")):
            with pytest.raises(ClientError, match=f"SetDesiredCapacity value {beyond} is {words}"):
                group.resize(beyond)
