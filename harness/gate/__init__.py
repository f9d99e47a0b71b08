"""The gate: lint, unit and local in one verdict, red unless all three were seen to pass."""

from harness.gate.outcome import Outcome, Problem
from harness.gate.parts import Part, parts_of
from harness.gate.runner import run_parts
from harness.gate.summary import Summary

__all__ = ["Outcome", "Part", "Problem", "Summary", "parts_of", "run_parts"]
