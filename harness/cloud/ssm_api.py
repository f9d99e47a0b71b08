"""The Parameter Store: public image parameters come from a table, the account's own from moto.

"Calling AMI public parameters in Parameter Store" has the names, the API's reference the pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from harness import amis
from harness.cloud.crash import AwsError, Forward, answer, with_body

PUBLIC: Final = "/aws/service"
"""Below which no account has parameters of its own."""

_PAGE: Final = 10
"""The most that one answer of GetParametersByPath holds."""

Asked = Mapping[str, Any]


class SsmApi:
    """Answers for Systems Manager.

    Args:
        forward: Lets moto answer.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward

    def handle(self, request: Request, region: str) -> Response:
        """Answer one request."""
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        try:
            asked = json.loads(request.get_data() or b"{}")
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return answer("ssm", AwsError("SerializationException", "the body is no JSON object"))
        try:
            if action == "GetParameter":
                found = _parameter(str(asked.get("Name", "")), region)
                return _json({"Parameter": found}) if found else self._forward(request)
            if action == "GetParameters":
                return self._get_parameters(request, asked, region)
            if action == "GetParametersByPath" and is_public(str(asked.get("Path", ""))):
                return _json(_by_path(asked, region))
        except AwsError as error:
            return answer("ssm", error)
        return self._forward(request)

    def _get_parameters(self, request: Request, asked: Asked, region: str) -> Response:
        names = asked.get("Names", [])
        public = [found for name in names if (found := _parameter(name, region))]
        rest = [name for name in names if amis.by_parameter(name) is None]
        if not public:
            return self._forward(request)
        if not rest:
            return _json({"Parameters": public, "InvalidParameters": []})
        body = json.dumps({**asked, "Names": rest}).encode()
        found = json.loads(self._forward(with_body(request, body)).get_data())
        return _json({**found, "Parameters": public + found.get("Parameters", [])})


def is_public(path: str) -> bool:
    """Whether what is below a path is AWS's."""
    return f"{path}/".startswith(f"{PUBLIC}/")


def _by_path(asked: Asked, region: str) -> dict[str, Any]:
    """One page of what is below a path: directly, or at any depth where ``Recursive`` says so.

    Raises:
        AwsError: ``NextToken`` or ``MaxResults`` is none.
    """
    prefix = f"{str(asked['Path']).rstrip('/')}/"
    below = [name for name in sorted(amis.parameters()) if name.startswith(prefix)]
    if not asked.get("Recursive"):
        below = [name for name in below if "/" not in name.removeprefix(prefix)]
    most, token = asked.get("MaxResults", _PAGE), str(asked.get("NextToken") or "0")
    if not isinstance(most, int) or not 1 <= most <= _PAGE:
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{most}' at 'maxResults' failed to satisfy "
            f"constraint: Member must have value between 1 and {_PAGE}",
        )
    if not token.isdecimal():
        raise AwsError("InvalidNextToken", "The specified token isn't valid.")
    end = int(token) + most
    page = [_parameter(name, region) for name in below[int(token) : end]]
    return {"Parameters": page, **({"NextToken": str(end)} if end < len(below) else {})}


def _parameter(name: str, region: str) -> dict[str, Any] | None:
    image = amis.by_parameter(name)
    if image is None:
        return None
    return {
        "Name": name,
        "Type": "String",
        "Value": image.image_id,
        "Version": 1,
        "LastModifiedDate": 1742083200,
        "ARN": f"arn:aws:ssm:{region}::parameter{name}",
        "DataType": "aws:ec2:image",
    }


def _json(told: Mapping[str, Any]) -> Response:
    return Response(json.dumps(told), 200, content_type="application/x-amz-json-1.1")
