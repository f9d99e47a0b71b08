"""``harness mutate`` on a small project, with its own pytest suite, as users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.mutate.workspace import make_workspace, share_compiled

pytestmark = pytest.mark.selftest

TEMPLATE = {
    "Parameters": {"From": {"Type": "String", "Default": "192.0.2.0/24", "Description": "Who."}},
    "Resources": {
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "SSH",
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 22,
                        "ToPort": 22,
                        "CidrIp": {"Ref": "From"},
                    }
                ],
            },
        }
    },
}
TESTS = """\
import pytest

pytestmark = pytest.mark.unit


def test_one_port(template):
    (rule,) = template.resources["Group"].properties["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["ToPort"]) == (22, 22)
"""
PYPROJECT = """\
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]

[tool.harness]
template = "infra/stack.json"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, content in {
        "infra/stack.json": json.dumps(TEMPLATE),
        "infra/notes.txt": "kept",
        "tests/test_stack.py": TESTS,
        "pyproject.toml": PYPROJECT,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def mutate(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "harness", "mutate", "infra/stack.json", *arguments],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_tells_the_caught_from_the_survivors(project: Path) -> None:
    """Who noticed, and for the others the diff and what would have noticed it; exit 1."""
    done = mutate(project, "--only", "wrong-port", "--only", "open-to-the-world", "--jobs", "2")
    assert done.returncode == 1, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if " unit " in line}
    assert "caught" in lines["wrong-port"]
    assert lines["wrong-port"].endswith("test_one_port")
    assert "SURVIVED" in lines["open-to-the-world"]
    assert "unit: 2 mutants: 1 caught, 1 SURVIVED" in done.stdout
    assert "would be caught by the ingress rules, compared as a whole" in done.stdout
    assert '+            "CidrIp": "0.0.0.0/0"' in done.stdout


def test_all_caught_is_success(project: Path) -> None:
    """Exit 0, and the project is as it was."""
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = mutate(project, "--only", "wrong-port")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_equivalent_mutants_are_excused_by_name(project: Path) -> None:
    """With the reason, which the table shows."""
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.harness.mutate.equivalent]\n"open-to-the-world" = "a public server"\n')
    done = mutate(project, "--only", "open-to-the-world")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equivalent" in done.stdout
    assert "a public server" in done.stdout


def test_reasons_for_what_is_no_mutant_are_refused(project: Path) -> None:
    """A name that was misspelt, or that is gone, excuses nobody."""
    with (project / "pyproject.toml").open("a") as file:
        file.write('[tool.harness.mutate.equivalent]\n"nothing" = "because"\n')
    done = mutate(project)
    assert done.returncode == 2
    assert "there is no mutant 'nothing'" in done.stderr


def test_suite_that_is_red_already_is_refused(project: Path) -> None:
    """It could not tell what is broken; pytest's own words are shown."""
    suite = project / "tests/test_stack.py"
    suite.write_text(TESTS.replace("(22, 22)", "(23, 23)"))
    done = mutate(project, "--only", "wrong-port")
    assert done.returncode == 2
    assert "before anything is broken: tests/test_stack.py::test_one_port" in done.stderr
    assert "assert (22, 22) == (23, 23)" in done.stderr


def test_suite_without_tests_is_refused(project: Path) -> None:
    """Nothing collected is no success."""
    (project / "tests/test_stack.py").write_text("")
    done = mutate(project, "--only", "wrong-port")
    assert done.returncode == 2
    assert "no test ran" in done.stderr


def test_template_that_cannot_be_read_by_the_tests_is_caught(project: Path) -> None:
    """What breaks before the first assertion is noticed too."""
    done = mutate(project, "--only", "lost-brace", "--format", "json")
    assert done.returncode == 0, done.stderr
    (mutant,) = json.loads(done.stdout)["mutants"]
    assert mutant["verdict"] == "caught"
    assert "not JSON" in mutant["reason"]


def test_report_can_be_read_by_programs_and_people(project: Path) -> None:
    """JSON and Markdown, into a file, with the progress on the terminal."""
    arguments = ("--only", "wrong-port", "--output", "report")
    done = mutate(project, *arguments, "--format", "json")
    report: dict[str, Any] = json.loads((project / "report").read_text())["mutants"][0]
    assert report["name"] == report["mutator"] == "wrong-port"
    assert report["by"] == "tests/test_stack.py::test_one_port"
    assert "wrong-port" in done.stderr
    assert mutate(project, *arguments, "--format", "markdown").returncode == 0
    rows = (project / "report").read_text().splitlines()
    assert rows[2].startswith("| `wrong-port`: opened the port of another sshd | unit | 1 | 1 of 1")


