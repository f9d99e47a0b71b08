"""Requests on their way to moto, and what becomes of those that moto cannot make sense of.

moto raises where AWS refuses: at actions that do not exist, and at parameters of the wrong shape.
"""

from __future__ import annotations

import functools
import io
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError, ServiceModel
from werkzeug.wrappers import Request, Response

from harness.cloud.query import load_service

Forward = Callable[[Request], Response]

_QUERY: Final = frozenset({"ec2", "query"})


class AwsError(Exception):
    """An answer that refuses, in AWS's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def forwarder(application: Callable[..., Any]) -> Forward:
    """Lets a WSGI application answer; its exceptions are the caller's."""

    def forward(request: Request) -> Response:
        return Response.from_app(application, request.environ, buffered=True)

    return forward


def with_body(request: Request, body: bytes) -> Request:
    """The same request with another body."""
    environ = dict(request.environ)
    environ.pop("werkzeug.request", None)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["REQUEST_METHOD"] = "POST"
    environ.setdefault("CONTENT_TYPE", "application/x-www-form-urlencoded")
    return Request(environ)


def refusal(service: str, form: Mapping[str, str], error: Exception) -> AwsError:
    """Why a request could not be answered, as far as the service's model tells.

    Args:
        service: As in its host name.
        form: The request's parameters.
        error: What moto raised.
    """
    model = _model(service)
    if model is None:
        return AwsError("UnknownOperationException", f"the local cloud has no service {service!r}")
    if model.metadata["protocol"] in _QUERY:
        action = form.get("Action", "")
        if not action:
            return AwsError("MissingAction", "The request is missing an action.")
        try:
            shape = model.operation_model(action).input_shape
        except OperationNotFoundError:
            return AwsError(
                "InvalidAction", f"The action {action} is not valid for this web service."
            )
        for name in shape.required_members if shape else ():
            if not any(key == name or key.startswith(f"{_on_the_wire(name)}") for key in form):
                return AwsError(
                    "MissingParameter", f"The request must contain the parameter {name}"
                )
    if isinstance(error, NotImplementedError):
        return AwsError("UnsupportedOperation", f"The local cloud does not do this: {error}")
    return AwsError(
        "InvalidRequest", f"The request could not be understood ({type(error).__name__}: {error})"
    )


def answer(service: str, error: AwsError) -> Response:
    """A refusal in the protocol of a service other than EC2."""
    model = _model(service)
    request_id = str(uuid.uuid4())
    if model is not None and model.metadata["protocol"] == "json":
        body = json.dumps({"__type": error.code, "message": error.message})
        return Response(body, error.status, content_type="application/x-amz-json-1.1")
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Response(body, error.status, content_type="text/xml;charset=UTF-8")


def _on_the_wire(name: str) -> str:
    """Lists are numbered below their singular: ``InstanceIds`` as ``InstanceId.1``."""
    return name.removesuffix("s") if name.endswith("Ids") else name


@functools.cache
def _model(service: str) -> ServiceModel | None:
    try:
        return load_service(service)
    except (UnknownServiceError, ValueError):
        return None
