"""What the programs say to people, on stderr."""

from __future__ import annotations

import optparse
import sys


def tell(message: str) -> None:
    """Say one thing."""
    sys.stderr.write(f"{message}\n")


def announce(program: str) -> None:
    """Tell the log's reader that this is not Amazon's program."""
    tell(f"{program}: cfn-harness's stand-in for Amazon's aws-cfn-bootstrap, which was not reached")


def fail(message: str, usage: optparse.OptionParser | None = None) -> int:
    """Say why it failed, and how the program is used where that was the reason.

    Returns:
        1, the exit status.
    """
    tell(message)
    if usage is not None:
        usage.print_help(sys.stderr)
    return 1
