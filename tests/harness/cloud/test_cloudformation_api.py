"""The Query API, asked by boto3 itself; nothing goes over a network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, WaiterError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cloud.cloudformation_api import Caller, CloudFormationApi
from harness.cloud.query import Response
from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.unsupported import Unsupported
from harness.errors import UsageError

pytestmark = pytest.mark.selftest

SIMPLE = {
    "Description": "one network",
    "Resources": {"Net": {"Type": "AWS::EC2::VPC", "Metadata": {"a": [1, {"Ref": "AWS::Region"}]}}},
    "Outputs": {"Id": {"Value": {"Ref": "Net"}, "Description": "of the network"}},
}
WAITING = {
    "Resources": {
        "Compute": {
            "Type": "AWS::EC2::Instance",
            "CreationPolicy": {"ResourceSignal": {"Timeout": "PT1M"}},
        }
    }
}


class _Body:
    """What urllib3 would hand to botocore."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:  # noqa: ANN401 - urllib3's options
        yield self._content


class Cloud:
    """The API over an engine on a virtual clock, and a boto3 client that reaches it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.engine = StackEngine(
            MemoryProvider(replacing={"UserData"}), clock=self.clock, workers=InlineWorkers()
        )
        self.api = CloudFormationApi(lambda _: self.engine, self._fetch)
        # boto3-stubs would have every literal of a request typed.
        self.client = cast(
            "Any",
            boto3.client(
                "cloudformation",
                region_name="us-east-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            ),
        )
        self.client.meta.events.register("before-send.cloudformation.*", self._send)

    @staticmethod
    def _fetch(url: str) -> str:
        if url != "https://example.invalid/simple.json":
            raise UsageError(f"S3 error: {url} is not there")
        return json.dumps(SIMPLE)

    def _send(self, request: Any, **_: Any) -> AWSResponse:  # noqa: ANN401 - botocore's hook
        text = request.body.decode() if isinstance(request.body, bytes) else request.body
        form = dict(parse_qsl(text, keep_blank_values=True))
        answer = self.api.handle(form, region="us-east-1", caller=Caller("testing"))
        headers: Any = {"Content-Type": answer.content_type}
        return AWSResponse(request.url, answer.status, headers, _Body(answer.body))

    def ask(self, action: str, caller: Caller | None = None, **form: str) -> Response:
        return self.api.handle(
            {"Action": action, "Version": "2010-05-15", **form},
            region="us-east-1",
            caller=caller or Caller("testing"),
        )

    def ask_json(self, action: str, caller: Caller | None = None, **form: str) -> dict[str, Any]:
        answer = self.ask(action, caller, ContentType="JSON", **form)
        assert answer.content_type == "application/json"
        decoded: dict[str, Any] = json.loads(answer.body)
        return decoded

    def create(self, body: Mapping[str, Any] = SIMPLE, name: str = "demo", **more: Any) -> str:  # noqa: ANN401 - boto3's
        made = self.client.create_stack(StackName=name, TemplateBody=json.dumps(body), **more)
        return str(made["StackId"])


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    with made.engine:
        yield made


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_stack_as_boto3_sees_it(cloud: Cloud) -> None:
    """Created, waited for, described, deleted, waited for."""
    stack_id = cloud.create(
        Tags=[{"Key": "project", "Value": "<demo>"}],
        TimeoutInMinutes=5,
        Capabilities=["CAPABILITY_IAM"],
    )
    cloud.client.get_waiter("stack_create_complete").wait(StackName="demo")
    (stack,) = cloud.client.describe_stacks(StackName="demo")["Stacks"]
    assert stack["StackId"] == stack_id
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Description"] == "one network"
    assert stack["CreationTime"] == cloud.clock.now()
    assert stack["Tags"] == [{"Key": "project", "Value": "<demo>"}]
    assert stack["TimeoutInMinutes"] == 5
    assert stack["Capabilities"] == ["CAPABILITY_IAM"]
    assert stack["DisableRollback"] is False
    (physical_id,) = [one.physical_id for one in cloud.engine.resources("demo")]
    assert stack["Outputs"] == [
        {"OutputKey": "Id", "OutputValue": physical_id, "Description": "of the network"}
    ]
    cloud.client.delete_stack(StackName="demo")
    cloud.client.get_waiter("stack_delete_complete").wait(StackName=stack_id)
    with pytest.raises(ClientError) as error:
        cloud.client.describe_stacks(StackName="demo")
    assert refused(error) == ("ValidationError", "Stack with id demo does not exist")
    (deleted,) = cloud.client.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert deleted["StackId"] == stack_id
    assert deleted["DeletionTime"] >= deleted["CreationTime"]


def test_a_failed_stack_ends_the_waiter(cloud: Cloud) -> None:
    """ROLLBACK_COMPLETE is not what was waited for."""
    cloud.create(WAITING)
    cloud.clock.advance(60)
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        cloud.client.get_waiter("stack_create_complete").wait(StackName="demo")


def test_resources(cloud: Cloud) -> None:
    """By stack, by logical id, by physical id; metadata as JSON."""
    stack_id = cloud.create()
    detail = cloud.client.describe_stack_resource(StackName="demo", LogicalResourceId="Net")
    assert json.loads(detail["StackResourceDetail"]["Metadata"]) == {"a": [1, "us-east-1"]}
    assert detail["StackResourceDetail"]["StackId"] == stack_id
    physical_id = detail["StackResourceDetail"]["PhysicalResourceId"]
    (one,) = cloud.client.describe_stack_resources(PhysicalResourceId=physical_id)["StackResources"]
    assert (one["LogicalResourceId"], one["ResourceStatus"]) == ("Net", "CREATE_COMPLETE")
    (summary,) = cloud.client.list_stack_resources(StackName="demo")["StackResourceSummaries"]
    assert summary["ResourceType"] == "AWS::EC2::VPC"
    with pytest.raises(ClientError) as error:
        cloud.client.describe_stack_resource(StackName="demo", LogicalResourceId="Nope")
    assert refused(error) == ("ValidationError", "Resource Nope does not exist for stack demo")


def test_events_come_in_pages_that_do_not_shift(cloud: Cloud) -> None:
    """An event that comes between two pages neither repeats nor hides another."""
    cloud.create({"Resources": {f"N{number}": {"Type": "AWS::EC2::VPC"} for number in range(40)}})
    first = cloud.client.describe_stack_events(StackName="demo")
    assert len(first["StackEvents"]) == 100
    stack_id = first["StackEvents"][0]["StackId"]
    cloud.client.delete_stack(StackName="demo")
    second = cloud.client.describe_stack_events(StackName=stack_id, NextToken=first["NextToken"])
    seen = [event["EventId"] for event in first["StackEvents"] + second["StackEvents"]]
    assert len(seen) == len(set(seen)) == 122
    assert second["StackEvents"][-1]["ResourceStatusReason"] == "User Initiated"
    with pytest.raises(ClientError, match="Invalid NextToken"):
        cloud.client.describe_stack_events(StackName=stack_id, NextToken="nonsense")


def test_a_signal_completes_a_stack(cloud: Cloud) -> None:
    """By stack name or by stack id."""
    stack_id = cloud.create(WAITING)
    cloud.client.signal_resource(
        StackName=stack_id, LogicalResourceId="Compute", UniqueId="i-1", Status="SUCCESS"
    )
    assert cloud.engine.stack("demo").status == "CREATE_COMPLETE"
    with pytest.raises(ClientError) as error:
        cloud.client.signal_resource(
            StackName="demo", LogicalResourceId="Compute", UniqueId="i-1", Status="SUCCESS"
        )
    assert refused(error) == (
        "ValidationError",
        f"Stack {stack_id} is in CREATE_COMPLETE state and cannot be signaled",
    )


def test_helper_scripts_ask_for_json(cloud: Cloud) -> None:
    """An instance signals and reads its metadata by its identity document."""
    cloud.create(WAITING)
    (instance,) = [one.physical_id for one in cloud.engine.resources("demo")]
    of_it = Caller(instance_id=instance)
    detail = cloud.ask_json(
        "DescribeStackResource", of_it, StackName="demo", LogicalResourceId="Compute"
    )
    assert (
        detail["DescribeStackResourceResponse"]["DescribeStackResourceResult"][
            "StackResourceDetail"
        ]["PhysicalResourceId"]
        == instance
    )
    signal: dict[str, Any] = {
        "StackName": "demo",
        "LogicalResourceId": "Compute",
        "Status": "SUCCESS",
    }
    answer = cloud.ask_json("SignalResource", of_it, UniqueId=instance, **signal)
    assert list(answer) == ["SignalResourceResponse"]
    assert list(answer["SignalResourceResponse"]) == ["ResponseMetadata"]
    late = cloud.ask_json("SignalResource", of_it, UniqueId=instance, **signal)
    assert late["Error"]["Code"] == "ValidationError"


def test_an_instance_of_another_stack_is_refused(cloud: Cloud) -> None:
    """Whether it says so itself or a signal claims it; and it may ask for nothing else."""
    cloud.create(WAITING)
    cloud.create(WAITING, name="other")
    (stranger,) = [one.physical_id for one in cloud.engine.resources("other")]
    form: dict[str, Any] = {"StackName": "demo", "LogicalResourceId": "Compute"}
    signal = {**form, "Status": "SUCCESS"}
    own = cloud.ask("SignalResource", Caller(instance_id=stranger), UniqueId="x", **signal)
    assert (own.status, b"<Code>AccessDenied</Code>" in own.body) == (403, True)
    claimed = cloud.ask("SignalResource", UniqueId=stranger, **signal)
    assert (claimed.status, b"does not belong to stack demo" in claimed.body) == (400, True)
    assert cloud.ask("DescribeStackResource", Caller(instance_id=stranger), **form).status == 403
    assert cloud.ask("DeleteStack", Caller(instance_id=stranger), StackName="other").status == 403
    assert cloud.engine.stack("demo").status == "CREATE_IN_PROGRESS"


def test_an_instance_of_a_group_is_its_stacks(cloud: Cloud) -> None:
    """Though it is none of the stack's resources, it may signal for the group by its document."""
    group = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "CreationPolicy": {"ResourceSignal": {}},
        "Properties": {"MinSize": 1, "MaxSize": 1},
    }
    stack_id = cloud.create({"Resources": {"Fleet": group}})
    owners = {"i-0000000a": stack_id}
    api = CloudFormationApi(lambda _: cloud.engine, cloud._fetch, owners.get)

    def signal(instance_id: str) -> int:
        form = {"StackName": "demo", "LogicalResourceId": "Fleet", "Status": "SUCCESS"}
        return api.handle(
            {"Action": "SignalResource", **form, "UniqueId": instance_id},
            region="us-east-1",
            caller=Caller(instance_id=instance_id),
        ).status

    assert signal("i-0000000b") == 403
    assert signal("i-0000000a") == 200
    assert cloud.engine.stack("demo").status == "CREATE_COMPLETE"


