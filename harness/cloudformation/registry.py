"""The stacks of one account and region, the lock they are behind, and what is planned for them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from harness.cloudformation.changes import check_types
from harness.cloudformation.clock import Clock, Workers
from harness.cloudformation.dynamic import check_values
from harness.cloudformation.graph import check_template, parse_template
from harness.cloudformation.hiding import masked
from harness.cloudformation.operation import Deployment, Surroundings
from harness.cloudformation.parameters import Lookups, Parameters, check_parameters
from harness.cloudformation.planning import Where, make_plan
from harness.cloudformation.provider import ResourceProvider
from harness.cloudformation.refusal import RequestRefused, no_such_stack
from harness.cloudformation.state import Plan, Settings, Stack
from harness.cloudformation.unsupported import Unsupported
from harness.cloudformation.updating import UPDATABLE, begin_update
from harness.template import Template

_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")


class Registry:
    """Knows every stack by name and by id.

    Args:
        region: Such as ``us-east-1``.
        account_id: Twelve digits.
        clock: Says what time it is.
        workers: Run what blocks.
        provider: Makes the resources.
        lookups: Says which AWS things exist.
        unsupported: What becomes of what is not acted on.
        availability_zones: Zone names of a region.
        new_uuid: Makes unique ids.
    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        *,
        region: str,
        account_id: str,
        clock: Clock,
        workers: Workers,
        provider: ResourceProvider,
        lookups: Lookups,
        unsupported: Unsupported,
        availability_zones: Callable[[str], list[str]],
        new_uuid: Callable[[], str],
    ) -> None:
        self.region = region
        self.account_id = account_id
        self._clock = clock
        self._workers = workers
        self._new_uuid = new_uuid
        self.changed = threading.Condition(threading.RLock())
        """Notified, behind the lock, whenever something may have changed."""
        self._depth = 0
        self._effects: list[Callable[[], None]] = []
        self.deployments: dict[str, Deployment] = {}
        """Every stack that ever was, by id, oldest first."""
        self._names: dict[str, str] = {}
        self._around = Surroundings(
            provider=provider,
            clock=clock,
            lookups=lookups,
            turn=self.turn,
            later=self._effects_append,
            unsupported=unsupported,
            region=region,
            account_id=account_id,
            availability_zones=availability_zones,
            exports=self.exports,
            exporter=self.exporter,
            importer=self.importer,
        )

    def plan_update(
        self,
        name: str,
        template: str | Template | None,
        parameters: Mapping[str, str],
        *,
        use_previous: Collection[str] = (),
        settings: Settings | None = None,
    ) -> tuple[Deployment, Plan]:
        """A stack, and what an update would make of it.

        Raises:
            RequestRefused: In CloudFormation's words.
        """
        with self.turn():
            deployment = self.existing(name)
            check_updatable(deployment.stack)
            current = deployment.stack.plan
        if template is None:
            template = current.template.sent
        parsed = parse_template(template) if isinstance(template, str) else template
        check_template(parsed)
        checked = check_parameters(
            parsed,
            parameters,
            self._around.lookups,
            previous=current.parameters.by_name,
            use_previous=frozenset(use_previous),
        )
        check_values(parsed, self._around.lookups)
        plan = self.make_plan(
            deployment.stack.name,
            deployment.stack.id,
            parsed,
            checked,
            settings or current.settings,
        )
        check_types(current, plan)
        return deployment, plan

    def execute_update(
        self,
        deployment: Deployment,
        plan: Plan,
        *,
        disable_rollback: bool = False,
        stack_policy: str = "",
    ) -> None:
        """Begin an update that was planned; ``stack_policy`` replaces the stack's for its time.

        Raises:
            RequestRefused: The stack went into another status meanwhile.
        """
        on_failure = "DO_NOTHING" if disable_rollback else "ROLLBACK"
        plan = replace(plan, settings=replace(plan.settings, on_failure=on_failure))
        with self.turn():
            check_updatable(deployment.stack)
            deployment.stack.policy_during_update = stack_policy
            begin_update(deployment, plan)

    def new_id(self, kind: str, name: str) -> str:
        """An ARN that no other stack or change set has."""
        where = f"{self.region}:{self.account_id}"
        return f"arn:aws:cloudformation:{where}:{kind}/{name}/{self._new_uuid()}"

    def now(self) -> datetime:
        """What time it is for the stacks."""
        return self._clock.now()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the lock; once the outermost holder lets go, hand out the work that came up."""
        effects: list[Callable[[], None]] = []
        with self.changed:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    effects, self._effects = self._effects, []
                    self.changed.notify_all()
        for effect in effects:
            self._workers.submit(effect)

    def _effects_append(self, work: Callable[[], None]) -> None:
        self._effects.append(work)

    def plan_creation(
        self,
        name: str,
        stack_id: str,
        template: str | Template,
        parameters: Mapping[str, str],
        settings: Settings,
    ) -> Plan:
        """What a stack that does not exist yet is to be.

        Raises:
            RequestRefused: In CloudFormation's words.
        """
        if isinstance(template, str):
            parsed = parse_template(template)
        else:
            check_template(parsed := template)
        checked = check_parameters(parsed, parameters, self._around.lookups)
        check_values(parsed, self._around.lookups)
        return self.make_plan(name, stack_id, parsed, checked, settings)

    def make_plan(
        self,
        name: str,
        stack_id: str,
        template: Template,
        parameters: Parameters,
        settings: Settings,
    ) -> Plan:
        """What a stack is to be, parameters checked.

        Raises:
            RequestRefused: In CloudFormation's words.
        """
        with self.turn():
            exports = dict(self.exports())
        where = Where(
            stack_name=name,
            stack_id=stack_id,
            region=self.region,
            account_id=self.account_id,
            availability_zones=self._around.availability_zones,
            exports=exports,
            lookups=self._around.lookups,
        )
        try:
            return make_plan(template, parameters, settings, where)
        except RequestRefused as error:
            said = masked(error.message, parameters.hidden)
            raise RequestRefused(said, code=error.code, status=error.status) from None

    def add(self, stack_id: str, name: str, plan: Plan) -> Deployment:
        """Take a new stack in; its name must be free. Behind the lock."""
        stack = Stack(
            id=stack_id,
            name=name,
            plan=plan,
            now=self._clock.now,
            new_id=self._new_uuid,
            created=self._clock.now(),
            termination_protection=plan.settings.termination_protection,
            token=plan.settings.token,
        )
        deployment = Deployment(stack, self._around)
        self.deployments[stack_id] = deployment
        self._names[name] = stack_id
        return deployment

    def named(self, name: str) -> Deployment | None:
        """The stack that has a name; None where none has. Behind the lock, as all that follows."""
        deployment = self.deployments.get(self._names.get(name, ""))
        return deployment if deployment is not None and deployment.stack.exists else None

    def find(self, name: str) -> Deployment | None:
        """The stack with that name or id, deleted ones by id only; None where there is none."""
        return self.deployments.get(name) or self.named(name)

    def found(self, name: str) -> Deployment:
        """The same.

        Raises:
            RequestRefused: There is none.
        """
        deployment = self.find(name)
        if deployment is None:
            raise no_such_stack(name)
        return deployment

    def existing(self, name: str) -> Deployment:
        """The stack with that name or id, if it is not deleted.

        Raises:
            RequestRefused: It is, or there is none.
        """
        deployment = self.find(name)
        if deployment is None or not deployment.stack.exists:
            raise RequestRefused(f"Stack [{name}] does not exist")
        return deployment

    def exports(self) -> dict[str, str]:
        """What all stacks export, by export name."""
        return {
            name: value
            for one in self.deployments.values()
            if one.stack.exists
            for name, value in one.stack.exports.items()
        }

    def exporter(self, name: str, asking: str) -> str | None:
        """Name of the stack that exports a name; the asking one, by id, left out."""
        for one in self.deployments.values():
            if one.stack.exists and one.stack.id != asking and name in one.stack.exports:
                return one.stack.name
        return None

    def importer(self, name: str) -> str:
        """Names of the stacks that import a name, as a reason lists them; empty where none does."""
        return ", ".join(
            one.stack.name
            for one in self.deployments.values()
            if one.stack.exists and name in one.stack.imports
        )


def check_updatable(stack: Stack) -> None:
    """Refuse to update a stack that is in no status for it.

    Raises:
        RequestRefused: It is in none.
    """
    if stack.status not in UPDATABLE:
        raise RequestRefused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def check_name(name: str) -> None:
    """Refuse what cannot name a stack.

    Raises:
        RequestRefused: It cannot.
    """
    if len(name) > 128:  # noqa: PLR2004 - "CreateStack", StackName
        raise RequestRefused(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
            "constraint: Member must have length less than or equal to 128"
        )
    if not _NAME.fullmatch(name):
        raise RequestRefused(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
