"""taskcat launches the templates of a project in their regions, reports, and deletes everything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.local.clients.conftest import Client
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

FORMATION = Path(__file__).parents[3] / "formation.json"
SIGNALLING = Path(__file__).parents[1] / "signalling.json"


def test_taskcat_tests_the_project_in_its_regions(
    client: Client, site: Site, tmp_path: Path
) -> None:
    """Its lint, its bucket, parameters that it fills in, two stacks at once, its report."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(FORMATION, project)
    shutil.copy(SIGNALLING, project)
    config = {
        "project": {"name": "formation", "regions": ["us-east-1"]},
        "tests": {
            "provisioned": {
                "template": "formation.json",
                "parameters": {"KeyName": site.key.name, "SshCidr": site.target.caller_cidr()},
            },
            "signalled": {
                "template": "signalling.json",
                "regions": ["eu-west-1"],
                "parameters": {"Before": "test $[taskcat_current_region] = eu-west-1"},
            },
        },
    }
    (project / ".taskcat.yml").write_text(yaml.safe_dump(config))

    done = client("taskcat", "test", "run", "--minimal-output", cwd=project)

    told = done.stdout + done.stderr
    for line in ("provisioned us-east-1", "signalled eu-west-1"):
        assert f"{line} CREATE_COMPLETE" in told
        assert f"{line} DELETE_COMPLETE" in told
    (report,) = project.glob("taskcat_outputs/*.html")
    assert report.read_text().count("CREATE_COMPLETE") == 2
    logs = list(project.glob("taskcat_outputs/*-cfnlogs.txt"))
    assert len(logs) == 2
    for log in logs:
        assert "Received SUCCESS signal with UniqueId i-" in log.read_text()

    for region in ("us-east-1", "eu-west-1"):
        stacks = client("aws", "cloudformation", "describe-stacks", "--region", region).stdout
        names = [one["StackName"] for one in json.loads(stacks)["Stacks"]]
        assert not [name for name in names if name.startswith("tCaT-")]
    remove_its_bucket(site)


def remove_its_bucket(site: Site) -> None:
    """taskcat has forgotten the name of its bucket by the time that it would delete it."""
    s3: Any = site.target.client("s3")
    names = [one["Name"] for one in s3.list_buckets()["Buckets"]]
    (bucket,) = [name for name in names if name.startswith("tcat-formation-")]
    keys = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys == {"formation/formation.json", "formation/signalling.json"}
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    s3.delete_bucket(Bucket=bucket)
