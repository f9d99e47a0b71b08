"""Findings: what is wrong with a template and with the scripts inside it, seen without creating it.

cfn-lint and shellcheck run underneath; on top come rules on what nobody else checks: whether the
instance signals, can be logged in to, and provisions itself (see :mod:`harness.lint.rules`).
"""

from __future__ import annotations

from harness.lint.finding import Finding, Place, Report, ScriptPlace, Severity
from harness.lint.runner import lint

__all__ = ["Finding", "Place", "Report", "ScriptPlace", "Severity", "lint"]
