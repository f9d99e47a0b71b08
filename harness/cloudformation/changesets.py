"""Change sets: an update, or a whole stack, that is looked at before it is executed."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from harness.cloudformation.changes import Change, find_changes, outputs_differ
from harness.cloudformation.creating import begin_creation
from harness.cloudformation.operation import Deployment
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.registry import Registry, check_name
from harness.cloudformation.state import USER_INITIATED, Plan, Settings, Status
from harness.template import Template

NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


class Execution(enum.StrEnum):
    """Whether a change set can be executed ("ExecutionStatus")."""

    AVAILABLE = "AVAILABLE"
    UNAVAILABLE = "UNAVAILABLE"
    COMPLETE = "EXECUTE_COMPLETE"


@dataclass(frozen=True)
class ChangeSetRequest:
    """What is asked for.

    Args:
        name: The change set's name.
        stack_name: Name or id of the stack.
        kind: ``CREATE`` or ``UPDATE``.
        template: The text; None for the one the stack has.
        parameters: Values by name.
        use_previous: Names of parameters that keep their value.
        settings: Tags and the like.
        description: For people.
    """

    name: str
    stack_name: str
    kind: str
    template: str | Template | None
    parameters: Mapping[str, str]
    use_previous: Collection[str]
    settings: Settings
    description: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """A change set.

    Args:
        id: Its ARN.
        request: What was asked for.
        stack_id: Id of the stack.
        stack_name: Its name.
        plan: What the stack would be.
        changes: What would happen to its resources.
        created: When.
        execution: Whether it can be executed.
        reason: Why it cannot, where it never could.
    """

    id: str
    request: ChangeSetRequest
    stack_id: str
    stack_name: str
    plan: Plan
    changes: tuple[Change, ...]
    created: datetime
    execution: Execution
    reason: str = ""

    @property
    def status(self) -> str:
        """``CREATE_COMPLETE``, or ``FAILED`` where there is nothing to change."""
        return "FAILED" if self.reason else "CREATE_COMPLETE"


class ChangeSets:
    """The change sets of an engine's stacks.

    Args:
        registry: Its stacks.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._by_id: dict[str, ChangeSet] = {}

    def create(self, request: ChangeSetRequest) -> ChangeSet:
        """Find what would change; where the stack is to be created, it is in review from now on.

        Raises:
            RequestRefused: In CloudFormation's words.
        """
        request = replace(request, settings=replace(request.settings, reviewed=True))
        if request.kind == "CREATE":
            return self._create_for_new_stack(request)
        deployment, plan = self._registry.plan_update(
            request.stack_name,
            request.template,
            request.parameters,
            use_previous=request.use_previous,
            settings=request.settings,
        )
        changes = find_changes(deployment, plan)
        nothing = not changes and not outputs_differ(deployment, plan)
        return self._add(request, deployment, plan, changes, NO_CHANGES if nothing else "")

    def _create_for_new_stack(self, request: ChangeSetRequest) -> ChangeSet:
        if request.template is None:
            raise RequestRefused("Template URL or body must be specified.")
        with self._registry.turn():
            taken = self._registry.find(request.stack_name)
            if taken is not None and taken.stack.status is not Status.REVIEW_IN_PROGRESS:
                raise RequestRefused(
                    f"Stack [{taken.stack.name}] already exists and cannot be created again "
                    f"with the changeSet [{request.name}]."
                )
        if taken is None:
            check_name(request.stack_name)
        name = taken.stack.name if taken else request.stack_name
        stack_id = taken.stack.id if taken else self._registry.new_id("stack", name)
        plan = self._registry.plan_creation(
            name, stack_id, request.template, request.parameters, request.settings
        )
        changes = [Change("Add", one.logical_id, one.type) for one in plan.active.values()]
        with self._registry.turn():
            deployment = self._registry.find(name)
            if deployment is None or not deployment.stack.exists:
                deployment = self._registry.add(stack_id, name, plan)
                deployment.stack.become(Status.REVIEW_IN_PROGRESS, USER_INITIATED)
        return self._add(request, deployment, plan, changes, "")

    def _add(
        self,
        request: ChangeSetRequest,
        deployment: Deployment,
        plan: Plan,
        changes: list[Change],
        failure: str,
    ) -> ChangeSet:
        made = ChangeSet(
            id=self._registry.new_id("changeSet", request.name),
            request=request,
            stack_id=deployment.stack.id,
            stack_name=deployment.stack.name,
            plan=plan,
            changes=tuple(changes),
            created=self._registry.now(),
            execution=Execution.UNAVAILABLE if failure else Execution.AVAILABLE,
            reason=failure,
        )
        with self._registry.turn():
            if any(one.request.name == request.name for one in self._of(made.stack_id)):
                raise RequestRefused(
                    f"ChangeSet {request.name} already exists", code="AlreadyExistsException"
                )
            self._by_id[made.id] = made
        return made

    def get(self, name: str, stack_name: str | None) -> ChangeSet:
        """A change set by its ARN, or by its name and its stack's name or id.

        Raises:
            RequestRefused: A ChangeSetNotFound, or a ValidationError for a missing stack.
        """
        with self._registry.turn():
            if name in self._by_id:
                return self._by_id[name]
            if not name.startswith("arn:"):
                if not stack_name:
                    raise RequestRefused(
                        "StackName must be specified if ChangeSetName is not specified as an ARN."
                    )
                stack_id = self._registry.found(stack_name).stack.id
                for one in self._of(stack_id):
                    if one.request.name == name:
                        return one
        raise RequestRefused(
            f"ChangeSet [{name}] does not exist", code="ChangeSetNotFound", status=404
        )

    def of_stack(self, stack_name: str) -> list[ChangeSet]:
        """The change sets of a stack.

        Raises:
            RequestRefused: There is no such stack.
        """
        with self._registry.turn():
            return self._of(self._registry.found(stack_name).stack.id)

    def delete(self, name: str, stack_name: str | None) -> None:
        """Forget a change set; that it does not exist is no error where its stack does."""
        try:
            found = self.get(name, stack_name)
        except RequestRefused as error:
            if error.code == "ChangeSetNotFound":
                return
            raise
        with self._registry.turn():
            self._by_id.pop(found.id, None)

    def execute(
        self, name: str, stack_name: str | None, *, disable_rollback: bool = False, token: str = ""
    ) -> None:
        """Create or update the stack; its other change sets are gone then.

        Raises:
            RequestRefused: It cannot be executed, or not any more.
        """
        found = self.get(name, stack_name)
        if found.execution is not Execution.AVAILABLE:
            raise RequestRefused(
                f"ChangeSet [{found.id}] cannot be executed in its current status of "
                f"[{found.status if found.reason else found.execution}]",
                code="InvalidChangeSetStatus",
            )
        plan = replace(found.plan, settings=replace(found.plan.settings, token=token))
        with self._registry.turn():
            deployment = self._registry.existing(found.stack_id)
            if found.request.kind == "CREATE":
                if deployment.stack.status is not Status.REVIEW_IN_PROGRESS:
                    raise RequestRefused(
                        f"Stack [{found.stack_id}] is in {deployment.stack.status} state and "
                        "cannot be created"
                    )
                on_failure = "DO_NOTHING" if disable_rollback else plan.settings.on_failure
                deployment.stack.plan = replace(
                    plan, settings=replace(plan.settings, on_failure=on_failure)
                )
                deployment.stack.token = token
                begin_creation(deployment)
            else:
                self._registry.execute_update(deployment, plan, disable_rollback=disable_rollback)
            deployment.stack.change_set_id = found.id
            for one in self._of(found.stack_id):
                del self._by_id[one.id]
            self._by_id[found.id] = replace(found, execution=Execution.COMPLETE)

    def _of(self, stack_id: str) -> list[ChangeSet]:
        return [one for one in self._by_id.values() if one.stack_id == stack_id]
