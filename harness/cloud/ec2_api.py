"""EC2's API: moto answers, the guests follow, and what moto would let pass is refused beforehand.

Refusals are worded as in "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from harness import amis
from harness.cloud import describing, ec2_checks, ipv6_api, moto_ec2
from harness.cloud.crash import AwsError, Forward, with_body
from harness.cloud.instance import State
from harness.cloud.instances import Guests
from harness.errors import EngineError

CONSOLE_BYTES: Final = 65_536
USER_DATA_BYTES: Final = 16_384
HTTP_OK: Final = 200

_XML: Final = "text/xml;charset=UTF-8"
_DRY_RUN: Final = "Request would have succeeded, but DryRun flag is set."
_NAMESPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"

_METADATA_OPTIONS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "HttpEndpoint": lambda options: options.http_endpoint,
    "HttpPutResponseHopLimit": lambda options: options.http_put_response_hop_limit,
    "HttpTokens": lambda options: options.http_tokens,
    "InstanceMetadataTags": lambda options: options.instance_metadata_tags,
}


class Ec2Api:
    """Answers for EC2.

    Args:
        guests: The guests.
        forward: Lets moto answer.
    """

    def __init__(self, guests: Guests, forward: Forward) -> None:
        self._guests = guests
        self._forward = forward
        self._launched: dict[tuple[str, str], tuple[Mapping[str, str], Response]] = {}
        self._actions: Mapping[str, Callable[[Request, Mapping[str, str], str], Response]] = {
            "AssignIpv6Addresses": self._assign_ipv6,
            "AuthorizeSecurityGroupEgress": self._change_rules,
            "AuthorizeSecurityGroupIngress": self._change_rules,
            "CreateImage": self._create_image,
            "DeregisterImage": self._deregister_image,
            "DescribeInstances": self._describe_instances,
            "GetConsoleOutput": self._console_output,
            "GetPasswordData": self._password_data,
            "ModifyInstanceAttribute": self._modify_attribute,
            "ModifyInstanceMetadataOptions": self._modify_metadata_options,
            "RebootInstances": self._reboot,
            "RevokeSecurityGroupEgress": self._change_rules,
            "RevokeSecurityGroupIngress": self._change_rules,
            "RunInstances": self._run_instances,
            "StartInstances": self._change_states,
            "StopInstances": self._change_states,
            "TerminateInstances": self._terminate,
        }

    def handle(self, request: Request, form: Mapping[str, str], region: str) -> Response:
        """Answer one request."""
        action = form.get("Action", "")
        if not action:
            return ec2_error(AwsError("MissingAction", "The request is missing an action."))
        try:
            with moto_ec2.lock:
                ec2_checks.check(action, form, region)
                ipv6_api.check_request(action, form, region)
            answer = self._actions.get(action)
            if answer and form.get("DryRun", "").lower() == "true":
                return ec2_error(AwsError("DryRunOperation", _DRY_RUN, 412))
            return answer(request, form, region) if answer else self.followed(request)
        except AwsError as error:
            return ec2_error(error)
        except EngineError as error:
            return ec2_error(AwsError("InternalError", error.message, 500))

    def followed(self, request: Request) -> Response:
        """Let moto answer, and the guests follow what it changed, before anybody looks."""
        response = self._reconciled(request)
        self._guests.apply_rules()
        return response

    def _reconciled(self, request: Request) -> Response:
        """The same but for the groups' rules, which nobody may wait for who holds the lock."""
        with moto_ec2.lock:
            response = self._forward(request)
            self._guests.reconcile()
        return response

    def _run_instances(self, request: Request, form: Mapping[str, str], region: str) -> Response:
        for name in ("MinCount", "MaxCount"):
            _check_count(form, name)
        if int(form["MinCount"]) > int(form["MaxCount"]):
            raise AwsError(
                "InvalidParameterCombination",
                "The minimum number of instances must not exceed the maximum",
            )
        self._check_launch(form, region)
        token = (region, form.get("ClientToken") or uuid.uuid4().hex)
        with moto_ec2.lock:
            asked, launched = self._launched.get(token, (form, None))
            if asked != form:
                raise AwsError(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used in "
                    "previous request(s).",
                )
            if launched is not None:
                return launched
            wish = ipv6_api.check_launch(form, region)
            if wish.wants_any:
                self._check_ipv6()
            # moto launches as few as it may, EC2 as many as it can.
            changed = {**ipv6_api.without_wish(form), "MinCount": form["MaxCount"]}
            changed |= _defaults(form, region)
            response = self._forward(with_body(request, urlencode(changed).encode()))
            launched_ids = _texts(response.get_data(), "instanceId")
            models = [ec2_checks.known(instance_id) for instance_id in launched_ids]
            for model in models:
                ipv6_api.give(model, wish)
                _complete(model, models[0], form)
            told = [text for one in models for text in (one.private_address, one.private_name)]
            self._guests.reconcile()
            if response.status_code == HTTP_OK:
                true = [text for one in models for text in (one.private_address, one.private_name)]
                response = _replaced(response, dict(zip(told, true, strict=True)))
                response = self._with_true_states(response)
                self._launched[token] = form, response
        self._guests.apply_rules()
        return _in_ec2s_words(response, form)

    def _check_launch(self, form: Mapping[str, str], region: str) -> None:
        from_template = any(name.startswith("LaunchTemplate.") for name in form)
        image_id, key_name = form.get("ImageId"), form.get("KeyName")
        if not image_id and not from_template:
            raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
        why_not = amis.why_no_guest(image_id or "")
        if why_not:
            raise AwsError("Unsupported", f"The image id '{image_id}' cannot be booted: {why_not}")
        with moto_ec2.lock:
            if key_name and not moto_ec2.has_key_pair(region, key_name):
                raise AwsError(
                    "InvalidKeyPair.NotFound", f"The key pair '{key_name}' does not exist"
                )
        _check_user_data(form.get("UserData", ""))

    def _check_ipv6(self) -> None:
        if not self._guests.has_ipv6:
            raise AwsError(
                "Unsupported",
                "Instances can have no IPv6 address here: the kernel below the container engine "
                "has no IPv6",
            )

    def _assign_ipv6(self, _request: Request, form: Mapping[str, str], region: str) -> Response:
        self._check_ipv6()
        with moto_ec2.lock:
            added = ipv6_api.assign(form, region)
        self._guests.apply_rules()
        items = "".join(f"<item>{one}</item>" for one in added)
        return _answer(
            "AssignIpv6Addresses",
            f"<networkInterfaceId>{escape(form['NetworkInterfaceId'])}</networkInterfaceId>"
            f"<assignedIpv6Addresses>{items}</assignedIpv6Addresses>",
        )

    def _with_true_states(self, response: Response) -> Response:
        """moto wrote its answer before the guests were asked; say ``pending`` as EC2 does."""
        body = response.get_data(as_text=True)
        for told, true in (("running", "pending"), ("16", "0")):
            for name in ("name", "code"):
                body = body.replace(f"<{name}>{told}</{name}>", f"<{name}>{true}</{name}>")
        return Response(body, response.status_code, content_type=response.content_type)

    def _describe_instances(
        self, request: Request, form: Mapping[str, str], _region: str
    ) -> Response:
        asked = describing.for_moto(form)
        response = self.followed(with_body(request, urlencode(asked).encode()))
        if response.status_code != HTTP_OK:
            return response
        return Response(describing.pick(response.get_data(), form), HTTP_OK, content_type=_XML)

    def _change_states(self, request: Request, form: Mapping[str, str], _region: str) -> Response:
        """Start, stop or terminate; the answer has the states that are true before and after."""
        with moto_ec2.lock:
            ids = ec2_checks.numbered(form, "InstanceId")
            models = {one: model for one in ids if (model := moto_ec2.find(one))}
            before = {one: model.state for one, model in models.items()}
            response = self._reconciled(request)
            after = {one: model.state for one, model in models.items()}
        self._guests.apply_rules()
        if response.status_code != HTTP_OK:
            return response
        items = "".join(
            f"<item><instanceId>{one}</instanceId>"
            f"<currentState>{_state(after[one])}</currentState>"
            f"<previousState>{_state(before[one])}</previousState></item>"
            for one in models
        )
        return _answer(form["Action"], f"<instancesSet>{items}</instancesSet>")

    def _terminate(self, request: Request, form: Mapping[str, str], region: str) -> Response:
        """Those that share a zone with a protected one stay, others go ("TerminateInstances")."""
        with moto_ec2.lock:
            ids = ec2_checks.numbered(form, "InstanceId")
            models = [ec2_checks.known(one) for one in ids]
            protected = [model for model in models if model.is_protected]
            kept = {model.zone for model in protected}
            going = [model.instance_id for model in models if model.zone not in kept]
            if going and protected:
                numbered = {f"InstanceId.{at}": one for at, one in enumerate(going, 1)}
                partly = {"Action": form["Action"], "Version": form.get("Version", ""), **numbered}
                self._reconciled(with_body(request, urlencode(partly).encode()))
        if not protected:
            return self._change_states(request, form, region)
        self._guests.apply_rules()
        raise AwsError(
            "OperationNotPermitted",
            f"The instance '{protected[0].instance_id}' may not be terminated. Modify its "
            "'disableApiTermination' instance attribute and try again.",
        )

    def _modify_attribute(
        self, request: Request, form: Mapping[str, str], _region: str
    ) -> Response:
        """moto takes some attributes in one shape only, and user data encoded once more."""
        changed = dict(form)
        behaviour = changed.pop("InstanceInitiatedShutdownBehavior.Value", None)
        if behaviour is not None:
            changed["Attribute"] = "instanceInitiatedShutdownBehavior"
            changed["Value"] = behaviour
        user_data = form.get("UserData.Value")
        if user_data is not None:
            _check_user_data(user_data)
            changed["UserData.Value"] = base64.b64encode(user_data.encode()).decode()
        return self.followed(with_body(request, urlencode(changed).encode()))

    def _reboot(self, request: Request, form: Mapping[str, str], _region: str) -> Response:
        response = self.followed(request)
        if response.status_code == HTTP_OK:
            self._guests.reboot(ec2_checks.numbered(form, "InstanceId"))
        return response

    def _change_rules(self, request: Request, form: Mapping[str, str], _region: str) -> Response:
        """Protocols without ports may be named without; moto wants them named."""
        unported: dict[str, str] = {}
        for name, protocol in form.items():
            prefix, _, member = name.rpartition(".")
            if member == "IpProtocol" and protocol.lower() not in {"-1", "all"}:
                for end in ("FromPort", "ToPort"):
                    parameter = f"{prefix}.{end}" if prefix else end
                    unported |= {} if parameter in form else {parameter: "-1"}
        return self.followed(with_body(request, urlencode({**form, **unported}).encode()))

    def _modify_metadata_options(
        self, request: Request, form: Mapping[str, str], _region: str
    ) -> Response:
        """What is not named stays as it is; moto would take it back to nothing."""
        with moto_ec2.lock:
            now = ec2_checks.known(form.get("InstanceId", "")).metadata_options
            kept = {
                name: str(value)
                for name, read in _METADATA_OPTIONS.items()
                if name not in form and (value := read(now)) is not None
            }
        return self.followed(with_body(request, urlencode({**form, **kept}).encode()))

    def _console_output(self, _request: Request, form: Mapping[str, str], _region: str) -> Response:
        instance_id = form.get("InstanceId", "")
        ec2_checks.known(instance_id)
        output = self._guests.console_output(instance_id)
        encoded = base64.b64encode(output[-CONSOLE_BYTES:]).decode()
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return _answer(
            "GetConsoleOutput",
            f"<instanceId>{escape(instance_id)}</instanceId><timestamp>{now}</timestamp>"
            f"<output>{encoded}</output>",
        )

    def _password_data(self, _request: Request, form: Mapping[str, str], _region: str) -> Response:
        instance_id = form.get("InstanceId", "")
        ec2_checks.known(instance_id)
        raise AwsError(
            "UnsupportedOperation", f"{instance_id} is no Windows instance: it has no password"
        )

    def _create_image(self, request: Request, form: Mapping[str, str], _region: str) -> Response:
        """Copy the disk, then let moto have the AMI: it is ``available`` once it is."""
        instance_id = form.get("InstanceId", "")
        model = ec2_checks.known(instance_id)
        if model.state not in {State.RUNNING, State.STOPPED}:
            raise AwsError(
                "IncorrectState",
                f"The instance '{instance_id}' is not in a state from which an image can be "
                f"created: {model.state.value}",
            )
        tag = self._guests.snapshot(instance_id, uuid.uuid4().hex)
        response = self.followed(with_body(request, urlencode(_for_moto(form)).encode()))
        image_id = _first_text(response.get_data(), "imageId")
        if not image_id:
            self._guests.discard_image(tag)
            return response
        self._guests.add_image(image_id, tag)
        if model.state is State.RUNNING and form.get("NoReboot", "").lower() != "true":
            self._guests.reboot([instance_id])
        return response

    def _deregister_image(
        self, request: Request, form: Mapping[str, str], _region: str
    ) -> Response:
        tag = self._guests.image_of(form.get("ImageId", ""))
        response = self.followed(request)
        if response.status_code == HTTP_OK and tag and self._guests.is_baked(tag):
            self._guests.discard_image(tag)
        return response


