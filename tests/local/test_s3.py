"""S3 as CloudFormation's clients use it: a bucket, a template in it, its address."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

TEMPLATE = json.dumps(
    {"Description": "in a bucket", "Resources": {"Net": {"Type": "AWS::EC2::VPC"}}}
)


@pytest.fixture
def bucket(site: Site) -> Iterator[str]:
    """A bucket with a template in it."""
    s3: Any = site.target.client("s3")
    name = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a b/it.json", Body=TEMPLATE.encode())
    yield name
    s3.delete_bucket_policy(Bucket=name)
    s3.delete_object(Bucket=name, Key="a b/it.json")
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize(
    "address",
    [
        "https://{bucket}.s3.amazonaws.com/a%20b/it.json",
        "https://{bucket}.s3.us-east-1.amazonaws.com/a%20b/it.json",
        "https://s3.us-east-1.amazonaws.com/{bucket}/a%20b/it.json",
        "{endpoint}/{bucket}/a%20b/it.json",
    ],
)
def test_a_template_is_read_from_its_bucket(site: Site, bucket: str, address: str) -> None:
    """By either form of address, and by that of the endpoint, which ``package`` writes."""
    cloudformation: Any = site.target.client("cloudformation")
    url = address.format(bucket=bucket, endpoint=site.target.endpoint_url)
    told = cloudformation.validate_template(TemplateURL=url)
    assert told["Description"] == "in a bucket"


def test_a_buckets_policy_refuses_what_it_denies_to_everybody(site: Site, bucket: str) -> None:
    """And not what it denies under a condition, such as an old version of signatures."""
    s3: Any = site.target.client("s3")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
    denied = {**statement, "Resource": f"arn:aws:s3:::{bucket}/*"}
    for condition, allowed in (
        ({"StringEquals": {"s3:signatureversion": "AWS"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        (None, False),
    ):
        with_condition = {**denied, "Condition": condition} if condition else denied
        policy = json.dumps({"Version": "2012-10-17", "Statement": [with_condition]})
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
        assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)
        try:
            s3.get_object(Bucket=bucket, Key="a b/it.json")["Body"].read()
        except ClientError:
            assert not allowed
        else:
            assert allowed
