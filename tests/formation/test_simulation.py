"""How the stack ends, by CloudFormation's own rules, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from harness.cloudformation.refusal import RequestRefused
from harness.moto_models import moto_account
from harness.simulate import Simulation
from harness.template import Template

pytestmark = pytest.mark.unit

PARAMETERS = {"KeyName": "mine", "SshCidr": "203.0.113.7/32"}
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
ROLLED_BACK = [
    "CREATE_IN_PROGRESS",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
]
Create = Callable[..., Simulation]
Client = Any
"""A client of boto3, which makes them at run time."""


@pytest.fixture(scope="module")
def ec2() -> Iterator[Any]:
    """EC2 in an account of moto's that has the key pair ``mine``; the stacks share it."""
    with moto_account():
        client: Client = boto3.client("ec2", region_name="us-east-1")
        client.import_key_pair(KeyName="mine", PublicKeyMaterial=PUBLIC_KEY)
        yield client


@pytest.fixture
def create(template: Template, simulate: Create, ec2: Client) -> Create:  # noqa: ARG001 - the stacks' account
    """Begins stacks of the template."""

    def begin(body: Template = template, **parameters: str) -> Simulation:
        return simulate(body, {**PARAMETERS, **parameters}, stack_name="demo")

    return begin


def statuses(stack: Simulation, logical_id: str) -> list[str]:
    return [status for status, _ in stack.history(logical_id)]


def instance_of(stack: Simulation, ec2: Client) -> dict[str, Any]:
    """The instance as EC2 describes it."""
    wanted = [stack.resource("Compute").physical_id]
    (reservation,) = ec2.describe_instances(InstanceIds=wanted)["Reservations"]
    (instance,) = reservation["Instances"]
    return dict(instance)


def with_policy(template: Template, policy: dict[str, Any]) -> Template:
    body = {**template.body, "Resources": dict(template.body["Resources"])}
    body["Resources"]["Compute"] = {**body["Resources"]["Compute"], "CreationPolicy": policy}
    return Template(body=body, text=template.text)


def test_waits_for_the_signal(create: Create) -> None:
    """The instance runs, and yet the stack is not complete."""
    stack = create()
    stack.advance(299)
    assert stack.status == "CREATE_IN_PROGRESS"
    assert statuses(stack, "InstanceSecurityGroup")[-1] == "CREATE_COMPLETE"
    assert statuses(stack, "Compute")[-1] == "CREATE_IN_PROGRESS"


def test_one_success_completes_it(create: Create) -> None:
    """The signal is noted with its sender, the instance."""
    stack = create()
    stack.signal("Compute")
    assert stack.status == "CREATE_COMPLETE"
    instance = stack.resource("Compute").physical_id
    assert ("CREATE_IN_PROGRESS", f"Received SUCCESS signal with UniqueId {instance}") in (
        stack.history("Compute")
    )
    assert statuses(stack, "Compute")[-1] == "CREATE_COMPLETE"


def test_outputs_are_the_instances(create: Create, ec2: Client) -> None:
    """What the stack promises is there once it is complete."""
    stack = create()
    stack.signal("Compute")
    outputs = stack.outputs
    instance = instance_of(stack, ec2)
    assert outputs == {
        "InstanceId": instance["InstanceId"],
        "PublicDnsName": instance["PublicDnsName"],
        "PublicIp": instance["PublicIpAddress"],
        "SshCommand": f"ssh ubuntu@{instance['PublicIpAddress']}",
    }


def test_instance_is_made_as_asked(create: Create, ec2: Client) -> None:
    """Type, key pair, security group and user data arrive at EC2."""
    stack = create(InstanceType="t3.small")
    instance = instance_of(stack, ec2)
    assert instance["InstanceType"] == "t3.small"
    assert instance["KeyName"] == "mine"
    wanted = [one["GroupId"] for one in instance["SecurityGroups"]]
    (group,) = ec2.describe_security_groups(GroupIds=wanted)["SecurityGroups"]
    assert group["Description"] == "SSH from SshCidr, nothing else in"
    (rule,) = group["IpPermissions"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 22, 22)
    assert [one["CidrIp"] for one in rule["IpRanges"]] == ["203.0.113.7/32"]
    assert {"Key": "Name", "Value": "demo"} in instance["Tags"]


def test_failure_rolls_back_at_once(create: Create) -> None:
    """No waiting for the timeout; the reason names the sender."""
    stack = create()
    stack.advance(20)
    instance = stack.resource("Compute").physical_id
    stack.signal("Compute", status="FAILURE")
    assert stack.status == "ROLLBACK_COMPLETE"
    assert statuses(stack, "demo") == ROLLED_BACK
    failed = [reason for status, reason in stack.history("Compute") if status == "CREATE_FAILED"]
    assert failed == [f"Received FAILURE signal with UniqueId {instance}"]
    assert (
        "ROLLBACK_IN_PROGRESS",
        "The following resource(s) failed to create: [Compute]. Rollback requested by user.",
    ) in stack.history("demo")


def test_silence_rolls_back_after_five_minutes(create: Create) -> None:
    """Not a second earlier; the reason says what did not come."""
    stack = create()
    stack.advance(300)
    assert stack.status == "ROLLBACK_COMPLETE"
    failed = [reason for status, reason in stack.history("Compute") if status == "CREATE_FAILED"]
    assert failed == ["Failed to receive 1 resource signal(s) within the specified duration"]


