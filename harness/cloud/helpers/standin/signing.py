"""How a request to CloudFormation says who sends it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import urllib.parse
from collections.abc import Mapping

from .credentials import Credentials

SERVICE = "cloudformation"


def query(parameters: Mapping[str, str]) -> str:
    """The query string in the one form that a signature can be taken of."""
    return urllib.parse.urlencode(
        sorted(parameters.items()), quote_via=urllib.parse.quote, safe="~"
    )


def cfn_v1(document: str, signature: str) -> str:
    """``Authorization`` of an instance that has no credentials but knows which one it is."""
    encoded = base64.b64encode(document.encode()).decode()
    return f"CFN_V1 {encoded}:{''.join(signature.split())}"


def sigv4(
    credentials: Credentials,
    region: str,
    host: str,
    path: str,
    parameters: Mapping[str, str],
    headers: Mapping[str, str],
    now: float | None = None,
) -> dict[str, str]:
    """The headers of a GET request, signed with "AWS Signature Version 4"."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"host": host, "x-amz-date": moment}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            "GET",
            urllib.parse.quote(path, safe="/~"),
            query(parameters),
            *(f"{name}:{signed[name].strip()}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{region}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(
        key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}".encode(), "sha256"
    )
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature.hex()}"
    )
    return {**signed, "authorization": authorization}
