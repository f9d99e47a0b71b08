"""Names and tags of what a run creates."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from harness.naming import TAG_EXPIRES, TAG_RUN, Naming, expired, new_run_id

pytestmark = pytest.mark.selftest

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
VALID = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


@pytest.mark.parametrize(
    ("project", "who"),
    [
        ("harness", "ada"),
        ("7-seven_of.nine", "ci-123"),
        ("x" * 200, "y" * 200),
        ("日本", "ユーザー"),
        ("--", "--"),
    ],
)
def test_names_are_valid_and_carry_the_run(project: str, who: str) -> None:
    """As CloudFormation wants them, whatever the user is called; the run's id is never cut off."""
    name = Naming(project, who, "abcdef0123", BEGAN, 60).name("gw0", "1", "us-east-1")
    assert VALID.fullmatch(name)
    assert name.endswith("-abcdef0123-gw0-1-us-east-1")


@pytest.mark.parametrize(
    ("environ", "who"),
    [
        ({"GITHUB_RUN_ID": "42", "USER": "runner"}, "ci-42"),
        ({"USER": "ada"}, "ada"),
        ({}, "user"),
    ],
)
def test_a_run_knows_who_runs_it(environ: dict[str, str], who: str) -> None:
    """The CI run before the user."""
    assert Naming.of_run("p", "r", environ, 60).who == who


def test_run_ids_differ() -> None:
    """No two runs share one."""
    assert len({new_run_id() for _ in range(100)}) == 100


def test_what_has_expired_is_told_by_its_tags() -> None:
    """Not a minute before its time to live is over."""
    tags = Naming("p", "ada", "r", BEGAN, 60).tags()
    assert not expired(tags, BEGAN + timedelta(minutes=59))
    assert expired(tags, BEGAN + timedelta(minutes=60))


@pytest.mark.parametrize(
    "tags", [{}, {TAG_EXPIRES: "2020-01-01T00:00:00Z"}, {TAG_RUN: "r", TAG_EXPIRES: "soon"}]
)
def test_what_is_not_clearly_ours_never_expires(tags: dict[str, str]) -> None:
    """No tag of a run, or a date that is none."""
    assert not expired(tags, BEGAN)
