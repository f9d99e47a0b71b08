"""Names and tags of what a run creates, so that people and sweeps can tell whose it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

MAX_STACK_NAME: Final = 128
"""Characters in a stack's name ("CloudFormation quotas"); it starts with a letter."""

TAG_RUN: Final = "harness:run"
TAG_WHO: Final = "harness:who"
TAG_WHEN: Final = "harness:when"
TAG_EXPIRES: Final = "harness:expires"
TAG_PROJECT: Final = "harness:project"

_CI_RUNS: Final = ("GITHUB_RUN_ID", "CI_PIPELINE_ID", "BUILD_BUILDID", "BUILD_NUMBER")
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


def new_run_id() -> str:
    """An id that no other run has: ten hexadecimal digits."""
    return secrets.token_hex(5)


@dataclass(frozen=True)
class Naming:
    """Names of one run.

    Args:
        project: First word of every name.
        who: The CI run, or the user.
        run_id: The run.
        began: When it began.
        time_to_live: Minutes after which a sweep deletes what is left.
    """

    project: str
    who: str
    run_id: str
    began: datetime
    time_to_live: int

    @classmethod
    def of_run(
        cls, project: str, run_id: str, environ: Mapping[str, str], time_to_live: int
    ) -> Naming:
        """The names of a run that begins now, in that environment."""
        ci_run = next((environ[name] for name in _CI_RUNS if environ.get(name)), "")
        who = f"ci-{ci_run}" if ci_run else environ.get("USER") or environ.get("LOGNAME") or "user"
        return cls(project, who, run_id, datetime.now(UTC), time_to_live)

    def name(self, *words: str) -> str:
        """A name that is valid for stacks and key pairs: project, who, run, then the words.

        Whatever has to be cut is cut from the front part, never from the run's id.
        """
        tail = _plain("-".join((self.run_id, *words)))
        head = _plain(f"{self.project}-{self.who}").lstrip("-0123456789") or "harness"
        return f"{head[: MAX_STACK_NAME - len(tail) - 1].rstrip('-')}-{tail}"

    def tags(self) -> Mapping[str, str]:
        """Tags that say who made it, when, in which run, and when it may be swept."""
        expires = self.began + timedelta(minutes=self.time_to_live)
        return {
            TAG_PROJECT: self.project,
            TAG_WHO: self.who,
            TAG_RUN: self.run_id,
            TAG_WHEN: self.began.strftime(_FORMAT),
            TAG_EXPIRES: expires.strftime(_FORMAT),
        }


def expired(tags: Mapping[str, str], now: datetime) -> bool:
    """Whether tags of a run say that what carries them may be deleted.

    What has no such tags is not ours, and what has a malformed date is left to people.
    """
    if TAG_RUN not in tags:
        return False
    try:
        expires = datetime.strptime(tags.get(TAG_EXPIRES, ""), _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return False
    return expires <= now


def _plain(text: str) -> str:
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9-]", "-", text)).strip("-")
