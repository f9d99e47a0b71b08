"""Volumes ("AWS::EC2::Volume", "AWS::EC2::VolumeAttachment")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, ApiError, not_stabilized
from harness.cloudformation.resources.base import Handler, Job
from harness.cloudformation.resources.ec2_thing import Ec2Thing, exists

_NO_DISK: Final = "no disk stands behind it"
_MODIFIED: Final = ("Iops", "Size", "Throughput", "VolumeType")


def _modify(job: Job, volume_id: str) -> None:
    job.api.call("ec2", "ModifyVolume", VolumeId=volume_id, **job.pick(*_MODIFIED))


class Volume(Ec2Thing):
    """``AWS::EC2::Volume``."""

    acts_on = frozenset({"AvailabilityZone", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("Encrypted", "Iops", "KmsKeyId", "Size", "Throughput", "VolumeType"),
        _NO_DISK,
    )
    replacing = frozenset({"AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId"})
    updating = frozenset({*_MODIFIED, "Tags"})
    attributes: ClassVar[Mapping[str, str]] = {"VolumeId": "VolumeId"}
    kind = "volume"
    takes = (
        "AvailabilityZone",
        "Encrypted",
        "Iops",
        "KmsKeyId",
        "Size",
        "SnapshotId",
        "Throughput",
        "VolumeType",
    )
    creates = ("CreateVolume", "VolumeId")
    describes = ("DescribeVolumes", "VolumeIds", "Volumes")
    deletes = ("DeleteVolume", "VolumeId")
    stable = ("State", frozenset({"available", "in-use"}))

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Modify it at once in all that changed, and change tags."""
        if changed & set(_MODIFIED):
            _modify(job, resource.physical_id)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it once no instance has it any more."""
        api.delete("ec2", "DeleteVolume", busy="InUse", VolumeId=resource.physical_id)


class VolumeAttachment(Handler):
    """``AWS::EC2::VolumeAttachment``; the device does not appear in a guest, so it is a gap."""

    acts_on = frozenset({"InstanceId", "VolumeId"})
    required = ("InstanceId", "VolumeId")
    replacing = frozenset({"Device", "InstanceId", "VolumeId"})

    def create(self, job: Job) -> ProvisionedResource:
        """Attach it."""
        job.api.call("ec2", "AttachVolume", **job.pick("Device", "InstanceId", "VolumeId"))
        return job.made(f"{job.get('VolumeId')}|{job.get('InstanceId')}")

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Detach it, and wait until it is."""
        volume_id, _, instance_id = resource.physical_id.partition("|")
        try:
            api.call("ec2", "DetachVolume", VolumeId=volume_id, InstanceId=instance_id)
        except ApiError as error:
            # "IncorrectState": the volume is not attached any more.
            if error.says_gone or error.code in {"IncorrectState", "InvalidAttachment.NotFound"}:
                return
            raise

        def detached() -> bool:
            return not exists(
                lambda: api.call("ec2", "DescribeVolumes", VolumeIds=[volume_id])["Volumes"][0][
                    "Attachments"
                ]
            )

        if not api.wait_until(detached, api.patience.delete):
            raise not_stabilized(f"{volume_id} was not detached in time")


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::EC2::Volume": Volume(),
    "AWS::EC2::VolumeAttachment": VolumeAttachment(),
}
