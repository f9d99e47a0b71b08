"""Updating a stack, and taking an update back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from harness.cloudformation import work
from harness.cloudformation.creating import (
    check_parameters,
    find_outputs,
    sentence,
    start_creating,
)
from harness.cloudformation.deleting import CleanUp
from harness.cloudformation.operation import Before, Deployment, Operation
from harness.cloudformation.policy import StackPolicy
from harness.cloudformation.provider import (
    Interruption,
    ProvisionedResource,
    ResourceFailure,
    ResourceRequest,
)
from harness.cloudformation.state import (
    Output,
    Plan,
    ResourceState,
    Status,
)

UPDATABLE: Final = frozenset(
    {
        Status.CREATE_COMPLETE,
        Status.CREATE_FAILED,
        Status.UPDATE_COMPLETE,
        Status.UPDATE_FAILED,
        Status.UPDATE_ROLLBACK_COMPLETE,
    }
)
"""Statuses from which a stack can be updated."""

_VERBS: Final[Mapping[Status, str]] = {
    Status.CREATE_FAILED: "create",
    Status.UPDATE_FAILED: "update",
}


def begin_update(deployment: Deployment, plan: Plan) -> None:
    """Update the stack to a plan."""
    stack = deployment.stack
    if deployment.before is None or stack.status is not Status.UPDATE_FAILED:
        deployment.before = Before(
            plan=stack.plan,
            resources={
                logical_id: state.resource
                for logical_id, state in stack.resources.items()
                if state.resource is not None and state.status is not Status.CREATE_FAILED
            },
            outputs=stack.outputs,
            imports=stack.imports,
        )
    stack.importing.clear()
    stack.hidden |= stack.plan.parameters.hidden
    stack.plan = plan
    stack.token = plan.settings.token
    stack.begin(Status.UPDATE_IN_PROGRESS)
    stack.updated = stack.events[-1].timestamp

    def then(failure: str) -> None:
        if failure:
            fail_update(deployment, sentence(failure))
        else:
            deployment.operation = Update(deployment, plan)

    deployment.run(check_parameters(deployment, plan, then))


class Update(Operation):
    """Create what is new, update what differs, replace what cannot be updated.

    Args:
        deployment: Whose resources.
        plan: What they are to be.
    """

    def __init__(self, deployment: Deployment, plan: Plan) -> None:
        super().__init__(deployment, plan.graph)
        self._plan = plan

    def start(self, logical_id: str) -> None:
        """Bring one resource to where the plan has it."""
        state = self.stack.resources.get(logical_id)
        if state is None or state.resource is None or state.status is Status.CREATE_FAILED:
            start_creating(self, self._plan, logical_id)
            return
        attempt = self.deployment.attempt(self, state, creates=False)

        def begin(interruption: Interruption, request: ResourceRequest) -> None:
            replaces = interruption is Interruption.REPLACEMENT
            denial = self._denial(logical_id, "Update:Replace" if replaces else "Update:Modify")
            if denial:
                raise ResourceFailure(denial)
            attempt.begun, attempt.creates = True, replaces
            state.attempted = None if replaces else request
            self.stack.resource_becomes(
                state, Status.UPDATE_IN_PROGRESS, work.REPLACING if replaces else ""
            )
            state.rolled.clear()
            if replaces and logical_id in self._plan.policies:
                self.deployment.watch(attempt, self._plan.policies[logical_id])

        self.deployment.work(
            logical_id, lambda: work.update(self.deployment, attempt, self._plan, begin)
        )

    def _denial(self, logical_id: str, action: str) -> str:
        """Why the stack's policy does not let it happen; empty where it does, or there is none."""
        text = self.stack.policy_during_update or self.stack.stack_policy
        resource_type = self.stack.resources[logical_id].type
        return StackPolicy.parse(text).denial(action, logical_id, resource_type) if text else ""

    @property
    def _removed(self) -> set[str]:
        return self.stack.resources.keys() - self._plan.active.keys()

    def finish(self) -> None:
        """Go on to the outputs, or back."""
        for logical_id in self._removed:
            denial = self._denial(logical_id, "Update:Delete")
            if denial:
                state = self.stack.resources[logical_id]
                self.stack.resource_becomes(state, Status.UPDATE_FAILED, denial)
                self.failed[logical_id] = Status.UPDATE_FAILED
        if self.failed:
            fail_update(self.deployment, failed_resources(self.failed))
        else:
            self.deployment.operation = find_outputs(self.deployment, self._plan, self._complete)

    def _complete(self, failure: str, outputs: tuple[Output, ...]) -> None:
        if failure:
            fail_update(self.deployment, sentence(failure))
            return
        before, self.deployment.before = self.deployment.before, None
        self.stack.outputs = outputs
        self.stack.imports = frozenset(self.stack.importing)
        self.stack.become(Status.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS)
        self.deployment.operation = CleanUp(
            self.deployment,
            before.plan if before else self._plan,
            self._removed,
            Status.UPDATE_COMPLETE,
        )


