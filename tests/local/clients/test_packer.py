"""Debian's packer bakes an AMI with provision.sh, and a stack launched with it is ready at boot."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.deployment import Deployment
from harness.embed import user_data
from harness.run import Run
from harness.template import Template

if TYPE_CHECKING:
    from tests.local.clients.conftest import Client
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[3]
LIMIT = 600
CreateStack = Callable[..., AbstractContextManager[Deployment]]

AT_BOOT = """\
#cloud-boothook
#!/bin/sh
command -v lein > /root/at-boot || echo absent > /root/at-boot
"""
MULTIPART = """\
Content-Type: multipart/mixed; boundary="=="
MIME-Version: 1.0

--==
Content-Type: text/cloud-boothook

{boothook}
--==
Content-Type: text/x-shellscript

{script}
--==--
"""


@pytest.fixture
def baked(client: Client, site: Site, tmp_path: Path) -> Iterator[str]:
    """The id of the AMI that image.pkr.hcl makes."""
    before = {one["KeyName"] for one in site.ec2.describe_key_pairs()["KeyPairs"]}
    groups = {one["GroupId"] for one in site.ec2.describe_security_groups()["SecurityGroups"]}
    done = client(
        "packer",
        *("build", "-color=false", "-var", f"endpoint={site.target.endpoint_url}", "image.pkr.hcl"),
        cwd=ROOT,
        CHECKPOINT_DISABLE="1",
        PACKER_CONFIG_DIR=str(tmp_path),
        PACKER_CACHE_DIR=str(tmp_path / "cache"),
    )
    (image_id,) = re.findall(r"^us-east-1: (ami-[0-9a-f]+)$", done.stdout, re.MULTILINE)
    assert {one["KeyName"] for one in site.ec2.describe_key_pairs()["KeyPairs"]} == before
    after = {one["GroupId"] for one in site.ec2.describe_security_groups()["SecurityGroups"]}
    assert after == groups
    yield image_id
    site.ec2.deregister_image(ImageId=image_id)


def test_a_stack_on_a_baked_image_has_lein_before_cloud_init_runs_anything(
    baked: str, create_stack: CreateStack, harness_run: Run, site: Site
) -> None:
    """A boothook, which is the first thing that cloud-init runs of UserData, finds ``lein``."""
    (image,) = site.ec2.describe_images(ImageIds=[baked])["Images"]
    assert image["State"] == "available"
    assert image["Architecture"] == "x86_64"

    formation = copy.deepcopy(dict(Template.load(ROOT / "formation.json").body))
    compute = formation["Resources"]["Compute"]["Properties"]
    compute["ImageId"] = baked
    script = (ROOT / "provision.sh").read_text()
    compute["UserData"] = {"Fn::Base64": with_boothook(user_data(script, "Compute")["Fn::Base64"])}
    with create_stack(template=Template.parse(json.dumps(formation))) as deployment:
        deployment.stack.wait("CREATE_COMPLETE", limit=LIMIT)
        login = harness_run.login(deployment)
        assert login.run("sudo cat /root/at-boot").stdout.strip() == "/usr/bin/lein"
        assert login.run("lein version").returncode == 0


def with_boothook(script: object) -> object:
    """A script of UserData, whatever functions it is made of, with a boothook before it."""
    head, tail = MULTIPART.format(boothook=AT_BOOT, script="\0").split("\0")
    return {"Fn::Join": ["", [head, script, tail]]}
