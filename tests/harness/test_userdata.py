"""UserData as an instance gets it."""

from __future__ import annotations

import base64
import json

import pytest

from harness.cloudformation.intrinsics import PseudoParameters
from harness.errors import IntrinsicError, TemplateError
from harness.template import Node, Template
from harness.userdata import (
    Piece,
    offline_resolver,
    parameter_values,
    placeholder,
    render_user_data,
    trace_user_data,
)

pytestmark = pytest.mark.selftest

PARAMETERS = {
    "KeyName": {"Type": "String"},
    "Size": {"Type": "String", "Default": "small"},
    "Stage": {"Type": "String", "AllowedValues": ["test", "prod"]},
    "Ports": {"Type": "CommaDelimitedList", "Default": "80, 443"},
    "Count": {"Type": "Number"},
    "Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/an/image"},
}


def template(user_data: Node, **sections: Node) -> Template:
    instance = {"Type": "AWS::EC2::Instance", "Properties": {"UserData": user_data}}
    body = {"Parameters": PARAMETERS, "Resources": {"Compute": instance}, **sections}
    return Template.parse(json.dumps(body))


def rendered(node: Node, **parameters: str) -> str:
    return render_user_data(template({"Fn::Base64": node}), "Compute", parameters)


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("plain", "plain"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}, {"Ref": "AWS::NoValue"}, "b"]]}, "a-small-b"),
        ({"Fn::Sub": "${Size} ${!Size} ${AWS::Region}"}, "small ${Size} us-east-1"),
        ({"Fn::Sub": ["${Own} $Size", {"Own": {"Ref": "Stage"}}]}, "test $Size"),
        ({"Fn::Sub": "${Compute.PublicIp}"}, "__Compute_PublicIp__"),
        ({"Fn::Sub": "${KeyName} ${Image} ${Count}"}, "__KeyName__ __Image__ 1"),
        ({"Ref": "AWS::StackName"}, "__AWS_StackName__"),
        ({"Fn::ImportValue": "net-Subnet"}, "__net_Subnet__"),
        ({"Fn::Select": [1, {"Ref": "Ports"}]}, "443"),
        ({"Fn::Join": ["\n", {"Ref": "Ports"}]}, "80\n443"),
        ({"Fn::Sub": "$${} ${}"}, "$${} ${}"),
    ],
)
def test_functions_are_resolved_and_what_is_not_known_is_visible(node: Node, text: str) -> None:
    """Shells, YAML and people read a placeholder as one word."""
    assert rendered(node) == text


def test_given_parameters_go_before_defaults() -> None:
    """As on the command line."""
    assert rendered({"Fn::Sub": "${Size} ${KeyName}"}, Size="large", KeyName="me") == "large me"


def test_conditions_choose() -> None:
    """By the values that are known."""
    node = {"Fn::Base64": {"Fn::If": ["Prod", "prod", {"Fn::Sub": "${Stage}"}]}}
    conditions = {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}
    document = template(node, Conditions=conditions)
    assert render_user_data(document, "Compute") == "test"
    assert render_user_data(document, "Compute", {"Stage": "prod"}) == "prod"


def test_pseudo_parameters_may_be_chosen() -> None:
    """So that a test can say which stack it means."""
    document = template({"Fn::Base64": {"Fn::Sub": "${AWS::StackName} ${AWS::Region}"}})
    pseudo = PseudoParameters("demo", "arn:demo", region="eu-west-1")
    assert render_user_data(document, "Compute", pseudo=pseudo) == "demo eu-west-1"


def test_user_data_that_is_encoded_already() -> None:
    """The template may hold Base64 itself."""
    encoded = base64.b64encode(b"#!/bin/sh\n").decode()
    assert render_user_data(template(encoded), "Compute") == "#!/bin/sh\n"


@pytest.mark.parametrize("node", ["#!/bin/sh", {"Fn::Sub": "#!/bin/bash ${Size}"}])
def test_user_data_that_is_not_base64_is_refused(node: Node) -> None:
    """As EC2 refuses it."""
    with pytest.raises(TemplateError, match="not Base64"):
        render_user_data(template(node), "Compute")


@pytest.mark.parametrize(
    "node", [{"Fn::Sub": "${Nobody}"}, {"Ref": "Nobody"}, {"Fn::Sub": []}, {"Fn::If": ["No", 1, 2]}]
)
def test_a_reference_that_does_not_resolve_is_an_error(node: Node) -> None:
    """A script with a hole in it is worse than none."""
    with pytest.raises(IntrinsicError):
        rendered(node)


def test_resources_without_user_data_are_named() -> None:
    """Both what is not there and what has none."""
    document = template({"Fn::Base64": "x"}, Resources={"Queue": {"Type": "AWS::SQS::Queue"}})
    with pytest.raises(TemplateError, match="has no UserData"):
        render_user_data(document, "Queue")
    with pytest.raises(TemplateError, match="there is no resource 'Compute'"):
        render_user_data(document, "Compute")


def test_launch_templates_have_user_data_too() -> None:
    """Where it stands depends on the type."""
    data = {"LaunchTemplateData": {"UserData": {"Fn::Base64": "x"}}}
    resources = {"Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": data}}
    document = Template.parse(json.dumps({"Resources": resources}))
    assert render_user_data(document, "Template") == "x"


def test_pieces_tell_where_the_template_says_them() -> None:
    """Text by its string and offset, values by their name."""
    document = template({"Fn::Base64": {"Fn::Sub": "a ${Size}\n${!HOME}"}})
    path = ("Resources", "Compute", "Properties", "UserData")
    pieces = [one for one in trace_user_data(offline_resolver(document), path) if one.text]
    below = (*path, "Fn::Base64", "Fn::Sub")
    assert pieces == [
        Piece("a ", below, 0),
        Piece("small", below, 2, "Size"),
        Piece("\n", below, 9),
        Piece("${", below, 10),
        Piece("HOME}", below, 13),
    ]


def test_a_lenient_trace_leaves_what_has_no_value() -> None:
    """For who goes on to look at the rest."""
    document = template({"Fn::Base64": {"Fn::Sub": "${Nobody}"}})
    path = ("Resources", "Compute", "Properties", "UserData")
    pieces = trace_user_data(offline_resolver(document), path, lenient=True)
    assert "".join(one.text for one in pieces) == "${Nobody}"


def test_parameter_values_have_the_types_that_functions_expect() -> None:
    """Lists are lists; what SSM knows stays unknown, whatever its name."""
    values = parameter_values(template({"Fn::Base64": "x"}), {"Ports": "22"})
    assert values["Ports"] == ["22"]
    assert values["Image"] == placeholder("Image")
    assert values["Stage"] == "test"
