"""The AWS Query protocol, from the server's side, by botocore's model of a service.

A form becomes parameters that were held against the model; a result becomes XML, or JSON where
``ContentType=JSON`` was asked for, as Amazon's helper scripts ask ("AWS Query protocol").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

Value = Any
"""A parameter or a result: what JSON has, and datetimes."""

XML: Final = "text/xml"
JSON: Final = "application/json"

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Response:
    """An answer, ready for the wire."""

    status: int
    content_type: str
    body: bytes


class QueryError(Exception):
    """A request that is answered with an error.

    Args:
        message: What the answer says.
        code: The API's error code.
        status: HTTP status.
    """

    def __init__(self, message: str, *, code: str = "ValidationError", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


def load_service(name: str) -> ServiceModel:
    """The newest model of a service; about a quarter of a second."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


# Requests


def parse(form: Mapping[str, str], operation: OperationModel) -> dict[str, Value]:
    """The parameters of a request, of the types that the model says, and within its bounds.

    Raises:
        QueryError: They are not.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    problems: list[str] = []
    result = _Form(form, problems).structure(shape, "", "")
    if problems:
        errors = "error" if len(problems) == 1 else "errors"
        raise QueryError(f"{len(problems)} validation {errors} detected: {'; '.join(problems)}")
    return result


class _Form:
    """A form read by a model; what is wrong with it is gathered.

    ``prefix`` is a value's name in the form, ``place`` its name in messages.
    """

    def __init__(self, form: Mapping[str, str], problems: list[str]) -> None:
        self._form = form
        self._problems = problems
        self._prefixes = {
            key[:position]
            for key in form
            for position, character in enumerate(key)
            if character == "."
        }

    def structure(self, shape: StructureShape, prefix: str, place: str) -> dict[str, Value]:
        result: dict[str, Value] = {}
        for name, member in shape.members.items():
            member_place = f"{place}{name[:1].lower()}{name[1:]}"
            value = self._read(member, f"{prefix}{name}", member_place)
            if value is not None:
                result[name] = value
            elif name in shape.required_members:
                self._complain("null", member_place, "Member must not be null")
        return result

    def _read(self, shape: Shape, name: str, place: str) -> Value:
        if isinstance(shape, StructureShape):
            return self.structure(shape, f"{name}.", f"{place}.") if self._has(name) else None
        if isinstance(shape, ListShape):
            return self._list(shape, name, place)
        if isinstance(shape, MapShape):
            return self._map(shape, name, place)
        return self._scalar(shape, name, place) if name in self._form else None

    def _has(self, name: str) -> bool:
        return name in self._form or name in self._prefixes

    def _list(self, shape: ListShape, name: str, place: str) -> list[Value] | None:
        if name in self._form:
            return []
        if not self._has(name):
            return None
        base = f"{name}.member"
        result: list[Value] = []
        for number in self._numbers(base):
            item = self._read(shape.member, f"{base}.{number}", f"{place}.{number}.member")
            if item is not None:
                result.append(item)
        most = shape.metadata.get("max")
        if most is not None and len(result) > most:
            self._complain(
                f"'{result}'", place, f"Member must have length less than or equal to {most}"
            )
        return result

    def _numbers(self, base: str) -> list[int]:
        found = set()
        for key in self._form:
            if key.startswith(f"{base}."):
                digits = key[len(base) + 1 :].partition(".")[0]
                if digits.isdecimal() and len(digits) < 10:  # noqa: PLR2004 - no list is as long
                    found.add(int(digits))
        return sorted(found)

    def _map(self, shape: MapShape, name: str, place: str) -> dict[str, Value] | None:
        if not self._has(name):
            return None
        return {
            self._form.get(f"{name}.entry.{number}.key", ""): self._read(
                shape.value, f"{name}.entry.{number}.value", f"{place}.value"
            )
            for number in self._numbers(f"{name}.entry")
        }

    def _scalar(self, shape: Shape, name: str, place: str) -> Value:
        text = self._form[name]
        try:
            value = _SCALARS.get(shape.type_name, str)(text)
        except ValueError:
            self._complain(f"'{text}'", place, f"Member must be of type {shape.type_name}")
            return text
        for broken in _broken_constraints(shape, value):
            self._complain(f"'{text}'", place, broken)
        return value

    def _complain(self, value: str, place: str, constraint: str) -> None:
        self._problems.append(
            f"Value {value} at '{place}' failed to satisfy constraint: {constraint}"
        )


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false"}:
        raise ValueError(text)
    return lowered == "true"


_SCALARS: Final[Mapping[str, Any]] = {
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": datetime.fromisoformat,
}


def _broken_constraints(shape: Shape, value: Value) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(value, str):
        if least is not None and len(value) < least:
            yield f"Member must have length greater than or equal to {least}"
        if most is not None and len(value) > most:
            yield f"Member must have length less than or equal to {most}"
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"Member must satisfy regular expression pattern: {pattern}"
    elif isinstance(value, int | float):
        if least is not None and value < least:
            yield f"Member must have value greater than or equal to {least}"
        if most is not None and value > most:
            yield f"Member must have value less than or equal to {most}"


# Answers


def result(
    operation: OperationModel, value: Mapping[str, Value], request_id: str, *, as_json: bool
) -> Response:
    """The answer to a request that was done."""
    name = operation.name
    shape = operation.output_shape
    wrapper = str((shape.serialization if shape else {}).get("resultWrapper", f"{name}Result"))
    if as_json:
        answer: dict[str, Value] = {"ResponseMetadata": {"RequestId": request_id}}
        if shape is not None:
            answer = {wrapper: _jsonable(shape, value), **answer}
        return _json(200, {f"{name}Response": answer})
    namespace = operation.service_model.metadata["xmlNamespace"]
    inner = _element(wrapper, shape, value) if shape is not None else ""
    return _xml(
        200,
        f'<{name}Response xmlns="{namespace}">{inner}<ResponseMetadata>'
        f"<RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>",
    )


def failure(error: QueryError, namespace: str, request_id: str, *, as_json: bool) -> Response:
    """The answer to a request that was refused."""
    kind = "Sender" if error.status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's own line
    fields = {"Type": kind, "Code": error.code, "Message": error.message}
    if as_json:
        return _json(error.status, {"Error": fields, "RequestId": request_id})
    inner = "".join(f"<{name}>{_text(value)}</{name}>" for name, value in fields.items())
    return _xml(
        error.status,
        f'<ErrorResponse xmlns="{namespace}"><Error>{inner}</Error>'
        f"<RequestId>{request_id}</RequestId></ErrorResponse>",
    )


def _json(status: int, value: Value) -> Response:
    return Response(status, JSON, json.dumps(value, separators=(",", ":")).encode())


def _xml(status: int, text: str) -> Response:
    return Response(status, XML, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode())


def _text(value: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value))


def _element(tag: str, shape: Shape, value: Value) -> str:
    return f"<{tag}>{_content(shape, value)}</{tag}>"


def _content(shape: Shape, value: Value) -> str:
    if isinstance(shape, StructureShape):
        return "".join(
            _element(str(member.serialization.get("name", name)), member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if isinstance(shape, ListShape):
        return "".join(_element("member", shape.member, item) for item in value)
    if isinstance(shape, MapShape):
        return "".join(
            f"<entry><key>{_text(key)}</key>{_element('value', shape.value, item)}</entry>"
            for key, item in value.items()
        )
    return _text(_scalar_text(value))


def _scalar_text(value: Value) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _jsonable(shape: Shape, value: Value) -> Value:
    if isinstance(shape, StructureShape):
        return {
            name: _jsonable(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_jsonable(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _jsonable(shape.value, item) for key, item in value.items()}
    return value.timestamp() if isinstance(value, datetime) else value
