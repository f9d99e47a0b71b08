"""Requests that CloudFormation refuses, with the error code that its API answers."""

from __future__ import annotations

from harness.errors import HarnessError


class RequestRefused(HarnessError):  # noqa: N818 - reads as what it is
    """A request that is answered with an error and changes nothing.

    Args:
        message: What the API's error message says.
        code: The API's error code ("Common errors", and the action's own).
        status: HTTP status of the answer.
    """

    def __init__(self, message: str, *, code: str = "ValidationError", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def no_such_stack(name: str) -> RequestRefused:
    """For a name or id that no stack has."""
    return RequestRefused(f"Stack with id {name} does not exist")
