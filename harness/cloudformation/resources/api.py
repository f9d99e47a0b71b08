"""Calls to the services' public APIs, their errors in the words that stack events have for them."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.cloudformation.provider import ResourceFailure
from harness.template import Node

if TYPE_CHECKING:
    from botocore.model import Shape


class ApiError(ResourceFailure):
    """A service refused a request.

    Args:
        reason: As stack events word it.
        code: The service's error code.
    """

    def __init__(self, reason: str, *, code: str) -> None:
        super().__init__(reason)
        self.code = code

    @property
    def says_gone(self) -> bool:
        """Whether the request named something that does not exist."""
        return any(word in self.code for word in _GONE)


_GONE: Final = ("NotFound", "NoSuchEntity", "NoSuchBucket", "NonExistentQueue", "NoSuchHostedZone")

_HANDLER_CODES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_GONE, "NotFound"),
    "AlreadyExists": "AlreadyExists",
    "Duplicate": "AlreadyExists",
    "AccessDenied": "AccessDenied",
    "Unauthorized": "AccessDenied",
    "Throttl": "Throttling",
    "LimitExceeded": "ServiceLimitExceeded",
    "Invalid": "InvalidRequest",
    "Malformed": "InvalidRequest",
    "Missing": "InvalidRequest",
    "Validation": "InvalidRequest",
}
"""Part of a service's error code -> "Handler error codes", the first that fits."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for resources.

    Args:
        interval: Seconds from one look to the next.
        create: Seconds until a resource that does not become stable is given up.
        delete: Seconds until one that does not go away is given up.
    """

    interval: float = 0.05
    create: float = 600.0
    delete: float = 300.0


class Api:
    """The services of one account and region.

    Args:
        client: Makes a boto3 client of a service; asked once for each service.
        patience: How long to wait.
    """

    def __init__(self, client: Callable[[str], Any], patience: Patience) -> None:
        self._make = client
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.patience = patience

    def client(self, service: str) -> Any:  # noqa: ANN401 - clients have no common type
        """The client of a service, such as ``ec2``."""
        with self._lock:  # boto3 does not make clients on several threads at once
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def call(self, service: str, operation: str, /, **parameters: Node) -> dict[str, Any]:
        """Call an operation, by its name in the API such as ``RunInstances``.

        Parameters are given the types that the API has them in, since CloudFormation takes
        ``"8"`` for 8 and ``"true"`` for true. Those that are None are left out.

        Raises:
            ApiError: The service refused it.
            ResourceFailure: The parameters are malformed, or the service does not answer.
        """
        from botocore import xform_name  # noqa: PLC0415 - costs what only a call has to pay
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        client = self.client(service)
        shape = client.meta.service_model.operation_model(operation).input_shape
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**_typed(given, shape))
        except ClientError as error:
            raise _refused(client, error.response) from error
        except BotoCoreError as error:
            raise ResourceFailure(_reason(str(error), "InternalFailure")) from error
        return answer

    def wait_until(self, settled: Callable[[], bool], limit: float) -> bool:
        """Look until something has settled; False where the limit, in seconds, came first."""
        end = time.monotonic() + limit
        while not settled():
            if time.monotonic() >= end:
                return False
            time.sleep(self.patience.interval)
        return True

    def delete(
        self,
        service: str,
        operation: str,
        /,
        *,
        busy: str = "DependencyViolation",
        **parameters: Node,
    ) -> None:
        """Call an operation that deletes; again while others use the thing, as CloudFormation does.

        What is gone already is no error.

        Raises:
            ResourceFailure: It cannot be deleted.
        """
        end = time.monotonic() + self.patience.delete
        while True:
            try:
                self.call(service, operation, **parameters)
            except ApiError as error:
                if error.says_gone:
                    return
                if busy not in error.code or time.monotonic() >= end:
                    raise
            else:
                return
            time.sleep(self.patience.interval)


def not_stabilized(message: str) -> ResourceFailure:
    """The failure of a resource that did not become, or did not stay, what it should."""
    return ResourceFailure(_reason(message, "NotStabilized"))


def invalid(message: str) -> ResourceFailure:
    """The failure of a resource whose properties do not make sense."""
    return ResourceFailure(_reason(message, "InvalidRequest"))


def refusal(message: str, code: str) -> ApiError:
    """EC2's refusal of a request that the local cloud would not refuse, or in other words."""
    return _refusal("Ec2", message, code, 400, str(uuid.uuid4()))


def _refused(client: Any, response: Mapping[str, Any]) -> ApiError:  # noqa: ANN401 - as above
    error = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    return _refusal(
        str(client.meta.service_model.service_id).title().replace(" ", ""),
        str(error.get("Message", "")),
        str(error.get("Code", "")),
        metadata.get("HTTPStatusCode", 0),
        str(metadata.get("RequestId", "")),
    )


def _refusal(service: str, said: str, code: str, status: int, request_id: str) -> ApiError:
    message = f"{said} (Service: {service}, Status Code: {status}, Request ID: {request_id})"
    handler_code = next(
        (known for part, known in _HANDLER_CODES.items() if part in code), "GeneralServiceException"
    )
    return ApiError(_reason(message, handler_code), code=code)


def _reason(message: str, handler_code: str) -> str:
    return (
        f'Resource handler returned message: "{message}" '
        f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: {handler_code})"
    )


def _typed(value: Node, shape: Shape | None) -> Node:
    """The value in the types of the API's model; what does not fit stays, and is refused there."""
    if shape is None:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        members = shape.members  # type: ignore[attr-defined]
        return {name: _typed(one, members.get(name)) for name, one in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_typed(one, shape.member) for one in value]  # type: ignore[attr-defined]
    if kind == "map" and isinstance(value, Mapping):
        return {str(name): _typed(one, shape.value) for name, one in value.items()}  # type: ignore[attr-defined]
    convert = _CONVERSIONS.get(kind)
    return convert(value) if convert else value


def boolean(value: Node) -> Node:
    """True and false as templates may write them."""
    return {"true": True, "false": False}.get(str(value).lower(), value)


def _integer(value: Node) -> Node:
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _float(value: Node) -> Node:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _string(value: Node) -> Node:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_CONVERSIONS: Final[Mapping[str, Callable[[Node], Node]]] = {
    "boolean": boolean,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "string": _string,
}
