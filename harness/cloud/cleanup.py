"""Remove what the local cloud of a run left, when the run and the cloud are both dead."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cloud.engine import ContainerEngine
from harness.errors import EngineAbsentError


def clean(run_id: str, entries: Sequence[object] = ()) -> Sequence[str]:
    """Remove every container and network of a run; harmless when there is nothing.

    Args:
        run_id: The run.
        entries: What its ledger says; not needed, since everything local carries the run's label.

    Returns:
        Lines that name what could not be removed.
    """
    del entries
    try:
        with ContainerEngine.connect(run_id) as engine:
            return engine.remove_all()
    except EngineAbsentError:
        return ()  # an engine that is gone has taken its containers along
