"""How findings are written, a format a module; this table is all there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from harness.lint.finding import Report
from harness.lint.outputs import as_json, junit, sarif, text

Write = Callable[[Report], str]
"""Writes what a run came to."""

FORMATS: Final[Mapping[str, Write]] = {
    "text": text.write,
    "json": as_json.write,
    "sarif": sarif.write,
    "junit": junit.write,
}
