"""The blocking part of a step, on a worker's thread: resolve, ask the provider, report back."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.cloudformation.creation import wait_condition_policy
from harness.cloudformation.dynamic import with_values
from harness.cloudformation.gaps import check_supported, unanswered
from harness.cloudformation.hiding import shown_properties
from harness.cloudformation.intrinsics import PseudoParameters, Resolver, as_string
from harness.cloudformation.operation import Attempt, Deployment
from harness.cloudformation.own_types import GROUP, WAIT_CONDITION
from harness.cloudformation.provider import (
    Interruption,
    ProvisionedResource,
    ResourceCancelled,
    ResourceFailure,
    ResourceProvider,
    ResourceRequest,
)
from harness.cloudformation.rolling import (
    ROLLING,
    Rolling,
    RollingPolicy,
    Step,
    check_service,
    rolling_policy,
)
from harness.cloudformation.state import Output, Plan, shown
from harness.cloudformation.unsupported import Unsupported, listed
from harness.errors import HarnessError, IntrinsicError
from harness.template import Node, Resource

_LOG = logging.getLogger(__name__)

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


@dataclass(frozen=True)
class StackValues:
    """What the resources that exist answer to ``Ref`` and ``Fn::GetAtt``.

    Args:
        resources: Those that exist, by logical id.
        provider: Whose they are.
        make_up: Whether attributes that are not simulated are answered with a made-up name.
    """

    resources: Mapping[str, ProvisionedResource]
    provider: ResourceProvider
    make_up: bool = False

    def ref(self, logical_id: str) -> Node:
        """The value of ``Ref``."""
        return self._get(logical_id).ref

    def attribute(self, logical_id: str, name: str) -> Node:
        """The value of ``Fn::GetAtt``."""
        resource = self._get(logical_id)
        if self.make_up and not self.provider.answers(resource.request.type, name):
            return f"{resource.physical_id}-{name}"
        return self.provider.attribute(resource, name)

    def _get(self, logical_id: str) -> ProvisionedResource:
        try:
            return self.resources[logical_id]
        except KeyError:
            raise IntrinsicError(
                f"Unresolved resource dependencies [{logical_id}] in the template"
            ) from None


class _Imports(Mapping[str, str]):
    """The exports of a region, noting which are asked for."""

    def __init__(self, exports: Mapping[str, str]) -> None:
        self._exports = exports
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> str:
        value = self._exports[name]
        self.used.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._exports)

    def __len__(self) -> int:
        return len(self._exports)


def guarded(work: Callable[[], None], hide: Callable[[str], str]) -> str:
    """Do it; answer why it failed, empty where it did not.

    Args:
        work: It.
        hide: Takes out of what is logged what is never shown.
    """
    try:
        work()
    except HarnessError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - providers are other people's code
        _LOG.error(  # the traceback is in it, without secrets
            "a resource provider failed in a way of its own\n%s", hide(traceback.format_exc())
        )
        return f"Internal failure: {type(error).__name__}: {error}"
    return ""


def resolver(deployment: Deployment, plan: Plan) -> Resolver:
    """What resolves the plan's values, as things stand. Takes the lock."""
    around = deployment.around
    with around.turn():
        resources = {
            logical_id: state.resource
            for logical_id, state in deployment.stack.resources.items()
            if state.resource is not None and logical_id not in deployment.attempts
        }
        exports = _Imports(dict(around.exports()))
    return Resolver(
        template=plan.template,
        parameters=plan.parameters.values,
        pseudo=PseudoParameters(
            stack_name=deployment.stack.name,
            stack_id=deployment.stack.id,
            region=around.region,
            account_id=around.account_id,
            notification_arns=plan.settings.notification_arns,
        ),
        resources=StackValues(
            resources, around.provider, make_up=around.unsupported is Unsupported.ACCEPT
        ),
        availability_zones=around.availability_zones,
        exports=exports,
    )


def request_for(deployment: Deployment, plan: Plan, resource: Resource) -> ResourceRequest:
    """The resource as it is wanted; leaves what events may show of it with its state.

    Raises:
        IntrinsicError: A function does not resolve.
        ResourceFailure: A resource that it refers to has no such attribute.
    """
    resolving = resolver(deployment, plan)
    declared = resolving.resolve(resource.properties)
    visible = declared
    if plan.parameters.any_hidden:
        visible = shown_properties(resolving, plan.parameters, resource.properties)
    lookups = deployment.around.lookups
    values: set[str] = set()
    valued = replace(resolving, dynamic=lambda text: str(with_values(text, lookups, values)))
    properties = with_values(valued.resolve(resource.properties), lookups, values)
    metadata = resolving.resolve(resource.metadata)
    with deployment.around.turn():
        deployment.stack.hidden |= values
        state = deployment.stack.resources[resource.logical_id]
        state.properties_shown = shown(visible)
        # cfn-init asks for it while the resource is still being created.
        state.metadata = metadata
        _note_imports(deployment, resolving)
    return ResourceRequest(
        stack_id=deployment.stack.id,
        stack_name=deployment.stack.name,
        logical_id=resource.logical_id,
        type=resource.type,
        properties=properties,
        metadata=metadata,
        stack_tags=dict(plan.settings.tags),
        update_policy=plan.update_policies[resource.logical_id],
        declared=None if declared == properties else declared,
    )


