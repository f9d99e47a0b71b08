"""``harness embed``: put a script into a template as its UserData, or check that it is there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.embed import embed


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("template", type=Path, help="a template in JSON")
    parser.add_argument("script", type=Path, help="the script that the instance runs")
    parser.add_argument("--resource", required=True, help="logical id of the instance")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; print a diff and exit 1 on drift"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the template, or say how it differs.

    Returns:
        0; with ``--check`` 1 where the template does not hold the script as it is.
    """
    embedding = embed(arguments.template, arguments.script, arguments.resource)
    if not embedding.diff:
        print(f"{arguments.template} holds {arguments.script} as it is")
    elif arguments.check:
        sys.stdout.write(embedding.diff)
        print(
            f"{arguments.template} does not hold {arguments.script} as it is\n"
            f"  remedy: harness embed {arguments.template} {arguments.script}"
            f" --resource {arguments.resource}",
            file=sys.stderr,
        )
        return 1
    else:
        embedding.write()
        print(f"{arguments.template} now holds {arguments.script}")
    return 0
