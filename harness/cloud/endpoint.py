"""The AWS endpoint: one door for all services, told apart as AWS's own are.

A request names its service and region in its signature, else in its host name. CloudFormation is
answered by the stack engine, EC2 by moto with the guests following, a few public things of AWS by
tables, and everything else by moto as it is.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from werkzeug.wrappers import Request, Response

from harness.cloud import moto_ec2
from harness.cloud.cloudformation_api import Caller, CloudFormationApi
from harness.cloud.crash import AwsError, answer, forwarder, refusal
from harness.cloud.ec2_api import Ec2Api, ec2_error, form_of
from harness.cloud.imds import Imds, ImdsRequest, hop_limit
from harness.cloud.instances import Guests
from harness.cloud.scaling import SERVICES, Scaling
from harness.cloud.ssm_api import SsmApi
from harness.cloudformation.creation import Signal, SignalStatus
from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.stacks import StackEngine
from harness.errors import HarnessError

CONTROL_PREFIX: Final = "/_harness/"
HELPERS_PATH: Final = "/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz"
DEFAULT_REGION: Final = "us-east-1"

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_HOST = re.compile(r"^(?P<labels>[a-z0-9.-]+)\.amazonaws\.com(?:\.cn)?$")
_REGION = re.compile(r"^(?:(?P<service>s3)-)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)$")
_WAIT_HOST = re.compile(r"^cloudformation-waitcondition-([a-z0-9-]+)\.s3\.")
_XML: Final = "text/xml;charset=UTF-8"


@dataclass(frozen=True)
class Scope:
    """What a request is about.

    Args:
        service: Such as ``ec2``; "" where nothing tells.
        region: Such as ``us-east-1``.
        access_key: Who signed it; None for nobody.
    """

    service: str
    region: str
    access_key: str | None = None


class Endpoint:
    """The WSGI application behind the endpoint.

    Args:
        api: Answers for CloudFormation.
        engine_for: The stack engine of a region.
        guests: The guests.
        imds: Checks identity documents.
        control: Answers below :data:`CONTROL_PREFIX`, by path, for the harness itself.
        helpers: The tarball of helper scripts.
        scaling: Launches what Auto Scaling groups lack.
    """

    def __init__(
        self,
        *,
        api: CloudFormationApi,
        engine_for: Callable[[str], StackEngine],
        guests: Guests,
        imds: Imds,
        control: Callable[[str], Mapping[str, Any] | None],
        helpers: Callable[[], bytes],
        scaling: Scaling,
    ) -> None:
        self._api = api
        self._engine_for = engine_for
        self._guests = guests
        self._imds = imds
        self._control = control
        self._helpers = helpers
        self._scaling = scaling
        self._forward = forwarder(moto_ec2.application())
        self._ec2_api = Ec2Api(guests, self._forward)
        self._ssm_api = SsmApi(self._forward)
        self._services: Mapping[str, Callable[[Request, Scope], Response]] = {
            "autoscaling": self._auto_scaling,
            "cloudformation": self._cloudformation,
            "ec2": self._ec2,
            "s3": self._s3,
            "ssm": self._ssm,
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """Answer one request."""
        request = Request(environ)
        body = request.get_data(cache=True)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        return self._respond(request)(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path.startswith(CONTROL_PREFIX):
            told = self._control(request.path.removeprefix(CONTROL_PREFIX))
            status = 404 if told is None else 200
            return Response(json.dumps(told), status, content_type="application/json")
        wait = _WAIT_HOST.match(request.host)
        if wait:
            return self._wait_condition(request, wait[1])
        scope = scope_of(request)
        if not scope.service and "Action" in form_of(request):
            return _without_scope(request)
        try:
            return self._answered(request, scope)
        except Exception as error:  # noqa: BLE001 - whatever moto raises is answered
            refused = refusal(scope.service, form_of(request), error)
            return ec2_error(refused) if scope.service == "ec2" else answer(scope.service, refused)

    def _answered(self, request: Request, scope: Scope) -> Response:
        answered = self._services.get(scope.service, self._plain)(request, scope)
        if scope.service in SERVICES:
            self._scaling.settle()
        return answered

    # CloudFormation

    def _cloudformation(self, request: Request, scope: Scope) -> Response:
        form = form_of(request)
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        instance_id = None
        if scheme == "CFN_V1":
            instance_id = self._signed_instance(credential)
            if instance_id is None:
                return Response(_UNSIGNED, 403, content_type=_XML)
        caller = Caller(access_key=scope.access_key, instance_id=instance_id)
        told = self._api.handle(form, region=scope.region, caller=caller)
        return Response(told.body, told.status, content_type=told.content_type)

    def _signed_instance(self, credential: str) -> str | None:
        document, _, signature = credential.partition(":")
        with contextlib.suppress(ValueError, KeyError):
            return self._imds.signed_instance(base64.b64decode(document), signature)
        return None

    def _wait_condition(self, request: Request, region: str) -> Response:
        """The PUT that a WaitConditionHandle's URL takes ("Creating wait conditions")."""
        stack_id, _, logical_id = unquote(request.path).strip("/").rpartition("/")
        try:
            body = json.loads(request.get_data())
            signal = Signal(
                unique_id=str(body["UniqueId"]),
                status=SignalStatus(str(body["Status"])),
                reason=str(body.get("Reason", "")),
                data=str(body.get("Data", "")),
            )
            self._engine_for(region).handle_signal(stack_id, logical_id, signal)
        except (ValueError, KeyError, TypeError):
            return Response("the body must have Status, UniqueId, Reason and Data", 400)
        except RequestRefused as error:
            return Response(error.message, error.status)
        return Response("", 200)

    def _ec2(self, request: Request, scope: Scope) -> Response:
        return self._ec2_api.handle(request, form_of(request), scope.region)

    def _auto_scaling(self, request: Request, scope: Scope) -> Response:
        try:
            self._scaling.check(form_of(request), scope.region)
        except AwsError as error:
            return answer(scope.service, error)
        return self._ec2_api.followed(request)

    # Other services

    def _s3(self, request: Request, _scope: Scope) -> Response:
        virtual = f"/{request.host.partition('.s3')[0]}{request.path}"
        if HELPERS_PATH in {request.path, virtual} and request.method in {"GET", "HEAD"}:
            return Response(self._helpers(), 200, content_type="application/x-gzip")
        return self._forward(request)

    def _ssm(self, request: Request, scope: Scope) -> Response:
        return self._ssm_api.handle(request, scope.region)

    def _plain(self, request: Request, _scope: Scope) -> Response:
        """Let moto answer."""
        return self._forward(request)


