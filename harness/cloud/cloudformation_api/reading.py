"""What a request says, in the engine's words.

What cannot be said so is refused with a QueryError, in CloudFormation's words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value
from harness.cloudformation.changesets import ChangeSet
from harness.cloudformation.graph import parse_template
from harness.cloudformation.policy import MAX_BYTES, StackPolicy
from harness.cloudformation.state import Settings
from harness.cloudformation.unsupported import Unsupported
from harness.template import MAX_BODY_BYTES, Template

MAX_URL_BODY_BYTES: Final = 1_000_000
"""The largest template body behind a URL ("CloudFormation quotas")."""

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


def given_template(request: Request) -> Template:
    """The template that a request brings or points to; refused where it does neither."""
    return parse_template(required_text(request))


def required_text(request: Request) -> str:
    """The text of the template that a request brings or points to."""
    text = _template_text(request)
    if text is None:
        raise QueryError("Either Template URL or Template Body must be specified.")
    return text


def text_or_previous(request: Request) -> str | None:
    """The template's text; None for the template that the stack has ("UsePreviousTemplate")."""
    text = _template_text(request)
    if request.get("UsePreviousTemplate"):
        if text is not None:
            raise QueryError(
                "UsePreviousTemplate cannot be specified with TemplateBody or TemplateURL"
            )
        return None
    return required_text(request)


def _template_text(request: Request) -> str | None:
    """The body that a request brings or points to; None where it does neither."""
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    if body is not None and url is not None:
        raise QueryError("Only one of [TemplateBody, TemplateURL] may be specified")
    if body is not None:
        return _bounded(str(body), MAX_BODY_BYTES)
    if url is not None:
        text = request.fetch_template(str(url))
        if len(text.encode()) > MAX_URL_BODY_BYTES:
            raise QueryError(f"Template may not exceed {MAX_URL_BODY_BYTES} bytes in size.")
        return text
    return None


def stack_policy(request: Request, name: str) -> str:
    """A stack policy that a request brings or points to; empty where it does neither.

    Args:
        request: The request.
        name: What its parameters begin with, such as ``StackPolicyDuringUpdate``.
    """
    body, url = request.get(f"{name}Body"), request.get(f"{name}URL")
    if body is not None and url is not None:
        raise QueryError(f"You cannot specify both {name}Body and {name}URL")
    text = _bounded(request.fetch_template(url), MAX_BYTES) if url else str(body or "")
    if text:
        StackPolicy.parse(text)
    return text


def _bounded(body: str, limit: int) -> str:
    if len(body.encode()) > limit:
        shown = f"'{body[:64]}…'"
        raise QueryError(
            f"1 validation error detected: Value {shown} at 'templateBody' failed to satisfy "
            f"constraint: Member must have length less than or equal to {limit}"
        )
    return body


def given_parameters(request: Request) -> tuple[dict[str, str], frozenset[str]]:
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


def creation_settings(request: Request) -> Settings:
    """What a stack is to be created with."""
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
        not_simulated=not_simulated(request),
    )


def update_settings(request: Request) -> Settings:
    """What the update says, and for what it does not say, what the stack has."""
    current = request.engine.settings(request.get("StackName"))
    said: dict[str, Value] = {
        "capabilities": tuple(request.get("Capabilities", [])),
        "token": request.get("ClientRequestToken", ""),
        "not_simulated": not_simulated(request),
        "reviewed": False,
    }
    if "Tags" in request.parameters:
        said["tags"] = _tags(request)
    if "NotificationARNs" in request.parameters:
        said["notification_arns"] = tuple(request.get("NotificationARNs"))
    if "RoleARN" in request.parameters:
        said["role_arn"] = request.get("RoleARN")
    return replace(current, **said)


def not_simulated(request: Request) -> tuple[str, ...]:
    """Names of parameters that would not be acted on; refused unless that was accepted."""
    named = [name for name in _NOT_ACTED_ON if request.get(name)]
    if (request.get("RollbackConfiguration") or {}).get("RollbackTriggers"):
        named.append("RollbackConfiguration")
    if named and request.engine.unsupported is not Unsupported.ACCEPT:
        raise QueryError(f"Not simulated: {', '.join(named)}")
    return tuple(named)


def change_set(request: Request) -> ChangeSet:
    """The change set that a request names."""
    return request.engine.change_sets.get(request.get("ChangeSetName"), request.get("StackName"))


def _tags(request: Request) -> dict[str, str]:
    tags = {one["Key"]: one["Value"] for one in request.get("Tags", [])}
    for key in tags:
        if key.startswith("aws:"):
            raise QueryError(
                f"aws: prefixed tag key names are not allowed for external use ({key})"
            )
    return tags
