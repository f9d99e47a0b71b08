"""AWS's public image parameters, by name and by path; everything else is moto's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from harness import amis
from harness.cloud.ssm_api import SsmApi

pytestmark = pytest.mark.selftest

CURRENT = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
NOBLE = f"{CURRENT}/amd64/hvm/ebs-gp3/ami-id"


def forward(request: Request) -> Response:
    """An account that has one parameter."""
    asked = json.loads(request.get_data() or b"{}")
    own = [{"Name": "own", "Value": "1"}]
    names = asked.get("Names", ["own"])
    return Response(
        json.dumps(
            {
                "Parameters": own if "own" in names else [],
                "InvalidParameters": [name for name in names if name != "own"],
            }
        )
    )


def ask(action: str, **asked: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - as JSON has it
    headers = [("X-Amz-Target", f"AmazonSSM.{action}")]
    builder = EnvironBuilder(method="POST", headers=headers, data=json.dumps(asked).encode())
    told = SsmApi(forward).handle(Request(builder.get_environ()), "eu-west-1")
    return told.status_code, json.loads(told.get_data())


def test_a_public_parameter_has_the_id_of_an_image() -> None:
    """In the ARN of its region, without an account."""
    image = amis.by_parameter(NOBLE)
    assert image is not None
    _, told = ask("GetParameter", Name=NOBLE)
    assert told["Parameter"]["Value"] == image.image_id
    assert told["Parameter"]["ARN"] == f"arn:aws:ssm:eu-west-1::parameter{NOBLE}"


def test_public_parameters_and_the_accounts_own_come_in_one_answer() -> None:
    """And what nobody has is named."""
    _, told = ask("GetParameters", Names=[NOBLE, "own", "nobodys"])
    assert [one["Name"] for one in told["Parameters"]] == [NOBLE, "own"]
    assert told["InvalidParameters"] == ["nobodys"]


def names_below(path: str, **asked: Any) -> list[str]:  # noqa: ANN401 - as JSON has it
    """The names of all pages."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        status, told = ask("GetParametersByPath", Path=path, **asked, **token)
        assert status == 200, told
        assert len(told["Parameters"]) <= asked.get("MaxResults", 10)
        found += [one["Name"] for one in told["Parameters"]]
        if "NextToken" not in told:
            return found
        token = {"NextToken": told["NextToken"]}


def test_public_parameters_are_found_below_a_path() -> None:
    """At any depth where that was asked, else directly; a part of a name is no path."""
    assert NOBLE in names_below(CURRENT, Recursive=True)
    assert names_below(CURRENT) == []
    assert names_below(NOBLE.rpartition("/")[0]) == [NOBLE]
    assert names_below(NOBLE[:-2], Recursive=True) == []


@pytest.mark.parametrize("most", [1, 3, 10])
def test_what_is_below_a_path_comes_in_pages_that_are_complete(most: int) -> None:
    """Ten at most, each name once."""
    names = names_below("/aws/service", Recursive=True, MaxResults=most)
    assert sorted(names) == sorted(amis.parameters())


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 11}, "ValidationException"),
        ({"MaxResults": 0}, "ValidationException"),
        ({"NextToken": "x"}, "InvalidNextToken"),
    ],
)
def test_a_page_that_is_none_is_refused(asked: dict[str, Any], code: str) -> None:
    """In the words of the API's reference."""
    status, told = ask("GetParametersByPath", Path="/aws/service", **asked)
    assert (status, told["__type"]) == (400, code)


def test_what_is_below_an_accounts_own_path_is_asked_of_moto() -> None:
    """Also a path that only begins as AWS's does."""
    for path in ("/mine", "/", "/aws/services"):
        assert ask("GetParametersByPath", Path=path)[1]["Parameters"][0]["Name"] == "own"