def test_test_that_never_ends_is_ended(project: Path) -> None:
    """A mutant that makes the suite hang is noticed, and no process stays."""
    suite = project / "tests/test_stack.py"
    hanging = "    if rule['FromPort'] != 22:\n        import signal; signal.pause()\n"
    suite.write_text(TESTS.replace("    assert (", f"{hanging}    assert ("))
    done = mutate(project, "--only", "wrong-port", "--limit", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the limit" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "no-such-mutant"), "no mutant is left to try"),
        (("nowhere.sh",), "nowhere.sh: no such file"),
        (("--tests", "nowhere"), "nowhere: no such file"),
        (("--tests", "/"), "is not inside of"),
        (("--jobs", "0"), "must be a number above 0"),
        (("--limit", "0"), "must be a number above 0"),
        (("--limit", "nan"), "must be a number above 0"),
        (("tests",), "tests: cannot be read: Is a directory"),
        (("--output", "tests"), "tests: Is a directory"),
    ],
)
def test_wrong_arguments_are_named(project: Path, arguments: tuple[str, ...], message: str) -> None:
    """Exit 2, and no traceback."""
    done = mutate(project, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("tests = 3", "tests: must be a list of paths"),
        ('tests = "tests"', "tests: must be a list of paths"),
        ('tsts = ["tests"]', "has no key 'tsts'"),
    ],
)
def test_a_malformed_table_is_named(project: Path, table: str, message: str) -> None:
    """As every other table of the settings."""
    (project / "pyproject.toml").write_text(f"{PYPROJECT}\n[tool.harness.mutate]\n{table}\n")
    done = mutate(project)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr


def test_a_template_that_is_none_is_named(project: Path) -> None:
    """By its file."""
    (project / "infra/stack.json").write_text("{")
    done = mutate(project)
    assert done.returncode == 2
    assert "infra/stack.json:1:2: not JSON" in done.stderr


def test_a_template_that_may_not_be_written_is_broken_in_a_copy(project: Path) -> None:
    """Nobody writes into what is the project's."""
    template = project / "infra/stack.json"
    template.chmod(0o444)
    folder = project.parent / "workspace"
    folder.mkdir()
    make_workspace(project, folder, {Path("infra/stack.json"): b"{}"}, [Path("infra/stack.json")])
    assert (folder / "infra/stack.json").read_text() == "{}"
    assert json.loads(template.read_text()) == TEMPLATE


def test_a_signal_leaves_no_workspace(project: Path, tmp_path: Path) -> None:
    """Whoever sends one gets its status, and no suite is said to have failed."""
    begun = tmp_path / "begun"
    (project / "tests/test_slow.py").write_text(
        "import pathlib, pytest, time\n"
        "@pytest.mark.unit\n"
        f"def test_slow():\n    pathlib.Path({str(begun)!r}).touch()\n    time.sleep(60)\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "mutate", "infra/stack.json"],
        cwd=project,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert said == b"harness mutate: interrupted\n"
    assert not [*temporary.glob("harness-mutate-*")]


def test_catalogue_can_be_listed(project: Path) -> None:
    """Name, rung and mistake of each."""
    done = mutate(project, "--list")
    assert done.returncode == 0
    assert "drop-ingress-rule  (unit)  somebody forgot to let SSH in" in done.stdout


def test_workspace_links_what_it_does_not_change(project: Path, tmp_path: Path) -> None:
    """The changed file and the tests are copies, the rest is the project's own."""
    (project / ".git").mkdir()
    folder = tmp_path / "workspace"
    folder.mkdir()
    changed = {Path("infra/stack.json"): b"{}"}
    make_workspace(project, folder, changed, [Path("tests")])
    assert (folder / "infra/stack.json").read_bytes() == b"{}"
    assert not (folder / "tests/test_stack.py").is_symlink()
    assert (folder / "infra/notes.txt").readlink() == project / "infra/notes.txt"
    assert not (folder / ".git").exists()
    assert json.loads((project / "infra/stack.json").read_text()) == TEMPLATE


def test_compiled_tests_are_shared(project: Path, tmp_path: Path) -> None:
    """What Python has compiled of the tests is brought along where there are real copies."""
    first, second = tmp_path / "first", tmp_path / "second"
    for workspace in (first, second):
        workspace.mkdir()
        make_workspace(project, workspace, {}, [Path("tests")])
    (first / "tests/__pycache__").mkdir()
    (first / "tests/__pycache__/test_stack.pyc").write_bytes(b"compiled")
    share_compiled(first, second, [Path("tests/test_stack.py")])
    assert (second / "tests/__pycache__/test_stack.pyc").read_bytes() == b"compiled"
    before, after = ((one / "tests/test_stack.py").stat() for one in (first, second))
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
