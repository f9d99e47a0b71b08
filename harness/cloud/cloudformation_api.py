"""CloudFormation's Query API over the stack engine.

Any client of CloudFormation may speak to it; a request is either done, or answered with the error
code that CloudFormation has for it.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import threading
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from botocore.model import ServiceModel

from harness.cloud import cloudformation_answers as answers
from harness.cloud import query
from harness.cloud.query import QueryError, Response, Value
from harness.cloudformation.changesets import ChangeSet, ChangeSetRequest
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.graph import parse_template
from harness.cloudformation.hiding import masked
from harness.cloudformation.parameters import declarations
from harness.cloudformation.policy import MAX_BYTES, StackPolicy
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import ResourceState, Settings
from harness.cloudformation.unsupported import Unsupported
from harness.cloudformation.views import StackView
from harness.errors import HarnessError
from harness.template import MAX_BODY_BYTES, Template

_LOG = logging.getLogger(__name__)

NAMESPACE: Final = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
MAX_URL_BODY_BYTES: Final = 1_000_000
"""The largest template body behind a URL ("CloudFormation quotas")."""

_PAGE: Final = 100
_ACCOUNT_LIMITS: Final[Mapping[str, int]] = {
    "StackLimit": 2000,
    "StackOutputsLimit": 200,
    "ConcurrentResourcesLimit": 2500,
}
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")

_FOR_INSTANCES: Final = frozenset({"SignalResource", "DescribeStackResource"})
"""What an instance may ask by its identity document alone, as the helper scripts do."""

_NOT_ACTED_ON: Final = (
    "DeploymentConfig",
    "DeploymentMode",
    "ImportExistingResources",
    "IncludeNestedStacks",
    "NotificationARNs",
    "ResourceTypes",
    "ResourcesToImport",
    "RetainExceptOnCreate",
    "RoleARN",
)
"""Parameters that change what AWS does, and nothing here."""


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Args:
        access_key: The access key that signed the request; None where none did.
        instance_id: The instance whose identity document authorises it (``CFN_V1``).
    """

    access_key: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class Request:
    """A request that was held against the model."""

    engine: StackEngine
    parameters: Mapping[str, Value]
    caller: Caller
    form: Mapping[str, str]

    def get(self, name: str, default: Value = None) -> Value:
        """One parameter."""
        return self.parameters.get(name, default)


Operation = Callable[["CloudFormationApi", Request], Mapping[str, Value]]


