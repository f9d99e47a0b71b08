"""What an update would change, found without changing anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.cloudformation import work
from harness.cloudformation.intrinsics import references
from harness.cloudformation.operation import Deployment
from harness.cloudformation.provider import Interruption, ProvisionedResource, ResourceRequest
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.state import Plan
from harness.errors import HarnessError
from harness.template import Node, Resource

NO_UPDATES: Final = "No updates are to be performed."

_COMPARED: Final = ("Type", "Properties", "Metadata")
_REPLACEMENT: Final[Mapping[Interruption, str]] = {
    Interruption.NONE: "False",
    Interruption.SOME: "False",
    Interruption.REPLACEMENT: "True",
}
_REPLACED: Final = frozenset({"True", "Conditional"})


@dataclass(frozen=True)
class Change:
    """What would happen to one resource ("ResourceChange").

    Args:
        action: ``Add``, ``Modify`` or ``Remove``.
        logical_id: Its name in the template.
        type: Its type.
        physical_id: What names it; empty for one that is added.
        replacement: ``True``, ``False`` or ``Conditional``; empty unless it is modified.
        scope: Attributes that differ: ``Properties``, ``Metadata``, ``Tags``.
        properties: Names of the properties that differ.
    """

    action: str
    logical_id: str
    type: str
    physical_id: str = ""
    replacement: str = ""
    scope: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()


def check_types(old: Plan, new: Plan) -> None:
    """Refuse a resource that changes its type.

    Raises:
        RequestRefused: In CloudFormation's words.
    """
    changed = [
        logical_id
        for logical_id, resource in new.active.items()
        if logical_id in old.active and old.active[logical_id].type != resource.type
    ]
    if changed:
        raise RequestRefused(
            "Update of resource type is not permitted. The new template modifies resource type "
            f"of the following resources: [{', '.join(changed)}]"
        )


def find_changes(deployment: Deployment, new: Plan) -> list[Change]:
    """What updating a stack to a plan would do to its resources. Asks the provider: not locked."""
    with deployment.around.turn():
        old = deployment.stack.plan
        existing = {
            logical_id: (state.resource, state.status)
            for logical_id, state in deployment.stack.resources.items()
            if state.resource is not None
        }
    changes: list[Change] = []
    for logical_id, resource in new.active.items():
        current, status = existing.get(logical_id, (None, None))
        if current is None or status == "CREATE_FAILED":
            changes.append(Change("Add", logical_id, resource.type))
        elif not _same_source(old, new, resource) or status == "UPDATE_FAILED":
            change = _compare(deployment, new, resource, current)
            if change is not None:
                changes.append(change)
    current_resources = {logical_id: resource for logical_id, (resource, _) in existing.items()}
    changes = _with_dependents(deployment, new, current_resources, changes)
    changes += [
        Change("Remove", logical_id, current.request.type, current.physical_id)
        for logical_id, (current, _) in existing.items()
        if logical_id not in new.active
    ]
    return changes


def _with_dependents(
    deployment: Deployment,
    new: Plan,
    existing: Mapping[str, ProvisionedResource],
    changes: Sequence[Change],
) -> list[Change]:
    """The changes, and those of what refers to a resource that would be another one afterwards.

    What its properties would be is not known before, so that it is replaced at most conditionally
    ("ResourceChange", "ResourceChangeDetail": ``Evaluation`` is ``Dynamic``).
    """
    found = {change.logical_id: change for change in changes}
    referring = {
        logical_id: {
            key: {name for name, _ in references(node)} for key, node in resource.properties.items()
        }
        for logical_id, resource in new.active.items()
        if logical_id in existing
    }
    waiting = [change.logical_id for change in changes if change.replacement in _REPLACED]
    while waiting:
        replaced = waiting.pop()
        for logical_id, properties in referring.items():
            names = {key for key, referred in properties.items() if replaced in referred}
            change = found.get(logical_id)
            if not names or (change and names <= set(change.properties)):
                continue
            before = change.replacement if change else "False"
            found[logical_id] = _dependent(
                deployment, new.active[logical_id], existing[logical_id], names, change
            )
            if before not in _REPLACED and found[logical_id].replacement in _REPLACED:
                waiting.append(logical_id)
    return [found[logical_id] for logical_id in new.active if logical_id in found]


def _dependent(
    deployment: Deployment,
    resource: Resource,
    current: ProvisionedResource,
    names: Collection[str],
    change: Change | None,
) -> Change:
    """A change of those properties, besides what was found to change."""
    unknown = {key: resource.properties[key] for key in names}
    wanted = replace(current.request, properties={**current.request.properties, **unknown})
    try:
        interruption = deployment.around.provider.interruption(current, wanted)
    except HarnessError:
        interruption = Interruption.REPLACEMENT
    replacement = "Conditional" if interruption is Interruption.REPLACEMENT else "False"
    if change is None:
        return _modify(resource, current, replacement, ("Properties",), tuple(sorted(names)))
    return replace(
        change,
        replacement=change.replacement if change.replacement in _REPLACED else replacement,
        scope=tuple(sorted({*change.scope, "Properties"})),
        properties=tuple(sorted({*change.properties, *names})),
    )


def outputs_differ(deployment: Deployment, new: Plan) -> bool:
    """Whether an update would change what the stack puts out."""
    old = deployment.stack.plan
    if old.template.outputs == new.template.outputs and _same_surroundings(old, new):
        return False
    try:
        return work.outputs(deployment, new) != deployment.stack.outputs
    except HarnessError:
        return True


def _same_surroundings(old: Plan, new: Plan) -> bool:
    return (
        old.parameters.values == new.parameters.values
        and old.template.mappings == new.template.mappings
        and old.template.conditions == new.template.conditions
    )


def _same_source(old: Plan, new: Plan, resource: Resource) -> bool:
    before = old.active.get(resource.logical_id)
    return (
        before is not None
        and all(before.body.get(key) == resource.body.get(key) for key in _COMPARED)
        and old.settings.tags == new.settings.tags
        and _same_surroundings(old, new)
    )


def _compare(
    deployment: Deployment, new: Plan, resource: Resource, current: ProvisionedResource
) -> Change | None:
    try:
        resolver = work.resolver(deployment, new)
        wanted = ResourceRequest(
            stack_id=current.request.stack_id,
            stack_name=current.request.stack_name,
            logical_id=resource.logical_id,
            type=resource.type,
            properties=resolver.resolve(resource.properties),
            metadata=resolver.resolve(resource.metadata),
            stack_tags=dict(new.settings.tags),
        )
        # Of dynamic references, the references are compared.
        request = replace(current.request, properties=current.request.compared, declared=None)
        current = replace(current, request=request)
        if wanted == current.request:
            return None
        replacement = (
            "False"
            if work.same(current, wanted)
            else _REPLACEMENT[deployment.around.provider.interruption(current, wanted)]
        )
    except HarnessError:
        # It depends on what does not exist yet.
        return _modify(resource, current, "Conditional", ("Properties",), ())
    scope = {
        "Properties": wanted.properties != current.request.properties,
        "Metadata": wanted.metadata != current.request.metadata,
        "Tags": wanted.stack_tags != current.request.stack_tags,
    }
    return _modify(
        resource,
        current,
        replacement,
        tuple(name for name, differs in scope.items() if differs),
        _differing(current.request.properties, wanted.properties),
    )


def _modify(
    resource: Resource,
    current: ProvisionedResource,
    replacement: str,
    scope: tuple[str, ...],
    properties: tuple[str, ...],
) -> Change:
    return Change(
        "Modify",
        resource.logical_id,
        resource.type,
        current.physical_id,
        replacement,
        scope,
        properties,
    )


def _differing(before: Mapping[str, Node], after: Mapping[str, Node]) -> tuple[str, ...]:
    return tuple(sorted(key for key in {*before, *after} if before.get(key) != after.get(key)))