def _note_imports(deployment: Deployment, resolving: Resolver) -> None:
    if isinstance(resolving.exports, _Imports) and resolving.exports.used:
        deployment.stack.imports |= resolving.exports.used
        deployment.stack.importing |= resolving.exports.used


def create(deployment: Deployment, attempt: Attempt, plan: Plan) -> None:
    """Create a resource."""
    resource = plan.active[attempt.state.logical_id]
    made: list[ProvisionedResource] = []
    asked: list[ResourceRequest] = []

    def work() -> None:
        request = request_for(deployment, plan, resource)
        asked.append(request)
        check_supported(deployment, attempt, plan, request)
        made.append(_create(deployment, attempt, request))

    _report(deployment, attempt, work, asked, made)


def _create(
    deployment: Deployment, attempt: Attempt, request: ResourceRequest
) -> ProvisionedResource:
    if attempt.cancelled:
        raise ResourceCancelled("Resource creation cancelled")
    if request.type == WAIT_CONDITION:
        _begin_waiting(deployment, attempt, request)
    return deployment.around.provider.create(request, attempt)


def _begin_waiting(deployment: Deployment, attempt: Attempt, request: ResourceRequest) -> None:
    if attempt.policy is not None:
        return
    if "Handle" not in request.properties or "Timeout" not in request.properties:
        raise ResourceFailure(
            "A WaitCondition needs a CreationPolicy, or the properties Handle and Timeout"
        )
    policy = wait_condition_policy(request.properties)
    with deployment.around.turn():
        deployment.wait_on_handle(attempt, str(request.properties["Handle"]), policy)


def update(
    deployment: Deployment,
    attempt: Attempt,
    plan: Plan,
    begin: Callable[[Interruption, ResourceRequest], None],
) -> None:
    """Update a resource, or create what replaces it, or find that nothing is to be done.

    Args:
        deployment: Whose resource it is.
        attempt: The try.
        plan: What the stack is to be.
        begin: Told behind the lock, once it is known that there is something to do.
    """
    resource = plan.active[attempt.state.logical_id]
    current = attempt.state.resource
    if current is not None and attempt.state.attempted is not None:
        current = replace(current, request=attempt.state.attempted)
    made: list[ProvisionedResource] = []
    asked: list[ResourceRequest] = []

    def work() -> None:
        if current is None:
            raise ResourceFailure("The resource does not exist any more")
        request = request_for(deployment, plan, resource)
        asked.append(request)
        interruption = _interruption(deployment, current, request, plan)
        if interruption is None:
            made.append(replace(current, request=request))
            return
        check_supported(deployment, attempt, plan, request)
        replaces = interruption is Interruption.REPLACEMENT
        with deployment.around.turn():
            if not attempt.over:
                attempt.replacing = current if replaces else None
                begin(interruption, request)
        if attempt.cancelled:
            raise ResourceCancelled("Resource update cancelled")
        if replaces:
            made.append(_create(deployment, attempt, request))
        elif same(current, request):
            made.append(replace(current, request=request))
        else:
            rolls = interruption is Interruption.SOME
            made.append(_update(deployment, attempt, current, request, rolls=rolls))

    _report(deployment, attempt, work, asked, made)


def _update(
    deployment: Deployment,
    attempt: Attempt,
    current: ProvisionedResource,
    request: ResourceRequest,
    *,
    rolls: bool,
) -> ProvisionedResource:
    """Update in place; a group's instances are replaced afterwards, where its policy says so."""
    provider = deployment.around.provider
    if request.type != GROUP or not rolls or ROLLING not in request.update_policy:
        return provider.update(current, request, attempt)
    policy = rolling_policy(request.update_policy[ROLLING])
    check_service(policy, request.properties)
    before = provider.members(current)
    updated = provider.update(current, request, attempt)
    _roll(deployment, attempt, updated, policy, before)
    return updated


