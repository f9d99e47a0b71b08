"""Servers that stand for AWS and for an instance's metadata service, on real sockets."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from harness.cloud.helpers.standin.imds import Imds

DOCUMENT = '{\n  "instanceId": "i-0abc",\n  "region": "eu-west-1"\n}'
METADATA = {
    "/latest/meta-data/instance-id": "i-0abc",
    "/latest/dynamic/instance-identity/document": DOCUMENT,
    "/latest/dynamic/instance-identity/signature": "c2ln\nbmF0dXJl\n",
    "/latest/meta-data/iam/security-credentials/builder": json.dumps(
        {"AccessKeyId": "AKROLE", "SecretAccessKey": "role/secret+", "Token": "role==token"}
    ),
}


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What it answers."""

    status: int = 200
    body: str = "{}"


Answering = Callable[[Request], Reply]


@dataclass
class Server:
    """One that keeps what it was asked."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def serving(answer: Answering, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            request = Request(
                self.command,
                parts.path,
                dict(urllib.parse.parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            server.requests.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body.encode())))
            self.end_headers()
            self.wfile.write(reply.body.encode())

        do_GET = do_PUT = answer  # noqa: N815 - http.server looks for these names

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True)
    scheme = "https" if tls else "http"
    server = Server(f"{scheme}://127.0.0.1:{listener.server_port}")
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@dataclass
class Aws:
    """CloudFormation, as far as the programs ask it; a test sets the replies."""

    server: Server
    replies: list[Reply]

    @property
    def url(self) -> str:
        return self.server.url

    def answers(self, *replies: tuple[int, str]) -> None:
        """Answer so, one after the other; the last one for good."""
        self.replies[:] = [Reply(*reply) for reply in replies]

    @property
    def requests(self) -> list[Request]:
        return self.server.requests


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Serves TLS with a certificate that only ``REQUESTS_CA_BUNDLE`` makes trusted."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    replies = [Reply()]

    def answer(_: Request) -> Reply:
        return replies.pop(0) if len(replies) > 1 else replies[0]

    with serving(answer, context) as server:
        yield Aws(server, replies)


def with_tokens(request: Request) -> Reply:
    """A metadata service that wants a token, as IMDSv2 does."""
    if request.method == "PUT":
        return Reply(body="token-of-the-test")
    if request.headers.get("x-aws-ec2-metadata-token") != "token-of-the-test":
        return Reply(401, "Unauthorized")
    return Reply(body=METADATA[request.path]) if request.path in METADATA else Reply(404, "no")


def without_tokens(request: Request) -> Reply:
    """One that knows nothing of tokens, as before IMDSv2."""
    if request.method == "PUT" or request.path not in METADATA:
        return Reply(404, "no")
    return Reply(body=METADATA[request.path])


@pytest.fixture(params=[with_tokens, without_tokens], ids=["IMDSv2", "IMDSv1"])
def imds(request: pytest.FixtureRequest) -> Iterator[Imds]:
    """An instance's metadata service, of either kind."""
    with serving(request.param) as server:
        yield Imds(server.url)


@pytest.fixture
def nowhere() -> Imds:
    """The metadata service of a machine that is no instance: nobody listens."""
    with serving(lambda _: Reply()) as server:
        url = server.url
    return Imds(url, tries=1)