def ec2_error(error: AwsError) -> Response:
    """A refusal as EC2 answers it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
        f"</Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
    )
    return Response(body, error.status, content_type=_XML)


def form_of(request: Request) -> dict[str, str]:
    """The parameters of a request of the Query protocol."""
    text = request.get_data(as_text=True) if request.method == "POST" else ""
    return dict(parse_qsl(text or request.query_string.decode(), keep_blank_values=True))


def _defaults(form: Mapping[str, str], region: str) -> dict[str, str]:
    """What EC2 chooses where a launch does not say, and moto leaves open: subnet and group."""
    if any(name.startswith(("LaunchTemplate.", "NetworkInterface.")) for name in form):
        return {}
    zone = form.get("Placement.AvailabilityZone")
    subnet = moto_ec2.find_subnet(region, form.get("SubnetId", ""), zone)
    if subnet is None:
        return {}
    chosen = {"SubnetId": subnet.id}
    if not any(name.startswith("SecurityGroup") for name in form):
        group_id = moto_ec2.group_id_of(region, "default", subnet.vpc_id)
        chosen |= {"SecurityGroupId.1": group_id} if group_id else {}
    return chosen


def _complete(
    model: moto_ec2.InstanceModel, first: moto_ec2.InstanceModel, form: Mapping[str, str]
) -> None:
    """Do for a new instance what moto leaves undone of a launch."""
    if form.get("DisableApiTermination", "").lower() == "true":
        model.protect()
    model.share_profile_of(first)
    kept = any(
        name.endswith(".NetworkInterfaceId")
        or (name.endswith(".DeleteOnTermination") and form[name].lower() == "false")
        for name in form
        if name.startswith("NetworkInterface.")
    )
    model.interface.goes_with_its_instance(goes=not kept)


def _replaced(response: Response, texts: Mapping[str, str]) -> Response:
    """The answer with other texts between its tags."""
    body = re.sub(
        r"(?<=>)[^<>]+(?=<)",
        lambda found: texts.get(found[0], found[0]),
        response.get_data(as_text=True),
    )
    return Response(body, response.status_code, content_type=response.content_type)


def _state(state: State) -> str:
    return f"<code>{state.code}</code><name>{state.value}</name>"


def _check_count(form: Mapping[str, str], name: str) -> None:
    if name not in form:
        raise AwsError("MissingParameter", f"The request must contain the parameter {name}")
    if not form[name].isdecimal() or not 1 <= int(form[name]) <= 1000:  # noqa: PLR2004 - EC2's
        raise AwsError(
            "InvalidParameterValue", f"Value ({form[name]}) for parameter {name} is invalid."
        )


def _check_user_data(encoded: str) -> None:
    try:
        size = len(base64.b64decode("".join(encoded.split()), validate=True))
    except (binascii.Error, ValueError):
        raise AwsError(
            "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data"
        ) from None
    if size > USER_DATA_BYTES:
        raise AwsError("InvalidParameterValue", f"User data is limited to {USER_DATA_BYTES} bytes")


def _in_ec2s_words(response: Response, form: Mapping[str, str]) -> Response:
    """What moto words otherwise than RunInstances does."""
    if response.status_code == HTTP_OK:
        return response
    if _first_text(response.get_data(), "Code") == "InvalidInstanceType.NotFound":
        wrong = form.get("InstanceType", "")
        raise AwsError("InvalidParameterValue", f"Invalid value '{wrong}' for InstanceType.")
    return response


def _for_moto(form: Mapping[str, str]) -> dict[str, str]:
    """CreateImage without the tags of the snapshot, which moto does not take."""
    snapshots = {
        name.rpartition(".")[0] + "."
        for name, value in form.items()
        if name.endswith(".ResourceType") and value == "snapshot"
    }
    return {
        name: value
        for name, value in form.items()
        if not any(name.startswith(prefix) for prefix in snapshots)
    }


def _first_text(document: bytes, name: str) -> str | None:
    return next(iter(_texts(document, name)), None)


def _texts(document: bytes, name: str) -> list[str]:
    """What elements of that name say, in their order."""
    with contextlib.suppress(ET.ParseError):
        elements = ET.fromstring(document).iter()  # noqa: S314 - moto's own answer
        return [one.text or "" for one in elements if one.tag.rpartition("}")[2] == name]
    return []


def _answer(action: str, content: str) -> Response:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><{action}Response xmlns="{_NAMESPACE}">'
        f"<requestId>{uuid.uuid4()}</requestId>{content}</{action}Response>"
    )
    return Response(body, HTTP_OK, content_type=_XML)