def test_an_update_and_its_waiter(cloud: Cloud) -> None:
    """Previous values and templates are kept where that is asked."""
    body = {
        "Parameters": {"Name": {"Type": "String", "NoEcho": True}, "Size": {"Type": "Number"}},
        "Resources": {
            "Net": {
                "Type": "AWS::EC2::VPC",
                "Properties": {"Name": {"Ref": "Name"}, "Size": {"Ref": "Size"}},
            }
        },
    }

    def value(key: str, text: str) -> dict[str, Any]:
        return {"ParameterKey": key, "ParameterValue": text}

    cloud.create(body, Parameters=[value("Name", "secret"), value("Size", "1")])
    keep = {"ParameterKey": "Name", "UsePreviousValue": True}
    cloud.client.update_stack(
        StackName="demo", UsePreviousTemplate=True, Parameters=[keep, value("Size", "2")]
    )
    cloud.client.get_waiter("stack_update_complete").wait(StackName="demo")
    (stack,) = cloud.client.describe_stacks(StackName="demo")["Stacks"]
    assert stack["Parameters"] == [value("Name", "****"), value("Size", "2")]
    with pytest.raises(ClientError) as error:
        cloud.client.update_stack(
            StackName="demo", UsePreviousTemplate=True, Parameters=[keep, value("Size", "2")]
        )
    assert refused(error) == ("ValidationError", "No updates are to be performed.")


