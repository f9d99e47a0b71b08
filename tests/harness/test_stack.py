"""A stack as a client of CloudFormation sees it, against scripted answers on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from harness.errors import LeakError, StackError, StackFailed, StackTimeout
from harness.stack import Observation, Stack, StackSpec, root_cause
from harness.template import Template
from harness.waiting import Clock, Pace

pytestmark = pytest.mark.selftest

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"
PACE = Pace(first=1.0, ceiling=5.0, jitter=0.0, patience=20.0)
TEMPLATE = Template.parse(
    json.dumps(
        {
            "Resources": {
                "Compute": {
                    "Type": "AWS::EC2::Instance",
                    "CreationPolicy": {"ResourceSignal": {"Timeout": "PT2M"}},
                },
                "Bare": {"Type": "AWS::EC2::Instance", "CreationPolicy": {"ResourceSignal": {}}},
                "Group": {"Type": "AWS::EC2::SecurityGroup"},
            }
        }
    )
)


def event(number: int, logical_id: str, status: str, reason: str = "") -> dict[str, Any]:
    of_stack = logical_id == "s"
    return {
        "StackId": STACK_ID,
        "EventId": str(number),
        "Timestamp": BEGAN + timedelta(seconds=number),
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": STACK_ID if of_stack else f"id-{logical_id}",
        "ResourceType": "AWS::CloudFormation::Stack" if of_stack else "AWS::EC2::Instance",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def absent() -> ClientError:
    error: Any = {"Error": {"Code": "ValidationError", "Message": "Stack s does not exist"}}
    return ClientError(error, "DescribeStacks")


def throttled() -> ClientError:
    error: Any = {"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}
    return ClientError(error, "DescribeStacks")


@dataclass
class CloudFormation:
    """Answers with a script: at a second, a status and the events up to then."""

    script: Mapping[float, tuple[str, Sequence[dict[str, Any]]]]
    faults: list[Exception] = field(default_factory=list)
    on_delete: Callable[[CloudFormation], None] = lambda _: None
    resources: list[dict[str, str]] = field(default_factory=list)
    now: float = 0.0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gone: bool = False
    outputs: Mapping[str, str] = field(default_factory=lambda: {"Name": "value"})
    meta = SimpleNamespace(region_name="us-east-1")

    @property
    def clock(self) -> Clock:
        """Time that passes only by waiting."""

        def sleep(seconds: float) -> None:
            self.now += seconds

        return Clock(lambda: self.now, sleep)

    def state(self) -> tuple[str, Sequence[dict[str, Any]]]:
        return self.script[max(second for second in self.script if second <= self.now)]

    def _answer(self, name: str, arguments: dict[str, Any]) -> None:
        self.calls.append((name, arguments))
        if self.faults:
            raise self.faults.pop(0)

    def create_stack(self, **arguments: Any) -> dict[str, str]:  # noqa: ANN401 - as boto3's
        self._answer("create_stack", arguments)
        return {"StackId": STACK_ID}

    def delete_stack(self, **arguments: Any) -> None:  # noqa: ANN401 - as boto3's
        self._answer("delete_stack", arguments)
        self.on_delete(self)

    def describe_stacks(self, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3's
        self._answer("describe_stacks", arguments)
        if self.gone:
            raise absent()
        outputs = [{"OutputKey": key, "OutputValue": one} for key, one in self.outputs.items()]
        description = {"StackId": STACK_ID, "StackName": "s", "StackStatus": self.state()[0]}
        return {"Stacks": [{**description, "Outputs": outputs}]}

    def get_paginator(self, name: str) -> Any:  # noqa: ANN401 - as boto3's
        def paginate(**_: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as boto3's
            if name == "list_stack_resources":
                yield {"StackResourceSummaries": self.resources}
                return
            newest_first = list(reversed(self.state()[1]))
            for start in range(0, len(newest_first), 2):  # pages of two
                yield {"StackEvents": newest_first[start : start + 2]}

        return SimpleNamespace(paginate=paginate)

    def stack(self) -> Stack:
        client: Any = self
        return Stack(client, STACK_ID, "s", pace=PACE, clock=self.clock)


def test_a_stack_is_created_with_all_that_was_asked_for() -> None:
    """The request carries parameters, tags, capabilities, the failure mode, and the token."""
    cloud: Any = CloudFormation({0: ("CREATE_IN_PROGRESS", [])})
    spec = StackSpec(
        "s",
        TEMPLATE,
        {"KeyName": "k"},
        {"harness:run": "r"},
        capabilities=("CAPABILITY_IAM",),
        token="t",
    )
    stack = Stack.create(cloud, spec, pace=PACE, clock=cloud.clock)
    ((name, request),) = cloud.calls
    assert stack.id == STACK_ID
    assert name == "create_stack"
    assert request == {
        "StackName": "s",
        "TemplateBody": TEMPLATE.text,
        "OnFailure": "DO_NOTHING",
        "Parameters": [{"ParameterKey": "KeyName", "ParameterValue": "k"}],
        "Tags": [{"Key": "harness:run", "Value": "r"}],
        "Capabilities": ["CAPABILITY_IAM"],
        "ClientRequestToken": "t",
    }


def test_a_throttled_create_is_repeated() -> None:
    """The token makes the second request harmless, should the first have arrived."""
    cloud: Any = CloudFormation({0: ("CREATE_IN_PROGRESS", [])}, faults=[throttled()])
    Stack.create(cloud, StackSpec("s", TEMPLATE), pace=PACE, clock=cloud.clock)
    assert [name for name, _ in cloud.calls] == ["create_stack", "create_stack"]


def test_a_refused_create_says_it_in_cloudformations_words() -> None:
    """A ValidationError is not tried again, and its message is handed on."""
    fault: Any = {"Error": {"Code": "ValidationError", "Message": "Parameter KeyName is missing"}}
    cloud: Any = CloudFormation({}, faults=[ClientError(fault, "CreateStack")])
    with pytest.raises(StackFailed, match="Parameter KeyName is missing"):
        Stack.create(cloud, StackSpec("s", TEMPLATE), pace=PACE, clock=cloud.clock)


@pytest.mark.parametrize(
    "fault",
    [
        ClientError(
            {
                "Error": {"Code": "InternalFailure", "Message": "try later"},
                "ResponseMetadata": {"HTTPStatusCode": 500},  # type: ignore[typeddict-item]
            },
            "CreateStack",
        ),
        ReadTimeoutError(endpoint_url="https://cloudformation"),
    ],
)
def test_a_create_that_was_not_refused_may_have_been_taken(fault: Exception) -> None:
    """Whoever has to delete it must not take it for one that never was."""
    cloud: Any = CloudFormation({}, faults=[fault] * 99)
    with pytest.raises(StackError, match="cannot be told") as raised:
        Stack.create(cloud, StackSpec("s", TEMPLATE), pace=PACE, clock=cloud.clock)
    assert not isinstance(raised.value, StackFailed)


def test_what_could_not_be_sent_was_not_taken() -> None:
    """Nobody looks for a stack that CloudFormation has never heard of."""
    cloud: Any = CloudFormation({}, faults=[NoCredentialsError()])
    with pytest.raises(StackFailed, match="could not be sent: Unable to locate credentials"):
        Stack.create(cloud, StackSpec("s", TEMPLATE), pace=PACE, clock=cloud.clock)


def test_a_quota_is_no_throttling() -> None:
    """It does not pass by itself, and the remedy is said at once."""
    fault: Any = {"Error": {"Code": "LimitExceededException", "Message": "Limit for stacks"}}
    cloud: Any = CloudFormation({}, faults=[ClientError(fault, "CreateStack")])
    with pytest.raises(StackFailed, match="Limit for stacks") as raised:
        Stack.create(cloud, StackSpec("s", TEMPLATE), pace=PACE, clock=cloud.clock)
    assert "delete stacks" in raised.value.remedy


def test_events_are_observed_once_and_in_order() -> None:
    """Each poll tells only what is new, oldest first, across pages."""
    early = [event(1, "s", "CREATE_IN_PROGRESS"), event(2, "Compute", "CREATE_IN_PROGRESS")]
    late = [event(n, "Compute", "CREATE_IN_PROGRESS") for n in (3, 4, 5)]
    done = event(6, "s", "CREATE_COMPLETE")
    cloud = CloudFormation(
        {
            0: ("CREATE_IN_PROGRESS", early),
            3: ("CREATE_IN_PROGRESS", early + late),
            9: ("CREATE_COMPLETE", [*early, *late, done]),
        }
    )
    seen: list[Observation] = []
    cloud.stack().wait("CREATE_COMPLETE", limit=60, observer=seen.append)
    assert [one.event.id for one in seen if one.event] == ["1", "2", "3", "4", "5", "6"]
    assert [one.elapsed for one in seen] == sorted(one.elapsed for one in seen)


def test_a_stack_is_asked_for_its_status_when_there_is_news() -> None:
    """Half the requests of a long wait are saved; events that do not come hold up nobody."""
    first = [event(1, "s", "CREATE_IN_PROGRESS")]
    silent = CloudFormation({0: ("CREATE_IN_PROGRESS", first), 50: ("CREATE_COMPLETE", first)})
    silent.stack().wait("CREATE_COMPLETE", limit=100)
    done = [*first, event(2, "s", "CREATE_COMPLETE")]
    told = CloudFormation({0: ("CREATE_IN_PROGRESS", first), 50: ("CREATE_COMPLETE", done)})
    told.stack().wait("CREATE_COMPLETE", limit=100)
    assert 50 <= told.now < 50 + PACE.ceiling
    assert 50 <= silent.now < 50 + 10 * PACE.ceiling
    asked = [name for name, _ in told.calls]
    assert asked.count("describe_stacks") < 50 / PACE.ceiling / 2


def test_a_failed_stack_names_the_root_cause_first() -> None:
    """Not the resources that CloudFormation cancelled because of it, nor the stack itself."""
    events = [
        event(1, "s", "CREATE_IN_PROGRESS"),
        event(2, "Other", "CREATE_FAILED", "Resource creation cancelled"),
        event(3, "Compute", "CREATE_FAILED", "Received FAILURE signal with UniqueId i-1"),
        event(4, "s", "CREATE_FAILED", "The following resource(s) failed to create: [Compute]."),
    ]
    cloud = CloudFormation({0: ("CREATE_FAILED", events)})
    with pytest.raises(StackFailed) as raised:
        cloud.stack().wait("CREATE_COMPLETE", limit=60)
    assert raised.value.status == "CREATE_FAILED"
    assert "Compute (AWS::EC2::Instance) CREATE_FAILED: Received FAILURE signal" in str(
        raised.value
    )
    assert [one.id for one in raised.value.events] == ["1", "2", "3", "4"]  # type: ignore[attr-defined]  # StackEvents


def test_a_failure_of_the_stack_alone_is_still_a_cause() -> None:
    """Where no resource failed, the stack's own words stand."""
    cloud = CloudFormation({0: ("ROLLBACK_COMPLETE", [event(1, "s", "ROLLBACK_FAILED", "Why")])})
    assert root_cause(cloud.stack().events()).endswith("ROLLBACK_FAILED: Why")
    assert root_cause([]) == ""


