"""``harness sweep``: delete what dead runs have left, on AWS or on this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.cloud import liveness
from harness.options import SETTINGS, Settings, read_table, resolve

_SETTINGS = ("accounts", "regions", "live_endpoint")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--delete", action="store_true", help="delete it; without this, only say what would be"
    )
    parser.add_argument(
        "--run",
        metavar="NAME",
        help="what this run has made, expired or not; its id, or ci- and the number of the CI run",
    )
    parser.add_argument(
        "--local",
        action="store_true",
        help="containers and networks that dead runs have left on this machine, not AWS",
    )
    for setting in SETTINGS:
        if setting.name in _SETTINGS:
            parser.add_argument(
                setting.option,
                dest=setting.name,
                action="append" if setting.kind == "list" else "store",
                metavar=setting.metavar,
                help=setting.summary,
            )


def run(arguments: argparse.Namespace) -> int:
    """Sweep.

    Returns:
        0 where nothing is left, or where nothing was to be deleted but said; 1 where something
        could not be deleted.
    """
    left = _sweep_local(arguments) if arguments.local else _sweep_aws(arguments)
    return 1 if left else 0


def _sweep_aws(arguments: argparse.Namespace) -> int:
    """Sweep AWS; how many things are still there although they were to be deleted."""
    from harness.live.guard import confirm_account  # noqa: PLC0415 - boto3 is slow to import
    from harness.live.session import Clients  # noqa: PLC0415 - as above
    from harness.live.sweep import expired_at, find, of_run, remove  # noqa: PLC0415 - as above

    given = {name: getattr(arguments, name) for name in _SETTINGS}
    settings = resolve(given, os.environ, read_table(Path.cwd()), Path.cwd())
    chosen = of_run(arguments.run) if arguments.run else expired_at(datetime.now(UTC))
    left = 0
    for region in _regions(settings):
        clients = Clients(region, settings.live_endpoint)
        identity = confirm_account(clients, settings)
        found = find(clients, chosen)
        print(f"{region}, account {identity.account}: {len(found)} to be deleted")
        for leftover in found:
            remains = remove(clients, leftover) if arguments.delete else ()
            left += _show(str(leftover), remains, delete=arguments.delete)
    return left


def _regions(settings: Settings) -> list[str]:
    """The regions of the settings, and those of the matrix, which runs are in too."""
    return list(dict.fromkeys([*settings.regions, *settings.table("matrix").get("regions", [])]))


def _sweep_local(arguments: argparse.Namespace) -> int:
    """Sweep this machine's container engine, sparing runs whose cloud may be alive."""
    from harness.cloud.engine import ContainerEngine  # noqa: PLC0415 - only wanted here

    with ContainerEngine.connect("sweep") as engine:
        runs = sorted(engine.run_ids())
    left = 0
    for run_id in runs:
        if arguments.run and not f"{run_id}-".startswith(f"{arguments.run}-"):
            continue  # a worker's cloud has the run's id, and the worker's behind it
        spared = "" if arguments.run else why_spared(run_id)
        if spared:
            print(f"  spared run {run_id}: {spared} (--run {run_id} spares not)")
            continue
        with ContainerEngine.connect(run_id) as engine:
            found = engine.leftovers()
            remains = engine.remove_all() if arguments.delete else []
        for name in found:
            left += _show(name, [name] if name in remains else [], delete=arguments.delete)
        if arguments.delete and not remains:
            liveness.forget(run_id, liveness.default_directory())
    return left


def why_spared(run_id: str) -> str:
    """Why what a run has on the engine is not to be touched; empty where it is dead."""
    life = liveness.life_of(run_id, liveness.default_directory())
    return _SPARED.get(life, "")


_SPARED = {
    liveness.Life.ALIVE: "its local cloud is alive",
    liveness.Life.UNKNOWN: "nothing here says whether its cloud is alive",
}


def _show(what: str, remains: Sequence[str], *, delete: bool) -> int:
    """Show one thing and what became of it; how much of it is still there."""
    if not delete:
        print(f"  would delete {what}")
        return 0
    print(f"  {'NOT deleted' if remains else 'deleted'} {what}")
    for line in remains:
        print(f"    {line}")
    return len(remains)
