"""What most things of EC2 have in common: one call makes them, one shows them, one deletes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, ApiError, not_stabilized
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.paths import dig
from harness.cloudformation.resources.tags import ec2_tags, update_ec2_tags
from harness.template import Node

Change = Callable[[Job, str], None]
"""Brings one property of the thing with that id in line with what is wanted."""


class Ec2Thing(Handler):
    """A thing of EC2 that is identified by an id and takes tags when it is created."""

    kind: ClassVar[str]
    """What tags call it, such as ``vpc``."""

    creates: ClassVar[tuple[str, str]]
    """The operation, and where its answer has the id."""

    describes: ClassVar[tuple[str, str, str]]
    """The operation, its parameter for a list of ids, and where its answer has the list."""

    deletes: ClassVar[tuple[str, str]]
    """The operation, and its parameter for the id."""

    takes: ClassVar[tuple[str, ...]]
    """Properties that the creating operation takes as they are."""

    afterwards: ClassVar[Mapping[str, Change]] = {}
    """Properties that are set once it exists, and how; they can change in place."""

    stable: ClassVar[tuple[str, frozenset[str]]] = ("", frozenset())
    """Where the description has its state, and the states in which it is created; none to wait."""

    def parameters(self, job: Job) -> dict[str, Node]:
        """What the creating operation is called with, but for tags."""
        return job.pick(*self.takes)

    def create(self, job: Job) -> ProvisionedResource:
        """Create it, wait until it is stable, set what is set afterwards."""
        operation, path = self.creates
        answer = job.api.call(
            "ec2",
            operation,
            **self.parameters(job),
            TagSpecifications=ec2_tags(job.request, self.kind),
        )
        made = job.made(str(dig(answer, path)))
        self._wait_until_stable(job, made)
        for name, change in self.afterwards.items():
            if name in job.properties:
                change(job, made.physical_id)
        return made

    def _wait_until_stable(self, job: Job, made: ProvisionedResource) -> None:
        path, states = self.stable

        def settled() -> bool:
            job.check_cancelled()
            return dig(self.describe(job.api, made), path) in states

        if states and not job.api.wait_until(settled, job.api.patience.create):
            raise not_stabilized(f"{made.physical_id} did not become available in time")

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """How EC2 describes it."""
        operation, parameter, path = self.describes
        answer = api.call("ec2", operation, **{parameter: [resource.physical_id]})
        found: Mapping[str, Any] = answer[path][0]
        return found

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Set what changed, and tags."""
        for name in sorted(changed & self.afterwards.keys()):
            self.afterwards[name](job, resource.physical_id)
        if "Tags" in changed:
            update_ec2_tags(job.api, resource, job.request, resource.physical_id)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it once nothing uses it any more."""
        operation, parameter = self.deletes
        api.delete("ec2", operation, **{parameter: resource.physical_id})


def find(api: Api, operation: str, path: str, **filters: str) -> list[dict[str, Any]]:
    """What EC2 describes that passes filters.

    Args:
        api: The services.
        operation: One that describes.
        path: Where its answer has the list.
        **filters: Their values; an underscore in a name stands for the hyphen of EC2's.
    """
    wanted = [
        {"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()
    ]
    found: list[dict[str, Any]] = api.call("ec2", operation, Filters=wanted)[path]
    return found


def exists(ask: Callable[[], object]) -> bool:
    """Whether a question about a thing finds it there."""
    try:
        return bool(ask())
    except ApiError as error:
        if error.says_gone:
            return False
        raise