def test_a_deployment_by_change_set(cloud: Cloud) -> None:
    """The calls that ``aws cloudformation deploy`` makes, waiters included."""
    made = cloud.client.create_change_set(
        StackName="demo",
        ChangeSetName="deploy-1",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(SIMPLE),
        Description="by hand",
    )
    assert cloud.engine.stack("demo").status == "REVIEW_IN_PROGRESS"
    cloud.client.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"])
    described = cloud.client.describe_change_set(ChangeSetName=made["Id"])
    (change,) = described["Changes"]
    assert change["ResourceChange"]["Action"] == "Add"
    assert described["ExecutionStatus"] == "AVAILABLE"
    cloud.client.execute_change_set(ChangeSetName=made["Id"], StackName="demo")
    cloud.client.get_waiter("stack_create_complete").wait(StackName="demo")
    cloud.client.create_change_set(
        StackName="demo", ChangeSetName="deploy-2", TemplateBody=json.dumps(SIMPLE)
    )
    with pytest.raises(WaiterError) as error:
        cloud.client.get_waiter("change_set_create_complete").wait(
            ChangeSetName="deploy-2", StackName="demo"
        )
    assert "didn't contain changes" in error.value.last_response["StatusReason"]
    summaries = cloud.client.list_change_sets(StackName="demo")["Summaries"]
    assert [one["ChangeSetName"] for one in summaries] == ["deploy-1", "deploy-2"]
    cloud.client.delete_change_set(ChangeSetName="deploy-2", StackName="demo")
    with pytest.raises(ClientError) as missing:
        cloud.client.describe_change_set(ChangeSetName="deploy-2", StackName="demo")
    assert refused(missing)[0] == "ChangeSetNotFound"


