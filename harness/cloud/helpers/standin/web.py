"""HTTP, with the certificates and proxies that Amazon's programs would use."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from .retry import Again, RemoteError

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return self.status < http.client.BAD_REQUEST

    def json(self) -> object:
        """The body as JSON; None where it is none."""
        try:
            value: object = json.loads(self.body)
        except ValueError:
            return None
        return value

    def checked(self) -> Answer:
        """Itself.

        Raises:
            RemoteError: The status is one of failure.
        """
        if self.ok:
            return self
        raise RemoteError(
            self.status, f"HTTP Error {self.status} : {self.text}", again(self.status)
        )


def again(status: int) -> Again:
    """Whether to repeat a request that was answered so."""
    if status == http.client.SERVICE_UNAVAILABLE:
        return Again.ALWAYS
    passing = {http.client.NOT_FOUND, http.client.REQUEST_TIMEOUT}
    if status < http.client.INTERNAL_SERVER_ERROR and status not in passing:
        return Again.NEVER
    return Again.A_FEW_TIMES


class Web:
    """Sends requests.

    Args:
        proxies: URL by scheme; None takes them from the environment, ``{}`` uses none.
        ca_bundle: A file of certificates to trust; None trusts what the system trusts.
    """

    def __init__(
        self, proxies: Mapping[str, str] | None = None, ca_bundle: str | None = None
    ) -> None:
        context = ssl.create_default_context(cafile=ca_bundle)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(None if proxies is None else dict(proxies)),
            urllib.request.HTTPSHandler(context=context),
        )

    @classmethod
    def of_environment(cls, proxies: Mapping[str, str] | None = None) -> Web:
        """With the CA bundle that the environment names, as requests and curl know it."""
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        return cls(proxies, bundle)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Answer:
        """Send one request; an answer of failure is an answer too.

        Raises:
            RemoteError: Nobody answered.
        """
        request = urllib.request.Request(  # noqa: S310 - callers pass http and https only
            url, data=body, headers=dict(headers or {}), method=method
        )
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read())
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(None, str(reason)) from error
