"""Stacks: made, changed, deleted, described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.cloud.cloudformation_api import answers
from harness.cloud.cloudformation_api.paging import page_of
from harness.cloud.cloudformation_api.reading import (
    creation_settings,
    given_parameters,
    not_simulated,
    required_text,
    stack_policy,
    text_or_previous,
    update_settings,
)
from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value

_ACCOUNT_LIMITS: Final[Mapping[str, int]] = {
    "StackLimit": 2000,
    "StackOutputsLimit": 200,
    "ConcurrentResourcesLimit": 2500,
}


def create_stack(request: Request) -> Mapping[str, Value]:
    """Begin to create a stack."""
    if "OnFailure" in request.parameters and "DisableRollback" in request.parameters:
        raise QueryError("Either DisableRollback or OnFailure can be specified, not both.")
    policy = stack_policy(request, "StackPolicy")
    stack_id = request.engine.create_stack(
        request.get("StackName"),
        required_text(request),
        given_parameters(request)[0],
        creation_settings(request),
    )
    if policy:
        request.engine.set_stack_policy(stack_id, policy)
    return {"StackId": stack_id}


def update_stack(request: Request) -> Mapping[str, Value]:
    """Begin to update a stack."""
    values, previous = given_parameters(request)
    policy = stack_policy(request, "StackPolicy")
    stack_id = request.engine.update_stack(
        request.get("StackName"),
        text_or_previous(request),
        values,
        use_previous=previous,
        settings=update_settings(request),
        disable_rollback=request.get("DisableRollback", False),
        stack_policy=stack_policy(request, "StackPolicyDuringUpdate"),
    )
    if policy:
        request.engine.set_stack_policy(stack_id, policy)
    return {"StackId": stack_id}


def cancel_update_stack(request: Request) -> Mapping[str, Value]:
    """Take back an update that is under way."""
    request.engine.cancel_update(
        request.get("StackName"), token=request.get("ClientRequestToken", "")
    )
    return {}


def continue_update_rollback(request: Request) -> Mapping[str, Value]:
    """Go on with a rollback that failed."""
    not_simulated(request)
    request.engine.continue_update_rollback(
        request.get("StackName"),
        skip=request.get("ResourcesToSkip", []),
        token=request.get("ClientRequestToken", ""),
    )
    return {}


def rollback_stack(request: Request) -> Mapping[str, Value]:
    """Roll back a stack whose failure was left as it was."""
    not_simulated(request)
    return {
        "StackId": request.engine.rollback_stack(
            request.get("StackName"), token=request.get("ClientRequestToken", "")
        )
    }


def delete_stack(request: Request) -> Mapping[str, Value]:
    """Begin to delete a stack."""
    if request.get("DeletionMode") == "FORCE_DELETE_STACK":
        raise QueryError("DeletionMode FORCE_DELETE_STACK is not simulated")
    request.engine.delete_stack(
        request.get("StackName"),
        retain=request.get("RetainResources", []),
        token=request.get("ClientRequestToken", ""),
    )
    return {}


def update_termination_protection(request: Request) -> Mapping[str, Value]:
    """Protect a stack from deletion, or no longer."""
    return {
        "StackId": request.engine.set_termination_protection(
            request.get("StackName"), enabled=request.get("EnableTerminationProtection")
        )
    }


def set_stack_policy(request: Request) -> Mapping[str, Value]:
    """Say what updates may touch."""
    policy = stack_policy(request, "StackPolicy")
    if not policy:
        raise QueryError("Either StackPolicyBody or StackPolicyURL must be specified")
    request.engine.set_stack_policy(request.get("StackName"), policy)
    return {}


def get_stack_policy(request: Request) -> Mapping[str, Value]:
    """What updates may touch."""
    return {"StackPolicyBody": request.engine.stack_policy(request.get("StackName")) or None}


def describe_stacks(request: Request) -> Mapping[str, Value]:
    """Stacks, with parameters and outputs."""
    name = request.get("StackName")
    views = [request.engine.stack(name)] if name else request.engine.stacks()
    page, token = page_of(views, request)
    return {"Stacks": [answers.stack_detail(view) for view in page], "NextToken": token}


def list_stacks(request: Request) -> Mapping[str, Value]:
    """Stacks in short, deleted ones too."""
    wanted = set(request.get("StackStatusFilter", []))
    views = [
        view for view in request.engine.stacks(deleted=True) if not wanted or view.status in wanted
    ]
    page, token = page_of(views, request)
    return {
        "StackSummaries": [answers.stack_summary(view) for view in page],
        "NextToken": token,
    }


def describe_stack_events(request: Request) -> Mapping[str, Value]:
    """Events, newest first."""
    page, token = page_of(request.engine.events(request.get("StackName")), request)
    return {"StackEvents": [answers.event_detail(event) for event in page], "NextToken": token}


def describe_account_limits(request: Request) -> Mapping[str, Value]:
    """What AWS allows an account by default ("CloudFormation quotas")."""
    page, token = page_of(
        [{"Name": name, "Value": value} for name, value in _ACCOUNT_LIMITS.items()], request
    )
    return {"AccountLimits": page, "NextToken": token}
