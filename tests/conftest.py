"""Which folders a rung has tests in: whoever asks for one is spared the import of all others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
FOLDERS: Final = {"unit": {"formation"}, "local": {"formation", "local"}, "live": {"formation"}}
"""What is selected with ``-m``, and the folders here that have such tests."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the folders that have nothing for the rung that is asked for."""
    wanted = FOLDERS.get(config.getoption("markexpr"))
    if wanted is None or collection_path.parent != HERE or not collection_path.is_dir():
        return None
    return None if collection_path.name in wanted else True
