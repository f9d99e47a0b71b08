"""The programs of Amazon's package that the stand-in does not have."""

from __future__ import annotations

import sys
from pathlib import Path

from .notice import tell


def main() -> int:
    """Say so; always 1, since whoever relies on the program must not go on."""
    program = Path(sys.argv[0]).name
    tell(
        f"{program}: not available: cfn-harness's stand-in for Amazon's aws-cfn-bootstrap has"
        " cfn-signal and cfn-get-metadata only\n"
        "  remedy: run where Amazon's own package can be fetched from s3.amazonaws.com"
    )
    return 1
