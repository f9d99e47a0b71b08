"""Deleting what a stack has: on request, on rollback, and what an update left over."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from harness.cloudformation import work
from harness.cloudformation.graph import Graph, reverse
from harness.cloudformation.operation import Deployment, Operation
from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.state import USER_INITIATED, Plan, ResourceState, Status

_GONE: Final = frozenset({Status.DELETE_COMPLETE, Status.DELETE_SKIPPED})


class Why(enum.Enum):
    """Why the resources are deleted: the stack's statuses on the way and at the end."""

    DELETE = (Status.DELETE_IN_PROGRESS, Status.DELETE_COMPLETE, Status.DELETE_FAILED)
    ROLLBACK = (Status.ROLLBACK_IN_PROGRESS, Status.ROLLBACK_COMPLETE, Status.ROLLBACK_FAILED)

    def __init__(self, under_way: Status, complete: Status, failed: Status) -> None:
        self.under_way = under_way
        self.complete = complete
        self.failed = failed


class Deletion(Operation):
    """Delete every resource, dependents first.

    Args:
        deployment: Whose resources.
        why: What it is part of.
        retain: Logical ids that are let go of instead ("RetainResources").
        created_just_now: Whether what is deleted was created by the operation rolled back.
    """

    fails_fast = False

    def __init__(
        self,
        deployment: Deployment,
        why: Why,
        *,
        retain: frozenset[str] = frozenset(),
        created_just_now: bool = False,
    ) -> None:
        super().__init__(deployment, _reverse_order(deployment))
        self._why = why
        self._retain = retain
        self._created_just_now = created_just_now

    def start(self, logical_id: str) -> None:
        """Delete one resource, or let go of it."""
        state = self.stack.resources[logical_id]
        existing = [*state.obsolete, *([state.resource] if state.resource else [])]
        retained = logical_id in self._retain or self._is_retained(logical_id)
        if not existing or retained:
            if state.status not in _GONE:
                self.stack.resource_becomes(
                    state, Status.DELETE_SKIPPED if existing else Status.DELETE_COMPLETE
                )
            state.resource = None
            state.obsolete.clear()
            self.deployment.step_done(self, logical_id)
            return
        self.stack.resource_becomes(state, Status.DELETE_IN_PROGRESS)
        self.deployment.work(logical_id, lambda: self._delete(state, existing))

    def _is_retained(self, logical_id: str) -> bool:
        resource = self.stack.plan.template.resources.get(logical_id)
        policy = resource.deletion_policy if resource else "Delete"
        if policy == "RetainExceptOnCreate":
            return not self._created_just_now
        return policy == "Retain"

    def _delete(self, state: ResourceState, existing: list[ProvisionedResource]) -> None:
        """On a worker's thread."""
        failures = _delete_each(self.deployment, existing)
        with self.deployment.around.turn():
            self._settle(state, existing, failures)

    def _settle(
        self,
        state: ResourceState,
        existing: list[ProvisionedResource],
        failures: Mapping[str, str],
    ) -> None:
        self.deployment.busy.discard(state.logical_id)
        for resource in existing:
            if resource.physical_id != state.physical_id:
                failure = failures.get(resource.physical_id, "")
                status = Status.DELETE_FAILED if failure else Status.DELETE_COMPLETE
                self.stack.note(state, status, failure, physical_id=resource.physical_id)
        state.obsolete = [one for one in state.obsolete if one.physical_id in failures]
        if state.resource is not None and state.resource.physical_id not in failures:
            state.resource = None
        if failures:
            reason = failures.get(state.physical_id) or next(iter(failures.values()))
            self.stack.resource_becomes(state, Status.DELETE_FAILED, reason)
            self.deployment.step_failed(self, state.logical_id, Status.DELETE_FAILED)
        else:
            self.stack.resource_becomes(state, Status.DELETE_COMPLETE)
            self.deployment.step_done(self, state.logical_id)
        self.deployment.pump()

    def finish(self) -> None:
        """The stack is gone, or is not."""
        if self.failed:
            named = ", ".join(self.failed)
            self.stack.become(
                self._why.failed, f"The following resource(s) failed to delete: [{named}]. "
            )
        else:
            self.stack.become(self._why.complete)


def begin_deletion(deployment: Deployment, *, retain: frozenset[str] = frozenset()) -> None:
    """Delete the stack, whatever it is doing."""
    stack = deployment.stack
    for export in stack.exports:
        importer = deployment.around.importer(export)
        if importer:
            stack.become(
                Status.DELETE_FAILED,
                f"Delete canceled. Cannot delete export {export} as it is in use by {importer}.",
            )
            return
    stack.become(Status.DELETE_IN_PROGRESS, USER_INITIATED)
    deployment.abandon()
    deployment.run(Deletion(deployment, Why.DELETE, retain=retain))


