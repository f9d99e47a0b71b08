"""The corpus: good templates on which lint is silent, bad ones each with its exact findings."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.lint import Severity, lint

pytestmark = pytest.mark.selftest

CORPUS = Path(__file__).parents[2] / "corpus"
EXPECTED: Mapping[str, Mapping[str, Any]] = json.loads((CORPUS / "bad/expected.json").read_text())
TODAY = dt.date(2026, 1, 1)  # what is out of support is another matter every year


@pytest.mark.parametrize("path", sorted((CORPUS / "good").iterdir()), ids=lambda path: path.name)
def test_a_good_template_has_no_finding_above_info(path: Path) -> None:
    """A false alarm is a bug."""
    findings = lint(path, today=TODAY)
    assert [one for one in findings if one.severity > Severity.INFO] == []


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_bad_template_has_exactly_its_findings(name: str, tmp_path: Path) -> None:
    """Neither more nor less, each at its line."""
    expected = EXPECTED[name]
    for logical_id, seconds in expected.get("runs", {}).items():
        run = {"logical_id": logical_id, "provisioning_seconds": seconds}
        (tmp_path / f"{logical_id}.json").write_text(json.dumps(run))
    findings = lint(
        CORPUS / "bad" / name, regions=expected.get("regions", ()), runs=tmp_path, today=TODAY
    )
    above_info = [f"{one.code}:{one.line}" for one in findings if one.severity > Severity.INFO]
    assert sorted(above_info) == sorted(expected["findings"])


def test_the_corpus_is_whole() -> None:
    """Every bad template has its expectation, and the other way round."""
    there = {path.name for path in (CORPUS / "bad").iterdir()} - {"expected.json"}
    assert there == set(EXPECTED)
