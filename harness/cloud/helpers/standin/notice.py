"""What the programs say to people, on stderr."""

from __future__ import annotations

import sys


def tell(message: str) -> None:
    """Say one thing."""
    sys.stderr.write(f"{message}\n")


def announce(program: str) -> None:
    """Tell the log's reader that this is not Amazon's program."""
    tell(f"{program}: cfn-harness's stand-in for Amazon's aws-cfn-bootstrap, which was not reached")
