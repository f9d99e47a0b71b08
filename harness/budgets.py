"""How long the resources of a template may take to be signalled, as their CreationPolicies say."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cloudformation.creation import PolicyError, creation_policy
from harness.errors import IntrinsicError
from harness.template import Resource, Template
from harness.userdata import offline_resolver


def signal_budgets(
    template: Template, parameters: Mapping[str, str] | None = None
) -> Mapping[str, float]:
    """Seconds that each resource that waits for signals may take, by logical id.

    Args:
        template: The template.
        parameters: Values of its parameters; the others have their defaults.

    Returns:
        Of the resources that are created with these parameters; what only a created stack would
        tell of is left out.
    """
    resolver = offline_resolver(template, parameters)

    def budget(resource: Resource) -> float | None:
        try:
            if resource.condition and not resolver.condition(resource.condition):
                return None
            policy = creation_policy(resolver.resolve(resource.creation_policy))
        except (IntrinsicError, PolicyError):
            return None
        return policy.timeout.total_seconds() if policy else None

    found = {
        name: budget(resource)
        for name, resource in template.resources.items()
        if resource.creation_policy is not None
    }
    return {name: seconds for name, seconds in found.items() if seconds is not None}
