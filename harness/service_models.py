"""botocore's service models, read once for all its sessions instead of once for each.

To import moto makes half a dozen sessions, and each of them takes 0.2 s to read the whole model of
EC2 for the names of its regions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Within it, sessions that are made share what they read; afterwards nothing is kept for more.

    A session's clients share its models as it is: botocore does not change what it has read.
    """
    files: dict[str, Any] = {}

    class Shared(JSONFileLoader):
        def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - as botocore has it
            if file_path not in files:
                files[file_path] = super().load_file(file_path)
            return files[file_path]

    before = Loader.FILE_LOADER_CLASS
    Loader.FILE_LOADER_CLASS = Shared
    try:
        yield
    finally:
        Loader.FILE_LOADER_CLASS = before
        files.clear()