def test_templates(cloud: Cloud) -> None:
    """Validated, summarised, fetched, handed back."""
    body = {
        "Parameters": {
            "Size": {
                "Type": "Number",
                "Default": 1,
                "AllowedValues": [1, 2],
                "Description": "of it",
            }
        },
        "Resources": {"Role": {"Type": "AWS::IAM::Role"}},
    }
    valid = cloud.client.validate_template(TemplateBody=json.dumps(body))
    assert valid["Parameters"] == [
        {"ParameterKey": "Size", "DefaultValue": "1", "NoEcho": False, "Description": "of it"}
    ]
    assert valid["Capabilities"] == ["CAPABILITY_IAM"]
    summary = cloud.client.get_template_summary(TemplateBody=json.dumps(body))
    assert summary["ResourceTypes"] == ["AWS::IAM::Role"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["1", "2"]}
    url = "https://example.invalid/simple.json"
    cloud.client.create_stack(StackName="demo", TemplateURL=url)
    assert cloud.client.get_template(StackName="demo")["TemplateBody"] == SIMPLE
    with pytest.raises(ClientError, match="is not there"):
        cloud.client.create_stack(StackName="other", TemplateURL="https://example.invalid/none")


def test_a_template_behind_a_url_may_be_larger(cloud: Cloud) -> None:
    """Up to a million bytes."""
    padding = {"Metadata": {"Padding": ""}}
    room = 1_000_000 - len(json.dumps({**SIMPLE, **padding}))
    texts = {
        str(more): json.dumps({**SIMPLE, "Metadata": {"Padding": "x" * (room + more)}})
        for more in (0, 1)
    }
    api = CloudFormationApi(lambda _: cloud.engine, lambda url: texts[url])

    def validate(url: str) -> bytes:
        form = {"Action": "ValidateTemplate", "Version": "2010-05-15", "TemplateURL": url}
        return api.handle(form, region="us-east-1", caller=Caller("testing")).body

    assert b"<Description>one network" in validate("0")
    assert b"<Message>Template may not exceed 1000000 bytes in size." in validate("1")


