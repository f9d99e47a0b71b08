"""The engine's views in the shapes of CloudFormation's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.cloud.query import Value
from harness.cloudformation.changes import Change
from harness.cloudformation.changesets import ChangeSet
from harness.cloudformation.language_extensions import declared_transforms
from harness.cloudformation.parameters import Parameter
from harness.cloudformation.planning import needed_capabilities
from harness.cloudformation.state import ResourceState, StackEvent
from harness.cloudformation.views import StackView
from harness.template import Template


def whose(view: StackView) -> dict[str, Value]:
    """Which stack it is."""
    return {"StackName": view.name, "StackId": view.id}


def stack_detail(view: StackView) -> dict[str, Value]:
    """A stack, for ``DescribeStacks``."""
    settings = view.settings
    return {
        **whose(view),
        "ChangeSetId": view.change_set_id or None,
        "Description": view.description or None,
        "Parameters": parameter_list(view.parameters.values()),
        "CreationTime": view.created,
        "LastUpdatedTime": view.updated,
        "DeletionTime": view.deleted,
        "RollbackConfiguration": {},
        "StackStatus": view.status,
        "StackStatusReason": view.reason or None,
        "DisableRollback": settings.on_failure == "DO_NOTHING",
        "NotificationARNs": list(settings.notification_arns),
        "TimeoutInMinutes": settings.timeout_minutes,
        "Capabilities": list(settings.capabilities),
        "RoleARN": settings.role_arn or None,
        "Outputs": [
            {
                "OutputKey": one.key,
                "OutputValue": one.value,
                "Description": one.description or None,
                "ExportName": one.export_name or None,
            }
            for one in view.outputs
        ],
        "Tags": tag_list(settings.tags),
        "EnableTerminationProtection": view.termination_protection,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def parameter_list(parameters: Iterable[Parameter]) -> list[dict[str, Value]]:
    """Parameters, NoEcho values hidden."""
    return [
        {
            "ParameterKey": one.name,
            "ParameterValue": one.shown,
            "ResolvedValue": one.shown_resolved,
        }
        for one in parameters
    ]


def tag_list(tags: Mapping[str, str]) -> list[dict[str, Value]]:
    """Tags as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def change_set_summary(found: ChangeSet) -> dict[str, Value]:
    """A change set, for ``ListChangeSets``."""
    return {
        "ChangeSetName": found.request.name,
        "ChangeSetId": found.id,
        "StackId": found.stack_id,
        "StackName": found.stack_name,
        "Description": found.request.description or None,
        "CreationTime": found.created,
        "ExecutionStatus": found.execution,
        "Status": found.status,
        "StatusReason": found.reason or None,
    }


def change_detail(change: Change) -> dict[str, Value]:
    """What would happen to one resource."""
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": change.action,
            "LogicalResourceId": change.logical_id,
            "PhysicalResourceId": change.physical_id or None,
            "ResourceType": change.type,
            "Replacement": change.replacement or None,
            "Scope": list(change.scope),
            "Details": [
                {
                    "Target": {"Attribute": "Properties", "Name": name},
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }
                for name in change.properties
            ],
        },
    }


def stack_summary(view: StackView) -> dict[str, Value]:
    """A stack, for ``ListStacks``."""
    return {
        **whose(view),
        "TemplateDescription": view.description or None,
        "CreationTime": view.created,
        "LastUpdatedTime": view.updated,
        "DeletionTime": view.deleted,
        "StackStatus": view.status,
        "StackStatusReason": view.reason or None,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def event_detail(event: StackEvent) -> dict[str, Value]:
    """One event."""
    return {
        "StackId": event.stack_id,
        "EventId": event.event_id,
        "StackName": event.stack_name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.timestamp,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason or None,
        "ResourceProperties": event.properties or None,
        "ClientRequestToken": event.token or None,
    }


def resource_fields(state: ResourceState, time_name: str) -> dict[str, Value]:
    """A resource; the name of its time differs between operations."""
    return {
        "LogicalResourceId": state.logical_id,
        "PhysicalResourceId": state.physical_id or None,
        "ResourceType": state.type,
        time_name: state.updated,
        "ResourceStatus": state.status,
        "ResourceStatusReason": state.reason or None,
        "Description": state.description or None,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def capabilities(template: Template) -> dict[str, Value]:
    """What must be acknowledged, and why."""
    transforms = declared_transforms(template)
    needed = needed_capabilities(template)
    if not needed:
        return {}
    types: Iterable[str] = dict.fromkeys(
        [
            *(one.type for one in template.resources.values() if one.type.startswith("AWS::IAM::")),
            *transforms,
        ]
    )
    return {
        "DeclaredTransforms": transforms,
        "Capabilities": needed,
        "CapabilitiesReason": "The following resource(s) require capabilities: "
        f"[{', '.join(types)}]",
    }
