"""Bucket policies, as far as a local cloud can judge them."""
# ruff: noqa: ANN401, PLC0415 - as the package says

from __future__ import annotations

import json
from typing import Any


def pass_over_conditions() -> None:
    """Have a bucket policy's statements with a condition do nothing; moto has each of them deny.

    Replaces one method of the bucket model. Conditions are on the signature's version, TLS, the
    caller's organization: what a local cloud has no answer to.
    """
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def permission(bucket: Any, action: str, resource: str) -> PermissionResult:
        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        document = unconditional(bucket.policy.decode())
        return IAMPolicy(document).is_action_permitted(action, resource)

    FakeBucket.get_permission = permission  # type: ignore[method-assign,assignment]


def unconditional(policy: str) -> str:
    """A policy's text without its statements that have a condition."""
    document = json.loads(policy)
    statements = document.get("Statement", [])
    if not isinstance(statements, list):
        statements = [statements]
    kept = [statement for statement in statements if "Condition" not in statement]
    return json.dumps({**document, "Statement": kept})
