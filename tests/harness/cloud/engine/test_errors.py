"""The container engine's errors become ours, and say what to do."""

from __future__ import annotations

from collections.abc import Callable

import docker.errors
import pytest
import requests

from harness.cloud.engine import AddressTakenError, translated
from harness.errors import EngineError

pytestmark = pytest.mark.selftest


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            lambda: docker.errors.APIError("x", explanation="bind: address already in use"),
            AddressTakenError,
            "address already in use",
        ),
        (
            lambda: docker.errors.APIError("x", explanation="port is already allocated"),
            AddressTakenError,
            "allocated",
        ),
        (
            lambda: docker.errors.APIError("x", explanation="write: no space left on device"),
            EngineError,
            "the disk is full",
        ),
        (lambda: docker.errors.APIError("x", explanation="no such image"), EngineError, "no such"),
        (lambda: requests.ConnectionError("Connection refused"), EngineError, "does not answer"),
        (lambda: requests.ReadTimeout("timed out"), EngineError, "does not answer"),
        (lambda: OSError("broken pipe"), EngineError, "does not answer"),
    ],
)
def test_every_error_of_the_engine_is_translated(
    error: Callable[[], Exception], kind: type[EngineError], said: str
) -> None:
    """None of the Docker SDK's reaches a user."""
    with pytest.raises(kind, match=said) as caught, translated("doing it"):
        raise error()
    assert caught.value.message.startswith("doing it failed")
