"""How long provisioning took in earlier runs.

Each file in the folder is one JSON object of one run::

    {"logical_id": "Compute", "provisioning_seconds": 42.5}

Other keys may stand beside these two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError


def provisioning_seconds(folder: Path) -> Mapping[str, float]:
    """The longest provisioning of each resource; nothing where there is no such folder.

    Raises:
        UsageError: A file is not of that form, or the folder is none.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: no folder", remedy="name the folder of the records of runs")
    longest: dict[str, float] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            run = json.loads(path.read_text())
            logical_id, seconds = str(run["logical_id"]), float(run["provisioning_seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}: not the record of a run: {error}",
                remedy='it is {"logical_id": …, "provisioning_seconds": …}; delete it if in doubt',
            ) from None
        longest[logical_id] = max(seconds, longest.get(logical_id, 0))
    return longest