def _reverse_order(deployment: Deployment) -> Graph:
    resources = deployment.stack.resources
    graph = deployment.stack.plan.graph
    there = {logical_id: graph.get(logical_id, frozenset()) for logical_id in reversed(resources)}
    dependents = reverse(there)
    return {logical_id: dependents[logical_id] & there.keys() for logical_id in there}


def _delete_each(deployment: Deployment, doomed: list[ProvisionedResource]) -> dict[str, str]:
    """Delete them all, on a worker's thread; answers why not, by physical id."""
    failures: dict[str, str] = {}
    for resource in doomed:
        failure = work.guarded(
            partial(deployment.around.provider.delete, resource), deployment.stack.masked
        )
        if failure:
            failures[resource.physical_id] = failure
    return failures


class CleanUp(Operation):
    """Delete what an update, or the rollback of one, no longer needs; the rest stays.

    Args:
        deployment: Whose resources.
        plan: The plan whose dependencies give the order.
        removed: Logical ids of which nothing is to stay.
        complete: The stack's status afterwards.
    """

    fails_fast = False

    def __init__(
        self, deployment: Deployment, plan: Plan, removed: Iterable[str], complete: Status
    ) -> None:
        self._removed = frozenset(removed)
        self._complete = complete
        self._plan = plan
        resources = deployment.stack.resources
        concerned = [
            logical_id
            for logical_id in reversed(resources)
            if logical_id in self._removed
            or resources[logical_id].obsolete
            # A try that was given up may still bring something to delete.
            or logical_id in deployment.busy
        ]
        needed = {one: plan.graph.get(one, frozenset()) & {*concerned} for one in concerned}
        super().__init__(deployment, reverse(needed))

    def start(self, logical_id: str) -> None:
        """Delete what is superfluous of one resource."""
        state = self.stack.resources[logical_id]
        wholly = logical_id in self._removed
        doomed = [
            *state.obsolete,
            *([state.resource] if wholly and state.resource is not None else []),
        ]
        if doomed and self._is_retained(logical_id, wholly=wholly):
            for resource in doomed:
                self._log(state, Status.DELETE_SKIPPED, resource, wholly=wholly)
            self._forget(state, wholly=wholly)
            self.deployment.step_done(self, logical_id)
        elif doomed:
            for resource in doomed:
                self._log(state, Status.DELETE_IN_PROGRESS, resource, wholly=wholly)
            self.deployment.work(logical_id, lambda: self._delete(state, doomed, wholly=wholly))
        else:
            if wholly and state.status not in _GONE:
                self.stack.resource_becomes(state, Status.DELETE_COMPLETE)
            self.deployment.step_done(self, logical_id)

    def _is_retained(self, logical_id: str, *, wholly: bool) -> bool:
        resource = self._plan.template.resources.get(logical_id)
        if resource is None:
            return False
        if wholly:
            return resource.deletion_policy in {"Retain", "RetainExceptOnCreate"} and (
                self._complete is Status.UPDATE_COMPLETE or resource.deletion_policy == "Retain"
            )
        return (
            resource.body.get("UpdateReplacePolicy") == "Retain"
            and self._complete is Status.UPDATE_COMPLETE
        )

    def _log(
        self,
        state: ResourceState,
        status: Status,
        resource: ProvisionedResource,
        reason: str = "",
        *,
        wholly: bool,
    ) -> None:
        self.stack.note(state, status, reason, physical_id=resource.physical_id)
        if wholly:
            state.status, state.reason = status, self.stack.masked(reason)
            state.updated = self.stack.events[-1].timestamp

    @staticmethod
    def _forget(state: ResourceState, *, wholly: bool) -> None:
        state.obsolete.clear()
        if wholly:
            state.resource = None

    def _delete(
        self, state: ResourceState, doomed: list[ProvisionedResource], *, wholly: bool
    ) -> None:
        """On a worker's thread."""
        failures = _delete_each(self.deployment, doomed)
        with self.deployment.around.turn():
            self._settle(state, doomed, failures, wholly=wholly)

    def _settle(
        self,
        state: ResourceState,
        doomed: list[ProvisionedResource],
        failures: Mapping[str, str],
        *,
        wholly: bool,
    ) -> None:
        self.deployment.busy.discard(state.logical_id)
        for resource in doomed:
            failure = failures.get(resource.physical_id, "")
            status = Status.DELETE_FAILED if failure else Status.DELETE_COMPLETE
            self._log(state, status, resource, failure, wholly=wholly)
        self._forget(state, wholly=wholly)
        if failures:
            self.deployment.step_failed(self, state.logical_id, Status.DELETE_FAILED)
        else:
            self.deployment.step_done(self, state.logical_id)
        self.deployment.pump()

    def finish(self) -> None:
        """The update, or its rollback, is over; what could not be deleted is left behind."""
        for logical_id in self._removed:
            del self.stack.resources[logical_id]
        what = "Update" if self._complete is Status.UPDATE_COMPLETE else "Rollback"
        reason = f"{what} successful. One or more resources could not be deleted."
        self.stack.become(self._complete, reason if self.failed else "")
