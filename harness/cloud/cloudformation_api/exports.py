"""What stacks hand to one another."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cloud.cloudformation_api.paging import page_of
from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value


def list_exports(request: Request) -> Mapping[str, Value]:
    """What stacks export."""
    page, token = page_of(request.engine.exports(), request)
    return {
        "Exports": [
            {"ExportingStackId": stack_id, "Name": name, "Value": value}
            for stack_id, name, value in page
        ],
        "NextToken": token,
    }


def list_imports(request: Request) -> Mapping[str, Value]:
    """Who imports a name."""
    name = request.get("ExportName")
    if not any(name == exported for _, exported, _ in request.engine.exports()):
        raise QueryError(f"Export '{name}' does not exist.")
    importers = request.engine.importers(name)
    if not importers:
        raise QueryError(f"Export '{name}' is not imported by any stack.")
    page, token = page_of(importers, request)
    return {"Imports": page, "NextToken": token}
