"""Where Amazon's programs leave their log."""

from __future__ import annotations

import logging

from .notice import tell

LOG_FILE = "/var/log/cfn-init.log"
_FORMAT = "%(asctime)s [%(levelname)s] %(message)s"


def configure(path: str = LOG_FILE) -> None:
    """Append everything to the log file; to stderr where it cannot be opened."""
    try:
        logging.basicConfig(filename=path, format=_FORMAT, level=logging.DEBUG)
    except OSError:
        tell(f"Could not open {path} for logging.  Using stderr instead.")
        logging.basicConfig(format=_FORMAT, level=logging.DEBUG)