def _roll(
    deployment: Deployment,
    attempt: Attempt,
    group: ProvisionedResource,
    policy: RollingPolicy,
    obsolete: Collection[str],
) -> None:
    """Have those of a group's instances replaced, once its update is settled."""
    provider = deployment.around.provider
    now = provider.members(group)
    left = [one for one in now if one in obsolete]

    def run(step: Step) -> None:
        """On a worker's thread."""
        made: list[ProvisionedResource] = []

        def work() -> None:
            launched = provider.roll(group, step.end, step.launch, attempt)
            with deployment.around.turn():
                attempt.state.rolled += launched
            for sentence in rolling.after(step):
                attempt.note(sentence)
            made.append(group)

        _report(deployment, attempt, work, [group.request], made)

    rolling = Rolling(policy, left, len(now), run)
    with deployment.around.turn():
        if left:
            attempt.rolling = rolling


def same(current: ProvisionedResource, request: ResourceRequest) -> bool:
    """Whether a provider would have nothing to change."""
    return (current.request.compared, current.request.stack_tags) == (
        request.compared,
        request.stack_tags,
    )


def _interruption(
    deployment: Deployment,
    current: ProvisionedResource,
    request: ResourceRequest,
    plan: Plan,
) -> Interruption | None:
    """What is to be done; None for nothing at all."""
    if same(current, request):
        return None if current.request.metadata == request.metadata else Interruption.NONE
    found = deployment.around.provider.interruption(current, request)
    policy = plan.update_policies[request.logical_id].get("AutoScalingReplacingUpdate")
    replaces = isinstance(policy, Mapping) and str(policy.get("WillReplace")).lower() == "true"
    if found is Interruption.SOME and replaces:
        return Interruption.REPLACEMENT
    return found


def restore(deployment: Deployment, attempt: Attempt, before: ProvisionedResource) -> None:
    """Update a resource back to what it was."""
    made: list[ProvisionedResource] = []
    current = replace(before, request=attempt.state.attempted or before.request)
    if attempt.state.resource is not None and attempt.state.attempted is None:
        current = attempt.state.resource

    def work() -> None:
        if same(current, before.request):
            made.append(before)
            return
        made.append(deployment.around.provider.update(current, before.request, attempt))
        rolling = before.request.update_policy.get(ROLLING)
        if rolling is not None and attempt.state.rolled:
            _roll(deployment, attempt, before, rolling_policy(rolling), attempt.state.rolled[:])

    _report(deployment, attempt, work, [before.request], made)


def _report(
    deployment: Deployment,
    attempt: Attempt,
    work: Callable[[], None],
    asked: list[ResourceRequest],
    made: list[ProvisionedResource],
) -> None:
    failure = guarded(work, deployment.stack.masked)
    resource = made[0] if made else None
    if resource is None and attempt.creates and attempt.announced and asked:
        # It failed half made; under its physical id, it can be deleted.
        resource = ProvisionedResource(asked[0], attempt.announced, attempt.announced)
    with deployment.around.turn():
        deployment.settle(attempt, resource, failure)


def outputs(deployment: Deployment, plan: Plan) -> tuple[Output, ...]:
    """The stack's outputs.

    Raises:
        HarnessError: One does not resolve, exports what another stack exports, or changes what
            another stack imports.
    """
    resolving = resolver(deployment, plan)
    found: list[Output] = []
    made_up: dict[str, None] = {}
    for key, body in plan.template.outputs.items():
        condition = body.get("Condition")
        if condition is not None and not resolving.condition(condition):
            continue
        export = resolving.resolve((body.get("Export") or {}).get("Name", ""))
        value = resolving.resolve(body.get("Value"))
        made_up.update(dict.fromkeys(unanswered(body, plan, deployment.around.provider)))
        found.append(
            Output(
                key=key,
                value=as_string(value, f"the value of output {key}"),
                description=str(body.get("Description", "")),
                export_name=as_string(export, f"the export name of output {key}"),
            )
        )
    with deployment.around.turn():
        if made_up:  # it was accepted, or resolving it would have failed
            deployment.stack.tell(listed(made_up))
        _note_imports(deployment, resolving)
        for one in found:
            owner = one.export_name and deployment.around.exporter(
                one.export_name, deployment.stack.id
            )
            if owner:
                raise ResourceFailure(
                    f"Export with name {one.export_name} is already exported by stack {owner}."
                )
        _check_exports(deployment, {one.export_name: one.value for one in found})
    return tuple(found)


def _check_exports(deployment: Deployment, exports: Mapping[str, str]) -> None:
    """Hold new exports against what other stacks import. Behind the lock."""
    for name, value in deployment.stack.exports.items():
        if exports.get(name) == value:
            continue
        importer = deployment.around.importer(name)
        if importer:
            done = "updated" if name in exports else "deleted"
            raise ResourceFailure(f"Export {name} cannot be {done} as it is in use by {importer}")
