"""An instance's host keys, known before the first login: cloud-init prints them on the console.

cloud-init prints the fingerprints as soon as it has made the keys, and at the end of its run both
fingerprints and keys in marked blocks ("Module reference", keys_to_console). The console is read
through EC2, which the instance's network has no part in, so the keys can be trusted.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from harness.errors import UnreachableError
from harness.waiting import Deadline, Pace, patiently

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

_KEY = re.compile(
    r"\b((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) AAAA[A-Za-z0-9+/]+={0,2})"
)
_KEYS_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY", re.DOTALL)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}(?= \S*@)")
_SCAN_TIMEOUT: Final = 10


@dataclass(frozen=True)
class HostKeys:
    """What a console says of host keys.

    Args:
        keys: Public keys, ``type base64``.
        fingerprints: ``SHA256:…`` of host keys.
    """

    keys: tuple[str, ...] = ()
    fingerprints: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.keys or self.fingerprints)


def read_host_keys(console: str) -> HostKeys:
    """The host keys that a console's output names.

    Only the last block counts: an instance that was started from another's disk image shows that
    one's console first.
    """
    blocks = _KEYS_BLOCK.findall(console)
    keys = tuple(dict.fromkeys(_KEY.findall(blocks[-1]))) if blocks else ()
    return HostKeys(keys, frozenset(_FINGERPRINT.findall(console)))


def fingerprint(key: str) -> str:
    """``SHA256:…`` of a public key, as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def read_console(ec2: EC2Client, instance_id: str, pace: Pace) -> str:
    """An instance's console output up to now; empty while there is none.

    ``Latest=True`` is refused for instance types that are not built on Nitro; their console is
    published with some minutes' delay ("Instance console output").
    """
    try:
        answer = patiently(
            lambda: ec2.get_console_output(InstanceId=instance_id, Latest=True), pace
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"UnsupportedOperation", "InvalidParameter"}:
            raise
        answer = patiently(lambda: ec2.get_console_output(InstanceId=instance_id), pace)
    return answer.get("Output", "")


def wait_for_host_keys(
    console: Callable[[], str], scan: Callable[[], tuple[str, ...]], deadline: Deadline, pace: Pace
) -> tuple[str, ...]:
    """Wait until the console shows host keys, or fingerprints that the offered keys match.

    Args:
        console: Reads the console's output.
        scan: Asks the instance which host keys it offers; asked only once fingerprints are known.
        deadline: The limit of the wait.
        pace: How often to look.

    Returns:
        Public keys to be pinned; empty where the console showed nothing in time.

    Raises:
        UnreachableError: The keys that are offered are not those whose fingerprints were shown.
    """
    attempt = 0
    while True:
        shown = read_host_keys(console())
        if shown.keys:
            return shown.keys
        offered = scan() if shown.fingerprints else ()
        if offered:
            return _matching(offered, shown.fingerprints)
        if deadline.over:
            return ()
        deadline.pause(pace.pause(attempt))
        attempt += 1


def _matching(offered: tuple[str, ...], fingerprints: frozenset[str]) -> tuple[str, ...]:
    matching = tuple(key for key in offered if fingerprint(key) in fingerprints)
    if not matching:
        raise UnreachableError(
            "host key mismatch: none of the keys that the instance offers has a fingerprint that "
            "its console shows",
            remedy="somebody else answers at that address, or the instance made new keys",
        )
    return matching


def scan_host_keys(address: str, port: int) -> tuple[str, ...]:
    """The host keys that are offered at an address; empty while nobody answers."""
    command = ["ssh-keyscan", "-T", "5", "-p", str(port), address]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SCAN_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return ()
    return tuple(dict.fromkeys(_KEY.findall(done.stdout)))
