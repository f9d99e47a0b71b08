"""The ways in which the stack must fail, each seen in a guest that boots."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from harness.cloud.engine import INSTANCE_LABEL, ContainerEngine
from harness.cloudformation.unsupported import ACCEPTED
from harness.deployment import Deployment
from harness.embed import user_data
from harness.errors import StackFailed, UnreachableError
from harness.run import Run
from harness.stack import Stack
from harness.target import Target
from harness.template import Template
from harness.waiting import LOCAL_PACE, Deadline

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[2]
LIMIT = 240.0
CreateStack = Callable[..., AbstractContextManager[Deployment]]


@pytest.fixture
def script() -> str:
    return (ROOT / "provision.sh").read_text()


def changed(
    template: Template, script: str, *, timeout: str = "PT5M", **properties: object
) -> Template:
    """The template with another script, another timeout, other properties of its instance."""
    body = copy.deepcopy(dict(template.body))
    compute = body["Resources"]["Compute"]
    compute["Properties"]["UserData"] = user_data(script, "Compute")
    compute["Properties"].update(properties)
    compute["CreationPolicy"]["ResourceSignal"]["Timeout"] = timeout
    return Template.parse(json.dumps(body))


def before(script: str, line: str, inserted: str) -> str:
    """The script with a line inserted before one that it has once."""
    assert script.count(line) == 1
    return script.replace(line, f"{inserted}\n{line}")


def reasons(stack: Stack, logical_id: str) -> list[tuple[str, str]]:
    """Statuses and reasons of a resource as CloudFormation has them, oldest first."""
    return [
        (event.status, event.reason)
        for event in sorted(stack.events(), key=lambda event: event.when)
        if event.logical_id == logical_id and not event.reason.startswith(ACCEPTED)
    ]


def left_of(instance_id: str) -> list[str]:
    """Containers that stand for an instance, once its disk has had the time to be discarded."""
    deadline = Deadline(LIMIT)
    with ContainerEngine.connect("") as engine:
        while (found := engine.containers({INSTANCE_LABEL: instance_id})) and not deadline.over:
            deadline.pause(LOCAL_PACE.first)
    return found


def compute_id(deployment: Deployment) -> str:
    """The instance's id, from the events: the resource may be gone."""
    return next(
        event.physical_id
        for event in deployment.stack.events()
        if event.logical_id == "Compute" and event.physical_id
    )


INSTALL = """\
apt-get install --yes --no-install-recommends "${apt_options[@]}" \\
        default-jre-headless"""
APT_UPDATE = "tries=5"

SIGNAL_ONLY = r"""#!/bin/bash -e
# The protocol of cfn-signal, and nothing else.
imds() { curl -fsS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/$1"; }
token=$(curl -fsS -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" \
    http://169.254.169.254/latest/api/token)
document=$(imds dynamic/instance-identity/document | base64 --wrap=0)
signature=$(imds dynamic/instance-identity/signature | tr -d "\n")
curl -fsS -G -H "Authorization: CFN_V1 $document:$signature" \
    --data-urlencode Action=SignalResource --data-urlencode Version=2010-05-15 \
    --data-urlencode "StackName=$CFN_STACK" --data-urlencode "LogicalResourceId=$CFN_RESOURCE" \
    --data-urlencode Status=SUCCESS --data-urlencode "UniqueId=$(imds meta-data/instance-id)" \
    "https://cloudformation.$CFN_REGION.amazonaws.com/"
"""


def test_a_step_that_fails_after_the_helpers_are_there_is_signalled_at_once(
    create_stack: CreateStack, template: Template, script: str
) -> None:
    """FAILURE, and the stack rolls back long before its five minutes are over."""
    broken = before(script, INSTALL, "ls /no/such/folder")
    with create_stack(template=changed(template, broken), on_failure="ROLLBACK") as deployment:
        with pytest.raises(StackFailed) as failed:
            deployment.stack.wait("CREATE_COMPLETE", limit=LIMIT)
        instance_id = compute_id(deployment)
        assert f"Received FAILURE signal with UniqueId {instance_id}" in str(failed.value)
        deployment.stack.wait("ROLLBACK_COMPLETE", limit=LIMIT)
        history = reasons(deployment.stack, "Compute")
        assert [status for status, _ in history] == [
            "CREATE_IN_PROGRESS",
            "CREATE_IN_PROGRESS",
            "CREATE_FAILED",
            "DELETE_IN_PROGRESS",
            "DELETE_COMPLETE",
        ]
        assert history[2][1] == f"Received FAILURE signal with UniqueId {instance_id}"
        assert left_of(instance_id) == []


