"""Topics and queues ("AWS::SNS::Topic", "AWS::SQS::Queue")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.tags import tag_list, tags_of
from harness.template import Node

_UNENCRYPTED: Final = "nothing is encrypted here"
_LONGEST_QUEUE_NAME: Final = 80
_FIFO: Final = ".fifo"


def _text(value: Node) -> str:
    """An attribute as the APIs take it, whatever its type."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, Mapping | list) else str(value)


def _name(job: Job, given: Node, longest: int) -> str:
    if given:
        return str(given)
    if _text(job.get("FifoTopic", job.get("FifoQueue", False))) == "true":
        return generated_name(job.request, longest=longest - len(_FIFO)) + _FIFO
    return generated_name(job.request, longest=longest)


_TOPIC_ATTRIBUTES: Final = ("ContentBasedDeduplication", "DisplayName", "KmsMasterKeyId")


class Topic(Handler):
    """``AWS::SNS::Topic``, without subscriptions: a message could leave this machine by one."""

    acts_on = frozenset(
        {"ContentBasedDeduplication", "DisplayName", "FifoTopic", "Tags", "TopicName"}
    )
    without_effect: ClassVar[Mapping[str, str]] = {"KmsMasterKeyId": _UNENCRYPTED}
    replacing = frozenset({"FifoTopic", "TopicName"})
    updating = frozenset({*_TOPIC_ATTRIBUTES, "Tags"})
    custom_name = "TopicName"
    attributes: ClassVar[Mapping[str, str]] = {"TopicArn": "TopicArn", "TopicName": "TopicName"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it."""
        wanted = job.pick("FifoTopic", *_TOPIC_ATTRIBUTES)
        answer = job.api.call(
            "sns",
            "CreateTopic",
            Name=_name(job, job.get("TopicName"), 256),
            Attributes={name: _text(value) for name, value in wanted.items()},
            Tags=tag_list(tags_of(job.request)),
        )
        return job.made(str(answer["TopicArn"]))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """Its ARN, and the name in it."""
        del api
        arn = resource.physical_id
        return {"TopicArn": arn, "TopicName": arn.rpartition(":")[2]}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Set the attributes and tags that changed."""
        arn = resource.physical_id
        for name in sorted(changed & set(_TOPIC_ATTRIBUTES)):
            job.api.call(
                "sns",
                "SetTopicAttributes",
                TopicArn=arn,
                AttributeName=name,
                AttributeValue=_text(job.get(name, "")),
            )
        if "Tags" in changed:
            old, new = tags_of(resource.request), tags_of(job.request)
            obsolete = [key for key in old if key not in new]
            job.api.call("sns", "UntagResource", ResourceArn=arn, TagKeys=obsolete)
            job.api.call("sns", "TagResource", ResourceArn=arn, Tags=tag_list(new))
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete("sns", "DeleteTopic", TopicArn=resource.physical_id)


_QUEUE_ATTRIBUTES: Final = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_KMS: Final = ("KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "SqsManagedSseEnabled")


class Queue(Handler):
    """``AWS::SQS::Queue``; its physical id is its URL."""

    acts_on = frozenset({*_QUEUE_ATTRIBUTES, "FifoQueue", "QueueName", "Tags"}) - set(_KMS)
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(_KMS, _UNENCRYPTED)
    replacing = frozenset({"FifoQueue", "QueueName"})
    updating = frozenset({*_QUEUE_ATTRIBUTES, "Tags"})
    custom_name = "QueueName"
    attributes: ClassVar[Mapping[str, str]] = {
        "Arn": "QueueArn",
        "QueueName": "QueueName",
        "QueueUrl": "QueueUrl",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Create it."""
        wanted = job.pick("FifoQueue", *_QUEUE_ATTRIBUTES)
        answer = job.api.call(
            "sqs",
            "CreateQueue",
            QueueName=_name(job, job.get("QueueName"), _LONGEST_QUEUE_NAME),
            Attributes={name: _text(value) for name, value in wanted.items()},
            tags=tags_of(job.request, system=False),
        )
        return job.made(str(answer["QueueUrl"]))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """Its attributes, name and URL."""
        url = resource.physical_id
        found = api.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
        return {**found["Attributes"], "QueueName": url.rpartition("/")[2], "QueueUrl": url}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Set the attributes and tags that changed; one that is gone goes back to its default."""
        url = resource.physical_id
        wanted = {
            name: _text(job.get(name, _DEFAULTS.get(name, "")))
            for name in sorted(changed & set(_QUEUE_ATTRIBUTES))
        }
        if wanted:
            job.api.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes=wanted)
        if "Tags" in changed:
            old = tags_of(resource.request, system=False)
            new = tags_of(job.request, system=False)
            obsolete = [key for key in old if key not in new]
            if obsolete:
                job.api.call("sqs", "UntagQueue", QueueUrl=url, TagKeys=obsolete)
            if new:
                job.api.call("sqs", "TagQueue", QueueUrl=url, Tags=new)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete("sqs", "DeleteQueue", QueueUrl=resource.physical_id)


_DEFAULTS: Final[Mapping[str, int]] = {
    "DelaySeconds": 0,
    "MaximumMessageSize": 262_144,
    "MessageRetentionPeriod": 345_600,
    "ReceiveMessageWaitTimeSeconds": 0,
    "VisibilityTimeout": 30,
}
"""What a queue has where nothing is said ("SetQueueAttributes")."""

HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::SNS::Topic": Topic(),
    "AWS::SQS::Queue": Queue(),
}
