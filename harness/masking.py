"""Takes secrets out of what is written down: values that are known, and shapes that tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from harness.template import Template

MASK: Final = "*****"

_SHORTEST: Final = 4
"""A shorter value is left alone: it would be found everywhere, and it is no secret either."""

_SHAPES: Final = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(
        r"(?i)(?<=secret)(?:_?access_?key)?[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+=]{40}(?![A-Za-z0-9/+=])"
    ),
    re.compile(r"\b(?:FwoG|IQoJ)[A-Za-z0-9/+=]{100,}"),
    re.compile(r"(?<=Authorization: )[^\r\n]+"),
)
"""Private keys, access key ids, secret keys by their name, session tokens, authorisations."""


class Masker:
    """Takes secrets out of text.

    Args:
        values: Secrets that are known.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        # The longest first: a secret may be part of another one.
        known = sorted({one for one in values if len(one) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        for shape in _SHAPES:
            text = shape.sub(MASK, text)
        return self._known.sub(MASK, text) if self._known else text


def no_echo_values(template: Template, parameters: Mapping[str, str]) -> frozenset[str]:
    """The values of a stack's ``NoEcho`` parameters, given or default."""
    return frozenset(
        str(parameters.get(name, declared.get("Default", "")))
        for name, declared in template.parameters.items()
        if str(declared.get("NoEcho", "")).lower() == "true"
    )


def environment_secrets(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of environment variables that hold credentials of AWS."""
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
    return frozenset(environ[name] for name in names if environ.get(name))