def test_rollback_goes_backwards(create: Create) -> None:
    """The instance goes before the security group that it uses."""
    stack = create()
    stack.signal("Compute", status="FAILURE")
    deleted = [one.logical_id for one in stack.events if one.status == "DELETE_COMPLETE"]
    assert deleted == ["Compute", "InstanceSecurityGroup"]


def test_signal_for_another_resource_is_refused(create: Create) -> None:
    """It does not count for the instance."""
    stack = create()
    with pytest.raises(RequestRefused) as refused:
        stack.signal("InstanceSecurityGroup")
    assert refused.value.code == "ValidationError"
    with pytest.raises(RequestRefused):
        stack.signal("Nobody", unique_id="i-1")
    assert stack.status == "CREATE_IN_PROGRESS"
    stack.advance(300)
    assert stack.status == "ROLLBACK_COMPLETE"


def test_one_sender_counts_once(create: Create, template: Template) -> None:
    """Where two signals are needed, the same UniqueId twice is one."""
    policy = {"ResourceSignal": {"Count": 2, "Timeout": "PT5M"}}
    stack = create(with_policy(template, policy))
    stack.signal("Compute", unique_id="first")
    stack.signal("Compute", unique_id="first")
    assert stack.status == "CREATE_IN_PROGRESS"
    stack.signal("Compute", unique_id="second")
    assert stack.status == "CREATE_COMPLETE"


def test_one_of_two_is_not_enough(create: Create, template: Template) -> None:
    """The duplicate does not save the stack from its timeout."""
    policy = {"ResourceSignal": {"Count": 2, "Timeout": "PT5M"}}
    stack = create(with_policy(template, policy))
    stack.signal("Compute", unique_id="first")
    stack.signal("Compute", unique_id="first")
    stack.advance(300)
    assert stack.status == "ROLLBACK_COMPLETE"
    failed = [reason for status, reason in stack.history("Compute") if status == "CREATE_FAILED"]
    assert len(failed) == 1
    assert "within the specified duration" in failed[0]


def test_late_signal_is_refused(create: Create) -> None:
    """After the timeout nothing brings the stack back."""
    stack = create()
    stack.advance(300)
    with pytest.raises(RequestRefused) as refused:
        stack.signal("Compute", unique_id="i-late")
    assert refused.value.code == "ValidationError"
    assert stack.status == "ROLLBACK_COMPLETE"


def test_second_signal_is_refused(create: Create) -> None:
    """A complete resource waits for nothing, and stays complete."""
    stack = create()
    stack.signal("Compute")
    with pytest.raises(RequestRefused):
        stack.signal("Compute", status="FAILURE")
    assert stack.status == "CREATE_COMPLETE"


def test_instance_that_dies_fails_the_stack(create: Create) -> None:
    """Nobody is left who could signal."""
    stack = create()
    stack.lose("Compute")
    assert stack.status == "ROLLBACK_COMPLETE", "at once, and not when the time is up"


def test_deletes_everything(create: Create, ec2: Client) -> None:
    """Nothing of a complete stack stays."""
    stack = create()
    stack.signal("Compute")
    stack.delete()
    assert stack.status == "DELETE_COMPLETE"
    assert instance_of(stack, ec2)["State"]["Name"] == "terminated"


def test_unknown_key_pair_ends_in_a_rollback(create: Create) -> None:
    """CloudFormation looks for it when it begins, and creates nothing without it."""
    stack = create(KeyName="nobodys")
    assert stack.status == "ROLLBACK_COMPLETE"
    assert any(
        "parameter value nobodys for parameter name KeyName does not exist" in reason
        for _, reason in stack.history("demo")
    )
    assert not [one for one in stack.events if one.logical_id == "Compute"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"InstanceType": "p5.48xlarge"}, "must be t3.micro"),
        ({"InstanceType": ""}, "InstanceType"),
        ({"SshCidr": "anywhere"}, "must be an IPv4 block"),
        ({"SshCidr": "203.0.113.7"}, "must be an IPv4 block"),
        ({"SshCidr": "203.0.113.7/33"}, "must be an IPv4 block"),
        (
            {"ImageId": "/aws/service/nobody/knows"},
            r"Unable to fetch parameters \[/aws/service/nobody",
        ),
        ({"Nobody": "1"}, r"\[Nobody\] do not exist in the template"),
    ],
)
def test_wrong_parameters_are_refused(
    create: Create, parameters: dict[str, str], message: str
) -> None:
    """CreateStack itself says no, in AWS's words, and there is no stack."""
    with pytest.raises(RequestRefused, match=message) as refused:
        create(**parameters)
    assert refused.value.code == "ValidationError"


@pytest.mark.parametrize("missing", ["KeyName", "SshCidr"])
def test_parameters_without_default_are_needed(
    template: Template, simulate: Create, missing: str
) -> None:
    """Leaving one out is refused, too."""
    given = {name: value for name, value in PARAMETERS.items() if name != missing}
    with pytest.raises(RequestRefused, match=rf"Parameters: \[{missing}\] must have values"):
        simulate(template, given)
