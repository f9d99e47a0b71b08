"""How the endpoint tells services, regions and templates' places apart."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from harness.cloud.crash import AwsError, answer, refusal, with_body
from harness.cloud.ec2_api import ec2_error, form_of
from harness.cloud.endpoint import Scope, scope_of, template_location
from harness.errors import HarnessError

pytestmark = pytest.mark.selftest

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/{}/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def request(
    host: str = "127.0.0.1:4599", authorization: str = "", path: str = "/", body: bytes = b""
) -> Request:
    headers = [("Authorization", authorization)] if authorization else []
    builder = EnvironBuilder(
        method="POST", path=path, base_url=f"http://{host}/", headers=headers, data=body
    )
    return Request(builder.get_environ())


@pytest.mark.parametrize(
    ("host", "authorization", "scope"),
    [
        ("127.0.0.1:4599", SIGNED.format("ec2"), Scope("ec2", "eu-west-1", "AKIA")),
        ("ec2.us-east-1.amazonaws.com", SIGNED.format("sts"), Scope("sts", "eu-west-1", "AKIA")),
        ("cloudformation.eu-west-1.amazonaws.com", "", Scope("cloudformation", "eu-west-1")),
        ("cloudformation.cn-north-1.amazonaws.com.cn", "", Scope("cloudformation", "cn-north-1")),
        ("s3.amazonaws.com", "", Scope("s3", "us-east-1")),
        ("bucket.s3.eu-west-1.amazonaws.com", "", Scope("s3", "eu-west-1")),
        ("bucket.s3-eu-west-1.amazonaws.com", "", Scope("s3", "eu-west-1")),
        ("127.0.0.1:4599", "CFN_V1 abc:def", Scope("cloudformation", "us-east-1")),
        ("127.0.0.1:4599", "", Scope("", "us-east-1")),
    ],
)
def test_a_signature_tells_service_and_region_and_else_the_host_name(
    host: str, authorization: str, scope: Scope
) -> None:
    """As AWS's own endpoints are told apart."""
    assert scope_of(request(host, authorization)) == scope


def test_a_presigned_address_is_signed_too() -> None:
    """Its signature is in the query."""
    credential = "AKIA%2F20260101%2Feu-west-1%2Fs3%2Faws4_request"
    asked = request(path=f"/bucket/key?X-Amz-Credential={credential}")
    assert scope_of(asked) == Scope("s3", "eu-west-1", "AKIA")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://s3.amazonaws.com/bucket/a/b.json", ("bucket", "a/b.json")),
        ("https://bucket.s3.eu-west-1.amazonaws.com/a%20b", ("bucket", "a b")),
        ("https://bucket.s3-eu-west-1.amazonaws.com/a", ("bucket", "a")),
        ("http://127.0.0.1:4599/bucket/a", ("bucket", "a")),
    ],
)
def test_a_template_url_names_bucket_and_key(url: str, place: tuple[str, str]) -> None:
    """Path-style and virtual-hosted."""
    assert template_location(url) == place


@pytest.mark.parametrize("url", ["", "https://s3.amazonaws.com/bucket", "nonsense", "https://x/"])
def test_a_template_url_that_names_no_object_is_refused(url: str) -> None:
    """In S3's words."""
    with pytest.raises(HarnessError, match="S3 error"):
        template_location(url)


def test_what_an_error_quotes_cannot_break_the_answer() -> None:
    """Names come from clients."""
    told = ec2_error(AwsError("Some.Code", "no <key> & 'such'")).get_data(as_text=True)
    assert "no &lt;key&gt; &amp; 'such'" in told
    assert "<Code>Some.Code</Code>" in told


@pytest.mark.parametrize(
    ("service", "form", "error", "code"),
    [
        ("ec2", {}, KeyError("x"), "MissingAction"),
        ("ec2", {"Action": "Nonsense"}, NotImplementedError(), "InvalidAction"),
        ("ec2", {"Action": "CreateSecurityGroup"}, KeyError("x"), "MissingParameter"),
        ("ec2", {"Action": "DescribeRegions"}, NotImplementedError("x"), "UnsupportedOperation"),
        ("ec2", {"Action": "DescribeRegions"}, ValueError("x"), "InvalidRequest"),
        (
            "ec2",
            {"Action": "TerminateInstances", "InstanceId.1": "i-0"},
            ValueError("x"),
            "InvalidRequest",
        ),
        ("ssm", {}, NotImplementedError("x"), "UnsupportedOperation"),
        ("nonsense", {}, KeyError("x"), "UnknownOperationException"),
    ],
)
def test_what_moto_raises_becomes_a_refusal(
    service: str, form: dict[str, str], error: Exception, code: str
) -> None:
    """The model of the service tells the client's mistake from what is not simulated."""
    refused = refusal(service, form, error)
    assert (refused.code, refused.status) == (code, 400)


@pytest.mark.parametrize(
    ("service", "kind"), [("ssm", "application/x-amz-json-1.1"), ("sts", "text/xml;charset=UTF-8")]
)
def test_a_refusal_is_in_the_services_protocol(service: str, kind: str) -> None:
    """JSON or XML."""
    told = answer(service, AwsError("Code", "why"))
    assert told.content_type == kind
    assert "why" in told.get_data(as_text=True)


def test_another_body_replaces_all_of_the_first() -> None:
    """Whoever reads it sees one whole request."""
    first = request(body=b"Action=A&Long=" + b"x" * 1000)
    assert form_of(first)["Action"] == "A"
    assert form_of(with_body(first, b"Action=B")) == {"Action": "B"}
