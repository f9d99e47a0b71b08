"""The rules, a family a module; this table is all there are."""

from __future__ import annotations

from typing import Final

from harness.lint.rule import Rule
from harness.lint.rules import (
    access,
    cloud_config,
    egress,
    endings,
    helpers,
    launch,
    provisioning,
    shell,
    signals,
    substitution,
    user_data,
)

RULES: Final[tuple[Rule, ...]] = (
    *shell.RULES,
    *user_data.RULES,
    *cloud_config.RULES,
    *provisioning.RULES,
    *substitution.RULES,
    *signals.RULES,
    *endings.RULES,
    *helpers.RULES,
    *access.RULES,
    *egress.RULES,
    *launch.RULES,
)