class CloudFormationApi:
    """Answers the requests of every region.

    Args:
        engine_for: The stack engine of a region.
        fetch_template: The body behind a ``TemplateURL``; raises HarnessError where there is none.
        stack_of_instance: The id of the stack that an instance belongs to, where it is none of the
            stack's resources itself but of a group that is one; None for no stack's.
    """

    def __init__(
        self,
        engine_for: Callable[[str], StackEngine],
        fetch_template: Callable[[str], str],
        stack_of_instance: Callable[[str], str | None] = lambda _instance_id: None,
    ) -> None:
        self._engine_for = engine_for
        self._fetch_template = fetch_template
        self._stack_of_instance = stack_of_instance
        self._loading = threading.Lock()

    @cached_property
    def _service(self) -> ServiceModel:
        return query.load_service("cloudformation")

    def handle(self, form: Mapping[str, str], *, region: str, caller: Caller) -> Response:
        """Answer one request.

        Args:
            form: The request's parameters, of the query string or of the body.
            region: The region it was sent to.
            caller: Who asks; whoever calls this has checked it.
        """
        request_id = str(uuid.uuid4())
        as_json = form.get("ContentType", "").upper() == "JSON"
        try:
            return self._answer(form, region, caller, request_id, as_json=as_json)
        except QueryError as error:
            refused = error
        except RequestRefused as error:
            refused = QueryError(error.message, code=error.code, status=error.status)
        except HarnessError as error:
            refused = QueryError(error.message)
        except Exception as error:  # noqa: BLE001 - a client never sees a traceback
            values = [value for key, value in form.items() if key.endswith("ParameterValue")]
            _LOG.error(  # the traceback is in it, without secrets
                "a request could not be answered\n%s", masked(traceback.format_exc(), values)
            )
            refused = QueryError(
                f"The request could not be answered: {type(error).__name__}", code="InternalFailure"
            )
        return query.failure(refused, NAMESPACE, request_id, as_json=as_json)

    def _answer(
        self,
        form: Mapping[str, str],
        region: str,
        caller: Caller,
        request_id: str,
        *,
        as_json: bool,
    ) -> Response:
        action = form.get("Action", "")
        with self._loading:
            service = self._service
        if action not in service.operation_names:
            raise QueryError(
                f"Could not find operation {action} for version {form.get('Version', '')}",
                code="InvalidAction",
            )
        operation = _OPERATIONS.get(action)
        if operation is None:
            raise QueryError(f"{action} is not simulated", code="UnsupportedOperation")
        if caller.instance_id and action not in _FOR_INSTANCES:
            raise QueryError(
                f"Instance {caller.instance_id} is not authorized to perform "
                f"cloudformation:{action} by its identity document",
                code="AccessDenied",
                status=403,
            )
        model = service.operation_model(action)
        request = Request(self._engine_for(region), query.parse(form, model), caller, form)
        self._check_caller(request)
        return query.result(model, operation(self, request), request_id, as_json=as_json)

    # Who may

    def _check_caller(self, request: Request) -> None:
        """Refuse an instance that asks about a stack that it is not of."""
        instance_id = request.caller.instance_id
        if instance_id is None:
            return
        stack = request.engine.stack(request.get("StackName", ""))
        if self._owner(request.engine, instance_id) != stack.id:
            raise QueryError(
                f"Instance {instance_id} does not belong to stack {stack.id}",
                code="AccessDenied",
                status=403,
            )

    def _owner(self, engine: StackEngine, instance_id: str) -> str | None:
        owner = engine.stack_of(instance_id)
        return owner[0] if owner else self._stack_of_instance(instance_id)

    # Templates

    def _template_text(self, request: Request) -> str | None:
        """The body that a request brings or points to; None where it does neither."""
        body, url = request.get("TemplateBody"), request.get("TemplateURL")
        if body is not None and url is not None:
            raise QueryError("Only one of [TemplateBody, TemplateURL] may be specified")
        if body is not None:
            return _bounded(str(body), MAX_BODY_BYTES)
        if url is not None:
            text = self._fetch_template(str(url))
            if len(text.encode()) > MAX_URL_BODY_BYTES:
                raise QueryError(f"Template may not exceed {MAX_URL_BODY_BYTES} bytes in size.")
            return text
        return None

    def _template(self, request: Request) -> Template:
        return parse_template(self._required_text(request))

    def _required_text(self, request: Request) -> str:
        text = self._template_text(request)
        if text is None:
            raise QueryError("Either Template URL or Template Body must be specified.")
        return text

    # Operations

    def create_stack(self, request: Request) -> Mapping[str, Value]:
        """Begin to create a stack."""
        if "OnFailure" in request.parameters and "DisableRollback" in request.parameters:
            raise QueryError("Either DisableRollback or OnFailure can be specified, not both.")
        policy = self._policy(request, "StackPolicy")
        stack_id = request.engine.create_stack(
            request.get("StackName"),
            self._required_text(request),
            _given_parameters(request)[0],
            _settings(request),
        )
        if policy:
            request.engine.set_stack_policy(stack_id, policy)
        return {"StackId": stack_id}

    def update_stack(self, request: Request) -> Mapping[str, Value]:
        """Begin to update a stack."""
        values, previous = _given_parameters(request)
        policy = self._policy(request, "StackPolicy")
        stack_id = request.engine.update_stack(
            request.get("StackName"),
            self._text_or_previous(request),
            values,
            use_previous=previous,
            settings=_update_settings(request),
            disable_rollback=request.get("DisableRollback", False),
            stack_policy=self._policy(request, "StackPolicyDuringUpdate"),
        )
        if policy:
            request.engine.set_stack_policy(stack_id, policy)
        return {"StackId": stack_id}

    def _policy(self, request: Request, name: str) -> str:
        """A stack policy that a request brings or points to; empty where it does neither."""
        body, url = request.get(f"{name}Body"), request.get(f"{name}URL")
        if body is not None and url is not None:
            raise QueryError(f"You cannot specify both {name}Body and {name}URL")
        text = _bounded(self._fetch_template(url), MAX_BYTES) if url else str(body or "")
        if text:
            StackPolicy.parse(text)
        return text

    def set_stack_policy(self, request: Request) -> Mapping[str, Value]:
        """Say what updates may touch."""
        policy = self._policy(request, "StackPolicy")
        if not policy:
            raise QueryError("Either StackPolicyBody or StackPolicyURL must be specified")
        request.engine.set_stack_policy(request.get("StackName"), policy)
        return {}

    def get_stack_policy(self, request: Request) -> Mapping[str, Value]:
        """What updates may touch."""
        return {"StackPolicyBody": request.engine.stack_policy(request.get("StackName")) or None}

    def _text_or_previous(self, request: Request) -> str | None:
        text = self._template_text(request)
        if request.get("UsePreviousTemplate"):
            if text is not None:
                raise QueryError(
                    "UsePreviousTemplate cannot be specified with TemplateBody or TemplateURL"
                )
            return None
        return self._required_text(request)

    def cancel_update_stack(self, request: Request) -> Mapping[str, Value]:
        """Take back an update that is under way."""
        request.engine.cancel_update(
            request.get("StackName"), token=request.get("ClientRequestToken", "")
        )
        return {}

    def continue_update_rollback(self, request: Request) -> Mapping[str, Value]:
        """Go on with a rollback that failed."""
        _not_simulated(request)
        request.engine.continue_update_rollback(
            request.get("StackName"),
            skip=request.get("ResourcesToSkip", []),
            token=request.get("ClientRequestToken", ""),
        )
        return {}

    def rollback_stack(self, request: Request) -> Mapping[str, Value]:
        """Roll back a stack whose failure was left as it was."""
        _not_simulated(request)
        return {
            "StackId": request.engine.rollback_stack(
                request.get("StackName"), token=request.get("ClientRequestToken", "")
            )
        }

    def create_change_set(self, request: Request) -> Mapping[str, Value]:
        """Find what would change."""
        kind = request.get("ChangeSetType", "UPDATE")
        if kind == "IMPORT":
            raise QueryError("A change set of type IMPORT is not simulated")
        values, previous = _given_parameters(request)
        change_set = request.engine.change_sets.create(
            ChangeSetRequest(
                name=request.get("ChangeSetName"),
                stack_name=request.get("StackName"),
                kind=kind,
                template=self._text_or_previous(request),
                parameters=values,
                use_previous=previous,
                settings=_settings(request) if kind == "CREATE" else _update_settings(request),
                description=request.get("Description", ""),
            )
        )
        return {"Id": change_set.id, "StackId": change_set.stack_id}

    def describe_change_set(self, request: Request) -> Mapping[str, Value]:
        """What a change set would change."""
        found = _change_set(request)
        page, token = _page(found.changes, request)
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

    def list_change_sets(self, request: Request) -> Mapping[str, Value]:
        """The change sets of a stack."""
        found = request.engine.change_sets.of_stack(request.get("StackName"))
        page, token = _page(found, request)
        return {"Summaries": [answers.change_set_summary(one) for one in page], "NextToken": token}

    def delete_change_set(self, request: Request) -> Mapping[str, Value]:
        """Forget a change set."""
        request.engine.change_sets.delete(request.get("ChangeSetName"), request.get("StackName"))
        return {}

    def execute_change_set(self, request: Request) -> Mapping[str, Value]:
        """Create or update the stack of a change set."""
        _not_simulated(request)
        request.engine.change_sets.execute(
            request.get("ChangeSetName"),
            request.get("StackName"),
            disable_rollback=request.get("DisableRollback", False),
            token=request.get("ClientRequestToken", ""),
        )
        return {}

    def list_exports(self, request: Request) -> Mapping[str, Value]:
        """What stacks export."""
        page, token = _page(request.engine.exports(), request)
        return {
            "Exports": [
                {"ExportingStackId": stack_id, "Name": name, "Value": value}
                for stack_id, name, value in page
            ],
            "NextToken": token,
        }

    def list_imports(self, request: Request) -> Mapping[str, Value]:
        """Who imports a name."""
        name = request.get("ExportName")
        if not any(name == exported for _, exported, _ in request.engine.exports()):
            raise QueryError(f"Export '{name}' does not exist.")
        importers = request.engine.importers(name)
        if not importers:
            raise QueryError(f"Export '{name}' is not imported by any stack.")
        page, token = _page(importers, request)
        return {"Imports": page, "NextToken": token}

    def describe_account_limits(self, request: Request) -> Mapping[str, Value]:
        """What AWS allows an account by default ("CloudFormation quotas")."""
        page, token = _page(
            [{"Name": name, "Value": value} for name, value in _ACCOUNT_LIMITS.items()], request
        )
        return {"AccountLimits": page, "NextToken": token}

    def delete_stack(self, request: Request) -> Mapping[str, Value]:
        """Begin to delete a stack."""
        if request.get("DeletionMode") == "FORCE_DELETE_STACK":
            raise QueryError("DeletionMode FORCE_DELETE_STACK is not simulated")
        request.engine.delete_stack(
            request.get("StackName"),
            retain=request.get("RetainResources", []),
            token=request.get("ClientRequestToken", ""),
        )
        return {}

    def describe_stacks(self, request: Request) -> Mapping[str, Value]:
        """Stacks, with parameters and outputs."""
        name = request.get("StackName")
        views = [request.engine.stack(name)] if name else request.engine.stacks()
        page, token = _page(views, request)
        return {"Stacks": [answers.stack_detail(view) for view in page], "NextToken": token}

    def list_stacks(self, request: Request) -> Mapping[str, Value]:
        """Stacks in short, deleted ones too."""
        wanted = set(request.get("StackStatusFilter", []))
        views = [
            view
            for view in request.engine.stacks(deleted=True)
            if not wanted or view.status in wanted
        ]
        page, token = _page(views, request)
        return {
            "StackSummaries": [answers.stack_summary(view) for view in page],
            "NextToken": token,
        }

    def describe_stack_events(self, request: Request) -> Mapping[str, Value]:
        """Events, newest first."""
        page, token = _page(request.engine.events(request.get("StackName")), request)
        return {"StackEvents": [answers.event_detail(event) for event in page], "NextToken": token}

    def describe_stack_resource(self, request: Request) -> Mapping[str, Value]:
        """One resource, with its metadata."""
        name, logical_id = request.get("StackName"), request.get("LogicalResourceId")
        view = request.engine.stack(name)
        state = _resource(request.engine, view, logical_id)
        detail = answers.resource_fields(state, "LastUpdatedTimestamp")
        if state.metadata:
            detail["Metadata"] = json.dumps(state.metadata)
        return {"StackResourceDetail": {**answers.whose(view), **detail}}

    def describe_stack_resources(self, request: Request) -> Mapping[str, Value]:
        """The resources of a stack, or of the stack that a physical id belongs to."""
        name, physical_id = request.get("StackName"), request.get("PhysicalResourceId")
        if (name is None) == (physical_id is None):
            raise QueryError(
                "Either StackName or PhysicalResourceId must be specified, but not both"
            )
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

    def list_stack_resources(self, request: Request) -> Mapping[str, Value]:
        """The resources of a stack in short."""
        page, token = _page(request.engine.resources(request.get("StackName")), request)
        return {
            "StackResourceSummaries": [
                answers.resource_fields(state, "LastUpdatedTimestamp") for state in page
            ],
            "NextToken": token,
        }

    def get_template(self, request: Request) -> Mapping[str, Value]:
        """The template as transforms made it, or as it was sent."""
        stage = request.get("TemplateStage", "Processed")
        name = request.get("StackName")
        if request.get("ChangeSetName"):
            template = _change_set(request).plan.template
        elif name:
            template = request.engine.stack(name).template
        else:
            raise QueryError("StackName is required if ChangeSetName is not specified.")
        return {
            "TemplateBody": (template if stage == "Processed" else template.sent).text,
            "StagesAvailable": ["Original", "Processed"],
        }

    def validate_template(self, request: Request) -> Mapping[str, Value]:
        """Whether a template can be read, and its parameters."""
        template = self._template(request)
        keys = ("ParameterKey", "DefaultValue", "NoEcho", "Description")
        return {
            "Description": template.description or None,
            "Parameters": [
                {key: one[key] for key in keys if key in one} for one in declarations(template)
            ],
            **answers.capabilities(template),
        }

    def get_template_summary(self, request: Request) -> Mapping[str, Value]:
        """What a template declares."""
        name = request.get("StackName")
        template = request.engine.stack(name).template.sent if name else self._template(request)
        types = dict.fromkeys(one.type for one in template.resources.values())
        metadata = template.body.get("Metadata")
        return {
            "Description": template.description or None,
            "Parameters": [{"ParameterConstraints": {}, **one} for one in declarations(template)],
            "ResourceTypes": list(types),
            "Version": str(template.body.get("AWSTemplateFormatVersion", "2010-09-09")),
            "Metadata": json.dumps(metadata) if metadata else None,
            **answers.capabilities(template),
        }

    def signal_resource(self, request: Request) -> Mapping[str, Value]:
        """Take a signal; of another stack's instance, refuse it."""
        name, unique_id = request.get("StackName"), request.get("UniqueId")
        if _INSTANCE_ID.fullmatch(unique_id):
            owner = self._owner(request.engine, unique_id)
            if owner is not None and owner != request.engine.stack(name).id:
                raise QueryError(f"Instance {unique_id} does not belong to stack {name}")
        request.engine.signal_resource(
            name,
            request.get("LogicalResourceId"),
            Signal(unique_id, SignalStatus(request.get("Status"))),
        )
        return {}

    def update_termination_protection(self, request: Request) -> Mapping[str, Value]:
        """Protect a stack from deletion, or no longer."""
        return {
            "StackId": request.engine.set_termination_protection(
                request.get("StackName"), enabled=request.get("EnableTerminationProtection")
            )
        }