def test_no_answer_shows_a_no_echo_value(cloud: Cloud) -> None:
    """Whatever a client asks for, but outputs that hand it out."""
    body = {
        "Parameters": {"Secret": {"Type": "String", "NoEcho": True, "Default": "hunter2"}},
        "Resources": {"A": {"Type": "AWS::EC2::VPC", "Properties": {"P": {"Ref": "Secret"}}}},
    }
    given = [{"ParameterKey": "Secret", "ParameterValue": "correct-horse"}]
    cloud.create(body, Parameters=given)
    text = json.dumps(body)
    sent = {"StackName": "demo", "TemplateBody": text}
    other = {"Parameters.member.1.ParameterKey": "Secret"}
    other["Parameters.member.1.ParameterValue"] = "battery-staple"
    change_set = {"StackName": "demo", "ChangeSetName": "one"}
    answers = [
        cloud.ask("CreateChangeSet", None, **sent, **other, ChangeSetName="one"),
        cloud.ask("DescribeChangeSet", None, **change_set, IncludePropertyValues="true"),
        cloud.ask("DescribeStacks", StackName="demo"),
        cloud.ask("DescribeStackEvents", StackName="demo"),
        cloud.ask("DescribeStackResources", StackName="demo"),
        cloud.ask("DescribeStackResource", StackName="demo", LogicalResourceId="A"),
        cloud.ask("ListStackResources", StackName="demo"),
        cloud.ask("GetTemplateSummary", StackName="demo"),
        cloud.ask("ValidateTemplate", TemplateBody=text),
    ]
    assert [answer.status for answer in answers] == [200] * len(answers)
    shown = b"".join(answer.body for answer in answers)
    assert b"****" in shown
    for word in (b"hunter2", b"correct-horse", b"battery-staple"):
        assert word not in shown
    # A template is handed back as it was sent, with the default that is written in it.
    template = cloud.ask("GetTemplate", StackName="demo").body
    assert b"correct-horse" not in template


def test_account_limits(cloud: Cloud) -> None:
    """As AWS sets them by default."""
    limits = cloud.client.describe_account_limits()["AccountLimits"]
    assert {one["Name"]: one["Value"] for one in limits}["StackLimit"] == 2000


