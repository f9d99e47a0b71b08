"""Parameters of the Parameter Store ("AWS::SSM::Parameter")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api
from harness.cloudformation.resources.base import Handler, Job, suffix
from harness.cloudformation.resources.tags import tag_list, tags_of

_SAME: Final = ("AllowedPattern", "DataType", "Description", "Tier", "Type", "Value")


class Parameter(Handler):
    """``AWS::SSM::Parameter``."""

    acts_on = frozenset({"AllowedPattern", "DataType", "Name", "Tags", "Type", "Value"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("Description", "Tier"), "nothing depends on it"
    )
    required = ("Type", "Value")
    replacing = frozenset({"Name"})
    updating = frozenset({*_SAME, "Tags"})
    custom_name = "Name"
    attributes: ClassVar[Mapping[str, str]] = {"Arn": "ARN", "Type": "Type", "Value": "Value"}

    def create(self, job: Job) -> ProvisionedResource:
        """Put it where none is."""
        name = str(job.get("Name") or f"CFN-{job.request.logical_id}-{suffix()}")
        tags = tag_list(tags_of(job.request))
        job.api.call("ssm", "PutParameter", Name=name, Tags=tags, **job.pick(*_SAME))
        return job.made(name)

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The parameter."""
        found = api.call("ssm", "GetParameter", Name=resource.physical_id)
        parameter: Mapping[str, Any] = found["Parameter"]
        return parameter

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Put it again, and its tags."""
        name = resource.physical_id
        job.api.call("ssm", "PutParameter", Name=name, Overwrite=True, **job.pick(*_SAME))
        if "Tags" in changed:
            old, new = tags_of(resource.request), tags_of(job.request)
            about = {"ResourceType": "Parameter", "ResourceId": name}
            obsolete = [key for key in old if key not in new]
            if obsolete:
                job.api.call("ssm", "RemoveTagsFromResource", **about, TagKeys=obsolete)
            job.api.call("ssm", "AddTagsToResource", **about, Tags=tag_list(new))
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete("ssm", "DeleteParameter", Name=resource.physical_id)


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::SSM::Parameter": Parameter()}
