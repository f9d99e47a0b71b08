"""A registry of one image on this machine: as much of the protocol as pulling takes.

Source: "HTTP API V2" and "Image Manifest V 2, Schema 2" of the registry's specification.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG: Final = "application/vnd.docker.container.image.v1+json"
LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@contextmanager
def registry(saved: Iterable[bytes], name: str) -> Iterator[str]:
    """Serve an image as long as the context lasts.

    Args:
        saved: What ``docker save`` gives of it.
        name: What it is called there, such as ``ubuntu:24.04``.

    Yields:
        The reference that pulls it.
    """
    repository, _, tag = name.partition(":")
    contents = _contents(saved, f"/v2/{repository}", tag)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = contents.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/{name}"
        finally:
            server.shutdown()
            thread.join()


def _contents(saved: Iterable[bytes], root: str, tag: str) -> dict[str, tuple[str, bytes]]:
    """Path -> content type and content, of all that can be asked for."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(saved))) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None, name
            return file.read()

        (image,) = json.loads(read("manifest.json"))
        config = read(image["Config"])
        layers = [gzip.compress(read(layer), compresslevel=1) for layer in image["Layers"]]
    described = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, config),
        "layers": [_descriptor(LAYER, layer) for layer in layers],
    }
    manifest = json.dumps(described).encode()
    blobs = {f"{root}/blobs/{_digest(one)}": ("application/octet-stream", one) for one in layers}
    return {
        "/v2/": ("application/json", b"{}"),
        f"{root}/manifests/{tag}": (MANIFEST, manifest),
        f"{root}/manifests/{_digest(manifest)}": (MANIFEST, manifest),
        f"{root}/blobs/{_digest(config)}": (CONFIG, config),
        **blobs,
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(content), "digest": _digest(content)}
