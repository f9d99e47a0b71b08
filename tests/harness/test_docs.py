"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.selftest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
FIDELITY = ROOT / "docs" / "fidelity.md"

_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]+)")
_NAMED = re.compile(r"`([^`]+)`")
_TEST_FILE = re.compile(r"(?:tests/[\w/]+/)?test_\w+\.py")


def rows() -> list[str]:
    return [line for line in FIDELITY.read_text().splitlines() if line.startswith("| ")]


def missing_tests(row: str) -> list[str]:
    """Tests that a row names and that are not there.

    A bare file is beside the file that was named before it; a bare test function is in one of the
    files that the row has named so far.
    """
    files: list[Path] = []
    missing: list[str] = []
    for name in _NAMED.findall(row.rpartition(" | ")[2]):
        if name.startswith("tests/") and name.endswith("/"):
            missing += [] if (ROOT / name).is_dir() else [name]
        elif _TEST_FILE.fullmatch(name):
            files.append(ROOT / name if name.startswith("tests/") else files[-1].parent / name)
            missing += [] if files[-1].is_file() else [name]
        elif name.startswith("test_"):
            written = f"def {name}("
            if not any(written in file.read_text() for file in files if file.is_file()):
                missing.append(name)
    return missing


def test_every_test_that_fidelity_names_exists() -> None:
    """A rule is held by a test that is there, under the name that is given."""
    assert {row.split(" | ")[0]: found for row in rows() if (found := missing_tests(row))} == {}


def test_every_rule_of_fidelity_is_held() -> None:
    """No row is without a test, but for those that say where to look."""
    words = ("everywhere", "the same", "Held by", "| **")
    unheld = [row for row in rows() if "test" not in row and not any(one in row for one in words)]
    assert unheld == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    """To a file that is there."""
    text = document.read_text()
    dead = [link for link in _LINK.findall(text) if not (document.parent / link.strip()).exists()]
    assert dead == []
