"""The gate: what makes it red, what it shows, and that it stops what need not run on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import main
from harness.gate import Outcome, Part, Problem, Summary, run_parts
from harness.gate.linting import judge_lint
from harness.gate.outcome import Ended
from harness.gate.runner import _Running
from harness.gate.testing import judge_tests
from harness.headroom import Headroom

pytestmark = pytest.mark.selftest

ROOT = Path(__file__).parents[2]
PASSED = '<testcase classname="tests.test_a" name="test_b" file="tests/test_a.py" line="4"/>'
SKIPPED = '<testcase classname="t" name="s"><skipped message="no such thing here"/></testcase>'
LISTING = (
    '<testcase classname="t" name="l"><properties>'
    '<property name="accepted, not simulated" value="f.json, Box: Tenancy"/>'
    '<property name="evidence" value="/e"/>'
    '<property name="accepted, not simulated" value="f.json, Box: Disk (here another)"/>'
    "</properties></testcase>"
)
FAILED = (
    '<testcase classname="tests.test_a" name="test_c" file="tests/test_a.py" line="9">'
    '<failure message="assert 1 == 2">long</failure></testcase>'
)
BROKEN = (
    '<testcase classname="tests.test_x" name=""><error message="collection failure"/></testcase>'
)
UNREADABLE = (
    '<testcase classname="" name="tests.test_y" file="tests/test_y.py">'
    '<error message="collection failure">import_path\n'
    'E     File "/project/tests/test_y.py", line 7\n'
    "E       def test_a(:\n"
    "E   SyntaxError: invalid syntax</error></testcase>"
)


def pytest_ended(*cases: str, status: int = 0, output: str = "") -> Ended:
    report = f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
    return Ended(status, output, report)


def lint_ended(*findings: Mapping[str, object], status: int = 0) -> Ended:
    common = {"code": "HS001", "file": "f.json", "line": 3, "column": 5, "message": "m"}
    found = [{**common, **one} for one in findings]
    return Ended(status, "", json.dumps({"templates": ["f.json"], "unread": {}, "findings": found}))


# What came of a rung


def test_is_green_where_tests_passed() -> None:
    """With their number; a skip is told beside it."""
    outcome = judge_tests("unit", pytest_ended(PASSED, PASSED, SKIPPED))
    assert outcome.green
    assert outcome.reason == "2 tests passed"
    assert outcome.notes == ("skipped: t::s: no such thing here",)


@pytest.mark.parametrize(("case", "status"), [(LISTING, 0), (LISTING + FAILED, 1)])
def test_tells_what_stacks_were_accepted_with_and_is_not_simulated(case: str, status: int) -> None:
    """Each line once, whether or not the tests passed: they say nothing of that."""
    outcome = judge_tests("local", pytest_ended(case, LISTING, status=status))
    assert outcome.green is (status == 0)
    assert outcome.notes == (
        "accepted, not simulated: f.json, Box: Tenancy",
        "accepted, not simulated: f.json, Box: Disk (here another)",
    )


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (pytest_ended(status=5), "no test was collected"),
        (pytest_ended(status=0), "no test was collected"),
        (
            pytest_ended(SKIPPED, SKIPPED),
            "every one of its 2 tests was skipped: no such thing here",
        ),
        (pytest_ended(PASSED, FAILED, status=1), "1 of 2 tests did not pass"),
        (pytest_ended(PASSED, FAILED, status=0), "1 of 2 tests did not pass"),
        (
            pytest_ended(BROKEN, status=2),
            "1 file of tests could not be read: collection failure",
        ),
        (
            pytest_ended(UNREADABLE, status=2),
            "1 file of tests could not be read: SyntaxError: invalid syntax",
        ),
        (pytest_ended(PASSED, UNREADABLE, status=1), "1 of 2 tests did not pass"),
        (pytest_ended(PASSED, status=1), "pytest ended with 1 although no test failed"),
        (pytest_ended(PASSED, status=-9), "pytest ended with -9 although no test failed"),
        (pytest_ended(status=4), "pytest ended with 4 although no test failed"),
        (Ended(0, "", None), "pytest wrote no report"),
        (Ended(0, "", ""), "pytest wrote no report"),
        (Ended(3, "", "<testsuites><testsuite>"), "pytest wrote no report"),
    ],
)
def test_is_red_unless_tests_were_seen_to_pass(ended: Ended, reason: str) -> None:
    """Whatever else happened has its reason."""
    outcome = judge_tests("unit", ended)
    assert not outcome.green
    assert outcome.reason == reason


def test_names_the_line_of_a_failure() -> None:
    """JUnit counts lines from 0, people from 1."""
    (problem,) = judge_tests("unit", pytest_ended(FAILED, status=1)).problems
    assert problem == Problem(
        "tests.test_a::test_c", "assert 1 == 2", path="tests/test_a.py", line=10
    )


def test_names_the_line_that_cannot_be_read() -> None:
    """pytest's own report says no more than that there was a collection failure."""
    (problem,) = judge_tests("unit", pytest_ended(UNREADABLE, status=2)).problems
    assert problem == Problem(
        "tests.test_y", "SyntaxError: invalid syntax", path="tests/test_y.py", line=7
    )


