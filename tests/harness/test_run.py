"""What a run journals, and what it takes for made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.deployment import Wanted
from harness.errors import HarnessError
from harness.naming import Naming
from harness.options import resolve
from harness.run import Run, Surroundings
from harness.template import Template
from harness.waiting import Pace

pytestmark = pytest.mark.selftest

TEMPLATE = Template.parse(
    """
    {"Parameters": {"KeyName": {"Type": "String"}},
     "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
    """
)


def error(code: str, status: int) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "said"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")


class Services:
    """CloudFormation and EC2, which fail as they are told."""

    meta = SimpleNamespace(region_name="us-east-1")

    def __init__(self) -> None:
        self.faults: dict[str, ClientError] = {}
        self.imported: list[str] = []

    def create_stack(self, **_: object) -> dict[str, str]:
        if "create_stack" in self.faults:
            raise self.faults["create_stack"]
        return {"StackId": "arn:stack/1"}

    def import_key_pair(self, **request: str) -> None:
        if "import_key_pair" in self.faults:
            raise self.faults["import_key_pair"]
        self.imported.append(request["KeyName"])


class Paper:
    """A target made of paper."""

    name, region, endpoint_url = "aws", "us-east-1", None
    pace = Pace(first=0.001, ceiling=0.001, patience=0.01)

    def __init__(self, services: Services) -> None:
        self._services = services

    def client(self, _service: str) -> Services:
        return self._services

    def admit(self, _spec: object) -> list[str]:
        return []

    def secrets(self) -> frozenset[str]:
        return frozenset()

    def facts(self) -> dict[str, str]:
        return {}

    def caller_cidr(self) -> str:
        return "192.0.2.1/32"


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def run(tmp_path: Path, services: Services) -> Iterator[Run]:
    """A run of a worker's, which leaves the watchdog to others."""
    naming = Naming("p", "w", "rid", datetime.now(UTC), 60)
    progress: Any = nullcontext
    made = Run(resolve({}, {}, {}, tmp_path), naming, Surroundings({}, progress, worker="gw0"))
    target: Any = Paper(services)
    made._targets["aws", "us-east-1"] = target
    yield made
    made.ledger.close()


def journalled(run: Run) -> list[str]:
    """The kinds of what the ledger says is to be deleted."""
    return sorted(one.entry.kind for one in run.ledger.open_entries())


@pytest.mark.parametrize(
    ("code", "status", "kept"),
    [("ValidationError", 400, False), ("InternalFailure", 500, True), ("Throttling", 400, True)],
)
def test_a_stack_that_may_have_been_created_stays_in_the_ledger(
    run: Run, services: Services, code: str, status: int, *, kept: bool
) -> None:
    """Only CloudFormation's refusal says that there is nothing to delete."""
    services.faults["create_stack"] = error(code, status)
    with pytest.raises(HarnessError, match="said"):
        run.deployment(Wanted("aws", "us-east-1", TEMPLATE))
    assert journalled(run) == ["key-pair", *(["stack"] if kept else [])]


def test_a_key_that_could_not_be_imported_is_not_taken_for_one_that_was(
    run: Run, services: Services
) -> None:
    """The next stack tries again, and the error names what was refused."""
    wanted = Wanted("aws", "us-east-1", TEMPLATE)
    services.faults["import_key_pair"] = error("UnauthorizedOperation", 403)
    for _ in range(2):
        with pytest.raises(HarnessError, match="UnauthorizedOperation") as raised:
            run._begin(wanted)
        assert raised.value.remedy
    assert not [*run.directory.glob("*.key")]
    services.faults.clear()
    run._begin(wanted)
    run._begin(wanted)
    assert len(services.imported) == 1
