"""Names ("AWS::Route53::HostedZone", "AWS::Route53::RecordSet"); no guest asks for them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource
from harness.cloudformation.resources.api import Api, ApiError, invalid
from harness.cloudformation.resources.base import Handler, Job
from harness.template import Node

_NOT_ASKED: Final = "guests ask the machine's own name servers"
_RECORD: Final = (
    "AliasTarget",
    "Failover",
    "GeoLocation",
    "HealthCheckId",
    "MultiValueAnswer",
    "Name",
    "Region",
    "SetIdentifier",
    "TTL",
    "Type",
    "Weight",
)


class HostedZone(Handler):
    """``AWS::Route53::HostedZone``."""

    acts_on = frozenset({"Name"})
    without_effect: ClassVar[Mapping[str, str]] = {"HostedZoneConfig": "nothing depends on it"}
    replacing = frozenset({"Name"})
    updating = frozenset({"HostedZoneConfig"})
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id", "NameServers": "NameServers"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it."""
        answer = job.api.call(
            "route53",
            "CreateHostedZone",
            Name=job.get("Name"),
            CallerReference=str(uuid.uuid4()),
            HostedZoneConfig=job.get("HostedZoneConfig"),
        )
        return job.made(_short(answer["HostedZone"]["Id"]))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """Its id and name servers."""
        found = api.call("route53", "GetHostedZone", Id=resource.physical_id)
        servers = found.get("DelegationSet", {}).get("NameServers", [])
        return {"Id": resource.physical_id, "NameServers": servers}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change its comment."""
        comment = job.get("HostedZoneConfig", {}).get("Comment", "")
        zone_id = resource.physical_id
        job.api.call("route53", "UpdateHostedZoneComment", Id=zone_id, Comment=comment)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete("route53", "DeleteHostedZone", Id=resource.physical_id)


class RecordSet(Handler):
    """``AWS::Route53::RecordSet``; its physical id is its name."""

    acts_on = frozenset({"HostedZoneId", "HostedZoneName"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (*_RECORD, "Comment", "ResourceRecords"), _NOT_ASKED
    )
    required = ("Name", "Type")
    replacing = frozenset({"HostedZoneId", "HostedZoneName", "Name", "SetIdentifier", "Type"})
    updating = frozenset({*_RECORD, "Comment", "ResourceRecords"}) - replacing

    def create(self, job: Job) -> ProvisionedResource:
        """Create it where none is."""
        _change(job.api, "CREATE", job.properties)
        return job.made(str(job.get("Name")))

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Write it anew."""
        _change(job.api, "UPSERT", job.properties)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it, as long as it says what it said."""
        if "Type" not in resource.request.properties:
            return
        try:
            _change(api, "DELETE", resource.request.properties)
        except ApiError as error:
            # "InvalidChangeBatch": there is no such record any more.
            if not error.says_gone and error.code != "InvalidChangeBatch":
                raise


def _change(api: Api, action: str, properties: Mapping[str, Node]) -> None:
    record = {name: properties[name] for name in _RECORD if name in properties}
    if "ResourceRecords" in properties:
        record["ResourceRecords"] = [{"Value": one} for one in properties["ResourceRecords"]]
    if "AliasTarget" in record:
        record["AliasTarget"] = {"EvaluateTargetHealth": False, **record["AliasTarget"]}
    api.call(
        "route53",
        "ChangeResourceRecordSets",
        HostedZoneId=_zone_of(api, properties),
        ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
    )


def _zone_of(api: Api, properties: Mapping[str, Node]) -> str:
    if "HostedZoneId" in properties:
        return str(properties["HostedZoneId"])
    name = str(properties.get("HostedZoneName", ""))
    zones = api.call("route53", "ListHostedZonesByName", DNSName=name)["HostedZones"]
    found = [_short(one["Id"]) for one in zones if one["Name"] == name]
    if len(found) != 1:
        raise invalid(f"There are {len(found)} hosted zones named {name!r}; one is needed")
    return found[0]


def _short(zone_id: str) -> str:
    return zone_id.removeprefix("/hostedzone/")


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Route53::HostedZone": HostedZone(),
    "AWS::Route53::RecordSet": RecordSet(),
}
