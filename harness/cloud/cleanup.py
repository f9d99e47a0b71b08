"""Remove what the local cloud of a run left, when the run and the cloud are both dead."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cloud.engine import ContainerEngine
from harness.errors import EngineError
from harness.ledger import OpenEntry


def clean(run_id: str, entries: Sequence[OpenEntry] = ()) -> Sequence[str]:
    """Remove every container and network of a run; harmless when there is nothing.

    Args:
        run_id: The run.
        entries: What its ledgers say: each worker of a run has a cloud of its own, whose label is
            on everything that it has made.

    Returns:
        Lines that name what could not be removed.
    """
    clouds = [run_id, *(one.entry.name for one in entries if one.entry.kind == "target")]
    left: list[str] = []
    for name in dict.fromkeys(clouds):
        try:
            with ContainerEngine.connect(name) as engine:
                left += engine.remove_all()
        except EngineError as error:
            left.append(
                f"containers and networks of run {name}, if it has made any: {error.message}; "
                f"harness sweep --local --run {name} --delete"
            )
    return left