# Readings of requests


def _bounded(body: str, limit: int) -> str:
    if len(body.encode()) > limit:
        shown = f"'{body[:64]}…'"
        raise QueryError(
            f"1 validation error detected: Value {shown} at 'templateBody' failed to satisfy "
            f"constraint: Member must have length less than or equal to {limit}"
        )
    return body


def _not_simulated(request: Request) -> tuple[str, ...]:
    """Names of parameters that would not be acted on; refused unless that was accepted."""
    named = [name for name in _NOT_ACTED_ON if request.get(name)]
    if (request.get("RollbackConfiguration") or {}).get("RollbackTriggers"):
        named.append("RollbackConfiguration")
    if named and request.engine.unsupported is not Unsupported.ACCEPT:
        raise QueryError(f"Not simulated: {', '.join(named)}")
    return tuple(named)


def _given_parameters(request: Request) -> tuple[dict[str, str], frozenset[str]]:
    """Values by name, and the names that keep the value they have."""
    values: dict[str, str] = {}
    previous: set[str] = set()
    for one in request.get("Parameters", []):
        key = one.get("ParameterKey", "")
        if not key:
            raise QueryError("Parameter key must not be empty")
        if one.get("UsePreviousValue"):
            if one.get("ParameterValue"):
                raise QueryError(
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as "
                    "true and non empty value for a parameter"
                )
            previous.add(key)
        else:
            values[key] = one.get("ParameterValue", "")
    return values, frozenset(previous)


