"""Which statements of a bucket's policy have an effect."""

from __future__ import annotations

import json

import pytest

from harness.cloud.moto_ec2.buckets import unconditional

pytestmark = pytest.mark.selftest

DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
OLD_SIGNATURE = {**DENY, "Condition": {"StringEquals": {"s3:signatureversion": "AWS"}}}


@pytest.mark.parametrize(
    ("statements", "kept"),
    [
        ([DENY, OLD_SIGNATURE], [DENY]),
        ([OLD_SIGNATURE], []),
        (OLD_SIGNATURE, []),
        (DENY, [DENY]),
    ],
)
def test_a_statement_with_a_condition_has_none(statements: object, kept: object) -> None:
    """One statement may stand without a list."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert json.loads(unconditional(policy)) == {"Version": "2012-10-17", "Statement": kept}
