"""Credentials of the roles that instances have, renewed in time."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from harness.cloud.imds import RoleCredentials
from harness.cloud.instance import InstanceFacts


class RoleSessions:
    """One session for each instance and role, another one when half of it has passed.

    Args:
        assume: Opens a session.
        now: The time of day, in UTC.
    """

    def __init__(
        self,
        assume: Callable[[InstanceFacts], RoleCredentials],
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._assume = assume
        self._now = now
        self._sessions: dict[tuple[str, str | None], RoleCredentials] = {}
        self._lock = threading.Lock()

    def __call__(self, facts: InstanceFacts) -> RoleCredentials:
        """The credentials that an instance is to use now."""
        key = (facts.instance_id, facts.role_name)
        with self._lock:
            session = self._sessions.get(key)
            if session is None or self._is_old(session):
                session = self._sessions[key] = self._assume(facts)
            return session

    def _is_old(self, session: RoleCredentials) -> bool:
        return self._now() > session.issued + (session.expires - session.issued) / 2
