"""Dynamic references ("Get values stored in other services using dynamic references").

``{{resolve:ssm:…}}``, ``{{resolve:ssm-secure:…}}`` and ``{{resolve:secretsmanager:…}}`` in a
resource's properties are replaced by what the services hold, when the resource is created or
updated. Whatever is shown or compared keeps the reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.cloudformation.parameters import Lookups
from harness.cloudformation.provider import ResourceFailure
from harness.cloudformation.refusal import RequestRefused
from harness.template import Node, Template

MOST: Final = 60
"""References in one template ("Considerations when using dynamic references")."""

_REFERENCE = re.compile(r"\{\{resolve:(ssm-secure|ssm|secretsmanager):([^{}]*)\}\}")
_SSM_KEY = re.compile(r"[a-zA-Z0-9_.\-/]+(?::\d+)?")
_SECRET_ARN = re.compile(r"(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:[^:]+)(?::(.*))?")

_SECURE: Final = frozenset(
    {
        "AWS::DirectoryService::MicrosoftAD/Properties/Password",
        "AWS::DirectoryService::SimpleAD/Properties/Password",
        "AWS::ElastiCache::ReplicationGroup/Properties/AuthToken",
        "AWS::IAM::User/Properties/LoginProfile/Password",
        "AWS::KinesisFirehose::DeliveryStream/Properties/RedshiftDestinationConfiguration/Password",
        "AWS::OpsWorks::App/Properties/AppSource/Password",
        "AWS::OpsWorks::Stack/Properties/CustomCookbooksSource/Password",
        "AWS::OpsWorks::Stack/Properties/RdsDbInstances/DbPassword",
        "AWS::RDS::DBCluster/Properties/MasterUserPassword",
        "AWS::RDS::DBInstance/Properties/MasterUserPassword",
        "AWS::Redshift::Cluster/Properties/MasterUserPassword",
    }
)
"""Where ``ssm-secure`` may stand ("Resources that support dynamic parameter patterns for secure
strings")."""


@dataclass(frozen=True)
class Reference:
    """One reference.

    Args:
        text: As it is written, braces and all.
        service: ``ssm``, ``ssm-secure`` or ``secretsmanager``.
        key: What follows the service.
    """

    text: str
    service: str
    key: str


def references_in(node: Node) -> Iterator[Reference]:
    """Every reference in a value, as far as it is written out."""
    for _, text in _strings(node, ""):
        for match in _REFERENCE.finditer(text):
            yield Reference(match[0], match[1], match[2])


def check_references(template: Template) -> None:
    """Refuse references that are malformed, too many, or stand where they may not.

    Raises:
        RequestRefused: In CloudFormation's words.
    """
    found = list(references_in(template.body))
    malformed = [one.text for one in found if not _is_well_formed(one)]
    if malformed:
        raise RequestRefused(
            "Incorrect format is used in the following SSM reference: "
            f"[{', '.join(dict.fromkeys(malformed))}]"
        )
    if len(found) > MOST:
        raise RequestRefused(
            f"Template format error: Number of dynamic references, {len(found)}, "
            f"is greater than maximum allowed, {MOST}"
        )
    misplaced = [
        place
        for resource in template.resources.values()
        for place, text in _strings(resource.properties, f"{resource.type}/Properties")
        if any(one.service == "ssm-secure" for one in references_in(text)) and place not in _SECURE
    ]
    if misplaced:
        raise RequestRefused(
            f"SSM Secure reference is not supported in: [{','.join(dict.fromkeys(misplaced))}]"
        )


def check_values(template: Template, lookups: Lookups) -> None:
    """Refuse references to parameters of the Parameter Store that do not exist.

    Raises:
        RequestRefused: In CloudFormation's words.
    """
    properties = [one.properties for one in template.resources.values()]
    missing = [
        f"{one.service}:{one.key}"
        for one in dict.fromkeys(references_in(properties))
        if _parameter(one, lookups) is None
    ]
    if missing:
        raise RequestRefused(f"Parameters: [{', '.join(missing)}] cannot be found.")


def with_values(node: Node, lookups: Lookups, secrets: set[str]) -> Node:
    """A resolved value with the values instead of the references.

    Args:
        node: The value.
        lookups: Answers what references stand for.
        secrets: Gets those of the values that are secret.

    Raises:
        ResourceFailure: What is referred to does not exist.
    """
    match node:
        case Mapping():
            return {name: with_values(one, lookups, secrets) for name, one in node.items()}
        case list():
            return [with_values(one, lookups, secrets) for one in node]
        case str() if "{{resolve:" in node:

            def value(match: re.Match[str]) -> str:
                found = _value(Reference(match[0], match[1], match[2]), lookups)
                if match[1] != "ssm":
                    secrets.add(found)
                return found

            return _REFERENCE.sub(value, node)
    return node


def _value(reference: Reference, lookups: Lookups) -> str:
    if reference.service == "secretsmanager":
        return _secret(reference, lookups)
    found = _parameter(reference, lookups)
    if found is None:
        raise ResourceFailure(f"Parameters: [{reference.service}:{reference.key}] cannot be found.")
    return found


def _parameter(reference: Reference, lookups: Lookups) -> str | None:
    """A parameter's value; None where there is none, empty for what is no parameter."""
    match reference.service:
        case "ssm":
            return lookups.ssm_parameter(reference.key)
        case "ssm-secure":
            return lookups.secure_parameter(reference.key)
    return ""


def _secret(reference: Reference, lookups: Lookups) -> str:
    """``secret-id:SecretString:json-key:version-stage:version-id``; all but the first may lack."""
    arn = _SECRET_ARN.fullmatch(reference.key)
    secret_id, _, rest = (arn[1], "", arn[2] or "") if arn else reference.key.partition(":")
    kind, json_key, stage, version_id = [*rest.split(":"), "", "", ""][:4]
    if kind not in {"", "SecretString"}:
        raise ResourceFailure(f"Invalid dynamic reference {reference.text}: {kind}")
    secret = lookups.secret(secret_id, stage=stage, version_id=version_id)
    if secret is None:
        raise ResourceFailure(
            "Secrets Manager can't find the specified secret. (Service: AWSSecretsManager; "
            "Status Code: 400; Error Code: ResourceNotFoundException)"
        )
    if not json_key:
        return secret
    try:
        members = json.loads(secret)
    except ValueError:
        members = None
    if not isinstance(members, Mapping):
        raise ResourceFailure("Could not parse SecretString JSON")
    if json_key not in members:
        raise ResourceFailure("Could not find a value associated with JSONKey in SecretString")
    value = members[json_key]
    return value if isinstance(value, str) else json.dumps(value)


def _is_well_formed(reference: Reference) -> bool:
    return reference.service == "secretsmanager" or _SSM_KEY.fullmatch(reference.key) is not None


def _strings(node: Node, place: str) -> Iterator[tuple[str, str]]:
    """Every string in a value, and where it stands: lists and functions are no part of the path."""
    match node:
        case str():
            yield place, node
        case Mapping():
            for name, one in node.items():
                inside = str(name) if name == "Ref" or str(name).startswith("Fn::") else ""
                yield from _strings(one, place if inside else f"{place}/{name}")
        case list():
            for one in node:
                yield from _strings(one, place)
