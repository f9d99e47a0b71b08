"""The stand-in's cfn-signal, against servers that stand for AWS."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.cloud.helpers.standin import retry
from harness.cloud.helpers.standin.cfn_signal import main
from harness.cloud.helpers.standin.imds import Imds

if TYPE_CHECKING:
    from tests.harness.cloud.helpers.conftest import Aws, Request

pytestmark = pytest.mark.selftest

STACK = ["--stack", "demo", "--resource", "Compute", "--region", "eu-west-1"]
KEYS = ["--access-key", "AKTEST", "--secret-key", "sec/ret"]
Signal = Callable[..., int]


@pytest.fixture
def signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signal:
    monkeypatch.setattr(retry.time, "sleep", lambda _: None)  # type: ignore[attr-defined] # ours

    def run(*arguments: str, imds: Imds) -> int:
        return main(list(arguments), imds, str(tmp_path / "cfn-init.log"))

    return run


def error(code: str, message: str, kind: str = "Sender") -> str:
    return json.dumps({"Error": {"Code": code, "Message": message, "Type": kind}})


def sigv4(request: Request, url: str, credentials: Credentials) -> str:
    """The signature that botocore makes for the same request at the same moment."""
    signed = AWSRequest(
        "GET", f"{url}/", params=request.query, headers={"accept": request.headers["accept"]}
    )
    signer = SigV4Auth(credentials, "cloudformation", "eu-west-1")
    signed.context["timestamp"] = request.headers["x-amz-date"]
    signed.headers["X-Amz-Date"] = request.headers["x-amz-date"]
    if credentials.token:
        signed.headers["X-Amz-Security-Token"] = credentials.token
    canonical = signer.canonical_request(signed)
    return str(signer.signature(signer.string_to_sign(signed, canonical), signed))


def test_an_instance_signals_with_its_identity(aws: Aws, imds: Imds, signal: Signal) -> None:
    """Without credentials the identity document and its signature say who signals."""
    assert signal(*STACK, "--url", aws.url, imds=imds) == 0
    (request,) = aws.requests
    assert request.query == {
        "Action": "SignalResource",
        "ContentType": "JSON",
        "LogicalResourceId": "Compute",
        "StackName": "demo",
        "Status": "SUCCESS",
        "UniqueId": "i-0abc",
        "Version": "2010-05-15",
    }
    assert request.method == "GET"
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"].startswith("CfnTools/")
    scheme, _, proof = request.headers["authorization"].partition(" ")
    document, _, signature = proof.partition(":")
    assert scheme == "CFN_V1"
    assert json.loads(base64.b64decode(document)) == {"instanceId": "i-0abc", "region": "eu-west-1"}
    assert signature == "c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], "SUCCESS"),
        (["--success", "true"], "SUCCESS"),
        (["-s", "false"], "FAILURE"),
        (["-e", "0"], "SUCCESS"),
        (["--exit-code", "3"], "FAILURE"),
        (["-e", "-1"], "FAILURE"),
        (["-e", "0", "-s", "false"], "FAILURE"),
        (["-e", "1", "-s", "true"], "FAILURE"),
    ],
)
def test_status_follows_the_options(
    aws: Aws, nowhere: Imds, signal: Signal, arguments: list[str], status: str
) -> None:
    """One word of failure is enough, whichever option says it."""
    assert signal(*STACK, *KEYS, "-i", "me", "--url", aws.url, *arguments, imds=nowhere) == 0
    assert aws.requests[0].query["Status"] == status
    assert aws.requests[0].query["UniqueId"] == "me"


@pytest.mark.parametrize("path", ["", "/"])
def test_keys_sign_as_botocore_would(aws: Aws, nowhere: Imds, signal: Signal, path: str) -> None:
    """An account's keys make a Signature Version 4 that AWS's own library agrees with."""
    names = ["--stack", "arn:aws:x/~y z", "--resource", "A*(b)", "--region", "eu-west-1"]
    assert signal(*names, *KEYS, "--id", "ü&=", "--url", aws.url + path, imds=nowhere) == 0
    (request,) = aws.requests
    assert request.query["StackName"] == "arn:aws:x/~y z"
    assert request.headers["authorization"].endswith(
        f"Signature={sigv4(request, aws.url, Credentials('AKTEST', 'sec/ret'))}"
    )
    assert "/eu-west-1/cloudformation/aws4_request" in request.headers["authorization"]


def test_a_role_signs_with_its_token(aws: Aws, imds: Imds, signal: Signal) -> None:
    """``--role`` takes the credentials of the instance's profile, session token included."""
    assert signal(*STACK, "--role", "builder", "--url", aws.url, imds=imds) == 0
    (request,) = aws.requests
    assert request.headers["x-amz-security-token"] == "role==token"
    assert "Credential=AKROLE/" in request.headers["authorization"]
    wanted = sigv4(request, aws.url, Credentials("AKROLE", "role/secret+", "role==token"))
    assert request.headers["authorization"].endswith(f"Signature={wanted}")


