"""The instance metadata service, as guests ask for it. Pure: a request and facts to an answer.

Sources: "Instance metadata categories", "Use the Instance Metadata Service to access instance
metadata", "Instance identity documents". One instance sees its own metadata only: whoever serves
this picks the facts by the address that the request came from.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.cloud.instance import InstanceFacts

VERSIONS: Final = ("1.0", "2009-04-04", "2016-09-02", "2021-03-23", "2024-04-11", "latest")
TOKEN_HEADER: Final = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name
TOKEN_TTL_HEADER: Final = "x-aws-ec2-metadata-token-ttl-seconds"  # noqa: S105 - as above
MAX_TTL_SECONDS: Final = 21_600
DEFAULT_HOPS: Final = 64

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class ImdsRequest:
    """One HTTP request; the headers' names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImdsResponse:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RoleCredentials:
    """Credentials of an instance profile's role, for a limited time."""

    access_key_id: str
    secret_access_key: str
    token: str
    issued: dt.datetime
    expires: dt.datetime


class Imds:
    """Answers for all guests of one local cloud.

    Args:
        secret: Signs tokens and identity documents.
        credentials: Makes the credentials of an instance's role.
        now: The time of day, in UTC.
    """

    def __init__(
        self,
        secret: bytes,
        credentials: Callable[[InstanceFacts], RoleCredentials],
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._secret = secret
        self._credentials = credentials
        self._now = now

    def respond(self, request: ImdsRequest, facts: InstanceFacts) -> ImdsResponse:
        """Answer one request of the instance that the facts are of."""
        options = facts.metadata_options
        if not options.enabled:
            return _error(403, "Forbidden")
        segments = [part for part in request.path.split("?")[0].split("/") if part]
        if segments[1:] == ["api", "token"]:
            return self._token(request, facts)
        if request.method not in {"GET", "HEAD"}:
            return _error(405, "Method Not Allowed")
        token = request.headers.get(TOKEN_HEADER)
        if (token or options.token_required) and not self._is_valid(token or "", facts):
            return _error(401, "Unauthorized")
        return self._get(segments, facts)

    def identity_document(self, facts: InstanceFacts) -> bytes:
        """The instance identity document."""
        document = {
            "accountId": facts.account_id,
            "architecture": facts.architecture,
            "availabilityZone": facts.availability_zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": facts.image_id,
            "instanceId": facts.instance_id,
            "instanceType": facts.instance_type,
            "kernelId": None,
            "pendingTime": _timestamp(facts.launch_time),
            "privateIp": facts.private_ip,
            "ramdiskId": None,
            "region": facts.region,
            "version": "2017-09-30",
        }
        return json.dumps(document, indent=2).encode()

    def signature(self, document: bytes) -> str:
        """The signature of an identity document; only this local cloud can check it."""
        return base64.b64encode(self._mac(b"identity", document)).decode()

    def signed_instance(self, document: bytes, signature: str) -> str | None:
        """The instance id of a document that was signed here; None for any other."""
        if not hmac.compare_digest(self.signature(document), "".join(signature.split())):
            return None
        return str(json.loads(document)["instanceId"])

    def _token(self, request: ImdsRequest, facts: InstanceFacts) -> ImdsResponse:
        if request.method != "PUT":
            return _error(405, "Method Not Allowed")
        if "x-forwarded-for" in request.headers:
            return _error(403, "Forbidden")
        try:
            ttl = int(request.headers.get(TOKEN_TTL_HEADER, ""))
        except ValueError:
            ttl = 0
        if not 1 <= ttl <= MAX_TTL_SECONDS:
            return _error(400, "Bad Request")
        expiry = str(int(self._now().timestamp()) + ttl).encode()
        mac = self._mac(b"token", facts.instance_id.encode() + b" " + expiry)
        token = base64.urlsafe_b64encode(mac[:27] + expiry)
        return ImdsResponse(200, token, headers={TOKEN_TTL_HEADER: str(ttl)})

    def _is_valid(self, token: str, facts: InstanceFacts) -> bool:
        try:
            raw = base64.urlsafe_b64decode(token.encode())
            mac, expiry = raw[:27], raw[27:]
            fresh = int(expiry) > self._now().timestamp()
        except ValueError:
            return False
        wanted = self._mac(b"token", facts.instance_id.encode() + b" " + expiry)[:27]
        return fresh and hmac.compare_digest(mac, wanted)

    def _get(self, segments: list[str], facts: InstanceFacts) -> ImdsResponse:
        if not segments:
            return ImdsResponse(200, "\n".join(VERSIONS).encode())
        if segments[0] not in VERSIONS:
            return _error(404, "Not Found")
        node: Any = self._tree(facts)
        for segment in segments[1:]:
            node = node.get(segment) if isinstance(node, Mapping) else None
            if callable(node):
                node = node()
        if node is None:
            return _error(404, "Not Found")
        if isinstance(node, Mapping):
            return ImdsResponse(200, _listing(node).encode())
        body = node if isinstance(node, bytes) else str(node).encode()
        is_data = segments[-1] == "user-data"
        return ImdsResponse(200, body, "application/octet-stream" if is_data else "text/plain")

    def _tree(self, facts: InstanceFacts) -> Tree:
        return _without_none(
            {
                "dynamic": {"instance-identity": lambda: self._identity(facts)},
                "meta-data": self._meta_data(facts),
                "user-data": facts.user_data,
            }
        )

    def _identity(self, facts: InstanceFacts) -> Tree:
        document = self.identity_document(facts)
        signature = self.signature(document)
        wrapped = "\n".join(signature[at : at + 64] for at in range(0, len(signature), 64))
        return {
            "document": document,
            "pkcs7": wrapped,
            "rsa2048": wrapped,
            "signature": wrapped,
        }

    def _meta_data(self, facts: InstanceFacts) -> Tree:
        return {
            "ami-id": facts.image_id,
            "ami-launch-index": facts.launch_index,
            "ami-manifest-path": "(unknown)",
            "block-device-mapping": {"ami": "/dev/sda1", "root": "/dev/sda1"},
            "hostname": facts.private_dns_name,
            "iam": (lambda: self._iam(facts)) if facts.instance_profile else None,
            "instance-action": "none",
            "instance-id": facts.instance_id,
            "instance-life-cycle": "on-demand",
            "instance-type": facts.instance_type,
            "ipv6": facts.ipv6_addresses[0] if facts.ipv6_addresses else None,
            "local-hostname": facts.private_dns_name,
            "local-ipv4": facts.private_ip,
            "mac": facts.mac,
            "network": {"interfaces": {"macs": {facts.mac: _interface(facts)}}},
            "placement": {
                "availability-zone": facts.availability_zone,
                "region": facts.region,
            },
            "profile": "default-hvm",
            "public-hostname": facts.public_dns_name,
            "public-ipv4": facts.public_ip,
            "public-keys": _public_keys(facts),
            "reservation-id": facts.reservation_id,
            "security-groups": "\n".join(name for _, name in facts.security_groups),
            "services": {
                "domain": "amazonaws.com.cn" if facts.region.startswith("cn-") else "amazonaws.com",
                "partition": "aws-cn" if facts.region.startswith("cn-") else "aws",
            },
            "tags": {"instance": dict(facts.tags)} if facts.metadata_options.tags else None,
        }

    def _iam(self, facts: InstanceFacts) -> Tree:
        now = self._now()
        info = {
            "Code": "Success",
            "LastUpdated": _timestamp(now),
            "InstanceProfileArn": facts.instance_profile,
            "InstanceProfileId": facts.instance_profile_id,
        }
        roles = {facts.role_name: self._role(facts)} if facts.role_name else {}
        return {"info": json.dumps(info, indent=2), "security-credentials": roles}

    def _role(self, facts: InstanceFacts) -> str:
        credentials = self._credentials(facts)
        answer = {
            "Code": "Success",
            "LastUpdated": _timestamp(credentials.issued),
            "Type": "AWS-HMAC",
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.token,
            "Expiration": _timestamp(credentials.expires),
        }
        return json.dumps(answer, indent=2)

    def _mac(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.new(self._secret, purpose + b"\0" + message, hashlib.sha256).digest()


def hop_limit(request: ImdsRequest, facts: InstanceFacts) -> int:
    """How many hops the answer to a request may travel: few for a token, so that it stays here."""
    if request.method == "PUT" and facts.metadata_options.enabled:
        return max(1, facts.metadata_options.hop_limit)
    return DEFAULT_HOPS


def _interface(facts: InstanceFacts) -> Tree:
    return {
        "device-number": "0",
        "interface-id": f"eni-{facts.instance_id.removeprefix('i-')}",
        "ipv4-associations": {facts.public_ip: facts.private_ip} if facts.public_ip else None,
        "ipv6s": "\n".join(facts.ipv6_addresses) or None,
        "local-hostname": facts.private_dns_name,
        "local-ipv4s": facts.private_ip,
        "mac": facts.mac,
        "owner-id": facts.account_id,
        "public-hostname": facts.public_dns_name,
        "public-ipv4s": facts.public_ip,
        "security-group-ids": "\n".join(group_id for group_id, _ in facts.security_groups),
        "security-groups": "\n".join(name for _, name in facts.security_groups),
        "subnet-id": facts.subnet_id,
        "subnet-ipv4-cidr-block": facts.subnet_cidr,
        "subnet-ipv6-cidr-blocks": facts.subnet_ipv6_cidr,
        "vpc-id": facts.vpc_id,
        "vpc-ipv4-cidr-block": facts.vpc_cidr,
        "vpc-ipv4-cidr-blocks": facts.vpc_cidr,
        "vpc-ipv6-cidr-blocks": facts.vpc_ipv6_cidr,
    }


def _public_keys(facts: InstanceFacts) -> Tree | None:
    if not facts.key_name or not facts.public_key:
        return None
    return _PublicKeys({"0": {"openssh-key": facts.public_key}}, name=facts.key_name)


class _PublicKeys(dict[str, Any]):
    """Keys are listed as ``0=name``, and read below ``0``."""

    def __init__(self, keys: Mapping[str, Any], *, name: str) -> None:
        super().__init__(keys)
        self.listing = f"0={name}"


def _listing(node: Mapping[str, Any]) -> str:
    if isinstance(node, _PublicKeys):
        return node.listing
    return "\n".join(
        f"{name}/" if isinstance(value, Mapping) or callable(value) else name
        for name, value in node.items()
    )


def _without_none(node: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(node, _PublicKeys):
        return node
    return {
        name: _without_none(value) if isinstance(value, Mapping) else value
        for name, value in node.items()
        if value is not None
    }


def _timestamp(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(status: int, title: str) -> ImdsResponse:
    body = (
        f'<?xml version="1.0" encoding="iso-8859-1"?>\n<html><head><title>{status} - {title}'
        f"</title></head><body><h1>{status} - {title}</h1></body></html>\n"
    )
    return ImdsResponse(status, body.encode(), "text/html")
