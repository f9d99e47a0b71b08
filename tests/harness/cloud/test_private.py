"""Nobody else has a say in what is kept between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cloud.image.uses import Uses
from harness.cloud.liveness import alive
from harness.cloud.private import make_private
from harness.errors import HarnessError

pytestmark = pytest.mark.selftest


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """And is found again."""
    for _ in range(2):
        make_private(tmp_path / "own")
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("made", ["shared", "link", "file"])
def test_what_somebody_else_could_have_made_is_refused(tmp_path: Path, made: str) -> None:
    """Neither is a file in it opened, nor a name in it believed."""
    folder, victim = tmp_path / "harness", tmp_path / "victim"
    victim.mkdir()
    (victim / "run").write_text("precious")
    if made == "shared":
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "run").symlink_to(victim / "run")
    elif made == "link":
        folder.symlink_to(victim)
    else:
        folder.touch()
    alone = pytest.raises(HarnessError, match="not a folder of this user alone")
    with alone as refused, alive("run", folder):
        raise AssertionError("it began")
    assert "TMPDIR" in refused.value.remedy
    with pytest.raises(HarnessError, match="alone"):
        Uses(folder).unused()
    assert (victim / "run").read_text() == "precious"
