"""Secrets ("AWS::SecretsManager::Secret")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, invalid
from harness.cloudformation.resources.base import Handler, Job, suffix
from harness.cloudformation.resources.tags import tag_list, tags_of

_TEMPLATE: Final = ("GenerateStringKey", "SecretStringTemplate")


class Secret(Handler):
    """``AWS::SecretsManager::Secret``; its physical id is its ARN."""

    acts_on = frozenset({"GenerateSecretString", "Name", "SecretString", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = {
        "Description": "nothing depends on it",
        "KmsKeyId": "nothing is encrypted here",
    }
    replacing = frozenset({"Name"})
    updating = (acts_on | without_effect.keys()) - replacing
    custom_name = "Name"
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it, with the value that is given or generated."""
        answer = job.api.call(
            "secretsmanager",
            "CreateSecret",
            Name=job.get("Name") or f"{job.request.logical_id}-{suffix()}",
            SecretString=self._value(job),
            Tags=tag_list(tags_of(job.request)),
            **job.pick("Description", "KmsKeyId"),
        )
        return job.made(str(answer["ARN"]))

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change its value, its description, its tags."""
        secret_id = resource.physical_id
        value = self._value(job) if changed & {"GenerateSecretString", "SecretString"} else None
        if changed - {"Tags"}:
            job.api.call(
                "secretsmanager",
                "UpdateSecret",
                SecretId=secret_id,
                SecretString=value,
                **job.pick("Description", "KmsKeyId"),
            )
        if "Tags" in changed:
            old, new = tags_of(resource.request), tags_of(job.request)
            obsolete = [key for key in old if key not in new]
            if obsolete:
                job.api.call(
                    "secretsmanager", "UntagResource", SecretId=secret_id, TagKeys=obsolete
                )
            job.api.call("secretsmanager", "TagResource", SecretId=secret_id, Tags=tag_list(new))
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it for good, so that its name is free at once."""
        api.delete(
            "secretsmanager",
            "DeleteSecret",
            SecretId=resource.physical_id,
            ForceDeleteWithoutRecovery=True,
        )

    @staticmethod
    def _value(job: Job) -> str | None:
        if "GenerateSecretString" not in job.properties:
            given = job.get("SecretString")
            return None if given is None else str(given)
        wanted = dict(job.get("GenerateSecretString"))
        key, template = (wanted.pop(name, None) for name in _TEMPLATE)
        password = job.api.call("secretsmanager", "GetRandomPassword", **wanted)["RandomPassword"]
        if key is None:
            return str(password)
        try:
            return json.dumps({**json.loads(template or "{}"), key: password})
        except (ValueError, TypeError):
            raise invalid("The SecretStringTemplate is not a JSON object") from None


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::SecretsManager::Secret": Secret()}