def _settings(request: Request) -> Settings:
    on_failure = "DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK"
    return Settings(
        tags=_tags(request),
        capabilities=tuple(request.get("Capabilities", [])),
        notification_arns=tuple(request.get("NotificationARNs", [])),
        role_arn=request.get("RoleARN", ""),
        on_failure=request.get("OnFailure") or request.get("OnStackFailure") or on_failure,
        timeout_minutes=request.get("TimeoutInMinutes"),
        termination_protection=request.get("EnableTerminationProtection", False),
        token=request.get("ClientRequestToken", ""),
        not_simulated=_not_simulated(request),
    )


def _update_settings(request: Request) -> Settings:
    """What the update says, and for what it does not say, what the stack has."""
    current = request.engine.settings(request.get("StackName"))
    said: dict[str, Value] = {
        "capabilities": tuple(request.get("Capabilities", [])),
        "token": request.get("ClientRequestToken", ""),
        "not_simulated": _not_simulated(request),
        "reviewed": False,
    }
    if "Tags" in request.parameters:
        said["tags"] = _tags(request)
    if "NotificationARNs" in request.parameters:
        said["notification_arns"] = tuple(request.get("NotificationARNs"))
    if "RoleARN" in request.parameters:
        said["role_arn"] = request.get("RoleARN")
    return replace(current, **said)


