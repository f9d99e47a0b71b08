"""The plugin as a suite of somebody else's meets it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.selftest

TEMPLATE = json.dumps(
    {"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
)
CONFTEST = '''\
"""A target made of paper: stacks are what a test says they are."""
import contextlib, datetime, types
import harness.target
from harness.errors import EngineAbsentError
from harness.waiting import LOCAL_PACE

END = "CREATE_COMPLETE"
ENGINE = True
CREATED = []
REASON = "Because of the paper"


class CloudFormation:
    meta = types.SimpleNamespace(region_name="us-east-1")
    status = ""

    def create_stack(self, **request):
        CREATED.append(request["StackName"])
        print("created", len(CREATED))
        self.status = END
        return {"StackId": f"arn:stack/{request['StackName']}"}

    def describe_stacks(self, **_):
        return {"Stacks": [{"StackId": "arn", "StackName": "s", "StackStatus": self.status}]}

    def delete_stack(self, **_):
        self.status = "DELETE_COMPLETE"

    def get_paginator(self, name):
        event = {
            "EventId": self.status, "Timestamp": datetime.datetime.now(datetime.UTC),
            "LogicalResourceId": "Handle", "PhysicalResourceId": "h", "ResourceType": "AWS::X::Y",
            "ResourceStatus": self.status, "ResourceStatusReason": REASON,
        }
        pages = [{"StackEvents": [event], "StackResourceSummaries": []}]
        return types.SimpleNamespace(paginate=lambda **_: pages)


class Paper:
    name, endpoint_url, pace = "local", None, LOCAL_PACE

    def __init__(self, region):
        self.region = region
        self.cloudformation = CloudFormation()

    def client(self, service):
        return self.cloudformation

    def admit(self, spec):
        return []

    def caller_cidr(self):
        return "192.0.2.1/32"

    def ssh_address(self, instance_id):
        return None

    def secrets(self):
        return frozenset()

    def facts(self):
        return {}


@contextlib.contextmanager
def open_target(request):
    if not ENGINE:
        raise EngineAbsentError("no container engine", remedy="apt-get install docker.io")
    yield Paper(request.region)


@contextlib.contextmanager
def prepare_target(request):
    print("begun", request.region)
    yield
    print("ended what was begun")


import sys
sys.modules["paper"] = sys.modules[__name__]
harness.target.TARGETS = {"local": "paper:open_target", "aws": "paper:open_target"}
harness.target.PREPARATIONS = {"local": "paper:prepare_target"}
'''


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a template, and with the target made of paper."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")
    pytester.makeconftest(CONFTEST)
    pytester.makefile(".json", formation=TEMPLATE)
    pytester.makepyprojecttoml("[tool.harness]\n")
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=60)


def test_a_booted_test_is_written_once_and_runs_on_each_rung(suite: pytest.Pytester) -> None:
    """One item for local, one for each entry of the matrix."""
    suite.makepyprojecttoml('[tool.harness.matrix]\nregions = ["us-east-1", "eu-west-1"]\n')
    suite.makepyfile("import pytest\n@pytest.mark.booted\ndef test_it(stack): pass\n")
    collected = run(suite, "--collect-only", "-q", "-m", "local or live").outlines
    assert [line.partition("::")[2] for line in collected[:3]] == [
        "test_it[local]",
        "test_it[live-us-east-1]",
        "test_it[live-eu-west-1]",
    ]


@pytest.mark.parametrize(
    ("expression", "passed", "deselected", "status"),
    [
        ("", 1, 1, 0),
        ("not unit", 1, 1, 0),
        ("live", 1, 1, 0),
        ("local or live", 2, 0, 0),
        ("unit", 0, 2, 5),
    ],
)
def test_live_is_opt_in(
    suite: pytest.Pytester, expression: str, passed: int, deselected: int, status: int
) -> None:
    """Only where -m names it; nothing selected is red, as pytest has it."""
    suite.makepyfile("import pytest\n@pytest.mark.booted\ndef test_it(stack): pass\n")
    result = run(suite, *(["-m", expression] if expression else []))
    result.assert_outcomes(passed=passed, deselected=deselected)
    assert result.ret == status


@pytest.mark.parametrize(
    ("arguments", "begun"),
    [
        (["-m", "local"], True),
        (["-m", "local and not slow"], True),
        (["-m", "(local)or live"], True),
        (["-m", "local", "-k", "nothing"], True),
        (["-m", "local", "--collect-only"], False),
        (["-m", "local", "--setup-plan"], False),
        (["-m", "local", "-n", "1"], False),
        (["-m", "local", "--fixtures"], False),
        (["-m", "unit or local"], False),
        (["-m", "not local"], False),
        (["-m", "live"], False),
        ([], False),
    ],
)
def test_the_cloud_begins_where_its_tests_are_what_is_asked_for(
    suite: pytest.Pytester, arguments: list[str], *, begun: bool
) -> None:
    """Beside the collection; whatever begins is ended, though no test may have wanted it."""
    suite.makepyfile("import pytest\n@pytest.mark.booted\ndef test_it(stack): pass\n")
    result = run(suite, "-s", *arguments)
    output = result.stdout.str()
    assert ("begun us-east-1" in output) is begun
    assert ("ended what was begun" in output) is begun
    if begun:
        assert output.index("begun us-east-1") < output.index("collected")


def test_what_is_wrong_with_the_cloud_is_told_to_who_wants_it(suite: pytest.Pytester) -> None:
    """Not to a collection that it may not concern."""
    wrong = 'raise EngineAbsentError("nowhere")'
    suite.makeconftest(CONFTEST.replace('print("begun", request.region)', wrong))
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    run(suite, "-m", "local").assert_outcomes(passed=1)


def test_a_signal_at_the_very_end_ends_the_process_where_it_stands(
    suite: pytest.Pytester,
) -> None:
    """Nothing is left to be torn down, and no traceback of ours is in the way."""
    late = "def pytest_unconfigure(config): os.kill(os.getpid(), signal.SIGHUP)\n"
    suite.makeconftest(f"import os, signal\n{CONFTEST}\n{late}")
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # not as under nohup
    try:
        result = run(suite)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert result.ret == -signal.SIGHUP
    result.assert_outcomes(passed=1)
    assert "Traceback" not in result.stderr.str()


def test_stacks_are_shared_by_content(suite: pytest.Pytester) -> None:
    """Two tests that want the same share it; a module that overrides the template gets its own."""
    test = "import pytest\n@pytest.mark.local\ndef test_it(stack): assert stack.outputs == {}\n"
    own = (
        "from harness.template import Template\n"
        "@pytest.fixture\ndef template():\n"
        f"    return Template.parse({TEMPLATE.replace('Handle', 'Other', 1)!r})\n"
    )
    suite.makepyfile(test_a=test, test_b=test, test_c=test + own)
    result = run(suite, "-s")
    result.assert_outcomes(passed=3)
    assert result.stdout.str().count("created ") == 2
    assert result.stdout.str().count("DELETE_COMPLETE") == 2
    assert list((suite.path / ".harness" / "runs").iterdir()) == []


def test_events_are_shown_despite_capture(suite: pytest.Pytester) -> None:
    """As plain lines where there is no terminal."""
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    run(suite).stdout.fnmatch_lines(["*CREATE_COMPLETE*Handle (X::Y)*Because of the paper"])


def test_without_pytests_terminal_events_are_shown_all_the_same(suite: pytest.Pytester) -> None:
    """On standard error, as whoever silences the report wants its output for something else."""
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    result = run(suite, "-p", "no:terminal")
    assert result.ret == 0
    assert "CREATE_COMPLETE" in result.stderr.str()
    assert "CREATE_COMPLETE" not in result.stdout.str()


def test_a_stack_that_fails_is_told_without_a_traceback(suite: pytest.Pytester) -> None:
    """To every test that wants it, created once; the JUnit report names the evidence."""
    suite.makeconftest(CONFTEST.replace('END = "CREATE_COMPLETE"', 'END = "CREATE_FAILED"'))
    suite.makepyfile(
        "import pytest\n@pytest.mark.local\n@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(stack, n): pass\n"
    )
    result = run(suite, "-s", "--junit-xml", "report.xml")
    result.assert_outcomes(errors=2)
    output = result.stdout.str()
    assert output.count("created ") == 1
    assert "CREATE_FAILED, not CREATE_COMPLETE: Handle (AWS::X::Y) CREATE_FAILED" in output
    assert "Traceback" not in output
    assert "run.py" not in output
    assert 'name="evidence"' in (suite.path / "report.xml").read_text()


def test_without_an_engine_local_skips_and_says_so(suite: pytest.Pytester) -> None:
    """In words that nobody overlooks, with the remedy."""
    suite.makeconftest(CONFTEST.replace("ENGINE = True", "ENGINE = False"))
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    result = run(suite)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["!*THE LOCAL RUNG WAS NOT RUN*!", "1 tests of it were skipped*", "*apt-get install*"]
    )
    assert result.ret == 0


def test_where_local_is_required_it_fails_without_an_engine(suite: pytest.Pytester) -> None:
    """A gate that skips is no gate."""
    suite.makeconftest(CONFTEST.replace("ENGINE = True", "ENGINE = False"))
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    result = run(suite, "--require-local")
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    assert "apt-get install docker.io" in result.stdout.str()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--keep", "sometimes"], "--keep: must be never, failed or always"),
        (["--account", "1"], "--account: an account id has 12 digits"),
    ],
)
def test_a_malformed_option_is_a_usage_error(
    suite: pytest.Pytester, arguments: list[str], complaint: str
) -> None:
    """pytest's own status for it, and one line."""
    result = run(suite, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert complaint in result.stderr.str()


def test_a_test_that_says_not_where_is_told_so(suite: pytest.Pytester) -> None:
    """A stack without a marker."""
    suite.makepyfile("def test_it(stack): pass\n")
    result = run(suite)
    result.assert_outcomes(errors=1)
    assert "mark it booted, local or live" in result.stdout.str()


@pytest.mark.parametrize("arguments", [(), ("-m", "local")])
def test_a_folder_that_cannot_be_written_is_told(
    suite: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """Whoever wants a stack is told, and nobody else has to know."""
    suite.makepyfile(
        "import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n"
        "@pytest.mark.local\ndef test_else(): pass\n"
    )
    (suite.path / ".harness").write_text("a file")
    result = run(suite, *arguments)
    result.assert_outcomes(passed=1, errors=1)
    assert "runs/" in result.stdout.str()
    assert "cannot be made: Not a directory" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_a_matrix_that_is_wrong_is_a_usage_error(suite: pytest.Pytester) -> None:
    """Before anything is collected."""
    suite.makepyprojecttoml("[tool.harness.matrix]\nx = 4\n")
    suite.makepyfile("def test_it(): pass\n")
    result = run(suite)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "[tool.harness.matrix] has no axis 'x'" in result.stderr.str()


def test_what_a_test_is_refused_is_told_where_the_test_asked(suite: pytest.Pytester) -> None:
    """Not by way of the harness's own frames; those are shown on request."""
    unresolved = {**json.loads(TEMPLATE), "Outputs": {"O": {"Value": {"Ref": "Nope"}}}}
    suite.makefile(".json", formation=json.dumps(unresolved))
    suite.makepyfile(
        "import pytest\n@pytest.mark.unit\n"
        "def test_it(template, simulate):\n    simulate(template)\n"
    )
    output = run(suite).stdout.str()
    assert "test_what_a_test_is_refused_is_told_where_the_test_asked.py:4: in test_it" in output
    assert "Nope" in output
    assert "formation.json" in output
    assert "graph.py" not in output
    assert "graph.py" in run(suite, "--full-trace").stdout.str()


def test_a_booted_test_needs_an_instance(suite: pytest.Pytester) -> None:
    """Else it would run twice for nothing."""
    suite.makepyfile("import pytest\n@pytest.mark.booted\ndef test_it(): pass\n")
    output = run(suite).stdout.str()
    assert "takes no fixture of an instance" in output
    assert "pluggy" not in output.partition("collected")[2]


def test_a_missing_template_is_told_without_a_traceback(suite: pytest.Pytester) -> None:
    """With the path and the remedy."""
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    result = run(suite, "--template", "nowhere.json")
    assert "nowhere.json: no such file" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_credentials_are_hidden_from_all_but_live(suite: pytest.Pytester) -> None:
    """Unit and local see dummies; live sees what the process was started with."""
    suite.makepyfile(
        "import os, pytest\n"
        "@pytest.mark.unit\n"
        "def test_unit(): assert os.environ['AWS_ACCESS_KEY_ID'] == 'testing'\n"
        "@pytest.mark.local\n"
        "def test_local(): assert os.environ['AWS_ACCESS_KEY_ID'] == 'testing'\n"
        "@pytest.mark.live\n"
        "def test_live(): assert os.environ['AWS_ACCESS_KEY_ID'] == 'real'\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "real")
        run(suite, "-m", "unit or local or live").assert_outcomes(passed=3)


def test_a_stack_of_ones_own_is_deleted_at_the_end_of_the_test(suite: pytest.Pytester) -> None:
    """Before the next test begins, whether this one passed or not."""
    suite.makepyfile(
        "import pytest\n"
        "pytestmark = pytest.mark.local\n"
        "def test_first(create_stack):\n"
        "    with create_stack(label='mine') as deployment:\n"
        "        assert '-mine-' in deployment.stack.name\n"
        "        deployment.stack.wait('CREATE_COMPLETE', limit=5)\n"
        "    assert deployment.stack.status == 'DELETE_COMPLETE'\n"
        "def test_second(create_stack):\n"
        "    with create_stack():\n"
        "        raise ValueError('on purpose')\n"
    )
    result = run(suite)
    result.assert_outcomes(passed=1, failed=1)
    assert result.stdout.str().count("DELETE_COMPLETE") == 2


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_what_is_accepted_and_not_simulated_is_reported(
    suite: pytest.Pytester, workers: list[str]
) -> None:
    """Once at the end of the run, and as a property of the test that wanted the stack."""
    listing = "accepted, not simulated: Monitoring (nobody measures guests)"
    suite.makeconftest(CONFTEST.replace("Because of the paper", listing))
    suite.makepyfile(
        "import pytest\n"
        "pytestmark = pytest.mark.local\n"
        "def test_first(stack): pass\n"
        "def test_second(stack): pass\n"
        "def test_own(create_stack):\n"
        "    with create_stack() as deployment:\n"
        "        deployment.stack.wait('CREATE_COMPLETE', limit=5)\n"
    )
    result = run(suite, "--junitxml=report.xml", *workers)
    result.assert_outcomes(passed=3)
    line = "formation.json, Handle: Monitoring (nobody measures guests)"
    assert result.outlines.count(line) == 1
    result.stdout.fnmatch_lines(["*- ACCEPTED, NOT SIMULATED -*", line])
    cases = ET.parse(suite.path / "report.xml").iter("testcase")  # noqa: S314 - our own
    properties = {
        str(case.get("name")): [
            (one.get("name"), one.get("value")) for one in case.iter("property")
        ]
        for case in cases
    }
    told = [("accepted, not simulated", line)]
    assert properties == {"test_first": told, "test_second": [], "test_own": told}


def test_a_terminal_gets_a_table(suite: pytest.Pytester) -> None:
    """Also while pytest captures what tests print."""
    suite.makepyfile("import pytest\n@pytest.mark.local\ndef test_it(stack): pass\n")
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, stdin=follower, stdout=follower, cwd=suite.path) as process:
        os.close(follower)
        shown = b"".join(_lines(leader))
    assert process.returncode == 0
    for status in (b"CREATE_COMPLETE", b"DELETE_COMPLETE"):
        assert re.search(rb"Resource.*Status.*" + status, shown, re.DOTALL)


def _lines(leader: int) -> Iterator[bytes]:
    """What is written to a terminal, until nobody holds its other end."""
    with open(leader, "rb", buffering=0) as terminal:
        while True:
            try:
                yield terminal.read(4096)
            except OSError:  # how a terminal's end shows on Linux
                return


def test_simulations_end_with_their_test(suite: pytest.Pytester) -> None:
    """A suite simulates by a fixture, on a template of its own choice; warnings are errors."""
    suite.makepyfile(
        "import os, pytest\n"
        "of_moto = lambda: [name for name in os.environ if name.startswith('MOTO_')]\n"
        "@pytest.mark.unit\n"
        "def test_first(template, simulate):\n"
        "    assert simulate(template, stack_name='mine').status == 'CREATE_COMPLETE'\n"
        "    assert of_moto()\n"
        "@pytest.mark.unit\n"
        "def test_second():\n"
        "    assert not of_moto()\n"
    )
    suite.runpytest_subprocess("-m", "unit", "-W", "error").assert_outcomes(passed=2)
