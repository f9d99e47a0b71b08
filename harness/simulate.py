"""A stack in this process: CloudFormation's rules, a virtual clock, signals from a script.

Nothing is booted and nobody is waited for, so that five minutes pass in no time::

    with simulate("formation.json", {"KeyName": "mine", "SshCidr": "192.0.2.0/24"}) as stack:
        stack.signal("Compute")
        assert stack.status == "CREATE_COMPLETE"
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.cloudformation.clock import InlineWorkers, VirtualClock
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.parameters import Lookups, NothingToLookUp
from harness.cloudformation.provider import ResourceProvider
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.cloudformation.state import ResourceState, Settings, StackEvent, Status
from harness.cloudformation.unsupported import Unsupported
from harness.template import Template

World = tuple[ResourceProvider, Lookups]
"""What surrounds a simulated stack: who makes its resources, and who knows what exists."""


def simulate(
    template: Template | Path | str,
    parameters: Mapping[str, str] | None = None,
    *,
    provider: ResourceProvider | None = None,
    lookups: Lookups | None = None,
    region: str = "us-east-1",
    stack_name: str = "simulation",
    settings: Settings | None = None,
    unsupported: Unsupported = Unsupported.FAIL,
) -> Simulation:
    """Begin to create a stack.

    Args:
        template: The template, or the path of its file.
        parameters: Values by name.
        provider: Makes the resources; moto's models, in process, by default.
        lookups: Says which AWS things exist, beside a provider of your own; moto knows its own.
        region: Where.
        stack_name: Its name.
        settings: Tags, OnFailure and the like.
        unsupported: What becomes of what is not acted on.

    Raises:
        TemplateError: The file cannot be read.
        RequestRefused: CloudFormation would not have begun, with its words.
    """
    loaded = template if isinstance(template, Template) else Template.load(template)
    world: AbstractContextManager[World]
    if provider is not None:
        world = nullcontext((provider, lookups or NothingToLookUp()))
    else:
        world = _moto(region)
    return Simulation(
        loaded,
        parameters or {},
        world,
        region=region,
        stack_name=stack_name,
        settings=settings or Settings(),
        unsupported=unsupported,
    )


class Simulation:
    """A stack on a virtual clock; made by :func:`simulate`.

    The stack is as far as it gets without signals or time. Leaving the context ends it; nothing of
    it outlives the process.
    """

    def __init__(
        self,
        template: Template,
        parameters: Mapping[str, str],
        world: AbstractContextManager[World],
        *,
        region: str,
        stack_name: str,
        settings: Settings,
        unsupported: Unsupported,
    ) -> None:
        self._clock = VirtualClock()
        self._exit = ExitStack()
        with ExitStack() as undo:
            provider, lookups = undo.enter_context(world)
            self.engine = undo.enter_context(
                StackEngine(
                    provider,
                    region=region,
                    clock=self._clock,
                    workers=InlineWorkers(),
                    lookups=lookups,
                    unsupported=unsupported,
                )
            )
            try:
                self.stack_id = self.engine.create_stack(stack_name, template, parameters, settings)
            except RequestRefused as refused:
                if template.path:
                    refused.add_note(f"the template is {template.path}")
                raise
            self._exit = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the simulation."""
        self._exit.close()

    # What happens

    def signal(
        self,
        logical_id: str,
        *,
        unique_id: str | None = None,
        status: str = "SUCCESS",
    ) -> None:
        """Signal a resource.

        Args:
            logical_id: The resource.
            unique_id: Who sends it; the resource's physical id by default, as ``cfn-signal`` on
                an instance sends it.
            status: ``SUCCESS`` or ``FAILURE``.

        Raises:
            RequestRefused: The resource is not waiting for a signal.
        """
        sender = unique_id if unique_id is not None else self.resource(logical_id).physical_id
        self.engine.signal_resource(self.stack_id, logical_id, Signal(sender, SignalStatus(status)))

    def advance(self, time: float | timedelta) -> None:
        """Let time pass, in seconds or as a timedelta."""
        self._clock.advance(time.total_seconds() if isinstance(time, timedelta) else time)

    def lose(self, logical_id: str, reason: str = "The instance was terminated") -> None:
        """Let a resource vanish from outside."""
        self.engine.resource_lost(self.resource(logical_id).physical_id, reason)

    def update(
        self, template: Template | None = None, parameters: Mapping[str, str] | None = None
    ) -> None:
        """Update the stack.

        Args:
            template: The new template; the one it has by default.
            parameters: New values by name; the others keep theirs.

        Raises:
            RequestRefused: CloudFormation would not have begun, with its words.
        """
        view = self.engine.stack(self.stack_id)
        declared = (template or view.template).parameters
        kept = (view.parameters.keys() & declared.keys()) - (parameters or {}).keys()
        self.engine.update_stack(self.stack_id, template, parameters, use_previous=kept)

    def delete(self) -> None:
        """Delete the stack."""
        self.engine.delete_stack(self.stack_id)

    # How it stands

    @property
    def status(self) -> Status:
        """The stack's status; compares equal to its name."""
        return self.engine.stack(self.stack_id).status

    @property
    def reason(self) -> str:
        """Why it has that status."""
        return self.engine.stack(self.stack_id).reason

    @property
    def events(self) -> list[StackEvent]:
        """The stack's events, oldest first."""
        return self.engine.events(self.stack_id)[::-1]

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs by key."""
        return self.engine.stack(self.stack_id).output_values

    def resource(self, logical_id: str) -> ResourceState:
        """A resource as it stands.

        Raises:
            KeyError: Nothing was done about it yet.
        """
        return {one.logical_id: one for one in self.engine.resources(self.stack_id)}[logical_id]

    def history(self, logical_id: str) -> list[tuple[str, str]]:
        """Statuses and reasons of one resource, or of the stack by its name, oldest first."""
        return [
            (str(event.status), event.reason)
            for event in self.events
            if event.logical_id == logical_id
        ]


def _moto(region: str) -> AbstractContextManager[World]:
    # moto takes a second to import; whoever passes a provider does not pay for it.
    module = importlib.import_module("harness.moto_models")
    world: Callable[[str], AbstractContextManager[World]] = module.moto_world
    return world(region)