def test_stacks_by_status(cloud: Cloud) -> None:
    """Deleted stacks are listed too, and a filter leaves out the others."""
    cloud.create(name="first")
    cloud.create(name="second")
    cloud.client.delete_stack(StackName="first")

    def named(*statuses: str) -> list[str]:
        found = cloud.client.list_stacks(StackStatusFilter=[*statuses])["StackSummaries"]
        return [one["StackName"] for one in found]

    assert named("CREATE_COMPLETE") == ["second"]
    assert named("DELETE_COMPLETE") == ["first"]
    assert named("CREATE_COMPLETE", "DELETE_COMPLETE") == named() == ["second", "first"]
    answer = cloud.ask_json("ListStacks", None, **{"StackStatusFilter.member.1": "NOPE"})
    assert answer["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(("unique_id", "length"), [("", 0), ("x" * 65, 65)])
def test_a_unique_id_has_up_to_64_characters(cloud: Cloud, unique_id: str, length: int) -> None:
    """And at least one ("SignalResource")."""
    cloud.create()
    form = {"StackName": "demo", "LogicalResourceId": "A", "Status": "SUCCESS"}
    answer = cloud.ask_json("SignalResource", None, **form, UniqueId=unique_id)
    assert answer["Error"]["Code"] == "ValidationError"
    assert "'uniqueId' failed to satisfy constraint" in answer["Error"]["Message"]
    assert len(unique_id) == length


def test_exports_and_imports(cloud: Cloud) -> None:
    """Who exports, who imports, and that a name is not imported."""
    cloud.create({**SIMPLE, "Outputs": {"O": {"Value": "v", "Export": {"Name": "x"}}}})
    (export,) = cloud.client.list_exports()["Exports"]
    assert (export["Name"], export["Value"]) == ("x", "v")
    with pytest.raises(ClientError, match="Export 'x' is not imported by any stack"):
        cloud.client.list_imports(ExportName="x")
    user = {"Net": {"Type": "AWS::EC2::VPC", "Properties": {"P": {"Fn::ImportValue": "x"}}}}
    cloud.create({"Resources": user}, name="user")
    assert cloud.client.list_imports(ExportName="x")["Imports"] == ["user"]


REFUSED: list[tuple[str, dict[str, str], str, str]] = [
    ("", {}, "InvalidAction", "Could not find operation"),
    ("Nonsense", {}, "InvalidAction", "Could not find operation Nonsense for version 2010-05-15"),
    ("EstimateTemplateCost", {}, "UnsupportedOperation", "is not simulated"),
    (
        "CreateStack",
        {},
        "ValidationError",
        (
            "1 validation error detected: Value null at 'stackName' failed to satisfy constraint: "
            "Member must not be null"
        ),
    ),
    ("CreateStack", {"StackName": "a"}, "ValidationError", "Either Template URL or Template Body"),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "x" * 51201},
        "ValidationError",
        "Member must have length less than or equal to 51200",
    ),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "{}", "TimeoutInMinutes": "soon"},
        "ValidationError",
        "Value 'soon' at 'timeoutInMinutes' failed to satisfy constraint",
    ),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "{}", "TimeoutInMinutes": "0"},
        "ValidationError",
        "Member must have value greater than or equal to 1",
    ),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "{}", "DisableRollback": "maybe"},
        "ValidationError",
        "at 'disableRollback' failed to satisfy constraint",
    ),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "{}", "OnFailure": "DELETE", "DisableRollback": "true"},
        "ValidationError",
        "Either DisableRollback or OnFailure can be specified, not both.",
    ),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "{}", "RoleARN": "arn:aws:iam::123456789012:role/r"},
        "ValidationError",
        "Not simulated: RoleARN",
    ),
    (
        "CreateStack",
        {
            "StackName": "a",
            "TemplateBody": "{}",
            "Tags.member.1.Key": "aws:x",
            "Tags.member.1.Value": "v",
        },
        "ValidationError",
        "aws: prefixed tag key names are not allowed",
    ),
    (
        "CreateStack",
        {"StackName": "a", "TemplateBody": "{}", "Tags.member.1.Key": "x"},
        "ValidationError",
        "Value null at 'tags.1.member.value' failed to satisfy constraint",
    ),
    (
        "SignalResource",
        {"StackName": "a", "LogicalResourceId": "b", "UniqueId": "c", "Status": "OK"},
        "ValidationError",
        (
            "Value 'OK' at 'status' failed to satisfy constraint: "
            "Member must satisfy enum value set: [SUCCESS, FAILURE]"
        ),
    ),
    (
        "DescribeStackEvents",
        {"StackName": "a"},
        "ValidationError",
        "Stack with id a does not exist",
    ),
    (
        "UpdateStack",
        {"StackName": "a", "TemplateBody": "{}"},
        "ValidationError",
        "Stack [a] does not exist",
    ),
    ("GetTemplate", {}, "ValidationError", "StackName is required"),
    ("DescribeStackResources", {}, "ValidationError", "Either StackName or PhysicalResourceId"),
]


