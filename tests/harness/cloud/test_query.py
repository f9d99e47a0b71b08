"""The Query protocol, by a small service of our own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel

from harness.cloud.query import QueryError, failure, load_service, parse, result

pytestmark = pytest.mark.selftest

NAMESPACE = "http://example.invalid/doc"
THING = {
    "type": "structure",
    "required": ["Name"],
    "members": {
        "Name": {"shape": "Name"},
        "Size": {"shape": "Size"},
        "On": {"shape": "On"},
        "When": {"shape": "When"},
        "Tags": {"shape": "Map"},
        "Parts": {"shape": "Things"},
    },
}
MODEL = {
    "metadata": {
        "apiVersion": "2020-01-01",
        "endpointPrefix": "things",
        "protocol": "query",
        "serviceFullName": "Things",
        "xmlNamespace": NAMESPACE,
    },
    "operations": {
        "Put": {
            "name": "Put",
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "Thing"},
            "output": {"shape": "Thing", "resultWrapper": "PutResult"},
        },
        "Drop": {"name": "Drop", "http": {"method": "POST", "requestUri": "/"}},
    },
    "shapes": {
        "Thing": THING,
        "Things": {"type": "list", "member": {"shape": "Thing"}, "max": 2},
        "Map": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}},
        "Name": {"type": "string", "min": 1, "max": 5, "pattern": "[a-z<&]*"},
        "Size": {"type": "integer", "min": 1, "max": 3},
        "On": {"type": "boolean"},
        "When": {"type": "timestamp"},
    },
}


def operation(name: str = "Put") -> OperationModel:
    return ServiceModel(MODEL, "things").operation_model(name)


def complaints(**form: str) -> str:
    with pytest.raises(QueryError) as refused:
        parse(form, operation())
    return refused.value.message


def test_a_form_becomes_what_the_model_says() -> None:
    """Nested, listed, mapped, and of the right types; what is unknown is left out."""
    form = {
        "Name": "a",
        "Size": "2",
        "On": "TRUE",
        "When": "2026-01-02T03:04:05+00:00",
        "Tags.entry.1.key": "k",
        "Tags.entry.1.value": "v",
        "Parts.member.10.Name": "c",
        "Parts.member.2.Name": "b",
        "Unknown": "1",
        "Parts.member.x.Name": "ignored",
    }
    assert parse(form, operation()) == {
        "Name": "a",
        "Size": 2,
        "On": True,
        "When": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "Tags": {"k": "v"},
        "Parts": [{"Name": "b"}, {"Name": "c"}],
    }
    assert parse({"Name": "a", "Parts": ""}, operation()) == {"Name": "a", "Parts": []}
    assert parse({"Name": "a"}, operation("Drop")) == {}


def test_what_breaks_a_bound_is_told_all_at_once() -> None:
    """With its place, as AWS writes places."""
    told = complaints(**{"Size": "9", "On": "maybe", "Parts.member.1.Size": "0"})
    assert told == (
        "5 validation errors detected: "
        "Value null at 'name' failed to satisfy constraint: Member must not be null; "
        "Value '9' at 'size' failed to satisfy constraint: "
        "Member must have value less than or equal to 3; "
        "Value 'maybe' at 'on' failed to satisfy constraint: Member must be of type boolean; "
        "Value null at 'parts.1.member.name' failed to satisfy constraint: "
        "Member must not be null; "
        "Value '0' at 'parts.1.member.size' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"Name": ""}, "Member must have length greater than or equal to 1"),
        ({"Name": "abcdef"}, "Member must have length less than or equal to 5"),
        ({"Name": "A"}, "Member must satisfy regular expression pattern: [a-z<&]*"),
        ({"Name": "a", "Size": "x"}, "Member must be of type integer"),
        ({"Name": "a", "When": "now"}, "Member must be of type timestamp"),
        (
            {"Name": "a", **{f"Parts.member.{number}.Name": "a" for number in (1, 2, 3)}},
            "Member must have length less than or equal to 2",
        ),
    ],
)
def test_bounds(form: dict[str, str], words: str) -> None:
    """Lengths, patterns, types, of lists too."""
    assert words in complaints(**form)


VALUE: dict[str, Any] = {
    "Name": "<&",
    "Size": 2,
    "On": False,
    "When": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "Tags": {"k": "v"},
    "Parts": [{"Name": "b", "Size": None}],
}


def test_a_result_as_xml() -> None:
    """Wrapped as the model says, escaped, without what is None."""
    answer = result(operation(), VALUE, "r-1", as_json=False)
    assert (answer.status, answer.content_type) == (200, "text/xml")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<PutResponse xmlns="{NAMESPACE}"><PutResult><Name>&lt;&amp;</Name><Size>2</Size>'
        "<On>false</On><When>2026-01-02T03:04:05.678Z</When>"
        "<Tags><entry><key>k</key><value>v</value></entry></Tags>"
        "<Parts><member><Name>b</Name></member></Parts></PutResult>"
        "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PutResponse>\n"
    )


def test_a_result_as_json() -> None:
    """The same, with times in seconds."""
    answer = result(operation(), VALUE, "r-1", as_json=True)
    assert answer.content_type == "application/json"
    body = json.loads(answer.body)["PutResponse"]
    assert body["ResponseMetadata"] == {"RequestId": "r-1"}
    assert body["PutResult"] == {
        "Name": "<&",
        "Size": 2,
        "On": False,
        "When": VALUE["When"].timestamp(),
        "Tags": {"k": "v"},
        "Parts": [{"Name": "b"}],
    }
    empty = result(operation("Drop"), {}, "r-2", as_json=True)
    assert json.loads(empty.body) == {"DropResponse": {"ResponseMetadata": {"RequestId": "r-2"}}}


@pytest.mark.parametrize(("status", "kind"), [(400, "Sender"), (503, "Receiver")])
def test_a_failure(status: int, kind: str) -> None:
    """Whose fault it is follows from the status."""
    error = QueryError("a < b", code="Odd", status=status)
    as_xml = failure(error, NAMESPACE, "r-1", as_json=False)
    assert as_xml.status == status
    assert (
        f"<Error><Type>{kind}</Type><Code>Odd</Code><Message>a &lt; b</Message></Error>"
        in as_xml.body.decode()
    )
    as_json = failure(error, NAMESPACE, "r-1", as_json=True)
    assert json.loads(as_json.body) == {
        "Error": {"Type": kind, "Code": "Odd", "Message": "a < b"},
        "RequestId": "r-1",
    }


def test_models_come_from_botocore() -> None:
    """The newest one that is installed."""
    assert "SignalResource" in load_service("cloudformation").operation_names