def test_shows_the_last_words_of_a_run_without_failures() -> None:
    """What pytest printed tells why it was not content."""
    ended = pytest_ended(PASSED, status=1, output="a\nSTILL THERE\nstack demo\n")
    (problem,) = judge_tests("local", ended).problems
    assert problem.message.startswith("exit status 1: tests failed, or something was left behind")
    assert problem.message.endswith("  STILL THERE\n  stack demo")


# What came of lint


def test_is_green_where_lint_is_silent() -> None:
    """What could merely be better is a note."""
    outcome = judge_lint("lint", lint_ended({"severity": "info"}))
    assert outcome.green
    assert outcome.reason == "f.json: no findings"
    assert outcome.notes == ("f.json:3: HS001 m",)


def test_is_red_where_lint_has_findings() -> None:
    """Each with its place and remedy."""
    outcome = judge_lint("lint", lint_ended({"severity": "error", "remedy": "mend"}, status=1))
    assert not outcome.green
    assert outcome.reason == "1 findings in f.json"
    assert outcome.problems == (Problem("HS001", "m\nremedy: mend", "f.json", 3, 5, "error"),)


UNREAD = json.dumps({"templates": [], "unread": {"f.json": "f.json:1:2: not JSON"}, "findings": []})


@pytest.mark.parametrize(
    ("ended", "reason", "shown"),
    [
        (Ended(2, "", UNREAD), "it could not run", "f.json:1:2: not JSON"),
        (Ended(2, "no such file", None), "it could not run", "no such file"),
        (Ended(0, "", None), "it could not run", "exit status 0"),
        (Ended(0, "", "{}"), "it could not run", "exit status 0"),
        (Ended(-11, "", UNREAD), "it could not run", "exit status -11"),
    ],
)
def test_is_red_where_lint_could_not_run(ended: Ended, reason: str, shown: str) -> None:
    """A file that cannot be read is as red as a finding."""
    outcome = judge_lint("lint", ended)
    assert not outcome.green
    assert outcome.reason == reason
    assert shown in "\n".join(problem.message for problem in outcome.problems)


def test_is_red_where_nothing_was_linted() -> None:
    """No template, no verdict."""
    ended = Ended(0, "", json.dumps({"templates": [], "findings": []}))
    assert not judge_lint("lint", ended).green


# What people see

GREEN = Outcome("lint", green=True, reason="f.json: no findings", seconds=2.0)
RED = Outcome(
    "unit",
    green=False,
    reason="3 of 9 tests did not pass",
    problems=(
        Problem("t::a", "no engine: 100%\nremedy: get one", "t.py", 3),
        Problem("t::b", "no engine: 100%\nremedy: get one", "t.py", 7),
        Problem("t::c", "assert 1, or 2", "t.py", 9),
    ),
    seconds=4.0,
    log=".harness/gate/unit.log",
)
EMPTY = Outcome("local", green=False, reason="no test was collected")


def test_tells_people_what_was_checked() -> None:
    """Each part, what it took, and the headroom."""
    text = Summary([GREEN], [Headroom("Compute", 22.4, 300.0)], 5.0).text()
    assert "green lint      2.0 s  f.json: no findings" in text
    assert "Compute: provisioning took 22 s of 300 s" in text
    assert text.endswith("GREEN in 5 s")


