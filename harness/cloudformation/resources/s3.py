"""Buckets ("AWS::S3::Bucket", "AWS::S3::BucketPolicy")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.iam import NOT_ENFORCED, document
from harness.cloudformation.resources.tags import tag_list, tags_of
from harness.template import Node

_DEFAULT_REGION: Final = "us-east-1"
_LONGEST_NAME: Final = 63


class Bucket(Handler):
    """``AWS::S3::Bucket``."""

    acts_on = frozenset({"BucketName", "Tags", "VersioningConfiguration"})
    without_effect: ClassVar[Mapping[str, str]] = {
        "BucketEncryption": "nothing is encrypted here",
        "OwnershipControls": NOT_ENFORCED,
        "PublicAccessBlockConfiguration": NOT_ENFORCED,
    }
    replacing = frozenset({"BucketName"})
    updating = (acts_on | without_effect.keys()) - replacing
    custom_name = "BucketName"
    attributes: ClassVar[Mapping[str, str]] = {
        "Arn": "Arn",
        "DomainName": "DomainName",
        "DualStackDomainName": "DualStackDomainName",
        "RegionalDomainName": "RegionalDomainName",
        "WebsiteURL": "WebsiteURL",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Create it, then configure it."""
        name = str(
            job.get("BucketName") or generated_name(job.request, longest=_LONGEST_NAME).lower()
        )
        region = job.api.client("s3").meta.region_name
        place = None if region == _DEFAULT_REGION else {"LocationConstraint": region}
        job.api.call("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
        made = job.made(name)
        self._configure(job, name, frozenset({*job.properties, "Tags"}))
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """Its names, which follow from its name and region."""
        name, region = resource.physical_id, api.client("s3").meta.region_name
        return {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
        }

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Configure what changed."""
        self._configure(job, resource.physical_id, changed)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it; one that is not empty cannot be."""
        api.delete("s3", "DeleteBucket", Bucket=resource.physical_id)

    @staticmethod
    def _configure(job: Job, name: str, changed: frozenset[str]) -> None:
        for property_name in sorted(changed & _CONFIGURED.keys()):
            put, member, remove = _CONFIGURED[property_name]
            value = job.get(property_name)
            if value is not None:
                shaped = _SHAPED.get(property_name, _as_it_is)(value)
                job.api.call("s3", put, Bucket=name, **{member: shaped})
            elif remove:
                job.api.call("s3", remove, Bucket=name)
            else:
                suspended = {"Status": "Suspended"}
                job.api.call("s3", put, Bucket=name, **{member: suspended})
        if "Tags" in changed:
            tags = tag_list(tags_of(job.request, system=False))  # S3 keeps others' aws: tags out
            if tags:
                job.api.call("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tags})
            else:
                job.api.call("s3", "DeleteBucketTagging", Bucket=name)


def _as_it_is(value: Node) -> Node:
    return value


def _encryption(value: Node) -> Node:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault"
            if name == "ServerSideEncryptionByDefault"
            else name: one
            for name, one in rule.items()
        }
        for rule in value.get("ServerSideEncryptionConfiguration", [])
    ]
    return {"Rules": rules}


_CONFIGURED: Final[Mapping[str, tuple[str, str, str]]] = {
    "BucketEncryption": (
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        "DeleteBucketEncryption",
    ),
    "OwnershipControls": (
        "PutBucketOwnershipControls",
        "OwnershipControls",
        "DeleteBucketOwnershipControls",
    ),
    "PublicAccessBlockConfiguration": (
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        "DeletePublicAccessBlock",
    ),
    "VersioningConfiguration": ("PutBucketVersioning", "VersioningConfiguration", ""),
}
"""Property -> operation that sets it, its parameter, and the operation that takes it away."""

_SHAPED: Final[Mapping[str, Callable[[Node], Node]]] = {"BucketEncryption": _encryption}
"""Properties that the API has in another shape."""


class BucketPolicy(Handler):
    """``AWS::S3::BucketPolicy``; its physical id is the bucket's."""

    acts_on = frozenset({"Bucket"})
    without_effect: ClassVar[Mapping[str, str]] = {"PolicyDocument": NOT_ENFORCED}
    required = ("Bucket", "PolicyDocument")
    replacing = frozenset({"Bucket"})
    updating = frozenset({"PolicyDocument"})

    def create(self, job: Job) -> ProvisionedResource:
        """Put it."""
        self._put(job)
        return job.made(str(job.get("Bucket")))

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Put it again."""
        self._put(job)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take it away."""
        api.delete("s3", "DeleteBucketPolicy", Bucket=resource.physical_id)

    @staticmethod
    def _put(job: Job) -> None:
        text = document(job.get("PolicyDocument"))
        job.api.call("s3", "PutBucketPolicy", Bucket=job.get("Bucket"), Policy=text)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": BucketPolicy(),
}