def test_a_file_may_hold_the_keys(aws: Aws, nowhere: Imds, signal: Signal, tmp_path: Path) -> None:
    """Only its owner may be able to read it."""
    keys = tmp_path / "keys"
    keys.write_text("# mine\nAWSAccessKeyId=AKFILE\n  AWSSecretKey=s=1\n")
    keys.chmod(0o600)
    assert signal(*STACK, "-f", str(keys), "--id", "me", "--url", aws.url, imds=nowhere) == 0
    assert "Credential=AKFILE/" in aws.requests[0].headers["authorization"]
    wanted = sigv4(aws.requests[0], aws.url, Credentials("AKFILE", "s=1"))
    assert aws.requests[0].headers["authorization"].endswith(wanted)


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, "Credential file was not found at "),
        ("AWSAccessKeyId=a\nAWSSecretKey=b\n", 0o640, "cannot be accessible by group or other"),
        ("AWSAccessKeyId=a\n", 0o600, "must contain the keys"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used(
    aws: Aws,
    nowhere: Imds,
    signal: Signal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    mode: int,
    message: str,
) -> None:
    """The program says why and asks nobody."""
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_text(content)
        keys.chmod(mode)
    with pytest.raises(SystemExit) as stopped:
        signal(*STACK, "-f", str(keys), "--url", aws.url, imds=nowhere)
    assert stopped.value.code == 1
    stderr = capsys.readouterr().err
    assert "Error retrieving credentials from file:\n\t" in stderr
    assert message in stderr
    assert aws.requests == []


def test_a_refusal_is_shown_in_aws_words(
    aws: Aws, imds: Imds, signal: Signal, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the sender did wrong is not tried again."""
    aws.answers((400, error("ValidationError", "Stack demo is no more")))
    assert signal(*STACK, "--url", aws.url, imds=imds) == 1
    assert "ValidationError: Stack demo is no more\n" in capsys.readouterr().err
    assert len(aws.requests) == 1


@pytest.mark.parametrize(
    ("reply", "asked"),
    [
        ((500, "not JSON"), 5),
        ((400, error("Odd", "not the sender's fault", "Receiver")), 5),
        ((403, error("AccessDenied", "no")), 1),
    ],
)
def test_failures_are_tried_as_often_as_may_help(
    aws: Aws, imds: Imds, signal: Signal, reply: tuple[int, str], asked: int
) -> None:
    """Five times where the service may recover, once where it will not."""
    aws.answers(reply)
    assert signal(*STACK, "--url", aws.url, imds=imds) == 1
    assert len(aws.requests) == asked


@pytest.mark.parametrize(
    "reply",
    [
        (503, ""),
        (400, error("Throttling", "Rate exceeded")),
        (403, error("InvalidClientTokenId", "not yet known")),
    ],
)
def test_what_passes_is_waited_out(
    aws: Aws, imds: Imds, signal: Signal, reply: tuple[int, str]
) -> None:
    """Throttling and keys that are not yet known everywhere outlast any number of tries."""
    aws.answers(*[reply] * 12, (200, "{}"))
    assert signal(*STACK, "--url", aws.url, imds=imds) == 0
    assert len(aws.requests) == 13


def test_nobody_answers(nowhere: Imds, signal: Signal, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused connection is an error of its own, with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    assert signal(*STACK, *KEYS, "--id", "me", "--url", url, imds=nowhere) == 1
    assert "Connection refused" in capsys.readouterr().err


def test_an_unknown_certificate_is_not_trusted(
    aws: Aws,
    nowhere: Imds,
    signal: Signal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without the CA there is no signal."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert signal(*STACK, *KEYS, "--id", "me", "--url", aws.url, imds=nowhere) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().err
    assert aws.requests == []


def test_neither_keys_nor_an_instance(
    aws: Aws, nowhere: Imds, signal: Signal, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to sign with."""
    assert signal(*STACK, "--id", "me", "--url", aws.url, imds=nowhere) == 1
    assert "169.254.169.254 must be accessible" in capsys.readouterr().err
    assert aws.requests == []


@pytest.mark.parametrize("encoded", [False, True])
def test_a_wait_condition_is_told_by_put(
    aws: Aws, imds: Imds, signal: Signal, capsys: pytest.CaptureFixture[str], *, encoded: bool
) -> None:
    """The handle's URL, plain or in Base64, gets JSON and no content type."""
    url = f"{aws.url}/handle?Signature=a%2Bb"
    handle = base64.b64encode(url.encode()).decode() if encoded else url
    assert signal("-r", "all well", "-d", "data", handle, imds=imds) == 0
    (request,) = aws.requests
    assert (request.method, request.path, request.query) == ("PUT", "/handle", {"Signature": "a+b"})
    assert request.headers["content-type"] == ""
    assert json.loads(request.body) == {
        "Status": "SUCCESS",
        "Reason": "all well",
        "Data": "data",
        "UniqueId": "i-0abc",
    }
    assert capsys.readouterr().out == "CloudFormation signaled successfully with SUCCESS.\n"


def test_a_wait_condition_that_fails_has_a_reason(aws: Aws, nowhere: Imds, signal: Signal) -> None:
    """A failure without a reason gets a default one; a machine that is no instance, its name."""
    assert signal("-e", "1", aws.url, imds=nowhere) == 0
    body = json.loads(aws.requests[0].body)
    assert body["Reason"] == "Configuration failed."
    assert body["Status"] == "FAILURE"
    assert body["UniqueId"] == socket.getfqdn()


def test_a_wait_condition_that_refuses(
    aws: Aws, imds: Imds, signal: Signal, capsys: pytest.CaptureFixture[str]
) -> None:
    """An expired URL is an error, told with the status."""
    aws.answers((403, "Request has expired"))
    assert signal(aws.url, imds=imds) == 1
    stderr = capsys.readouterr().err
    assert (
        "Error signaling CloudFormation: [Errno 403] HTTP Error 403 : Request has expired" in stderr
    )
    assert len(aws.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "message", "usage"),
    [
        ([], "Error: No WaitConditionHandle URL or logical resource id specified", True),
        (
            ["https://127.0.0.1/", "--resource", "A"],
            "Error: Cannot specify both a WaitConditionHandle URL and a logical resource id",
            False,
        ),
        (
            ["--resource", "A"],
            "Error: You must specify a stack name when signaling a resource",
            True,
        ),
        (["x"], "Error: Invalid WaitConditionHandle URL specified: x", False),
        (["ZnRwOi8v"], "Error: Invalid WaitConditionHandle URL specified: ZnRwOi8v", False),
    ],
)
def test_arguments_that_do_not_fit(
    nowhere: Imds,
    signal: Signal,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    *,
    usage: bool,
) -> None:
    """Exit 1, the message of Amazon's program, and the usage where it shows it."""
    assert signal(*arguments, imds=nowhere) == 1
    stderr = capsys.readouterr().err
    assert f"{message}\n" in stderr
    assert ("Usage: cfn-signal [options] [WaitConditionHandle URL]" in stderr) is usage


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--success", "maybe"], 2), (["-e", "x"], 2), (["--nope"], 2), (["--help"], 0)],
)
def test_options_that_are_none(
    nowhere: Imds, signal: Signal, arguments: list[str], status: int
) -> None:
    """As Amazon's program ends: 2 for a wrong option, 0 for help."""
    with pytest.raises(SystemExit) as stopped:
        signal(*arguments, imds=nowhere)
    assert stopped.value.code == status


def test_it_says_what_it_is(
    aws: Aws, imds: Imds, signal: Signal, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody who reads the log takes it for Amazon's program."""
    assert signal(*STACK, "--url", aws.url, imds=imds) == 0
    assert "stand-in for Amazon's aws-cfn-bootstrap" in capsys.readouterr().err