def _change_set(request: Request) -> ChangeSet:
    return request.engine.change_sets.get(request.get("ChangeSetName"), request.get("StackName"))


def _tags(request: Request) -> dict[str, str]:
    tags = {one["Key"]: one["Value"] for one in request.get("Tags", [])}
    for key in tags:
        if key.startswith("aws:"):
            raise QueryError(
                f"aws: prefixed tag key names are not allowed for external use ({key})"
            )
    return tags


def _resource(engine: StackEngine, view: StackView, logical_id: str) -> ResourceState:
    for state in engine.resources(view.id):
        if state.logical_id == logical_id:
            return state
    raise QueryError(f"Resource {logical_id} does not exist for stack {view.name}")


def _page(items: Sequence[Value], request: Request) -> tuple[Sequence[Value], str | None]:
    """One page, and where the next begins, counted from the end that does not grow."""
    remaining = len(items)
    token = request.get("NextToken")
    if token is not None:
        try:
            remaining = int(base64.urlsafe_b64decode(token.encode()).decode())
        except (ValueError, binascii.Error):
            raise QueryError(f"Invalid NextToken {token!r}") from None
    start = max(len(items) - remaining, 0)
    page = items[start : start + _PAGE]
    left = len(items) - start - len(page)
    return page, base64.urlsafe_b64encode(str(left).encode()).decode() if left > 0 else None


