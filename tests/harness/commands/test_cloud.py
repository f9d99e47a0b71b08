"""``harness cloud`` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import main
from harness.cloud.helper_scripts import HelperScriptsSource
from harness.errors import UsageError

pytestmark = pytest.mark.selftest


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_is_none_is_wrong_usage(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is started."""
    with pytest.raises(SystemExit) as ended:
        main(["cloud", f"--port={port}"])
    assert ended.value.code == 2
    assert "no port from 0 to 65535" in capsys.readouterr().err


def test_helper_scripts_are_a_tarball(tmp_path: Path) -> None:
    """Guests would find out too late."""
    (tmp_path / "helpers").write_text("no")
    with pytest.raises(UsageError, match="is no tarball"):
        HelperScriptsSource(str(tmp_path / "helpers"))
    with pytest.raises(UsageError, match="No such file"):
        HelperScriptsSource(str(tmp_path / "none"))