def test_a_step_that_fails_before_the_helpers_are_there_runs_into_the_timeout(
    create_stack: CreateStack, template: Template, script: str
) -> None:
    """Nobody can signal, so that only the timeout ends it."""
    broken = before(script, APT_UPDATE, "ls /no/such/folder")
    short = changed(template, broken, timeout="PT15S")
    with create_stack(template=short, on_failure="ROLLBACK") as deployment:
        with pytest.raises(StackFailed) as failed:
            deployment.stack.wait("CREATE_COMPLETE", limit=LIMIT)
        assert "Failed to receive 1 resource signal(s) within the specified duration" in str(
            failed.value
        )
        deployment.stack.wait("ROLLBACK_COMPLETE", limit=LIMIT)
        assert left_of(compute_id(deployment)) == []


def test_without_an_ingress_rule_the_login_fails_and_says_why(
    create_stack: CreateStack, template: Template, harness_run: Run
) -> None:
    """The stack itself completes; what keeps us out is the security group, and it is named."""
    body = copy.deepcopy(dict(changed(template, SIGNAL_ONLY).body))
    del body["Resources"]["InstanceSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    closed = Template.parse(json.dumps(body))
    with create_stack(template=closed) as deployment:
        deployment.stack.wait("CREATE_COMPLETE", limit=LIMIT)
        with pytest.raises(UnreachableError, match="security group"):
            harness_run.login(deployment)


def test_an_image_that_does_not_boot_fails_the_stack_at_once(
    create_stack: CreateStack, template: Template, script: str, target: Target
) -> None:
    """The reason says that the instance ended, not that a signal was missing."""
    ec2 = target.client("ec2")
    image_id = unbootable_image(ec2, target)
    body = copy.deepcopy(dict(changed(template, script).body))
    body["Parameters"]["ImageId"] = {"Type": "AWS::EC2::Image::Id", "Default": image_id}
    with create_stack(
        template=Template.parse(json.dumps(body)), on_failure="ROLLBACK"
    ) as deployment:
        with pytest.raises(StackFailed) as failed:
            deployment.stack.wait("CREATE_COMPLETE", limit=LIMIT)
        instance_id = compute_id(deployment)
        assert instance_id in str(failed.value)
        assert "exit code" in str(failed.value)
        deployment.stack.wait("ROLLBACK_COMPLETE", limit=LIMIT)
        assert left_of(instance_id) == []
    ec2.deregister_image(ImageId=image_id)


def unbootable_image(ec2: Any, target: Target) -> str:  # noqa: ANN401 - a boto3 client
    """An AMI of a guest that has destroyed its own init."""
    parameter = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    base = target.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    destroy = "#!/bin/sh\nrm -f /lib/systemd/systemd\nsync\npoweroff -f\n"
    launched = ec2.run_instances(
        ImageId=base, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=destroy
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    eventually_is(ec2, instance_id, "stopped")
    image_id: str = ec2.create_image(InstanceId=instance_id, Name="unbootable")["ImageId"]
    ec2.terminate_instances(InstanceIds=[instance_id])
    eventually_is(ec2, instance_id, "terminated")
    return image_id


def eventually_is(ec2: Any, instance_id: str, state: str) -> None:  # noqa: ANN401 - as above
    """Look until the instance is in that state; a boto3 waiter would not start from pending."""
    deadline = Deadline(LIMIT)
    while not deadline.over:
        (reservation,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        if reservation["Instances"][0]["State"]["Name"] == state:
            return
        deadline.pause(0.2)
    pytest.fail(f"{instance_id} is not {state} after {LIMIT} s")