def test_a_nested_stack_that_failed_is_the_cause() -> None:
    """It is a resource of this stack, though its events look like a stack's."""
    nested = {**event(1, "Inner", "CREATE_FAILED", "inside"), "PhysicalResourceId": f"{STACK_ID}2"}
    nested["ResourceType"] = "AWS::CloudFormation::Stack"
    cloud = CloudFormation({0: ("CREATE_FAILED", [nested, event(2, "s", "CREATE_FAILED", "it")])})
    assert root_cause(cloud.stack().events()).endswith("CREATE_FAILED: inside")


def test_waiting_has_a_limit() -> None:
    """A stack that stays under way is told apart from one that failed."""
    cloud = CloudFormation({0: ("CREATE_IN_PROGRESS", [])})
    with pytest.raises(StackTimeout, match="CREATE_IN_PROGRESS for 30 s"):
        cloud.stack().wait("CREATE_COMPLETE", limit=30)
    assert cloud.now == pytest.approx(30)


def test_a_rollback_is_awaited_to_its_end() -> None:
    """ROLLBACK_IN_PROGRESS is under way; ROLLBACK_COMPLETE is another end than the wanted one."""
    cloud = CloudFormation({0: ("ROLLBACK_IN_PROGRESS", []), 7: ("ROLLBACK_COMPLETE", [])})
    with pytest.raises(StackFailed, match="ROLLBACK_COMPLETE, not CREATE_COMPLETE"):
        cloud.stack().wait("CREATE_COMPLETE", limit=60)
    assert cloud.now >= 7


