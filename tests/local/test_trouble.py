"""What clients see stays true when things break, and nonsense is refused as AWS refuses it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.cloud.engine import INSTANCE_LABEL, ROLE_LABEL, ContainerEngine
from harness.errors import StackFailed
from harness.stack import Stack, StackSpec
from harness.template import Template
from harness.waiting import LOCAL_PACE

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

LIMIT = 240.0
TEMPLATE = Path(__file__).with_name("signalling.json")


def create(cloudformation: Any, **parameters: str) -> Stack:  # noqa: ANN401 - made at run time
    spec = StackSpec(
        name=f"t-{uuid.uuid4().hex[:8]}",
        template=Template.load(TEMPLATE),
        parameters=parameters,
    )
    return Stack.create(cloudformation, spec, pace=LOCAL_PACE)


def instance_of(stack: Stack) -> str:
    """The stack's instance, once it is there."""
    return next((one.physical_id for one in stack.resources() if one.physical_id), "")


@pytest.mark.parametrize("role", ["guest", "pod"])
def test_a_stack_whose_guest_is_killed_fails_at_once(
    site: Site, container_engine: ContainerEngine, role: str
) -> None:
    """It could only wait for its timeout otherwise; the reason names the instance."""
    stack = create(site.target.client("cloudformation"), Before="sleep 900")
    try:
        site.until(lambda: instance_of(stack), "the stack has an instance")
        instance_id = instance_of(stack)

        def containers() -> list[str]:
            return container_engine.containers({INSTANCE_LABEL: instance_id, ROLE_LABEL: role})

        site.until(containers, "the instance has its containers")
        running = site.ec2.describe_instances
        site.until(
            lambda: (
                running(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]["State"][
                    "Name"
                ]
                == "running"
            ),
            "the instance runs",
        )
        container_engine.remove(containers()[0])
        with pytest.raises(StackFailed) as caught:
            stack.wait("CREATE_COMPLETE", limit=LIMIT)
        assert instance_id in str(caught.value)
        assert "Server.InternalError" in str(caught.value)
    finally:
        stack.delete(limit=LIMIT)


@dataclass
class Served:
    """A ``harness cloud`` of its own."""

    process: subprocess.Popen[str]
    url: str

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes clients at run time
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@contextmanager
def served(run_id: str, port: int) -> Iterator[Served]:
    """As a person runs it, until SIGTERM."""
    command = [sys.executable, "-m", "harness", "cloud", "--port", str(port), "--run", run_id]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    try:
        url = ""
        for line in process.stdout:
            if line.startswith("ready: "):
                url = line.removeprefix("ready: ").strip()
            if "Ctrl-C" in line:
                break
        assert url, f"it ended with status {process.wait()}"
        yield Served(process, url)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        process.wait(LIMIT)
        process.stdout.close()
    if process.returncode != -signal.SIGKILL:
        assert process.returncode == 0
        assert rest.endswith("nothing is left\n")


def test_a_cloud_that_is_killed_and_started_again_begins_anew(site: Site) -> None:
    """Stacks and guests do not outlive it: the next one removes them, and knows none of them."""
    first, second = (f"trouble-{uuid.uuid4().hex[:8]}" for _ in range(2))
    with ContainerEngine.connect(first) as engine:
        with served(first, 0) as cloud:
            port = int(cloud.url.rpartition(":")[2])
            stack = create(cloud.client("cloudformation"), Before="sleep 900")
            site.until(
                lambda: sum("container" in one for one in engine.leftovers()) == 2, "a guest"
            )
            os.kill(cloud.process.pid, signal.SIGKILL)
            cloud.process.wait()
        assert engine.leftovers() != []
        with served(second, port) as cloud:
            assert engine.leftovers() == []
            cloudformation = cloud.client("cloudformation")
            with pytest.raises(ClientError, match=f"Stack with id {stack.name} does not exist"):
                cloudformation.describe_stacks(StackName=stack.name)
            assert cloud.client("ec2").describe_instances()["Reservations"] == []


