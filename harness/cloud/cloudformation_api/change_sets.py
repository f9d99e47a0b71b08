"""Change sets."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cloud.cloudformation_api import answers
from harness.cloud.cloudformation_api.paging import page_of
from harness.cloud.cloudformation_api.reading import (
    change_set,
    creation_settings,
    given_parameters,
    not_simulated,
    text_or_previous,
    update_settings,
)
from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value
from harness.cloudformation.changesets import ChangeSetRequest


def create_change_set(request: Request) -> Mapping[str, Value]:
    """Find what would change."""
    kind = request.get("ChangeSetType", "UPDATE")
    if kind == "IMPORT":
        raise QueryError("A change set of type IMPORT is not simulated")
    values, previous = given_parameters(request)
    change_set = request.engine.change_sets.create(
        ChangeSetRequest(
            name=request.get("ChangeSetName"),
            stack_name=request.get("StackName"),
            kind=kind,
            template=text_or_previous(request),
            parameters=values,
            use_previous=previous,
            settings=creation_settings(request) if kind == "CREATE" else update_settings(request),
            description=request.get("Description", ""),
        )
    )
    return {"Id": change_set.id, "StackId": change_set.stack_id}


def describe_change_set(request: Request) -> Mapping[str, Value]:
    """What a change set would change."""
    found = change_set(request)
    page, token = page_of(found.changes, request)
    return {
        **answers.change_set_summary(found),
        "Parameters": answers.parameter_list(found.plan.parameters.by_name.values()),
        "NotificationARNs": list(found.plan.settings.notification_arns),
        "RollbackConfiguration": {},
        "Capabilities": list(found.plan.settings.capabilities),
        "Tags": answers.tag_list(found.plan.settings.tags),
        "Changes": [answers.change_detail(change) for change in page],
        "NextToken": token,
    }


def list_change_sets(request: Request) -> Mapping[str, Value]:
    """The change sets of a stack."""
    found = request.engine.change_sets.of_stack(request.get("StackName"))
    page, token = page_of(found, request)
    return {"Summaries": [answers.change_set_summary(one) for one in page], "NextToken": token}


def delete_change_set(request: Request) -> Mapping[str, Value]:
    """Forget a change set."""
    request.engine.change_sets.delete(request.get("ChangeSetName"), request.get("StackName"))
    return {}


def execute_change_set(request: Request) -> Mapping[str, Value]:
    """Create or update the stack of a change set."""
    not_simulated(request)
    request.engine.change_sets.execute(
        request.get("ChangeSetName"),
        request.get("StackName"),
        disable_rollback=request.get("DisableRollback", False),
        token=request.get("ClientRequestToken", ""),
    )
    return {}
