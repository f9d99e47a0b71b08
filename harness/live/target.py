"""The target ``aws``: AWS itself, or a local cloud that stands for it and is named as such."""

from __future__ import annotations

import ipaddress
import json
import os
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from harness.errors import RefusedError, UsageError
from harness.guest.diagnosis import SSH_PORT, describe_instance
from harness.live.guard import Identity, announce, confirm_account, confirm_lifetime, plan
from harness.live.session import Clients, secrets_of
from harness.options import Settings
from harness.stack import StackSpec
from harness.target import Target, TargetRequest
from harness.waiting import AWS_PACE, LOCAL_PACE, Pace

CHECK_IP: Final = "https://checkip.amazonaws.com/"
"""Answers with the address that a request came from; run by AWS."""


class AwsTarget:
    """AWS, in one account and region.

    Args:
        clients: Makes clients.
        identity: Whose credentials they use.
        settings: The settings of the run.
        own_address: Finds out this machine's public address.
    """

    name = "aws"

    def __init__(
        self,
        clients: Clients,
        identity: Identity,
        settings: Settings,
        own_address: Callable[[], str] | None = None,
    ) -> None:
        self._clients = clients
        self._identity = identity
        self._settings = settings
        self._own_address = own_address or ask_own_address
        self.region = clients.region
        self.endpoint_url = clients.override

    @property
    def pace(self) -> Pace:
        """Polite with AWS, quick with a local cloud."""
        return LOCAL_PACE if self.endpoint_url else AWS_PACE

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 clients are made at run time
        """A client for the region."""
        return self._clients(service)

    def ssh_address(self, instance_id: str) -> tuple[str, int] | None:
        """The instance's public address, port 22.

        Raises:
            RefusedError: A local cloud names an address that is not of this machine.
        """
        instance = describe_instance(self.client("ec2"), instance_id, self.pace)
        address = instance.get("PublicIpAddress")
        if not address:
            return None
        if self.endpoint_url and not ipaddress.ip_address(address).is_loopback:
            raise RefusedError(
                f"the local cloud says that {instance_id} is at {address}, which is not of this "
                "machine; nobody is to be logged in to there",
                remedy="use a local cloud that boots guests of its own",
            )
        return str(address), SSH_PORT

    def caller_cidr(self) -> str:
        """This machine's public address as AWS sees it, as a block of one.

        Raises:
            UsageError: It cannot be found out.
        """
        if self.endpoint_url:
            return ask_local_cloud(self.endpoint_url)
        return f"{self._own_address()}/32"

    def admit(self, spec: StackSpec) -> Sequence[str]:
        """Hold the stack against the ceiling, and announce it.

        Raises:
            RefusedError: It is above the ceiling.
        """
        made = plan(spec, self.region, self._settings)
        return announce(self._identity, self.region, spec, made, self._settings)

    def secrets(self) -> frozenset[str]:
        """The credentials that are used, from whichever profile or role they are."""
        return secrets_of(self._clients.session)

    def facts(self) -> Mapping[str, str]:
        """Account, identity, region, and the endpoint where it is not AWS's own."""
        facts = {
            "account": self._identity.account,
            "identity": self._identity.arn,
            "region": self.region,
        }
        return facts | ({"endpoint": self.endpoint_url} if self.endpoint_url else {})


@contextmanager
def open_target(request: TargetRequest) -> Iterator[Target]:
    """Open AWS for a run, every guard having been passed.

    Raises:
        RefusedError: A guard forbids it; nothing was created.
    """
    settings = request.settings
    confirm_lifetime(os.environ, settings, datetime.now(UTC))
    clients = Clients(request.region, settings.live_endpoint)
    identity = confirm_account(clients, settings)
    yield AwsTarget(clients, identity, settings)


def ask_local_cloud(endpoint_url: str) -> str:
    """Where a local cloud sees connections of this machine come from, as a CIDR block.

    Raises:
        UsageError: It does not say.
    """
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_harness/facts", timeout=10) as answer:  # noqa: S310 - of this machine
            return str(ipaddress.ip_network(json.load(answer)["caller_cidr"]))
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{endpoint_url} does not say where it sees this machine's connections come from",
            remedy="give --ssh-cidr",
        ) from error


def ask_own_address() -> str:
    """This machine's public IPv4 address, as AWS sees it.

    Raises:
        UsageError: Nobody answers, or the answer is no address.
    """
    try:
        with urllib.request.urlopen(CHECK_IP, timeout=10) as answer:
            return str(ipaddress.IPv4Address(answer.read(64).decode().strip()))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"this machine's public address cannot be found out from {CHECK_IP}: {error}",
            remedy="give --ssh-cidr",
        ) from error
