"""What an instance knows of itself, from its metadata service."""

from __future__ import annotations

from functools import cached_property, partial

from .credentials import Credentials
from .retry import RemoteError, retry
from .web import Answer, Web

ADDRESS = "http://169.254.169.254"
TOKEN_SECONDS = 600
TIMEOUT_SECONDS = 2.0
TRIES = 10


class Imds:
    """The metadata service, asked with a token where it gives one, and without where it does not.

    Args:
        address: Its URL, without a path.
        tries: How often a question is asked before it is given up.
    """

    def __init__(self, address: str = ADDRESS, tries: int = TRIES) -> None:
        self._address = address
        self._tries = tries
        self._web = Web(proxies={})

    @cached_property
    def instance_id(self) -> str | None:
        """The instance's id; None where there is no metadata service."""
        try:
            return self._get("meta-data/instance-id")
        except RemoteError:
            return None

    def identity(self) -> tuple[str, str]:
        """The instance identity document and its signature.

        Raises:
            RemoteError: The metadata service does not have them.
        """
        document = self._get("dynamic/instance-identity/document")
        return document, self._get("dynamic/instance-identity/signature")

    def role_credentials(self, role: str) -> Credentials:
        """Credentials of the role of the instance's profile.

        Raises:
            RemoteError: It has no such role.
        """
        path = f"meta-data/iam/security-credentials/{role}"

        def fetch() -> Credentials:
            match self._ask(path).json():
                case {
                    "AccessKeyId": str() as key,
                    "SecretAccessKey": str() as secret,
                    "Token": str() as token,
                }:
                    return Credentials(key, secret, token)
            raise RemoteError(None, f"no credentials at {path}")

        return retry(fetch, self._tries)

    def _get(self, path: str) -> str:
        return retry(partial(self._ask, path), self._tries).text.strip()

    def _ask(self, path: str) -> Answer:
        return self._web.send(
            "GET", f"{self._address}/latest/{path}", self._token, timeout=TIMEOUT_SECONDS
        ).checked()

    @cached_property
    def _token(self) -> dict[str, str]:
        answer = self._web.send(
            "PUT",
            f"{self._address}/latest/api/token",
            {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)},
            timeout=TIMEOUT_SECONDS,
        )
        return {"X-aws-ec2-metadata-token": answer.text.strip()} if answer.ok else {}
