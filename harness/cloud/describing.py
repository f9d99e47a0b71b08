"""DescribeInstances as EC2 answers it: filters, pages, how little is left of what is gone. Pure.

Source: "DescribeInstances". moto describes every instance; what was asked for is picked out of its
answer, where all that a filter can name is written.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import Final
from xml.etree import ElementTree as ET

from harness.cloud.crash import AwsError

NAMESPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"
FEWEST: Final = 5
MOST: Final = 1000

_KEPT: Final = ("Action", "Version", "InstanceId")
_FILTER: Final = re.compile(r"Filter\.(\d+)\.(Name|Value\.\d+)")
_GONE: Final = (
    "groupSet",
    "iamInstanceProfile",
    "ipAddress",
    "ipv6Address",
    "networkInterfaceSet",
    "privateIpAddress",
    "subnetId",
    "vpcId",
)
"""What EC2 no longer tells of an instance that is terminated."""

_EMPTIED: Final = ("dnsName", "privateDnsName")

_INTERFACE: Final = "networkInterfaceSet/item"
_PATHS: Final[Mapping[str, str]] = {
    "affinity": "placement/affinity",
    "architecture": "architecture",
    "availability-zone": "placement/availabilityZone",
    "block-device-mapping.attach-time": "blockDeviceMapping/item/ebs/attachTime",
    "block-device-mapping.delete-on-termination": "blockDeviceMapping/item/ebs/deleteOnTermination",
    "block-device-mapping.device-name": "blockDeviceMapping/item/deviceName",
    "block-device-mapping.status": "blockDeviceMapping/item/ebs/status",
    "block-device-mapping.volume-id": "blockDeviceMapping/item/ebs/volumeId",
    "client-token": "clientToken",
    "dns-name": "dnsName",
    "host-id": "placement/hostId",
    "hypervisor": "hypervisor",
    "iam-instance-profile.arn": "iamInstanceProfile/arn",
    "image-id": "imageId",
    "instance-id": "instanceId",
    "instance-lifecycle": "instanceLifecycle",
    "instance-state-code": "instanceState/code",
    "instance-state-name": "instanceState/name",
    "instance-type": "instanceType",
    "instance.group-id": "groupSet/item/groupId",
    "instance.group-name": "groupSet/item/groupName",
    "ip-address": "ipAddress",
    "ipv6-address": "ipv6Address",
    "kernel-id": "kernelId",
    "key-name": "keyName",
    "launch-index": "amiLaunchIndex",
    "launch-time": "launchTime",
    "metadata-options.http-endpoint": "metadataOptions/httpEndpoint",
    "metadata-options.http-put-response-hop-limit": "metadataOptions/httpPutResponseHopLimit",
    "metadata-options.http-tokens": "metadataOptions/httpTokens",
    "metadata-options.instance-metadata-tags": "metadataOptions/instanceMetadataTags",
    "monitoring-state": "monitoring/state",
    "network-interface.addresses.association.public-ip": (
        f"{_INTERFACE}/privateIpAddressesSet/item/association/publicIp"
    ),
    "network-interface.addresses.primary": f"{_INTERFACE}/privateIpAddressesSet/item/primary",
    "network-interface.addresses.private-ip-address": (
        f"{_INTERFACE}/privateIpAddressesSet/item/privateIpAddress"
    ),
    "network-interface.association.public-ip": f"{_INTERFACE}/association/publicIp",
    "network-interface.attachment.attachment-id": f"{_INTERFACE}/attachment/attachmentId",
    "network-interface.attachment.device-index": f"{_INTERFACE}/attachment/deviceIndex",
    "network-interface.description": f"{_INTERFACE}/description",
    "network-interface.group-id": f"{_INTERFACE}/groupSet/item/groupId",
    "network-interface.group-name": f"{_INTERFACE}/groupSet/item/groupName",
    "network-interface.ipv6-addresses.ipv6-address": (
        f"{_INTERFACE}/ipv6AddressesSet/item/ipv6Address"
    ),
    "network-interface.mac-address": f"{_INTERFACE}/macAddress",
    "network-interface.network-interface-id": f"{_INTERFACE}/networkInterfaceId",
    "network-interface.owner-id": f"{_INTERFACE}/ownerId",
    "network-interface.private-dns-name": f"{_INTERFACE}/privateDnsName",
    "network-interface.private-ip-address": f"{_INTERFACE}/privateIpAddress",
    "network-interface.status": f"{_INTERFACE}/status",
    "network-interface.subnet-id": f"{_INTERFACE}/subnetId",
    "network-interface.vpc-id": f"{_INTERFACE}/vpcId",
    "placement-group-name": "placement/groupName",
    "platform": "platform",
    "private-dns-name": "privateDnsName",
    "private-ip-address": "privateIpAddress",
    "product-code": "productCodes/item/productCode",
    "ramdisk-id": "ramdiskId",
    "reason": "reason",
    "root-device-name": "rootDeviceName",
    "root-device-type": "rootDeviceType",
    "source-dest-check": "sourceDestCheck",
    "spot-instance-request-id": "spotInstanceRequestId",
    "state-reason-code": "stateReason/code",
    "state-reason-message": "stateReason/message",
    "subnet-id": "subnetId",
    "tag-key": "tagSet/item/key",
    "tag-value": "tagSet/item/value",
    "tenancy": "placement/tenancy",
    "virtualization-type": "virtualizationType",
    "vpc-id": "vpcId",
}
"""Filters -> where the description of an instance has what they are held against."""

_OF_RESERVATION: Final[Mapping[str, str]] = {
    "owner-id": "ownerId",
    "requester-id": "requesterId",
    "reservation-id": "reservationId",
}

Keep = Callable[[ET.Element, ET.Element], bool]
"""Whether an instance is asked for, by its reservation's description and its own."""


