"""``harness coverage``: what would be acted on is told before a stack is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

pytestmark = pytest.mark.selftest

FORMATION = str(Path(__file__).parents[2] / "formation.json")


def written(folder: Path, resources: dict[str, Any], **sections: Any) -> str:  # noqa: ANN401
    path = folder / "template.json"
    path.write_text(json.dumps({"Resources": resources, **sections}))
    return str(path)


def instance(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON value
    return {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": "ami-1", **properties}}


def as_json(capsys: pytest.CaptureFixture[str], path: str) -> tuple[int, list[dict[str, Any]]]:
    status = main(["coverage", "--json", path])
    found = json.loads(capsys.readouterr().out)["templates"]
    assert [one["template"] for one in found] == [path]
    resources: list[dict[str, Any]] = found[0]["resources"]
    return status, resources


def test_the_stack_of_this_repository(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that formation.json says is acted on, or known to have no effect."""
    status, resources = as_json(capsys, FORMATION)
    assert status == 0
    assert [one["not_simulated"] for one in resources] == [[], []]
    compute = resources[0]
    assert compute["logical_id"] == "Compute"
    assert {"KeyName", "UserData", "MetadataOptions.HttpTokens"} <= {*compute["acted_on"]}
    assert list(compute["without_effect"]) == ["BlockDeviceMappings"]


def test_text_says_why(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The text names what has no effect and why, what is not simulated, and what that leads to."""
    path = written(
        tmp_path,
        {
            "Compute": instance(Monitoring=True, EnclaveOptions={"Enabled": True}),
            "Cache": {"Type": "AWS::ElastiCache::CacheCluster"},
        },
    )
    assert main(["coverage", path]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: 2 resources, 2 not simulated in full: Compute, Cache",
        "  Compute (AWS::EC2::Instance)",
        "    acted on: ImageId",
        "    accepted, not simulated: Monitoring (nobody measures guests)",
        "    not simulated: EnclaveOptions",
        "  Cache (AWS::ElastiCache::CacheCluster)",
        "    not simulated: the whole type",
        "  remedy: --unsupported accept lists it in the stack's events instead of failing",
    ]


def test_nested_properties_are_told_apart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Inside an object, what is acted on does not hide what is not."""
    options = {"HttpTokens": "required", "Nonsense": 1}
    status, resources = as_json(capsys, written(tmp_path, {"C": instance(MetadataOptions=options)}))
    assert status == 1
    assert resources[0]["acted_on"] == ["ImageId", "MetadataOptions.HttpTokens"]
    assert resources[0]["not_simulated"] == ["MetadataOptions.Nonsense"]


def test_both_ways_of_a_condition(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A property that only one branch of Fn::If has is looked at; AWS::NoValue is no property."""
    path = written(
        tmp_path,
        {
            "C": instance(
                Tenancy={"Fn::If": ["Yes", "dedicated", {"Ref": "AWS::NoValue"}]},
                MetadataOptions={"Fn::If": ["Yes", {"HttpTokens": "required"}, {"Odd": 1}]},
                HibernationOptions={"Ref": "AWS::NoValue"},
            )
        },
        Conditions={"Yes": {"Fn::Equals": ["a", "a"]}},
    )
    _, resources = as_json(capsys, path)
    assert resources[0]["not_simulated"] == ["MetadataOptions.Odd"]
    assert list(resources[0]["without_effect"]) == ["Tenancy"]


def test_disks_that_no_guest_gets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A second disk would not appear in a guest; the root's, named by a parameter, is there."""
    devices = [{"DeviceName": {"Ref": "Root"}, "Ebs": {"VolumeSize": 20}}]
    parameters = {"Root": {"Type": "String", "Default": "/dev/xvda"}}
    one = written(tmp_path, {"C": instance(BlockDeviceMappings=devices)}, Parameters=parameters)
    assert as_json(capsys, one)[0] == 0
    devices.append({"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 100}})
    two = written(tmp_path, {"C": instance(BlockDeviceMappings=devices)}, Parameters=parameters)
    status, resources = as_json(capsys, two)
    assert (status, resources[0]["not_simulated"]) == (1, ["BlockDeviceMappings.DeviceName"])


def test_attributes_that_nobody_answers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An attribute that is asked for and not answered is named, wherever it is asked for."""
    path = written(
        tmp_path,
        {"C": instance(Tags=[{"Key": "Name", "Value": {"Fn::Sub": "${G.Nonsense}"}}])}
        | {"G": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "ours"}}},
        Outputs={"Id": {"Value": {"Fn::GetAtt": ["G", "GroupId"]}}},
    )
    status, resources = as_json(capsys, path)
    assert status == 1
    assert [one["not_simulated"] for one in resources] == [[], ["Fn::GetAtt Nonsense"]]


def test_signals_are_simulated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """CloudFormation's own types are covered; what a policy asks beyond signals is not."""
    path = written(
        tmp_path,
        {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Ready": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "300", "Count": 1},
            },
            "C": instance() | {"DeletionPolicy": "Snapshot"},
        },
        Outputs={"Data": {"Value": {"Fn::GetAtt": "Ready.Data"}}},
    )
    _, resources = as_json(capsys, path)
    assert [one["not_simulated"] for one in resources] == [[], [], ["DeletionPolicy: Snapshot"]]
    assert resources[1]["acted_on"] == ["Handle", "Timeout", "Count"]


def test_a_template_that_cannot_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A missing file is named, with what to do, and the exit status tells it from a gap."""
    missing = str(tmp_path / "missing.json")
    assert main(["coverage", missing]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert missing in captured.err
    assert "remedy" in captured.err


def test_nothing_is_imported_for_it() -> None:
    """Neither clients nor moto are loaded: the answer is there at once."""
    program = (
        "import sys; from harness.cli import main; main(['coverage', sys.argv[1]]);"
        "sys.exit(bool({'moto', 'boto3', 'botocore'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, FORMATION], check=False, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
