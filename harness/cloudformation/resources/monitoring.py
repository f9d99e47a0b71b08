"""Logs and alarms ("AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.tags import tag_list, tags_of

_NOT_MEASURED: Final = "nothing here measures, so no alarm goes off"


class LogGroup(Handler):
    """``AWS::Logs::LogGroup``."""

    acts_on = frozenset({"LogGroupName", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = {
        "KmsKeyId": "nothing is encrypted here",
        "RetentionInDays": "nothing here lives that long",
    }
    replacing = frozenset({"KmsKeyId", "LogGroupName"})
    updating = frozenset({"RetentionInDays", "Tags"})
    custom_name = "LogGroupName"
    attributes: ClassVar[Mapping[str, str]] = {"Arn": "arn"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it."""
        name = str(job.get("LogGroupName") or generated_name(job.request))
        tags = tags_of(job.request)
        job.api.call(
            "logs", "CreateLogGroup", logGroupName=name, kmsKeyId=job.get("KmsKeyId"), tags=tags
        )
        made = job.made(name)
        self._set_retention(job, name)
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The group."""
        name = resource.physical_id
        found = api.call("logs", "DescribeLogGroups", logGroupNamePrefix=name)["logGroups"]
        return next((one for one in found if one["logGroupName"] == name), {})

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change how long it keeps, and tags."""
        name = resource.physical_id
        if "RetentionInDays" in changed:
            self._set_retention(job, name)
        if "Tags" in changed:
            old, new = tags_of(resource.request), tags_of(job.request)
            obsolete = [key for key in old if key not in new]
            if obsolete:
                job.api.call("logs", "UntagLogGroup", logGroupName=name, tags=obsolete)
            job.api.call("logs", "TagLogGroup", logGroupName=name, tags=new)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete("logs", "DeleteLogGroup", logGroupName=resource.physical_id)

    @staticmethod
    def _set_retention(job: Job, name: str) -> None:
        days = job.get("RetentionInDays")
        if days is None:
            job.api.call("logs", "DeleteRetentionPolicy", logGroupName=name)
        else:
            job.api.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)


_ALARM: Final = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Metrics",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)


class Alarm(Handler):
    """``AWS::CloudWatch::Alarm``."""

    acts_on = frozenset({"AlarmName", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(_ALARM, _NOT_MEASURED)
    replacing = frozenset({"AlarmName"})
    updating = frozenset({*_ALARM, "Tags"})
    custom_name = "AlarmName"
    attributes: ClassVar[Mapping[str, str]] = {"Arn": "AlarmArn"}

    def create(self, job: Job) -> ProvisionedResource:
        """Put it."""
        name = str(job.get("AlarmName") or generated_name(job.request))
        self._put(job, name)
        return job.made(name)

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The alarm."""
        found = api.call("cloudwatch", "DescribeAlarms", AlarmNames=[resource.physical_id])
        alarms: list[Mapping[str, Any]] = found["MetricAlarms"]
        return alarms[0] if alarms else {}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Put it again."""
        self._put(job, resource.physical_id)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete("cloudwatch", "DeleteAlarms", AlarmNames=[resource.physical_id])

    @staticmethod
    def _put(job: Job, name: str) -> None:
        tags = tag_list(tags_of(job.request))
        job.api.call("cloudwatch", "PutMetricAlarm", AlarmName=name, Tags=tags, **job.pick(*_ALARM))


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::CloudWatch::Alarm": Alarm(),
    "AWS::Logs::LogGroup": LogGroup(),
}