@pytest.mark.parametrize(
    ("action", "form", "code", "words"),
    REFUSED,
    ids=[f"{action}-{number}" for number, (action, *_) in enumerate(REFUSED)],
)
def test_what_is_refused_and_how(
    cloud: Cloud, action: str, form: dict[str, str], code: str, words: str
) -> None:
    """AWS's error codes and words, in XML and in JSON."""
    answer = cloud.ask_json(action, None, **form)
    assert answer["Error"]["Code"] == code
    assert words in answer["Error"]["Message"]
    as_xml = cloud.ask(action, None, **form)
    assert as_xml.status == 400
    assert f"<Code>{code}</Code>".encode() in as_xml.body


def test_what_is_not_acted_on_is_told_where_that_was_chosen(cloud: Cloud) -> None:
    """An event names it; nothing is passed over in silence."""
    with StackEngine(MemoryProvider(), unsupported=Unsupported.ACCEPT) as tolerant:
        api = CloudFormationApi(lambda _: tolerant, cloud._fetch)
        form = {"StackName": "demo", "TemplateBody": json.dumps(SIMPLE)}
        form["RoleARN"] = "arn:aws:iam::123456789012:role/deploy"
        answer = api.handle(
            {"Action": "CreateStack", **form}, region="us-east-1", caller=Caller("testing")
        )
        assert answer.status == 200
        tolerant.wait("demo", lambda view: not view.status.in_progress, timeout=30)
        reasons = [event.reason for event in tolerant.events("demo")]
        assert reasons[-2:] == ["accepted, not simulated: RoleARN", "User Initiated"]


