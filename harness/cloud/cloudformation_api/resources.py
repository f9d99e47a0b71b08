"""The resources of stacks."""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.cloud.cloudformation_api import answers
from harness.cloud.cloudformation_api.paging import page_of
from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import ResourceState
from harness.cloudformation.views import StackView


def describe_stack_resource(request: Request) -> Mapping[str, Value]:
    """One resource, with its metadata."""
    name, logical_id = request.get("StackName"), request.get("LogicalResourceId")
    view = request.engine.stack(name)
    state = _resource(request.engine, view, logical_id)
    detail = answers.resource_fields(state, "LastUpdatedTimestamp")
    if state.metadata:
        detail["Metadata"] = json.dumps(state.metadata)
    return {"StackResourceDetail": {**answers.whose(view), **detail}}


def describe_stack_resources(request: Request) -> Mapping[str, Value]:
    """The resources of a stack, or of the stack that a physical id belongs to."""
    name, physical_id = request.get("StackName"), request.get("PhysicalResourceId")
    if (name is None) == (physical_id is None):
        raise QueryError("Either StackName or PhysicalResourceId must be specified, but not both")
    if name is None:
        owner = request.engine.stack_of(physical_id)
        if owner is None:
            raise QueryError(f"Stack for {physical_id} does not exist")
        name = owner[0]
    view = request.engine.stack(name)
    logical_id = request.get("LogicalResourceId")
    states = (
        request.engine.resources(view.id)
        if logical_id is None
        else [_resource(request.engine, view, logical_id)]
    )
    return {
        "StackResources": [
            {**answers.whose(view), **answers.resource_fields(state, "Timestamp")}
            for state in states
        ]
    }


def list_stack_resources(request: Request) -> Mapping[str, Value]:
    """The resources of a stack in short."""
    page, token = page_of(request.engine.resources(request.get("StackName")), request)
    return {
        "StackResourceSummaries": [
            answers.resource_fields(state, "LastUpdatedTimestamp") for state in page
        ],
        "NextToken": token,
    }


def _resource(engine: StackEngine, view: StackView, logical_id: str) -> ResourceState:
    for state in engine.resources(view.id):
        if state.logical_id == logical_id:
            return state
    raise QueryError(f"Resource {logical_id} does not exist for stack {view.name}")
