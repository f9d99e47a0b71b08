"""The account that moto keeps, and the lock on it."""
# ruff: noqa: PLC0415 - as the package says

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend

ACCOUNT_ID: Final = "123456789012"

lock: Final = threading.RLock()
"""Held around every request to moto that may change instances, so that nobody sees the state that
moto would have given them."""


def backend_of(region: str) -> EC2Backend:
    """EC2 of a region."""
    from moto.ec2.models import ec2_backends

    return ec2_backends[ACCOUNT_ID][region]


def backends() -> list[EC2Backend]:
    """EC2 of every region that somebody has used."""
    from moto.ec2.models import ec2_backends

    return list(ec2_backends[ACCOUNT_ID].values())
