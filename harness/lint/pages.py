"""Where a rule's page is, and what it says."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

_PROJECT: Final = "cfn-harness"
_IN_CHECKOUT: Final = Path(__file__).parents[2] / "docs" / "rules.md"
_INSTALLED: Final = Path(__file__).parent / "data" / "rules.md"
"""Where the wheel has it."""


def address(code: str) -> str:
    """The absolute address of a rule's section.

    Where the package's metadata names its documentation, it is there, else in a file on this
    machine: the page comes with the package.
    """
    return f"{_base()}#{code.lower()}"


@cache
def _base() -> str:
    try:
        named = metadata.metadata(_PROJECT).get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        named = []
    for one in named:
        label, _, url = one.partition(",")
        if label.strip().lower() == "documentation":
            return f"{url.strip().rstrip('/')}/rules.md"
    return _file().as_uri()


def _file() -> Path:
    return _IN_CHECKOUT if _IN_CHECKOUT.exists() else _INSTALLED


@cache
def _sections() -> dict[str, str]:
    parts = re.split(r"^### (\w+)\n", _file().read_text(), flags=re.MULTILINE)
    texts = (re.split(r"^## ", text, flags=re.MULTILINE)[0].strip() for text in parts[2::2])
    return dict(zip(parts[1::2], texts, strict=True))


def section(code: str) -> str:
    """What the page says of a rule, as Markdown; empty where it says nothing."""
    return _sections().get(code, "")
