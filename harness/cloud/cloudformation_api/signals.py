"""Signals, and what an instance may ask by its identity document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value
from harness.cloudformation.creation import Signal, SignalStatus

FOR_INSTANCES: Final = frozenset({"SignalResource", "DescribeStackResource"})
"""What an instance may ask by its identity document alone, as the helper scripts do."""

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


def check_caller(request: Request) -> None:
    """Refuse an instance that asks about a stack that it is not of.

    Raises:
        QueryError: Its identity document gives it no right to.
        RequestRefused: There is no such stack.
    """
    instance_id = request.caller.instance_id
    if instance_id is None:
        return
    stack = request.engine.stack(request.get("StackName", ""))
    if _owner(request, instance_id) != stack.id:
        raise QueryError(
            f"Instance {instance_id} does not belong to stack {stack.id}",
            code="AccessDenied",
            status=403,
        )


def signal_resource(request: Request) -> Mapping[str, Value]:
    """Take a signal; of another stack's instance, refuse it."""
    name, unique_id = request.get("StackName"), request.get("UniqueId")
    if _INSTANCE_ID.fullmatch(unique_id):
        owner = _owner(request, unique_id)
        if owner is not None and owner != request.engine.stack(name).id:
            raise QueryError(f"Instance {unique_id} does not belong to stack {name}")
    request.engine.signal_resource(
        name,
        request.get("LogicalResourceId"),
        Signal(unique_id, SignalStatus(request.get("Status"))),
    )
    return {}


def _owner(request: Request, instance_id: str) -> str | None:
    owner = request.engine.stack_of(instance_id)
    return owner[0] if owner else request.stack_of_instance(instance_id)
