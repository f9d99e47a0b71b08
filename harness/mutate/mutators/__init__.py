"""The catalogue of mistakes, a family in each module."""

from __future__ import annotations

from typing import Final

from harness.mutate.mutator import Mutator
from harness.mutate.mutators import (
    document,
    launch,
    outputs,
    parameters,
    policies,
    reachability,
    shell,
    signals,
    user_data,
)

CATALOGUE: Final[tuple[Mutator, ...]] = tuple(
    mutator
    for family in (
        reachability,
        outputs,
        parameters,
        launch,
        policies,
        user_data,
        signals,
        shell,
        document,
    )
    for mutator in family.FAMILY.mutators
)
"""Every mutator, families in the order of the table of the docs."""

__all__ = ["CATALOGUE"]