def for_moto(form: Mapping[str, str]) -> dict[str, str]:
    """The request for all that there is, out of which :func:`pick` picks."""
    kept = {name: form[name] for name in form if name.partition(".")[0] in _KEPT}
    return {**kept, "MaxResults": str(10**9)} if "InstanceId" not in _roots(form) else kept


def pick(document: bytes, form: Mapping[str, str]) -> bytes:
    """What of moto's answer was asked for.

    Args:
        document: The description of all instances, or of those that were named.
        form: The request.

    Raises:
        AwsError: A filter or a page that makes no sense.
    """
    root = ET.fromstring(document)  # noqa: S314 - moto's own answer
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    keep = _filters(form)
    start, size = _page(form)
    reservations = root.find("reservationSet")
    seen = 0
    for reservation in list(reservations if reservations is not None else ()):
        instances = reservation.find("instancesSet")
        for instance in list(instances if instances is not None else ()):
            _forget_what_is_gone(instance)
            wanted = keep(reservation, instance)
            on_page = start <= seen and (size is None or seen < start + size)
            seen += wanted
            if instances is not None and not (wanted and on_page):
                instances.remove(instance)
        if reservations is not None and not len(instances if instances is not None else ()):
            reservations.remove(reservation)
    for token in root.findall("nextToken"):
        root.remove(token)
    if size is not None and seen > start + size:
        ET.SubElement(root, "nextToken").text = _token(start + size)
    root.set("xmlns", NAMESPACE)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root)


def _roots(form: Mapping[str, str]) -> set[str]:
    return {name.partition(".")[0] for name in form}


def _forget_what_is_gone(instance: ET.Element) -> None:
    if instance.findtext("instanceState/name") != "terminated":
        return
    for element in list(instance):
        if element.tag in _GONE:
            instance.remove(element)
        elif element.tag in _EMPTIED:
            element.text = ""


def _filters(form: Mapping[str, str]) -> Keep:
    named: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for key, value in form.items():
        found = _FILTER.fullmatch(key)
        if found and found[2] == "Name":
            named[found[1]] = value
        elif found:
            values.setdefault(found[1], []).append(value)
    for number in {*named, *values}:
        name = named.get(number, "null")
        if name.startswith("tag:") or name in _PATHS or name in _OF_RESERVATION:
            continue
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")

    def keep(reservation: ET.Element, instance: ET.Element) -> bool:
        return all(
            _passes(name, values.get(number, []), reservation, instance)
            for number, name in named.items()
        )

    return keep


def _passes(name: str, patterns: list[str], reservation: ET.Element, instance: ET.Element) -> bool:
    """Any value will do; ``*`` and ``?`` stand for what they do in file names."""
    if name.startswith("tag:"):
        found = [
            tag.findtext("value") or ""
            for tag in instance.iterfind("tagSet/item")
            if tag.findtext("key") == name.removeprefix("tag:")
        ]
    elif name in _OF_RESERVATION:
        found = [reservation.findtext(_OF_RESERVATION[name]) or ""]
    else:
        found = [one.text or "" for one in instance.iterfind(_PATHS[name])]
    return any(fnmatch.fnmatchcase(one, _pattern(each)) for one in found for each in patterns)


def _pattern(value: str) -> str:
    """EC2 knows no character classes."""
    return value.replace("[", "[[]")


def _page(form: Mapping[str, str]) -> tuple[int, int | None]:
    """Where the page begins, and how many instances it has at most; None for all."""
    text = form.get("MaxResults")
    if text is None:
        return _start(form), None
    if "InstanceId" in _roots(form):
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    if not text.isdecimal() or not FEWEST <= int(text) <= MOST:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {text} ) for parameter maxResults is invalid. "
            f"Expecting a value between {FEWEST} and {MOST}.",
        )
    return _start(form), int(text)


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"from {start}".encode()).decode()


def _start(form: Mapping[str, str]) -> int:
    token = form.get("NextToken")
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        return int(text.removeprefix("from "))
    except (ValueError, binascii.Error):
        raise AwsError("InvalidNextToken", f"The token '{token}' is invalid") from None
