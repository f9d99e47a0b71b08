"""What the package offers under its own name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import harness

pytestmark = pytest.mark.selftest


@pytest.mark.parametrize("name", harness.__all__)
def test_public_names_are_there(name: str) -> None:
    """Each is what its own module has under that name."""
    public = getattr(harness, name)
    assert getattr(public, "__name__", "__version__") == name


def test_other_names_are_not() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = harness.Nothing


def test_importing_the_package_loads_nothing() -> None:
    """Nothing of moto, boto3, the plugin: only its version."""
    program = "import sys, harness; print(*(m for m in sys.modules if m.startswith('harness')))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == ["harness", "harness._version"]
