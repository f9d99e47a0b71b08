"""NoEcho values are never shown, whatever becomes of the stack."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cloudformation.changesets import ChangeSetRequest
from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.memory import MemoryProvider
from harness.cloudformation.parameters import NothingToLookUp, declarations
from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import Settings
from harness.template import Template

pytestmark = pytest.mark.selftest

SECRET = "hunter2,correct-horse"  # noqa: S105 - nobody's
PARAMETERS = {"Secret": {"Type": "CommaDelimitedList", "NoEcho": True}}
WORDS = (SECRET, "hunter2", "correct-horse")


class Account(NothingToLookUp):
    """Has nothing but a secret."""

    def exists(self, parameter_type: str, value: str) -> bool:
        del parameter_type, value
        return False

    def secret(self, secret_id: str, *, stage: str = "", version_id: str = "") -> str | None:
        del secret_id, stage, version_id
        return "battery-staple"

    def things(self, parameter_type: str) -> None:
        raise AssertionError(parameter_type)


class World:
    """An engine whose provider can be made to tell what it was given."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.provider = MemoryProvider(before=self._before)
        self.engine = StackEngine(
            self.provider, clock=VirtualClock(), workers=InlineWorkers(), lookups=Account()
        )

    def _before(self, verb: str, logical_id: str) -> None:
        del verb, logical_id
        if self.raises is not None:
            raise self.raises

    def create(self, properties: dict[str, Any], **sections: Any) -> None:  # noqa: ANN401 - JSON
        sections.setdefault("Parameters", PARAMETERS)
        resources = {"A": {"Type": "AWS::EC2::VPC", "Properties": properties}}
        body = json.dumps({"Resources": resources, **sections})
        self.engine.create_stack("demo", body, {"Secret": SECRET})

    def told(self) -> str:
        view = self.engine.stack("demo")
        return repr((self.engine.events("demo"), view.reason, view.parameters, view.outputs))

    def properties(self) -> dict[str, Any]:
        shown = next(one.properties for one in self.engine.events("demo") if one.properties)
        decoded: dict[str, Any] = json.loads(shown)
        return decoded


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.engine:
        yield made


def silent(text: str) -> bool:
    return not any(word in text for word in WORDS)


def test_properties_that_depend_on_the_value(world: World) -> None:
    """They reach the resource, conditions as the value has them; events show asterisks."""
    secret = {"Ref": "Secret"}
    world.create(
        {
            "Second": {"Fn::Select": [1, secret]},
            "Joined": {"Fn::Join": ["+", secret]},
            "Encoded": {"Fn::Base64": {"Fn::Join": ["", secret]}},
            "Mapped": {"Fn::FindInMap": ["M", {"Fn::Select": [0, secret]}, "k"]},
            "Branch": {"Fn::If": ["IsIt", "yes", "no"]},
            "Plain": "seen",
            "Gone": {"Ref": "AWS::NoValue"},
        },
        Mappings={"M": {"hunter2": {"k": "v"}}},
        Conditions={"IsIt": {"Fn::Equals": [{"Fn::Select": [0, secret]}, "hunter2"]}},
    )
    assert world.engine.stack("demo").status == "CREATE_COMPLETE"
    (made,) = world.provider.existing.values()
    assert made.request.properties == {
        "Second": "correct-horse",
        "Joined": "hunter2+correct-horse",
        "Encoded": base64.b64encode(b"hunter2correct-horse").decode(),
        "Mapped": "v",
        "Branch": "yes",
        "Plain": "seen",
    }
    assert world.properties() == {
        "Second": "****",
        "Joined": "****",
        "Encoded": "****",
        "Mapped": "****",
        "Branch": "yes",
        "Plain": "seen",
    }
    assert silent(world.told())


@pytest.mark.parametrize(
    "error",
    [ResourceFailure(f"There is no {SECRET}"), ValueError("what is hunter2")],
    ids=["refused", "broken"],
)
def test_reasons_and_logs(world: World, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What a service said of the value is told without it."""
    world.raises = error
    with caplog.at_level(logging.DEBUG):
        world.create({"Of": {"Fn::Select": [0, {"Ref": "Secret"}]}})
    assert "****" in world.told()
    assert silent(world.told())
    assert silent(caplog.text)


def test_a_secret_that_a_reference_stands_for(world: World) -> None:
    """It is hidden likewise."""
    world.raises = ResourceFailure("There is no battery-staple")
    world.create({"Of": "{{resolve:secretsmanager:db}}"})
    assert "There is no ****" in world.told()
    assert "battery-staple" not in world.told()


def test_a_thing_that_does_not_exist(world: World) -> None:
    """Its name is in the reason, unless it is hidden."""
    key_pair = {"Secret": {"Type": "AWS::EC2::KeyPair::KeyName", "NoEcho": True}}
    world.create({}, Parameters=key_pair)
    assert "parameter value **** for parameter name Secret does not exist" in world.told()
    assert silent(world.told())


@pytest.mark.parametrize(
    ("parameters", "sections"),
    [
        ({"Type": "String", "AllowedValues": ["x"]}, {}),
        ({"Type": "String", "AllowedPattern": "x"}, {}),
        ({"Type": "Number"}, {}),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, {}),
        (
            {"Type": "String"},
            {
                "Conditions": {
                    "C": {"Fn::Equals": [{"Fn::FindInMap": ["M", {"Ref": "Secret"}, "k"]}, ""]}
                }
            },
        ),
    ],
)
def test_refusals(world: World, parameters: dict[str, Any], sections: dict[str, Any]) -> None:
    """A value that is refused is not repeated."""
    with pytest.raises(RequestRefused) as refused:
        world.create({}, Parameters={"Secret": {**parameters, "NoEcho": "true"}}, **sections)
    assert silent(refused.value.message)
    assert silent(str(refused.value))


def test_a_default(world: World) -> None:
    """Neither summaries of a template show it nor change sets."""
    parameters = {"Secret": {"Type": "String", "NoEcho": True, "Default": "hunter2"}}
    body = json.dumps({"Resources": {"A": {"Type": "AWS::EC2::VPC"}}, "Parameters": parameters})
    (declared,) = declarations(Template.parse(body))
    assert declared["DefaultValue"] == "****"
    request = ChangeSetRequest("one", "demo", "CREATE", body, {}, (), Settings())
    made = world.engine.change_sets.create(request)
    assert [one.shown for one in made.plan.parameters.by_name.values()] == ["****"]
    assert silent(repr(made.plan.parameters))


def test_a_value_that_an_update_took_away_stays_hidden(world: World) -> None:
    """Reasons may still speak of it."""
    world.create({"Of": {"Fn::Select": [0, {"Ref": "Secret"}]}})
    body = json.dumps({"Resources": {"A": {"Type": "AWS::EC2::VPC", "Properties": {"Of": 1}}}})
    world.raises = ResourceFailure("hunter2 is in the way")
    world.engine.update_stack("demo", body)
    assert "**** is in the way" in world.told()
    assert silent(world.told())