def test_tells_people_once_what_many_tests_say() -> None:
    """Failures in a row of one cause are one, with their number."""
    text = Summary([GREEN, RED, EMPTY], [], 5.0).text()
    assert text.count("no engine: 100%") == 1
    assert "t.py:3: t::a and 1 more" in text
    assert "t.py:9: t::c" in text
    assert "all of its output: .harness/gate/unit.log" in text
    assert text.endswith("RED in 5 s")


def test_writes_a_job_summary() -> None:
    """A table, and what failed below it."""
    markdown = Summary([GREEN, RED], [Headroom("Compute", 22.4, 300.0)], 5.0).markdown()
    assert "| lint | ✅ | 2 s | f.json: no findings |" in markdown
    assert "| unit | ❌ | 4 s | 3 of 9 tests did not pass |" in markdown
    assert "- Compute: provisioning took 22 s of 300 s" in markdown
    assert "**t.py:9: t::c**\n\n```\nassert 1, or 2\n```" in markdown


def test_marks_the_lines() -> None:
    """In GitHub's own escaping, once for each cause; a part without a line as a whole."""
    assert list(Summary([GREEN, RED, EMPTY], [], 5.0).annotations()) == [
        "::error file=t.py,line=3,title=t%3A%3Aa and 1 more::no engine: 100%25%0Aremedy: get one",
        "::error file=t.py,line=9,title=t%3A%3Ac::assert 1, or 2",
        "::error title=gate%3A local::no test was collected",
    ]


def test_no_part_is_no_success() -> None:
    """A gate that ran nothing is red."""
    assert not Summary([], [], 0.0).green


# Running


def part(folder: Path, name: str, code: str) -> Part:
    """A part whose process runs Python code; it is green where that writes ``ok``."""
    report = folder / f"{name}.report"

    def judge(part_name: str, ended: Ended) -> Outcome:
        return Outcome(part_name, green=ended.report == "ok", reason=ended.output.strip())

    code = f"import signal, sys, time\nreport = {str(report)!r}\n{code}"
    return Part(name, (sys.executable, "-c", code), report, folder / f"{name}.log", judge)


OK = "open(report, 'w').write('ok'); print('fine')"
WAITS = """
signal.signal(signal.SIGINT, lambda *_: (open(report, 'w').write('tidied'), sys.exit(0)))
open(report + '.ready', 'w').close()
time.sleep(60)
"""


def fails_when(other: Path) -> str:
    return f"""
import os
while not os.path.exists({str(other)!r}): time.sleep(0.01)
print('broken')
"""


def test_runs_all_parts(tmp_path: Path) -> None:
    """Outcomes come in the order of the parts, with their time and log."""
    parts = [part(tmp_path, "one", OK), part(tmp_path, "two", OK)]
    outcomes = run_parts(parts, tmp_path, os.environ)
    assert [(one.part, one.green, one.reason) for one in outcomes] == [
        ("one", True, "fine"),
        ("two", True, "fine"),
    ]
    assert all(one.seconds > 0 and Path(one.log).exists() for one in outcomes)


def test_a_part_that_cannot_begin_leaves_no_other_at_work(tmp_path: Path) -> None:
    """What had begun is ended, and waited for."""
    begun = part(tmp_path, "begun", "time.sleep(600)")
    absent = replace(part(tmp_path, "absent", OK), command=(str(tmp_path / "none"),))
    with pytest.raises(FileNotFoundError):
        run_parts([begun, absent], tmp_path, os.environ)
    ours = [one.read_text().split() for one in Path("/proc/self/task").glob("*/children")]
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for task in ours for pid in task]
    assert not any("time.sleep(600)" in one for one in commands)


def test_a_report_of_an_earlier_run_says_nothing(tmp_path: Path) -> None:
    """A part that writes none is not judged by what was there."""
    (tmp_path / "one.report").write_text("ok")
    (outcome,) = run_parts([part(tmp_path, "one", "pass")], tmp_path, os.environ)
    assert not outcome.green


def test_stops_the_others_in_order_when_one_is_red(tmp_path: Path) -> None:
    """The verdict is known; what runs on gets to tidy up, and is red for not having ended."""
    ready = tmp_path / "slow.report.ready"
    parts = [part(tmp_path, "cheap", fails_when(ready)), part(tmp_path, "slow", WAITS)]
    cheap, slow = run_parts(parts, tmp_path, os.environ)
    assert not cheap.green
    assert not slow.green
    assert slow.reason == "stopped: cheap is red"
    assert (tmp_path / "slow.report").read_text() == "tidied"


