"""The key pair of a run: made here, its public half imported into EC2, both gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import HarnessError, LeakError
from harness.waiting import Pace, is_passing, patiently

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 key pair.

    Args:
        name: Its name in EC2.
        private_path: The file of the private half, which its owner alone may read.
        public_line: The public half, as in ``authorized_keys``.
    """

    name: str
    private_path: Path
    public_line: str

    def forget(self) -> None:
        """Remove the private half; harmless where it is gone already."""
        self.private_path.unlink(missing_ok=True)


def make_key_pair(name: str, directory: Path) -> KeyPair:
    """Make a key pair whose private half never leaves a file of mode 0600.

    Raises:
        FileExistsError: A private key of that name lies there already.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    path = directory / f"{name}.key"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    return KeyPair(name, path, f"{public.decode()} {name}")


def import_key_pair(
    ec2: EC2Client, key: KeyPair, pace: Pace, tags: Mapping[str, str] | None = None
) -> None:
    """Import the public half; harmless where a lost answer makes it be asked for twice.

    Raises:
        HarnessError: EC2 refuses it, or does not answer.
    """

    def ask() -> None:
        try:
            ec2.import_key_pair(
                KeyName=key.name,
                PublicKeyMaterial=key.public_line.encode(),
                TagSpecifications=[
                    {
                        "ResourceType": "key-pair",
                        "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
                    }
                ]
                if tags
                else [],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidKeyPair.Duplicate":
                raise

    try:
        patiently(ask, pace)
    except (ClientError, BotoCoreError) as error:
        remedy = "give the credentials the permissions that docs/live.md lists"
        if is_passing(error) or isinstance(error, BotoCoreError):
            remedy = "see whether the network, the endpoint and the credentials are there"
        raise HarnessError(
            f"key pair {key.name} could not be imported: {error}", remedy=remedy
        ) from error


def delete_key_pair(ec2: EC2Client, name: str, pace: Pace) -> None:
    """Delete a key pair from EC2 and see that it is gone; harmless where it is gone already.

    Raises:
        LeakError: It is still there.
    """
    patiently(lambda: ec2.delete_key_pair(KeyName=name), pace)
    if key_pair_exists(ec2, name, pace):
        region = ec2.meta.region_name
        raise LeakError(
            f"key pair {name} in {region} is still there after it was deleted",
            remedy=f"aws ec2 delete-key-pair --region {region} --key-name {name}",
        )


def key_pair_exists(ec2: EC2Client, name: str, pace: Pace) -> bool:
    """Whether EC2 knows a key pair of that name."""
    filters = [{"Name": "key-name", "Values": [name]}]
    answer = patiently(lambda: ec2.describe_key_pairs(Filters=filters), pace)  # type: ignore[arg-type]  # a plain list of filters
    return bool(answer["KeyPairs"])