class ImdsApplication:
    """The metadata service as WSGI; who asks is told by the address that it comes from."""

    def __init__(self, imds: Imds, guests: Guests) -> None:
        self._imds = imds
        self._guests = guests

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """Answer one request."""
        request = Request(environ)
        request.get_data()
        facts = self._guests.facts_by_address(request.remote_addr or "")
        if facts is None:
            return Response("no instance has this address", 404)(environ, start_response)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = ImdsRequest(request.method, request.path, headers)
        told = self._imds.respond(asked, facts)
        response = Response(told.body, told.status, content_type=told.content_type)
        response.headers.update(dict(told.headers))
        if "werkzeug.socket" in environ:
            hops = hop_limit(asked, facts)
            environ["werkzeug.socket"].setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        response.headers["Server"] = "EC2ws"
        return response(environ, start_response)


def scope_of(request: Request) -> Scope:
    """Service and region of a request, by its signature, else by its host name."""
    authorization = request.headers.get("Authorization", "")
    signed = _CREDENTIAL.search(authorization)
    if not signed and "X-Amz-Credential" in request.args:
        signed = _CREDENTIAL.search(f"Credential={request.args['X-Amz-Credential']}")
    if signed:
        access_key, region, service = signed.groups()
        return Scope(service, region, access_key)
    host = _HOST.match(request.host.partition(":")[0])
    if host:
        return _scope_of_host(host["labels"].split("."))
    if authorization.startswith("CFN_V1"):
        return Scope("cloudformation", DEFAULT_REGION)
    return Scope("", DEFAULT_REGION)


def _scope_of_host(labels: list[str]) -> Scope:
    """``[bucket.]service[.region]`` and the older ``[bucket.]s3-region``."""
    region = _REGION.match(labels[-1])
    if region is None:
        return Scope(labels[-1], DEFAULT_REGION)
    if region["service"]:
        return Scope(region["service"], region["region"])
    return Scope(labels[-2] if len(labels) > 1 else "", region["region"])


_UNSIGNED: Final = (
    '<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error>'
    "<Type>Sender</Type><Code>InvalidClientTokenId</Code>"
    "<Message>The security token included in the request is invalid</Message>"
    "</Error></ErrorResponse>"
)


def _without_scope(request: Request) -> Response:
    """A request of the Query protocol that does not say for which service it is signed."""
    if request.headers.get("Authorization") or "Signature" in form_of(request):
        message = "The request signature does not conform to AWS standards (Signature Version 4)."
        return answer("", AwsError("IncompleteSignature", message))
    message = "The request must contain a signature, or name its service in the host name."
    return answer("", AwsError("MissingAuthenticationToken", message, 403))


def template_location(url: str) -> tuple[str, str]:
    """Bucket and key of a ``TemplateURL``, path-style or virtual-hosted.

    Raises:
        HarnessError: It is no address of an S3 object.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    path = unquote(parts.path).lstrip("/")
    bucket, dot, rest = host.partition(".s3")
    if dot and rest.endswith("amazonaws.com"):
        return bucket, path
    bucket, slash, key = path.partition("/")
    if not slash or not key:
        raise HarnessError(f"S3 error: {url} names no object")
    return bucket, key
