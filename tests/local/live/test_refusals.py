"""What a live run refuses, before it has created anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from .conftest import refuse

if TYPE_CHECKING:
    from .conftest import LiveRun

pytestmark = pytest.mark.local

CREATING = {"ImportKeyPair", "CreateStack", "RunInstances", "CreateSecurityGroup"}


@pytest.mark.parametrize(
    ("options", "environ", "complaint"),
    [
        (["--instance-type", "t3.nano"], {}, "type t3.micro, which is not among those allowed"),
        (["--max-spend", "0.001"], {}, "the ceiling is 0.00 USD"),
        (["--live-endpoint", "other"], {}, "'other' is no endpoint that is known"),
        (
            [],
            {"AWS_CREDENTIAL_EXPIRATION": (datetime.now(UTC) + timedelta(minutes=10)).isoformat()},
            "the credentials expire at",
        ),
    ],
)
def test_it_is_refused_before_anything_is_created(
    live_run: LiveRun, options: list[str], environ: Mapping[str, str], complaint: str
) -> None:
    """Above the ceiling, at an unknown endpoint, with credentials that end too soon."""
    status = live_run.start(*options, environ=environ).finish()
    assert status == 1, live_run.output
    assert complaint in live_run.output
    assert "CreateStack" not in live_run.proxy.actions
    assert live_run.left() == []


def test_a_wrong_account_is_refused_before_the_first_create_call(live_run: LiveRun) -> None:
    """STS is asked, and nobody else."""

    def elsewhere(_: object, answer: object) -> object:
        body = answer.body.replace(b"123456789012", b"999999999999")  # type: ignore[attr-defined]  # an Answer
        return type(answer)(200, body)  # type: ignore[call-arg]  # as above

    live_run.proxy.after = elsewhere  # type: ignore[assignment]  # as above
    assert live_run.start().finish() == 1, live_run.output
    assert "account 999999999999" in live_run.output
    assert "is not in the allow-list (123456789012)" in live_run.output
    assert set(live_run.proxy.actions) == {"GetCallerIdentity"}


def test_expired_credentials_are_refused(live_run: LiveRun) -> None:
    """As STS says it."""
    live_run.proxy.before = lambda call: refuse("ExpiredToken", call, 403)
    assert live_run.start().finish() == 1, live_run.output
    assert "STS does not confirm the credentials: ExpiredToken" in live_run.output
    assert set(live_run.proxy.actions) == {"GetCallerIdentity"}