def test_a_stack_policy(cloud: Cloud) -> None:
    """Set with the stack, or later; it is handed back as it was sent."""
    deny = {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    body = json.dumps({"Statement": [deny]})
    cloud.create(SIMPLE, StackPolicyBody=body)
    assert cloud.client.get_stack_policy(StackName="demo")["StackPolicyBody"] == body
    changed = json.loads(json.dumps(SIMPLE))
    changed["Resources"]["Net"]["Properties"] = {"Size": 2}
    cloud.client.update_stack(StackName="demo", TemplateBody=json.dumps(changed))
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.client.get_waiter("stack_update_complete").wait(StackName="demo")
    allow = json.dumps({"Statement": [{**deny, "Effect": "Allow"}]})
    cloud.client.set_stack_policy(StackName="demo", StackPolicyBody=allow)
    cloud.client.update_stack(StackName="demo", TemplateBody=json.dumps(changed))
    cloud.client.get_waiter("stack_update_complete").wait(StackName="demo")
    with pytest.raises(ClientError, match="Error validating stack policy"):
        cloud.client.set_stack_policy(StackName="demo", StackPolicyBody="{}")


def test_updates_taken_back_by_request(cloud: Cloud) -> None:
    """Cancelled while under way; rolled back after a failure that was left as it was."""
    cloud.create(WAITING)
    signal = {"StackName": "demo", "LogicalResourceId": "Compute", "Status": "SUCCESS"}
    cloud.client.signal_resource(UniqueId="i-1", **signal)
    changed = json.loads(json.dumps(WAITING))
    changed["Resources"]["Compute"]["Properties"] = {"UserData": "IyE="}
    update = {"StackName": "demo", "TemplateBody": json.dumps(changed)}
    cloud.client.update_stack(**update)
    cloud.client.cancel_update_stack(StackName="demo")
    assert cloud.engine.stack("demo").status == "UPDATE_ROLLBACK_COMPLETE"
    cloud.client.update_stack(DisableRollback=True, ClientRequestToken="t-1", **update)
    cloud.client.update_stack(DisableRollback=True, ClientRequestToken="t-1", **update)
    cloud.clock.advance(60)
    assert cloud.engine.stack("demo").status == "UPDATE_FAILED"
    cloud.client.rollback_stack(StackName="demo")
    cloud.client.get_waiter("stack_rollback_complete").wait(StackName="demo")
    with pytest.raises(ClientError, match="can not continue rollback"):
        cloud.client.continue_update_rollback(StackName="demo")


def test_termination_protection(cloud: Cloud) -> None:
    """A protected stack is not deleted."""
    stack_id = cloud.create(EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="while TerminationProtection is enabled"):
        cloud.client.delete_stack(StackName="demo")
    answer = cloud.client.update_termination_protection(
        StackName="demo", EnableTerminationProtection=False
    )
    assert answer["StackId"] == stack_id
    cloud.client.delete_stack(StackName="demo")
    cloud.client.get_waiter("stack_delete_complete").wait(StackName=stack_id)


def test_what_xml_cannot_carry_is_replaced(cloud: Cloud) -> None:
    """An answer can always be read."""
    with pytest.raises(ClientError) as error:
        cloud.client.describe_stacks(StackName="a\x00<&>")
    assert "a\N{REPLACEMENT CHARACTER}<&>" in refused(error)[1]


def test_an_operation_that_breaks_is_an_error_all_the_same(cloud: Cloud) -> None:
    """Whoever fetches templates may fail in any way; the client reads an answer."""

    def fail(url: str) -> str:
        raise OSError(url)

    api = CloudFormationApi(lambda _: cloud.engine, fail)
    answer = api.handle(
        {"Action": "CreateStack", "StackName": "a", "TemplateURL": "u"},
        region="us-east-1",
        caller=Caller(),
    )
    assert (answer.status, b"<Code>InternalFailure</Code>" in answer.body) == (400, True)


ACTIONS = [
    "ContinueUpdateRollback",
    "CreateChangeSet",
    "CreateStack",
    "DeleteStack",
    "DescribeStackEvents",
    "DescribeStacks",
    "SignalResource",
    "UpdateStack",
    "ValidateTemplate",
]
FIELDS = [
    "ChangeSetName",
    "ContentType",
    "LogicalResourceId",
    "NextToken",
    "Parameters",
    "Parameters.member.1.ParameterKey",
    "StackName",
    "Status",
    "Tags.member.",
    "Tags.member.99999999999.Key",
    "Tags.member.x.Key",
    "TemplateBody",
    "TimeoutInMinutes",
    "UniqueId",
]
KEYS = ["A", "Conditions", "Fn::If", "Fn::Sub", "Outputs", "Ref", "Resources", "Type"]
BODIES = st.recursive(
    st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
).map(json.dumps)
TEXTS = st.sampled_from(
    ["demo", '{"Resources": {"A": {"Type": "X"}}}', "Resources: [", "- a", "1", "SUCCESS"]
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    action=st.sampled_from(ACTIONS),
    form=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=20) | TEXTS | BODIES),
)
def test_no_request_breaks_it(cloud: Cloud, action: str, form: dict[str, str]) -> None:
    """Whatever is sent, the answer is a result or one of AWS's errors."""
    answer = cloud.ask(action, None, **form)
    assert b"InternalFailure" not in answer.body
    assert answer.status in {200, 400, 403, 404}


def test_a_signal_of_a_handle_reaches_its_stack(cloud: Cloud) -> None:
    """What the endpoint receives by PUT goes to the engine."""
    stack_id = cloud.create(
        {
            "Resources": {
                "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
                "Wait": {
                    "Type": "AWS::CloudFormation::WaitCondition",
                    "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": 60},
                },
            }
        }
    )
    with pytest.raises(RequestRefused):
        cloud.engine.handle_signal(stack_id, "Other", Signal("a", SignalStatus.SUCCESS))
    cloud.engine.handle_signal(stack_id, "Handle", Signal("a", SignalStatus.SUCCESS))
    cloud.client.get_waiter("stack_create_complete").wait(StackName=stack_id)
