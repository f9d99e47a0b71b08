"""The ``harness`` command: a table of subcommands, each loaded when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from harness import garbage
from harness._version import __version__
from harness.errors import HarnessError
from harness.interrupts import SIGNALLED, ending_in_order

COMMANDS: Final = {
    "embed": "put a script into a template as its UserData, or check that it is there",
    "lint": "report what is wrong with templates and with the scripts inside them",
    "coverage": "list what of a template the local cloud would not act on",
    "cloud": "serve the local AWS endpoint",
    "demo": "create the stack here, show it, log in, delete it",
    "sweep": "delete what runs left behind",
    "gate": "lint, unit and local in one verdict",
    "mutate": "break the stack in many ways and see which ones the tests let through",
}
EXIT_CANNOT_RUN: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: Arguments without the program's name; the process's own by default.

    Returns:
        The subcommand's exit status; 2 where it could not run, as argparse has it for bad usage;
        128 plus the signal's number where one ended it.
    """
    is_ours = argv is None  # the process
    if argv is None:
        garbage.search_rarely()
        argv = sys.argv[1:]
    name = next((word for word in argv if word in COMMANDS), None)
    module = importlib.import_module(f"harness.commands.{name}") if name else None
    parser = argparse.ArgumentParser(
        prog="harness", description="Test an EC2 CloudFormation stack before the merge."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, summary in COMMANDS.items():
        subparser = subparsers.add_parser(command, help=summary, description=f"{summary}.")
        if module and command == name:
            module.configure(subparser)
    arguments = parser.parse_args(argv)
    if module is None:
        parser.error("name a command")
    try:
        with ending_in_order() if is_ours else nullcontext():
            status: int = module.run(arguments)
    except HarnessError as error:
        print(f"harness {arguments.command}: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except KeyboardInterrupt as interrupt:
        print(f"harness {arguments.command}: interrupted", file=sys.stderr)
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        return SIGNALLED + int(number)
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status
