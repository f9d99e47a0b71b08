"""Clients for AWS, and the certainty that it is AWS that they speak to."""

from __future__ import annotations

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import RefusedError

LOCAL_ENDPOINT: Final = "local"
"""What ``--live-endpoint`` says where the endpoint is a local cloud."""

_AWS_DOMAINS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=10,
    read_timeout=60,
)
"""botocore's own retries, with jitter, under ours; limits where its defaults have long ones."""


class Clients:
    """Makes clients in one region, and refuses endpoints that nobody has named.

    Args:
        region: The region.
        live_endpoint: The setting of that name.
        endpoint_url: Where all services are spoken to; None for what the environment and the
            profile say.
        session: Where credentials come from; the default chain by default.
    """

    def __init__(
        self,
        region: str,
        live_endpoint: str | None,
        *,
        endpoint_url: str | None = None,
        session: boto3.Session | None = None,
    ) -> None:
        self.region = region
        self.session = session or boto3.Session()
        self._live_endpoint = live_endpoint
        self._endpoint_url = endpoint_url
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients are made at run time
        """A client of a service, made once.

        Raises:
            RefusedError: It would speak to an endpoint that is not AWS's and that nobody named, or
                to AWS where a local cloud was named.
        """
        if service not in self._made:
            client = self.session.client(
                service,  # type: ignore[call-overload]  # any service
                region_name=self.region,
                endpoint_url=self._endpoint_url,
                config=_CONFIG,
            )
            self._check(service, client.meta.endpoint_url)
            self._made[service] = client
        return self._made[service]

    @property
    def override(self) -> str | None:
        """The endpoint that stands for AWS's own; None where it is AWS's own."""
        url: str = self("sts").meta.endpoint_url
        return None if is_aws(url) else url

    def _check(self, service: str, url: str) -> None:
        if self._live_endpoint == LOCAL_ENDPOINT:
            if not is_local(url):
                raise RefusedError(
                    f"--live-endpoint {LOCAL_ENDPOINT} says that this is a local cloud, but "
                    f"{service} is spoken to at {url}",
                    remedy="set AWS_ENDPOINT_URL to the local cloud's address",
                )
            return
        if self._live_endpoint is not None:
            raise RefusedError(
                f"--live-endpoint: {self._live_endpoint!r} is no endpoint that is known",
                remedy=f"the one that can be named is {LOCAL_ENDPOINT!r}",
            )
        if not is_aws(url):
            raise RefusedError(
                f"an endpoint override is set: {service} is spoken to at {url}, which is not AWS",
                remedy="unset AWS_ENDPOINT_URL and its kin, or say with --live-endpoint "
                f"{LOCAL_ENDPOINT} that a local cloud is meant",
            )


def is_aws(url: str) -> bool:
    """Whether a URL is of AWS's own, over TLS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(_AWS_DOMAINS)


def is_local(url: str) -> bool:
    """Whether a URL is of this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secrets_of(session: boto3.Session) -> frozenset[str]:
    """The secrets of a session's credentials, wherever it has them from; none where it has none."""
    try:
        credentials = session.get_credentials()
        frozen = credentials.get_frozen_credentials() if credentials else None
    except (BotoCoreError, ClientError):  # they have expired and cannot be renewed
        return frozenset()
    found = (frozen.access_key, frozen.secret_key, frozen.token) if frozen else ()
    return frozenset(filter(None, found))