def failed_resources(failed: Mapping[str, Status]) -> str:
    """Which resources failed, in CloudFormation's words; ends in a blank."""
    sentences = []
    for status, verb in _VERBS.items():
        named = [logical_id for logical_id, its in failed.items() if its is status]
        if named:
            sentences.append(f"The following resource(s) failed to {verb}: [{', '.join(named)}]. ")
    return "".join(sentences)


def fail_update(deployment: Deployment, reason: str) -> None:
    """Roll the update back, or leave it where rollback is disabled."""
    if deployment.stack.plan.settings.on_failure == "DO_NOTHING":
        deployment.stack.become(Status.UPDATE_FAILED, reason)
    else:
        begin_rollback(deployment, reason)


def begin_rollback(
    deployment: Deployment, reason: str, *, skip: Collection[str] = frozenset()
) -> None:
    """Take an update back.

    Args:
        deployment: Whose update; it has one to go back from.
        reason: Why.
        skip: Logical ids of resources that stay as they are ("ResourcesToSkip").
    """
    before = deployment.before
    assert before is not None  # noqa: S101 - set when the update began, cleared when it is over
    deployment.stack.become(Status.UPDATE_ROLLBACK_IN_PROGRESS, reason)
    for logical_id in skip:
        state = deployment.stack.resources[logical_id]
        state.attempted = None
        if state.resource is not None:
            state.physical_id = state.resource.physical_id
        deployment.stack.resource_becomes(state, Status.UPDATE_COMPLETE)
    deployment.operation = Restoration(deployment, before, skip)


class Restoration(Operation):
    """Bring every resource back to what it was.

    Args:
        deployment: Whose resources.
        before: What they were.
        skip: Logical ids of resources that stay as they are.
    """

    fails_fast = False

    def __init__(self, deployment: Deployment, before: Before, skip: Collection[str]) -> None:
        there = before.resources.keys()
        super().__init__(
            deployment,
            {one: before.plan.graph.get(one, frozenset()) & there for one in there},
        )
        self._before = before
        self._skip = frozenset(skip)
        self._new_plan = self.stack.plan

    def start(self, logical_id: str) -> None:
        """Bring one resource back, if anything was done to it."""
        state = self.stack.resources[logical_id]
        before = self._before.resources[logical_id]
        if logical_id in self._skip:
            self.deployment.step_done(self, logical_id)
        elif state.resource is not None and state.resource.physical_id != before.physical_id:
            self._swap_back(state, state.resource, before)
        elif state.resource == before and state.attempted is None:
            if state.status is Status.UPDATE_FAILED:
                self._restored(state, before)
            self.deployment.step_done(self, logical_id)
        else:
            self.stack.resource_becomes(state, Status.UPDATE_IN_PROGRESS)
            attempt = self.deployment.attempt(self, state, creates=False)
            attempt.begun = True
            self.deployment.work(logical_id, lambda: work.restore(self.deployment, attempt, before))

    def _swap_back(
        self, state: ResourceState, new: ProvisionedResource, before: ProvisionedResource
    ) -> None:
        state.obsolete = [one for one in state.obsolete if one.physical_id != before.physical_id]
        state.obsolete.append(new)
        self._restored(state, before)
        self.deployment.step_done(self, state.logical_id)

    def _restored(self, state: ResourceState, before: ProvisionedResource) -> None:
        state.resource = before
        state.physical_id = before.physical_id
        state.metadata = before.request.metadata
        self.stack.resource_becomes(state, Status.UPDATE_COMPLETE)

    def finish(self) -> None:
        """Go on to delete what the update had created; or stay half way."""
        if self.failed:
            self.stack.become(Status.UPDATE_ROLLBACK_FAILED, failed_resources(self.failed))
            return
        self.deployment.before = None
        self.stack.plan = self._before.plan
        self.stack.outputs = self._before.outputs
        self.stack.imports = self._before.imports
        self.stack.become(Status.UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS)
        self.deployment.operation = CleanUp(
            self.deployment,
            self._new_plan,
            self.stack.resources.keys() - self._before.resources.keys(),
            Status.UPDATE_ROLLBACK_COMPLETE,
        )
