"""What of a template is accepted and not simulated: what becomes of it, and how it is told."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Final

ACCEPTED: Final = "accepted, not simulated: "
"""How the reason of an event begins that lists what is not acted on."""

LISTED: Final = ACCEPTED.removesuffix(": ")
"""The JUnit property of a test whose stack has such an event, and what reports call them."""


class Unsupported(enum.StrEnum):
    """What becomes of a template's part that is not acted on; none of it passes in silence."""

    FAIL = "fail"
    """It fails the stack; what is kept and shown but has no effect is listed. The default."""

    ACCEPT = "accept"
    """All of it is listed."""

    STRICT = "strict"
    """All of it fails the stack, what has no effect too."""


def listed(names: Iterable[str]) -> str:
    """The reason of an event that lists them."""
    return f"{ACCEPTED}{'; '.join(names)}"


def listings(events: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines that say what events list: of each logical id and reason, once.

    Args:
        events: Logical ids and reasons, in any order.
    """
    for logical_id, reason in dict.fromkeys(events):
        if reason.startswith(ACCEPTED):
            yield f"{logical_id}: {reason.removeprefix(ACCEPTED)}"
