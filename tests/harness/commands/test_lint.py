"""``harness lint`` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main

pytestmark = pytest.mark.selftest

CLEAN = "Resources: {Queue: {Type: AWS::SQS::Queue}}\n"
WARNED = "Resources: {Disk: {Type: AWS::EC2::Volume, Properties: {Size: 8, Encrypted: false, AvailabilityZone: !Select [0, !GetAZs '']}}}\n"  # noqa: E501 - one document
INFORMED = WARNED.replace("Encrypted: false, ", "")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


IGNORE = ["--ignore", "W3011,I"]
"""cfn-lint would have the volume kept."""


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        (CLEAN, [], 0),
        (WARNED, [], 1),
        (WARNED, ["--fail-on", "error"], 0),
        (WARNED, ["--ignore", "HM008"], 0),
        (INFORMED, [], 0),
        (INFORMED, ["--fail-on", "info"], 1),
    ],
)
def test_the_exit_status_says_whether_there_are_findings(
    text: str, options: list[str], status: int
) -> None:
    """0 clean, 1 findings; warnings count unless told otherwise."""
    assert main(["lint", write("t.yaml", text), *IGNORE, *options]) == status


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ("{", "not JSON"),
        ("[1]", "no object"),
        ('{"Resources": {}}', "no .Resources. section"),
        ("a: [", "neither JSON nor YAML"),
        ("", "no object"),
    ],
)
def test_what_cannot_be_read_is_status_2(
    text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a message and a remedy, without a traceback; the others are linted all the same."""
    if text is not None:
        write("bad.yaml", text)
    assert main(["lint", "bad.yaml", write("good.yaml", CLEAN)]) == 2
    out, err = capsys.readouterr()
    assert "1 template: nothing found; 1 template could not be read" in out
    assert err.startswith("harness lint: bad.yaml")
    assert said.replace(".", '"') in err or said in err
    assert "Traceback" not in err


def test_a_binary_file_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it is, it is no template."""
    Path("binary").write_bytes(b"\xff\xfe\x00")
    assert main(["lint", "binary"]) == 2
    assert "is no text" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["lint"],
        ["lint", "--format", "prose", "t.yaml"],
        ["lint", "--fail-on", "never", "t.yaml"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    """As argparse has it."""
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_a_parameter_without_a_value_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how to write one."""
    assert main(["lint", write("t.yaml", CLEAN), "--parameter", "Name"]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_output_goes_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing to the terminal."""
    arguments = ["lint", write("t.yaml", WARNED), "--format", "json", "--output", "out.json"]
    assert main([*arguments, *IGNORE]) == 1
    assert capsys.readouterr().out == ""
    document = json.loads(Path("out.json").read_text())
    assert [one["code"] for one in document["findings"]] == ["HM008"]


def test_output_that_cannot_be_written_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder is no file."""
    assert main(["lint", write("t.yaml", CLEAN), "--output", "."]) == 2
    assert "--output" in capsys.readouterr().err


def test_the_projects_regions_are_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """A zone of one of them is wrong in the others; the command line comes first."""
    zone = WARNED.replace("!Select [0, !GetAZs '']", "us-east-1a").replace("false", "true")
    template = write("t.yaml", zone)
    write("pyproject.toml", '[tool.harness]\nlint-regions = ["us-east-1", "eu-west-1"]\n')
    main(["lint", template])
    assert "us-east-1a is a zone of us-east-1, not of eu-west-1" in capsys.readouterr().out
    main(["lint", template, "--regions", "us-east-1"])
    assert "not of" not in capsys.readouterr().out


def test_parameters_and_regions_reach_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Values on the command line go before defaults."""
    text = """
Parameters: {Zone: {Type: String, Default: us-east-1a}}
Resources:
  Subnet:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: vpc-12345678, CidrBlock: 10.0.0.0/24, AvailabilityZone: !Ref Zone}
"""
    template = write("t.yaml", text)
    assert main(["lint", template]) == 0
    assert main(["lint", template, "--parameter", "Zone=eu-west-1", "--regions", "eu-west-1"]) == 1
    assert "HM001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--regions", "nowhere-1"], "nowhere-1"),
        (["--parameter", "Nope=1"], "no template has such a parameter"),
        (["--runs", "t.yaml"], "no folder"),
    ],
)
def test_options_that_name_nothing_are_status_2(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than passed over."""
    assert main(["lint", write("t.yaml", CLEAN), *options]) == 2
    assert said in capsys.readouterr().err
