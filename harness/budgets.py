"""How long the resources of a template may take to be signalled, as their CreationPolicies say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from harness.cloudformation.creation import PolicyError, creation_policy
from harness.cloudformation.intrinsics import Resolver
from harness.errors import IntrinsicError
from harness.template import Resource, Template
from harness.userdata import PLACEHOLDERS, offline_resolver


def signal_budgets(
    template: Template,
    parameters: Mapping[str, str] | None = None,
    region: str = PLACEHOLDERS.region,
) -> Mapping[str, float]:
    """Seconds that each resource that waits for signals may take, by logical id.

    Args:
        template: The template.
        parameters: Values of its parameters; the others have their defaults.
        region: Where it is created.

    Returns:
        Of the resources that are created with these parameters; infinite where only a created
        stack would tell.
    """
    resolver = offline_resolver(template, parameters, replace(PLACEHOLDERS, region=region))
    found = {
        name: _budget(resource, resolver)
        for name, resource in template.resources.items()
        if resource.creation_policy is not None
    }
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def _budget(resource: Resource, resolver: Resolver) -> float | None:
    """What one resource's policy gives; None where it waits for nothing, or is not created."""
    try:
        if resource.condition and not resolver.condition(resource.condition):
            return None
        policy = creation_policy(resolver.resolve(resource.creation_policy))
    except (IntrinsicError, PolicyError):
        return math.inf
    return policy.timeout.total_seconds() if policy else None
