"""Dynamic references: what stands for them, where they may stand, who never sees the value."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine

pytestmark = pytest.mark.selftest

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"


class Account:
    """Some parameters and secrets, which can be changed."""

    def __init__(self) -> None:
        self.parameters = {"/size": "8", "/size:1": "4"}
        self.secure = {"/password": "hunter2"}
        self.secrets = {"db": '{"user": "root", "port": 5432}', ARN: "plain", "odd": "no JSON"}
        self.asked: list[tuple[str, str]] = []

    def exists(self, parameter_type: str, value: str) -> bool:
        raise AssertionError(parameter_type, value)

    def ssm_parameter(self, name: str) -> str | None:
        return self.parameters.get(name)

    def secure_parameter(self, name: str) -> str | None:
        return self.secure.get(name)

    def secret(self, secret_id: str, *, stage: str = "", version_id: str = "") -> str | None:
        self.asked.append((stage, version_id))
        return self.secrets.get(secret_id)

    def things(self, parameter_type: str) -> None:
        raise AssertionError(parameter_type)


class World:
    """An engine whose account holds values."""

    def __init__(self) -> None:
        self.account = Account()
        self.provider = MemoryProvider()
        self.engine = StackEngine(
            self.provider, clock=VirtualClock(), workers=InlineWorkers(), lookups=self.account
        )

    def create(self, properties: dict[str, Any], type_: str = "AWS::EC2::VPC") -> Any:  # noqa: ANN401 - JSON
        self.engine.create_stack("demo", self.body(properties, type_))
        return self.made

    def body(self, properties: dict[str, Any], type_: str = "AWS::EC2::VPC") -> str:
        return json.dumps({"Resources": {"A": {"Type": type_, "Properties": properties}}})

    @property
    def made(self) -> Any:  # noqa: ANN401 - JSON
        (one,) = self.provider.existing.values()
        return one.request.properties

    def reasons(self) -> list[str]:
        return [event.reason for event in self.engine.events("demo")]

    def shown(self) -> str:
        return " ".join(event.properties for event in self.engine.events("demo"))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.engine:
        yield made


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("{{resolve:ssm:/size}}", "8"),
        ("a {{resolve:ssm:/size:1}} and {{resolve:ssm:/size}}", "a 4 and 8"),
        ("{{resolve:secretsmanager:db}}", '{"user": "root", "port": 5432}'),
        ("{{resolve:secretsmanager:db:SecretString:user}}", "root"),
        ("{{resolve:secretsmanager:db:SecretString:port:AWSCURRENT}}", "5432"),
        ("{{resolve:secretsmanager:db:SecretString:user::}}", "root"),
        (f"{{{{resolve:secretsmanager:{ARN}}}}}", "plain"),
        (f"{{{{resolve:secretsmanager:{ARN}:SecretString}}}}", "plain"),
    ],
)
def test_the_value_reaches_the_resource_and_nobody_else(
    world: World, reference: str, value: str
) -> None:
    """Events and the template keep the reference."""
    assert world.create({"Of": [reference]}) == {"Of": [value]}
    assert json.loads(world.engine.events("demo")[1].properties) == {"Of": [reference]}
    assert (
        reference
        in json.loads(world.engine.stack("demo").template.text).get("Resources", {})["A"][
            "Properties"
        ]["Of"]
    )


def test_a_secret_of_a_version(world: World) -> None:
    """By its stage or by its id."""
    world.create({"Of": "{{resolve:secretsmanager:db:SecretString:user:AWSPREVIOUS}}"})
    assert set(world.account.asked) == {("AWSPREVIOUS", "")}


def test_a_reference_that_functions_put_together(world: World) -> None:
    """It is looked for in what functions make, before user data is encoded."""
    made = world.create(
        {
            "Joined": {"Fn::Join": ["", ["{{resolve:ssm:", "/size", "}}"]]},
            "UserData": {"Fn::Base64": {"Fn::Sub": "${AWS::Region} {{resolve:ssm:/size}}"}},
        }
    )
    assert made["Joined"] == "8"
    assert base64.b64decode(made["UserData"]) == b"us-east-1 8"
    encoded = base64.b64encode(b"us-east-1 {{resolve:ssm:/size}}").decode()
    assert encoded in world.shown()


def test_a_secure_string_where_it_may_stand(world: World) -> None:
    """In the few properties that AWS lists."""
    properties = {"MasterUserPassword": "{{resolve:ssm-secure:/password}}"}
    assert world.create(properties, "AWS::RDS::DBCluster") == {"MasterUserPassword": "hunter2"}
    assert "hunter2" not in world.shown()


REFUSED = [
    (
        {"Of": [{"Of": "{{resolve:ssm-secure:/password}}"}], "Tags": {"Ref": "AWS::NoValue"}},
        "SSM Secure reference is not supported in: [AWS::EC2::VPC/Properties/Of/Of]",
    ),
    (
        {"Of": "{{resolve:ssm:/size:}}"},
        "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/size:}}]",
    ),
    (
        {"Of": "{{resolve:ssm:/nope:3}} {{resolve:ssm:/size}}"},
        "Parameters: [ssm:/nope:3] cannot be found.",
    ),
    (
        {"Of": ["{{resolve:ssm:/size}}"] * 61},
        "Template format error: Number of dynamic references, 61, is greater than maximum allowed, 60",  # noqa: E501
    ),
]


@pytest.mark.parametrize(("properties", "words"), REFUSED)
def test_what_is_refused_before_anything_is_created(
    world: World, properties: dict[str, Any], words: str
) -> None:
    """In CloudFormation's words."""
    with pytest.raises(RequestRefused) as refused:
        world.create(properties)
    assert refused.value.message == words
    assert not world.engine.stacks()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (
            "{{resolve:secretsmanager:nope}}",
            "Secrets Manager can't find the specified secret. (Service: AWSSecretsManager; Status Code: 400; Error Code: ResourceNotFoundException)",  # noqa: E501
        ),
        (
            "{{resolve:secretsmanager:db:SecretString:nope}}",
            "Could not find a value associated with JSONKey in SecretString",
        ),
        ("{{resolve:secretsmanager:odd:SecretString:x}}", "Could not parse SecretString JSON"),
    ],
)
def test_a_secret_that_is_not_there_fails_the_resource(
    world: World, reference: str, words: str
) -> None:
    """Secrets are looked up when the resource is created."""
    world.engine.create_stack("demo", world.body({"Of": reference}))
    assert words in world.reasons()


def test_updates_compare_references(world: World) -> None:
    """Another value is no change; where something else changes, it is taken along."""
    properties = {"Of": "{{resolve:secretsmanager:db:SecretString:user}}"}
    world.create(properties)
    world.account.secrets["db"] = '{"user": "admin"}'
    with pytest.raises(RequestRefused, match="No updates are to be performed"):
        world.engine.update_stack("demo", world.body(properties))
    world.engine.update_stack("demo", world.body({**properties, "Else": 1}))
    assert world.engine.stack("demo").status == "UPDATE_COMPLETE"
    assert world.made == {"Of": "admin", "Else": 1}


def test_outputs_keep_the_reference(world: World) -> None:
    """They are shown to everybody."""
    reference = "{{resolve:secretsmanager:db:SecretString:user}}"
    body = {"Resources": {"A": {"Type": "AWS::EC2::VPC"}}, "Outputs": {"O": {"Value": reference}}}
    world.engine.create_stack("demo", json.dumps(body))
    assert world.engine.stack("demo").output_values == {"O": reference}
