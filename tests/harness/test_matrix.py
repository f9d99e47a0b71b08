"""The matrix of live runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.matrix import Rung, live_rungs, local_rung
from harness.options import Settings, resolve

pytestmark = pytest.mark.selftest


def settings(matrix: dict[str, Any]) -> Settings:
    return resolve({}, {}, {"regions": ["eu-west-1"], "matrix": matrix}, Path())


def test_without_a_matrix_there_is_one_entry() -> None:
    """In the first region; the test's id is just the rung's name."""
    assert list(live_rungs(settings({}))) == [Rung("live", "eu-west-1")]
    assert live_rungs(settings({}))[0].id == "live"
    assert local_rung(settings({})) == Rung("local", "eu-west-1")


def test_all_combinations_are_made() -> None:
    """Regions, types and parameter sets multiply; each entry has an id of its own."""
    matrix = {
        "regions": ["us-east-1", "eu-west-1"],
        "instance-types": ["t3.micro", "t3.small"],
        "parameter-sets": {"plain": {}, "large": {"Size": 9}},
    }
    rungs = live_rungs(settings(matrix))
    assert len({rung.id for rung in rungs}) == len(rungs) == 8
    assert rungs[1] == Rung(
        "live",
        "us-east-1",
        {"InstanceType": "t3.micro", "Size": "9"},
        ("us-east-1", "t3.micro", "large"),
    )


def test_the_rungs_name_their_targets() -> None:
    """Live is AWS."""
    assert Rung("live", "us-east-1").target == "aws"
    assert Rung("local", "us-east-1").target == "local"


@pytest.mark.parametrize("matrix", [{"zones": ["a"]}, {"regions": "us-east-1"}, {"images": [1]}])
def test_a_malformed_matrix_is_refused(matrix: dict[str, Any]) -> None:
    """Rather than run less than was asked for."""
    with pytest.raises(UsageError, match=r"tool\.harness\.matrix"):
        live_rungs(settings(matrix))