def test_deleting_what_is_gone_is_harmless() -> None:
    """No error, and nothing retained."""
    cloud = CloudFormation({0: ("DELETE_COMPLETE", [])}, gone=True)
    assert cloud.stack().delete(limit=60) == ()


def _deleted_at(attempt: int) -> Callable[[CloudFormation], None]:
    def on_delete(cloud: CloudFormation) -> None:
        deletes = [arguments for name, arguments in cloud.calls if name == "delete_stack"]
        status = "DELETE_COMPLETE" if len(deletes) >= attempt else "DELETE_FAILED"
        cloud.script = {0: (status, [event(9, "Compute", status, "has dependents")])}

    return on_delete


def test_a_failed_delete_is_tried_again() -> None:
    """DELETE_FAILED once, then it goes: nothing was retained."""
    cloud = CloudFormation({0: ("CREATE_COMPLETE", [])}, on_delete=_deleted_at(2))
    assert cloud.stack().delete(limit=600) == ()


def test_what_cannot_be_deleted_is_retained_and_reported() -> None:
    """The last attempt retains the resources that are stuck, so that the stack at least goes."""
    stuck = {
        "LogicalResourceId": "Compute",
        "PhysicalResourceId": "i-1",
        "ResourceType": "AWS::EC2::Instance",
        "ResourceStatus": "DELETE_FAILED",
    }
    cloud = CloudFormation(
        {0: ("CREATE_COMPLETE", [])}, on_delete=_deleted_at(4), resources=[stuck]
    )
    (retained,) = cloud.stack().delete(limit=600)
    assert retained.physical_id == "i-1"
    deletes = [arguments for name, arguments in cloud.calls if name == "delete_stack"]
    assert [one.get("RetainResources") for one in deletes] == [None, None, None, ["Compute"]]


def test_a_stack_that_stays_is_a_leak_with_the_command_that_removes_it() -> None:
    """Never green: the error names the stack, the cause, and what to type."""
    cloud = CloudFormation({0: ("CREATE_COMPLETE", [])}, on_delete=_deleted_at(99))
    with pytest.raises(LeakError, match="has dependents") as raised:
        cloud.stack().delete(limit=600)
    assert "aws cloudformation delete-stack --region us-east-1 --stack-name" in str(raised.value)


def test_outputs_are_read_by_key() -> None:
    """As the template names them; that there are none yet is not remembered."""
    cloud = CloudFormation({0: ("CREATE_COMPLETE", [])}, outputs={})
    stack = cloud.stack()
    assert stack.outputs == {}
    cloud.outputs = {"Name": "value"}
    assert stack.outputs == {"Name": "value"}
    cloud.outputs = {}
    assert stack.outputs == {"Name": "value"}


def test_attaching_to_no_stack_is_refused() -> None:
    """Reuse names a stack that must be there."""
    cloud: Any = CloudFormation({0: ("CREATE_COMPLETE", [])}, gone=True)
    with pytest.raises(StackFailed, match="there is no stack s"):
        Stack.attach(cloud, "s", pace=PACE)
