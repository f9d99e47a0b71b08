"""moto in this process, for the simulation: nothing leaves it, and nothing of it stays.

Only moto's public face is used: :func:`moto.mock_aws` answers the same boto3 calls that the local
cloud's endpoint answers, without a guest behind the instances.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any, Final

from harness import amis, garbage
from harness.cloudformation.parameters import Lookups
from harness.cloudformation.provider import ResourceProvider
from harness.service_models import read_once

_LOAD_IMAGES: Final = "MOTO_EC2_LOAD_DEFAULT_AMIS"


@contextlib.contextmanager
def moto_world(region: str) -> Iterator[tuple[ResourceProvider, Lookups]]:
    """An empty AWS of moto's: what makes resources there, and what says which ones exist.

    Args:
        region: Such as ``us-east-1``.
    """
    # moto and boto3 take most of a second to import; whoever only lints does not need them.
    from harness.cloudformation.resources import AwsProvider, Patience  # noqa: PLC0415
    from harness.cloudformation.resources.lookups import (  # noqa: PLC0415
        AwsLookups,
        registering_images,
    )

    with moto_account():
        client = functools.partial(_client, region)
        yield (
            AwsProvider(client, patience=Patience(interval=0, create=0, delete=0)),
            AwsLookups(client, public_parameter=registering_images(client, _is_image)),
        )


@contextlib.contextmanager
def moto_account() -> Iterator[None]:
    """moto's :func:`~moto.mock_aws` without the thousand images that it loads by default.

    The simulation registers those it is asked for; loading them takes longer than simulating.
    Simulations that begin within it share one account.
    """
    from moto import mock_aws  # noqa: PLC0415 - as above

    before = os.environ.get(_LOAD_IMAGES)
    os.environ[_LOAD_IMAGES] = "false"
    try:
        with mock_aws():
            yield
    finally:
        if before is None:
            del os.environ[_LOAD_IMAGES]
        else:
            os.environ[_LOAD_IMAGES] = before


def _is_image(parameter: str) -> bool:
    return amis.by_parameter(parameter) is not None


def _client(region: str, service: str) -> Any:  # noqa: ANN401 - boto3 makes clients at run time
    """One for all simulations; to make it takes longer than most of them ask of it.

    It is made after moto was imported, so that it is moto's wherever it is used: in an account.
    """
    with _making_clients:  # boto3 does not make clients on several threads at once
        return _made(region, service)


_making_clients: Final = threading.Lock()


@functools.cache
def _made(region: str, service: str) -> Any:  # noqa: ANN401 - as above
    return _session().client(service, region_name=region)


@functools.cache
def _session() -> Any:  # noqa: ANN401 - as above
    """One for all clients: it reads the services' large models only once."""
    import boto3  # noqa: PLC0415 - as above

    return boto3.session.Session(
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",  # noqa: S106 - moto takes any
    )


def load_ahead() -> None:
    """Load moto in the background, beside tests that wait for other programs.

    The first simulation finds it loaded, waits for the rest of it, or, where it cannot be loaded,
    says so itself.
    """
    # It silences a warning of its own while it loads, and silence is the whole process's: a test
    # that ends meanwhile would turn the warning on again.
    import requests  # noqa: F401, PLC0415 - for what loading it leaves behind

    threading.Thread(target=_load, name="loading moto", daemon=True).start()


def _load() -> None:
    garbage.ignore_at_exit()
    with contextlib.suppress(Exception), read_once():
        import moto.ec2  # noqa: F401, PLC0415 - as above

        _client("us-east-1", "ec2")
