"""``harness demo`` where no container engine can be had, and what it reads from a creation."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.cli import main
from harness.commands.demo import _creation
from harness.stack import StackEvent

pytestmark = pytest.mark.selftest

ROOT = Path(__file__).parents[2]
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stack's template, on a machine without a container engine."""
    shutil.copy2(ROOT / "formation.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    return tmp_path


@pytest.mark.usefixtures("project")
def test_lints_and_simulates_without_an_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be known without a guest is shown, and what was not run is said plainly."""
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert "nothing is wrong with it" in shown
    assert "CREATE_COMPLETE             Compute" in shown
    assert "NO INSTANCE WAS BOOTED" in shown
    assert "which lein" in shown
    assert "remedy: install and start Docker" in shown
    assert "All of it held" not in shown


@pytest.mark.usefixtures("project")
def test_fails_without_an_engine_where_one_is_required(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option or by environment; there is no traceback."""
    assert main(["demo", "--require-local"]) == 2
    monkeypatch.setenv("HARNESS_REQUIRE_LOCAL", "true")
    assert main(["demo"]) == 2
    assert capsys.readouterr().err.count("harness demo: no container engine at unix://") == 2


def test_finds_what_lint_finds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A template that is not in order is no success, also where nothing can be booted."""
    path = project / "formation.json"
    path.write_text(path.read_text().replace('"sg-', "").replace("AWS::EC2::Instance", "AWS::EC2"))
    assert main(["demo"]) != 0
    assert "nothing is wrong" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), ("{", ""), ('{"A": 1}', "formation.json")]
)
def test_refuses_what_is_no_template(
    project: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    """The file is named, with what to do; there is no traceback."""
    path = project / "formation.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert main(["demo"]) == 2
    said = capsys.readouterr().err
    assert "formation.json" in said
    assert words in said


def event(seconds: float, name: str, status: str, reason: str = "") -> StackEvent:
    when = BEGAN + timedelta(seconds=seconds)
    kind = "AWS::EC2::Instance" if name == "Compute" else "AWS::CloudFormation::Stack"
    return StackEvent(f"{name}{seconds}", when, name, "id", kind, status, reason)


EVENTS = [
    event(0, "demo", "CREATE_IN_PROGRESS"),
    event(1, "Compute", "CREATE_IN_PROGRESS"),
    event(20, "Compute", "CREATE_IN_PROGRESS", "Received SUCCESS signal with UniqueId i-1"),
    event(20.5, "demo", "CREATE_COMPLETE"),
]


def test_says_where_the_time_went() -> None:
    """Events give what is outside the instance, the script's trace what is inside."""
    epoch = BEGAN.timestamp()
    steps = {5: "line 3: quick", 6: "line 4: slow", 19: "line 9: cfn-signal"}
    traced = [f"+ {epoch + seconds:.6f} {step}" for seconds, step in steps.items()]
    output = "\n".join(["Cloud-init ran", *traced])
    assert [(what, round(seconds, 3)) for what, seconds in _creation(EVENTS, output)] == [
        ("the stack, until its instance is launched", 1),
        ("the instance boots, until its script begins", 4),
        ("the script, until Compute is signalled, of it:", 15),
        ("  line 4: slow", 13),
        ("  line 3: quick", 1),
        ("the signal makes it CREATE_COMPLETE", 0.5),
    ]


def test_says_less_where_the_script_leaves_no_trace() -> None:
    """A script that does not trace itself still has a beginning and an end."""
    assert list(_creation(EVENTS, json.dumps({}))) == [("the stack comes up", 20.5)]
