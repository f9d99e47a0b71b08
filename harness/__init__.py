"""Test an EC2 CloudFormation stack on three rungs: unit, local, live.

Suites use the fixtures of :mod:`harness.plugin`; what they name in annotations and except for is
here. A name is loaded when it is asked for: to import the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from harness._version import __version__

if TYPE_CHECKING:
    from harness.cloud.process import LocalCloud
    from harness.cloudformation.refusal import RequestRefused
    from harness.errors import HarnessError
    from harness.guest import Login
    from harness.lint import Finding
    from harness.simulate import Simulation
    from harness.stack import Stack, StackEvent
    from harness.template import Template

__all__ = [
    "Finding",
    "HarnessError",
    "LocalCloud",
    "Login",
    "RequestRefused",
    "Simulation",
    "Stack",
    "StackEvent",
    "Template",
    "__version__",
]

_MODULES: Final = {
    "Finding": "harness.lint",
    "HarnessError": "harness.errors",
    "LocalCloud": "harness.cloud.process",
    "Login": "harness.guest",
    "RequestRefused": "harness.cloudformation.refusal",
    "Simulation": "harness.simulate",
    "Stack": "harness.stack",
    "StackEvent": "harness.stack",
    "Template": "harness.template",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