def test_interrupts_a_part_only_once(tmp_path: Path) -> None:
    """A second interrupt would end its tidying up; the first reason is the one."""
    code = """
import os
told = []
signal.signal(signal.SIGINT, lambda *_: told.append(1))
open(report + '.ready', 'w').close()
while not os.path.exists(report + '.go'): time.sleep(0.01)
open(report, 'w').write(str(len(told)))
"""
    running = _Running(part(tmp_path, "slow", code), tmp_path, os.environ)
    while not (tmp_path / "slow.report.ready").exists():
        time.sleep(0.01)
    running.stop("lint is red")
    running.stop("unit is red")
    (tmp_path / "slow.report.go").touch()
    assert running.outcome().reason == "stopped: lint is red"
    assert (tmp_path / "slow.report").read_text() == "1"


def test_lets_what_is_cheaper_end(tmp_path: Path) -> None:
    """It is soon done, and says more."""
    done = tmp_path / "dear.report.done"
    parts = [
        part(tmp_path, "cheap", fails_when(done) + OK),
        part(tmp_path, "dear", f"print('broken'); open({str(done)!r}, 'w').close()"),
    ]
    cheap, dear = run_parts(parts, tmp_path, os.environ)
    assert cheap.green
    assert not dear.green


def test_keeps_going_on_request(tmp_path: Path) -> None:
    """Then the others come to their own end."""
    parts = [part(tmp_path, "cheap", "print('broken')"), part(tmp_path, "slow", OK)]
    cheap, slow = run_parts(parts, tmp_path, os.environ, keep_going=True)
    assert not cheap.green
    assert slow.green


def test_ends_in_order_when_interrupted(tmp_path: Path) -> None:
    """SIGTERM, as Ctrl-C, leaves no process behind and lets each tidy up."""
    ready = tmp_path / "slow.report.ready"

    def interrupt(_outcome: Outcome) -> None:
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    parts = [part(tmp_path, "cheap", OK), part(tmp_path, "slow", WAITS)]
    with pytest.raises(KeyboardInterrupt):
        run_parts(parts, tmp_path, os.environ, say=interrupt)
    assert (tmp_path / "slow.report").read_text() == "tidied"


# The command

UNIT = "import pytest\n@pytest.mark.unit\ndef test_unit():\n    assert True\n"
LOCAL = "import pytest\n@pytest.mark.local\ndef test_local({}):\n    assert True\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stack's template, on a machine without a container engine."""
    shutil.copy2(ROOT / "formation.json", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "test_unit.py").write_text(UNIT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path


def test_a_resource_that_is_not_created_is_not_awaited(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its condition does not hold with the parameters of the settings."""
    template = json.loads((project / "formation.json").read_text())
    template["Conditions"] = {"Wanted": {"Fn::Equals": [{"Ref": "SshCidr"}, "0.0.0.0/0"]}}
    template["Resources"]["Compute"]["Condition"] = "Wanted"
    del template["Outputs"]
    (project / "formation.json").write_text(json.dumps(template))
    (project / "test_local.py").write_text(LOCAL.format(""))
    main(["gate", "--keep-going"])
    assert "was never seen to be signalled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("local", "reason"),
    [
        (None, "no test was collected"),
        (LOCAL.format("target"), "1 of 1 tests did not pass"),
        (LOCAL.format(""), "Compute was never seen to be signalled"),
    ],
    ids=["nothing collected", "no engine", "no stack"],
)
def test_is_red_where_the_local_rung_did_not_run(
    project: Path, capsys: pytest.CaptureFixture[str], local: str | None, reason: str
) -> None:
    """Whatever the way of not having run, lint and unit being green."""
    if local is not None:
        (project / "test_local.py").write_text(local)
    assert main(["gate", "--keep-going"]) == 1
    shown = capsys.readouterr().out
    assert "green lint" in shown
    assert "green unit" in shown
    assert reason in shown
    assert "RED" in shown


def test_writes_for_github(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where GitHub runs it, lines are marked and the job has a summary."""
    (project / "formation.json").write_text('{"Resources": ')
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    assert main(["gate"]) == 1
    assert "::error file=formation.json" in capsys.readouterr().out
    assert "| lint | ❌ |" in (project / "summary.md").read_text()