def test_a_port_that_is_taken_is_named(site: Site) -> None:
    """With a remedy, and without a traceback."""
    port = (site.target.endpoint_url or "").rpartition(":")[2]
    command = [sys.executable, "-m", "harness", "cloud", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 2
    assert f"cannot serve on 127.0.0.1:{port}" in done.stderr
    assert "choose another port" in done.stderr
    assert "Traceback" not in done.stderr


def post(site: Site, service: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Status and text of the answer to a raw request."""
    credential = f"AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request"
    request = urllib.request.Request(  # noqa: S310 - http
        site.target.endpoint_url or "",
        data=body,
        headers={
            "Authorization": f"{credential}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-www-form-urlencoded",
            **headers,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - http
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("service", "body", "code"),
    [
        ("ec2", b"Action=Nonsense&Version=2016-11-15", "InvalidAction"),
        ("ec2", b"Version=2016-11-15", "MissingAction"),
        ("ec2", b"", "MissingAction"),
        ("ec2", b"\xff\xfe=%zz&&&==", "MissingAction"),
        ("ec2", b"Action=RunInstances&Version=2016-11-15", "MissingParameter"),
        ("ec2", b"Action=RunInstances&MinCount=x&MaxCount=1", "InvalidParameterValue"),
        (
            "ec2",
            b"Action=RunInstances&MinCount=2&MaxCount=1&ImageId=ami-1",
            "InvalidParameterCombination",
        ),
        (
            "ec2",
            b"Action=RunInstances&MinCount=1&MaxCount=1&ImageId=ami-1&UserData=%21",
            "InvalidUserData.Malformed",
        ),
        ("ec2", b"Action=CreateImage&InstanceId=i-0", "InvalidInstanceID.Malformed"),
        ("ec2", b"Action=GetConsoleOutput", "MissingParameter"),
        (
            "ec2",
            b"Action=GetConsoleOutput&InstanceId=i-0123456789abcdef0",
            "InvalidInstanceID.NotFound",
        ),
        ("ec2", b"Action=CreateSecurityGroup&Version=2016-11-15", "MissingParameter"),
        ("cloudformation", b"Action=Nonsense&Version=2010-05-15", "InvalidAction"),
        ("cloudformation", b"Action=CreateStack&Version=2010-05-15", "ValidationError"),
        ("cloudformation", b"\xff\xfe", "InvalidAction"),
        ("ssm", b"[", "SerializationException"),
        ("ssm", b"[]", "SerializationException"),
        ("sts", b"Action=Nonsense&Version=2011-06-15", "InvalidAction"),
        ("nonsense", b"Action=Nonsense", "UnknownOperationException"),
    ],
)
def test_malformed_requests_get_aws_error_codes(
    site: Site, service: str, body: bytes, code: str
) -> None:
    """Never a 500."""
    status, text = post(site, service, body, **{"X-Amz-Target": "AmazonSSM.GetParameter"})
    assert 400 <= status < 500, text
    assert re.search(rf"\b{re.escape(code)}\b", text), text


def resource(**properties: object) -> dict[str, object]:
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "Template format error"),
        ("[]", "Template format error"),
        ("{}", "At least one Resources member must be defined"),
        ("x" * 51_201, "51200"),
        (
            json.dumps(
                {
                    "Resources": {
                        "A": resource(GroupDescription={"Ref": "B"}),
                        "B": resource(GroupDescription={"Ref": "A"}),
                    }
                }
            ),
            "Circular dependency between resources",
        ),
        (
            json.dumps({"Resources": {"A": resource(GroupDescription={"Ref": "Nobody"})}}),
            "Unresolved resource dependencies [Nobody]",
        ),
    ],
)
def test_impossible_templates_are_refused_by_name(site: Site, body: str, said: str) -> None:
    """Cycles, missing references, too large, too many: ValidationError with the reason."""
    cloudformation = site.target.client("cloudformation")
    with pytest.raises(ClientError) as caught:
        cloudformation.create_stack(StackName=f"t-{uuid.uuid4().hex[:8]}", TemplateBody=body)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert said in caught.value.response["Error"]["Message"]


def test_connections_that_say_nothing_keep_nobody_waiting(site: Site) -> None:
    """Clients that stall take a thread each, not the endpoint."""
    host, port = (site.target.endpoint_url or "").removeprefix("http://").split(":")
    stalled = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for one in stalled:
            one.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n")
        assert site.ec2.describe_regions()["Regions"] != []
    finally:
        for one in stalled:
            one.close()
