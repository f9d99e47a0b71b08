# ruff: noqa: INP001 - a script, no package
"""Write ``harness/lint/data/cloud-config.schema.json`` from Debian's package cloud-init.

The schema is cloud-init's own; only its prose and its examples are left out. cloud-init is
licensed under GPL-3 or Apache-2.0, at the choice of whoever uses it; the file says that it is used
under Apache-2.0.

    python tools/cloud_init_schema.py [cloud-init_VERSION_all.deb]

Without an argument the package is downloaded with ``apt-get download``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).parents[1] / "harness/lint/data/cloud-config.schema.json"
SCHEMA: Final = "usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json"
PROSE: Final = {"description", "title", "examples", "$id", "label"}


def main() -> None:
    """Download, unpack, strip, write."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if len(sys.argv) > 1:
            package = Path(sys.argv[1]).resolve()
        else:
            subprocess.run(["apt-get", "download", "cloud-init"], cwd=root, check=True)  # noqa: S607 - the machine's own
            package = next(root.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, root / "tree"], check=True)  # noqa: S607 - as above
        schema = without_prose(json.loads((root / "tree" / SCHEMA).read_text()))
    version = package.name.split("_")[1]
    schema["$comment"] = (
        f"cloud-init {version} of Debian, its cloud-config schema without prose; "
        "copyright Canonical Ltd. and others, used under the Apache License 2.0"
    )
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


def without_prose(node: Any, *, names: bool = False) -> Any:  # noqa: ANN401 - JSON
    """A schema without what only people read.

    Args:
        node: The schema, or a part of it.
        names: Whether the keys of the node are names of properties rather than keywords.
    """
    if isinstance(node, list):
        return [without_prose(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_prose(
            value, names=not names and key in {"properties", "$defs", "patternProperties"}
        )
        for key, value in node.items()
        if names or key not in PROSE
    }


if __name__ == "__main__":
    main()
