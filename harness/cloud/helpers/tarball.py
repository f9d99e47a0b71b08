"""The stand-in's source distribution, which ``pip install`` installs without any network.

:mod:`harness.cloud.helpers.standin` is the code; it imports nothing of the harness. It travels with
its own PEP 517 backend (:mod:`harness.cloud.helpers.backend`), so that pip fetches no build tools.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from harness.cloud.helpers.backend import NAME, VERSION

_PYPROJECT: Final = f"""\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{NAME}"
version = "{VERSION}"
"""


def build_tarball() -> bytes:
    """The distribution as a ``tar.gz``; the same bytes every time."""
    root = f"{NAME}-{VERSION}"
    package = resources.files("harness.cloud.helpers")
    files = {
        f"{root}/pyproject.toml": _PYPROJECT.encode(),
        f"{root}/PKG-INFO": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode(),
        f"{root}/backend.py": package.joinpath("backend.py").read_bytes(),
        **{
            f"{root}/standin/{one.name}": one.read_bytes()
            for one in _modules(package.joinpath("standin"))
        },
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def _modules(folder: Traversable) -> Iterator[Traversable]:
    yield from sorted(
        (one for one in folder.iterdir() if one.name.endswith(".py")), key=lambda one: one.name
    )
