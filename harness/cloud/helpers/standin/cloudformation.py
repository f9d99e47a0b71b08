"""The calls to CloudFormation that the helper scripts make: GET, answered in JSON."""

from __future__ import annotations

import http.client
import platform
import urllib.parse

from .credentials import Credentials
from .imds import Imds
from .retry import Again, RemoteError, retry
from .signing import cfn_v1, query, sigv4
from .web import Answer, Web

API_VERSION = "2010-05-15"
USER_AGENT = f"CfnTools/2.0+standin ({platform.platform()}) python/{platform.python_version()}"

# Throttling passes, and so does the time until a new access key is known everywhere.
_PASSING = {"Throttling", "InvalidAccessKeyId", "InvalidClientTokenId"}


class NoSigner(Exception):  # noqa: N818 - the user is told the message alone
    """There are neither credentials nor an instance to sign for."""


def endpoint(region: str) -> str:
    """CloudFormation's URL in a region."""
    return f"https://cloudformation.{region}.amazonaws.com{'.cn' if region[:3] == 'cn-' else ''}"


class CloudFormation:
    """A client that acts for one instance or account.

    Args:
        web: Sends the requests.
        imds: Knows the instance.
        credentials: Sign the requests; where they have no access key, the instance's identity does.
        url: CloudFormation's URL.
        region: Region of the signatures.

    Raises:
        NoSigner: There is nothing to sign with.
    """

    def __init__(
        self, web: Web, imds: Imds, credentials: Credentials, url: str, region: str
    ) -> None:
        self._web = web
        self._imds = imds
        self._credentials = credentials
        self._url = urllib.parse.urlsplit(url if url.endswith("/") else f"{url}/")
        self._region = region
        self._as_instance = not credentials.access_key and imds.instance_id is not None
        if not self._as_instance and not (credentials.access_key and credentials.secret_key):
            raise NoSigner(
                "In order to sign requests, 169.254.169.254 must be accessible or valid"
                " credentials must be set. Please ensure your proxy environment variables allow"
                " access to 169.254.169.254 (NO_PROXY) or that your credentials have a valid"
                " access key and secret key."
            )

    def call(self, action: str, **parameters: str) -> Answer:
        """Call an action, again and again while that may help.

        Raises:
            RemoteError: It failed; ``strerror`` holds AWS's code and message.
        """
        wanted = {
            "Action": action,
            "ContentType": "JSON",
            "Version": API_VERSION,
            **parameters,
        }
        return retry(lambda: self._attempt(wanted))

    def _attempt(self, parameters: dict[str, str]) -> Answer:
        url = f"{self._url.geturl()}?{query(parameters)}"
        answer = self._web.send("GET", url, self._headers(parameters))
        if not answer.ok:
            raise _error(answer)
        return answer

    def _headers(self, parameters: dict[str, str]) -> dict[str, str]:
        accept = {"Accept": "application/json"}
        if self._as_instance:
            signed = {**accept, "Authorization": cfn_v1(*self._imds.identity())}
        else:
            signed = sigv4(
                self._credentials,
                self._region,
                self._url.netloc,
                self._url.path,
                parameters,
                accept,
            )
        return {**signed, "User-Agent": USER_AGENT}


def _error(answer: Answer) -> RemoteError:
    match answer.json():
        case {"Error": {"Code": str() as code, "Message": str() as message, "Type": kind}}:
            pass
        case _:
            code, message, kind = "Unknown", answer.text, "Receiver"
    if answer.status == http.client.SERVICE_UNAVAILABLE or code in _PASSING:
        repeat = Again.ALWAYS
    else:
        repeat = Again.NEVER if kind == "Sender" else Again.A_FEW_TIMES
    return RemoteError(answer.status, f"{code}: {message}", repeat)
