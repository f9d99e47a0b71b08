"""A request as operations get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.cloud.query import Value
from harness.cloudformation.stacks import StackEngine


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Args:
        access_key: The access key that signed the request; None where none did.
        instance_id: The instance whose identity document authorises it (``CFN_V1``).
    """

    access_key: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class Request:
    """A request that was held against the model.

    Args:
        engine: The stack engine of the region that it was sent to.
        parameters: What it says, by the model's names.
        caller: Who asks.
        fetch_template: As :class:`~harness.cloud.cloudformation_api.CloudFormationApi` takes it.
        stack_of_instance: The same.
    """

    engine: StackEngine
    parameters: Mapping[str, Value]
    caller: Caller
    fetch_template: Callable[[str], str]
    stack_of_instance: Callable[[str], str | None]

    def get(self, name: str, default: Value = None) -> Value:
        """One parameter."""
        return self.parameters.get(name, default)
