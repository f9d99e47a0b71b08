"""Long lists, a page at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value

_PAGE: Final = 100


def page_of(items: Sequence[Value], request: Request) -> tuple[Sequence[Value], str | None]:
    """One page, and where the next begins, counted from the end that does not grow."""
    remaining = len(items)
    token = request.get("NextToken")
    if token is not None:
        try:
            remaining = int(base64.urlsafe_b64decode(token.encode()).decode())
        except (ValueError, binascii.Error):
            raise QueryError(f"Invalid NextToken {token!r}") from None
    start = max(len(items) - remaining, 0)
    page = items[start : start + _PAGE]
    left = len(items) - start - len(page)
    return page, base64.urlsafe_b64encode(str(left).encode()).decode() if left > 0 else None
