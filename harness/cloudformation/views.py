"""Stacks as they are shown to whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from harness.cloudformation.parameters import Parameter
from harness.cloudformation.state import Output, Settings, Stack, Status
from harness.template import Template


@dataclass(frozen=True)
class StackView:
    """A stack as it stood when it was asked for."""

    id: str
    name: str
    status: Status
    reason: str
    description: str
    created: datetime
    updated: datetime | None
    deleted: datetime | None
    parameters: Mapping[str, Parameter]
    outputs: tuple[Output, ...]
    settings: Settings
    termination_protection: bool
    change_set_id: str
    template: Template

    @property
    def output_values(self) -> Mapping[str, str]:
        """Outputs by key."""
        return {one.key: one.value for one in self.outputs}


def view(stack: Stack) -> StackView:
    """A stack as it stands."""
    return StackView(
        id=stack.id,
        name=stack.name,
        status=stack.status,
        reason=stack.reason,
        description=stack.plan.template.description,
        created=stack.created,
        updated=stack.updated,
        deleted=stack.deleted,
        parameters=stack.plan.parameters.by_name,
        outputs=stack.outputs,
        settings=stack.plan.settings,
        termination_protection=stack.termination_protection,
        change_set_id=stack.change_set_id,
        template=stack.plan.template,
    )
