"""Key pairs ("AWS::EC2::KeyPair")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, ApiError
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.tags import tag_list, tags_of


class KeyPair(Handler):
    """``AWS::EC2::KeyPair``: imported where there is a public key, else created.

    The private half of a created pair goes where CloudFormation puts it: into the Parameter Store,
    as ``/ec2/keypair/`` and the pair's id.
    """

    acts_on = frozenset({"KeyFormat", "KeyName", "KeyType", "PublicKeyMaterial", "Tags"})
    required = ("KeyName",)
    replacing = acts_on
    custom_name = "KeyName"
    attributes: ClassVar[Mapping[str, str]] = {
        "KeyFingerprint": "KeyFingerprint",
        "KeyPairId": "KeyPairId",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Import or create it."""
        own = tag_list(tags_of(job.request, system=False))
        tags = [{"ResourceType": "key-pair", "Tags": own}] if own else None
        name = str(job.get("KeyName"))
        if "PublicKeyMaterial" in job.properties:
            material = str(job.get("PublicKeyMaterial")).encode()
            job.api.call(
                "ec2",
                "ImportKeyPair",
                KeyName=name,
                PublicKeyMaterial=material,
                TagSpecifications=tags,
            )
            return job.made(name)
        wanted = job.pick("KeyFormat", "KeyName", "KeyType")
        pair = job.api.call("ec2", "CreateKeyPair", **wanted, TagSpecifications=tags)
        made = job.made(name)
        job.api.call(
            "ssm",
            "PutParameter",
            Name=_parameter(pair["KeyPairId"]),
            Type="SecureString",
            Value=pair["KeyMaterial"],
        )
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The pair."""
        found = api.call("ec2", "DescribeKeyPairs", KeyNames=[resource.physical_id])
        pair: Mapping[str, Any] = found["KeyPairs"][0]
        return pair

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it, and the private half that was kept."""
        try:
            pair = self.describe(api, resource)
        except ApiError as error:
            if error.says_gone:
                return
            raise
        if "PublicKeyMaterial" not in resource.request.properties:
            api.delete("ssm", "DeleteParameter", Name=_parameter(pair["KeyPairId"]))
        api.delete("ec2", "DeleteKeyPair", KeyName=resource.physical_id)


def _parameter(key_pair_id: str) -> str:
    return f"/ec2/keypair/{key_pair_id}"


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::EC2::KeyPair": KeyPair()}
