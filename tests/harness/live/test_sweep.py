"""What dead runs have left is found by tag, and deleted; twice is harmless."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws

from harness.ledger import Entry, OpenEntry
from harness.live.cleanup import clean
from harness.live.session import Clients
from harness.live.sweep import expired_at, find, of_run, remove
from harness.naming import Naming

pytestmark = pytest.mark.selftest

NOW = datetime.now(UTC)
TEMPLATE = json.dumps(
    {
        "Resources": {
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "g"},
            }
        }
    }
)


@pytest.fixture
def clients() -> Iterator[Clients]:
    """AWS in this process."""
    with mock_aws():
        yield Clients("us-east-1", None)


def tags(run: str, minutes_ago: int) -> list[dict[str, str]]:
    naming = Naming("p", f"ci-{run}", run, NOW - timedelta(minutes=minutes_ago), 60)
    return [{"Key": key, "Value": value} for key, value in naming.tags().items()]


def make(clients: Clients, run: str, minutes_ago: int) -> None:
    """A stack, a key pair, and an instance outside the stack, all tagged as of one run."""
    mine: Any = tags(run, minutes_ago)
    clients("cloudformation").create_stack(StackName=run, TemplateBody=TEMPLATE, Tags=mine)
    clients("ec2").create_key_pair(
        KeyName=run, TagSpecifications=[{"ResourceType": "key-pair", "Tags": mine}]
    )
    image = clients("ec2").describe_images()["Images"][0]["ImageId"]
    clients("ec2").run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": mine}],
    )


def test_only_what_has_expired_is_found(clients: Clients) -> None:
    """Not what is younger, not what is not ours."""
    make(clients, "old", 61)
    make(clients, "young", 59)
    clients("cloudformation").create_stack(StackName="foreign", TemplateBody=TEMPLATE)
    clients("ec2").create_key_pair(KeyName="foreign")
    found = find(clients, expired_at(NOW))
    assert [one.kind for one in found] == ["stack", "instance", "key-pair"]
    assert {one.name for one in found if one.kind != "instance"} == {"old"}
    assert "by ci-old" in str(found[0])


def test_what_is_found_is_deleted_and_deleting_twice_is_harmless(clients: Clients) -> None:
    """The second time, and of what somebody else has deleted meanwhile."""
    make(clients, "old", 61)
    found = find(clients, expired_at(NOW))
    assert [remove(clients, one) for one in found] == [[], [], []]
    assert find(clients, expired_at(NOW)) == []
    assert [remove(clients, one) for one in found] == [[], [], []]


def test_a_run_is_swept_by_name(clients: Clients) -> None:
    """By its id or by who ran it, expired or not."""
    make(clients, "young", 1)
    make(clients, "other", 1)
    for name in ("young", "ci-young"):
        assert {one.name for one in find(clients, of_run(name)) if one.kind == "stack"} == {"young"}


def test_what_cannot_be_deleted_is_named(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what AWS says; the others are deleted all the same."""
    make(clients, "old", 61)
    ec2 = clients("ec2")
    monkeypatch.setattr(
        ec2, "terminate_instances", lambda **_: ec2.describe_instances(InstanceIds=["i-0"])
    )
    left = [remove(clients, one) for one in find(clients, expired_at(NOW))]
    assert [bool(lines) for lines in left] == [False, True, False]
    assert "InvalidInstanceID" in left[1][0]


def test_the_ledger_of_a_dead_run_is_worked_off(clients: Clients) -> None:
    """Stack and key pair go; an instance that carries the run's tag all the same is named."""
    make(clients, "dead", 1)
    entries = [
        OpenEntry(Entry(kind, "dead", "aws", "us-east-1"), confirmed, 0.0)
        for kind, confirmed in (("stack", True), ("key-pair", False), ("target", True))
    ]
    (line,) = clean("dead", entries)
    assert "aws ec2 terminate-instances --region us-east-1" in line
    assert {one.kind for one in find(clients, of_run("dead"))} == {"instance"}
    assert clean("dead", entries) == [line], "twice is harmless"


def test_a_place_that_cannot_be_cleaned_keeps_no_other_from_it(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be left there is named, with what looks again."""
    asked = []

    def delete(there: Clients, name: str, _pace: object) -> list[str]:
        asked.append((there.region, name))
        return []

    def describe(there: Clients, service: str) -> object:
        if there.region == "us-east-1":
            raise NoCredentialsError
        return boto3.client(service, region_name=there.region)  # type: ignore[call-overload]  # any

    del clients
    monkeypatch.setattr("harness.live.cleanup._DELETERS", {"stack": delete})
    monkeypatch.setattr(Clients, "__call__", describe)
    regions = ("us-east-1", "eu-west-1")
    entries = [OpenEntry(Entry("stack", "s", "aws", one), True, 0.0) for one in regions]
    (line,) = clean("dead", entries)
    assert asked == [(region, "s") for region in regions]
    assert "in us-east-1, if there are any" in line
    assert "harness sweep --run dead --delete" in line


def test_a_run_that_has_made_nothing_leaves_nothing(clients: Clients) -> None:
    """A request that never arrived: there is nothing to delete, and that is no error."""
    del clients
    entry = OpenEntry(Entry("stack", "never", "aws", "us-east-1"), confirmed=False, when=0.0)
    assert clean("never", [entry]) == []
