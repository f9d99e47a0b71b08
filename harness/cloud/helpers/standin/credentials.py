"""Who signs a request."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """Keys of an AWS account or of a role; None where there are none."""

    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None


def read_credentials(path: str) -> Credentials:
    """Credentials from a file of ``AWSAccessKeyId=`` and ``AWSSecretKey=`` lines.

    Raises:
        OSError: The file is missing, others may read it, or a key is not in it; ``strerror`` is
            what the user is told.
    """
    file = Path(path)
    if not file.is_file():
        raise OSError(None, f"Credential file was not found at {path}")
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise OSError(
            None,
            "Credential file cannot be accessible by group or other. "
            "Please chmod 600 the credential file.",
        )
    lines = (line.strip().partition("=") for line in file.read_text(encoding="utf-8").splitlines())
    values = {name: value for name, _, value in lines}
    key, secret = values.get("AWSAccessKeyId"), values.get("AWSSecretKey")
    if not key or not secret:
        raise OSError(
            None, "Credential file must contain the keys 'AWSAccessKeyId' and 'AWSSecretKey'"
        )
    return Credentials(key, secret)