_OPERATIONS: Final[Mapping[str, Operation]] = {
    "CancelUpdateStack": CloudFormationApi.cancel_update_stack,
    "ContinueUpdateRollback": CloudFormationApi.continue_update_rollback,
    "CreateChangeSet": CloudFormationApi.create_change_set,
    "CreateStack": CloudFormationApi.create_stack,
    "DeleteChangeSet": CloudFormationApi.delete_change_set,
    "DeleteStack": CloudFormationApi.delete_stack,
    "DescribeAccountLimits": CloudFormationApi.describe_account_limits,
    "DescribeChangeSet": CloudFormationApi.describe_change_set,
    "DescribeStackEvents": CloudFormationApi.describe_stack_events,
    "DescribeStackResource": CloudFormationApi.describe_stack_resource,
    "DescribeStackResources": CloudFormationApi.describe_stack_resources,
    "DescribeStacks": CloudFormationApi.describe_stacks,
    "ExecuteChangeSet": CloudFormationApi.execute_change_set,
    "GetStackPolicy": CloudFormationApi.get_stack_policy,
    "GetTemplate": CloudFormationApi.get_template,
    "GetTemplateSummary": CloudFormationApi.get_template_summary,
    "ListChangeSets": CloudFormationApi.list_change_sets,
    "ListExports": CloudFormationApi.list_exports,
    "ListImports": CloudFormationApi.list_imports,
    "ListStackResources": CloudFormationApi.list_stack_resources,
    "ListStacks": CloudFormationApi.list_stacks,
    "RollbackStack": CloudFormationApi.rollback_stack,
    "SetStackPolicy": CloudFormationApi.set_stack_policy,
    "SignalResource": CloudFormationApi.signal_resource,
    "UpdateStack": CloudFormationApi.update_stack,
    "UpdateTerminationProtection": CloudFormationApi.update_termination_protection,
    "ValidateTemplate": CloudFormationApi.validate_template,
}
