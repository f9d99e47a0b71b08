"""Amazon's own helper scripts in a guest, against the local cloud.

The newest package of them that PyPI has is for Python 2. It is fetched when the test runs, turned
into Python 3 by fissix and a few mends of what fissix cannot know, and installed in the guest. What
it asks the metadata service and CloudFormation, and what it makes of the answers, stays Amazon's.
"""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from fissix.refactor import (  # type: ignore[import-untyped]
    RefactoringTool,
    get_fixers_from_package,
)

from harness.deployment import Deployment
from harness.run import Run
from harness.template import Template
from harness.waiting import Deadline

pytestmark = pytest.mark.local

REQUIREMENT = "aws-cfn-bootstrap==1.4.post31"
PROGRAMS = ("cfn-init", "cfn-signal", "cfn-get-metadata")
CA = "/etc/ssl/certs/ca-certificates.crt"
Guest = Any
"""Testinfra's ``Host``, whose modules come at run time."""

MENDS: tuple[tuple[str, str], ...] = (
    # gone from Python since, and without a replacement by the same name
    (r"(?<![\w.])file\(", "open("),
    (r"\.isAlive\(", ".is_alive("),
    (r"def has_key\(", "def __contains__("),
    (r"\bimport imp\n", "\n"),
    (r"\bimp\.is_frozen\([^)]*\)", "False"),
    (r"\bimport pkg_resources\n", "pass\n"),
    (
        r"pkg_resources\.resource_stream\([^)]*\)",
        "open(os.path.join(os.path.dirname(__file__), 'endpoints.json'))",
    ),
    # text that Python 3 wants as bytes, and bytes that it wants as text
    (r"base64\.b64encode\(document\)", "base64.b64encode(document.encode()).decode()"),
    (r"(verb == 'POST' else )''", r"\1b''"),
    (r"subprocess\.Popen\(self\._cmd,", "subprocess.Popen(self._cmd, universal_newlines=True,"),
    (r"(\w+\.(?:stdout|stderr))\.decode\('utf-8'\)", r"\1"),
    (r"return x\.decode\('utf-8'\)", "return x"),
)
"""Patterns and what takes their place, everywhere in the package."""

REQUESTS = """\
# The copy of requests in the package is too old for this Python; pip has a newer one.
import sys

from pip._vendor import requests
from pip._vendor.requests import api, auth, exceptions
from pip._vendor.urllib3 import exceptions as urllib3_exceptions

sys.modules[__name__ + ".requests"] = requests
for name, module in (("api", api), ("auth", auth), ("exceptions", exceptions)):
    sys.modules[__name__ + ".requests." + name] = module
sys.modules[__name__ + ".requests.packages.urllib3.exceptions"] = urllib3_exceptions
"""

BACKEND = '''\
"""Packs what is beside it into a wheel: a PEP 517 backend that needs nothing."""

import zipfile
from pathlib import Path

STEM = "aws_cfn_bootstrap-1.4.post31"
METADATA = "Metadata-Version: 2.1\\nName: aws-cfn-bootstrap\\nVersion: 1.4.post31\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = STEM + "-py3-none-any.whl"
    info = STEM + ".dist-info/"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for path in Path("cfnbootstrap").rglob("*.*"):
            wheel.writestr(str(path), path.read_bytes())
        for path in Path("bin").iterdir():
            program = zipfile.ZipInfo(STEM + ".data/scripts/" + path.name)
            program.external_attr = 0o100755 << 16
            wheel.writestr(program, path.read_bytes())
        wheel.writestr(info + "METADATA", METADATA)
        wheel.writestr(info + "WHEEL", WHEEL)
        wheel.writestr(info + "RECORD", "")
    return name
'''


def amazon_tarball(folder: Path) -> bytes:
    """Amazon's package from PyPI, for Python 3, as a source distribution without dependencies.

    Args:
        folder: Where to download to.
    """
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--quiet", "--no-deps", "--no-binary=:all:", "--dest", folder, REQUIREMENT],
        check=True,
    )  # fmt: skip
    (original,) = folder.glob("*.tar.gz")
    converted = {
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        b'backend-path = ["."]\n',
        "backend.py": BACKEND.encode(),
        "cfnbootstrap/packages/__init__.py": REQUESTS.encode(),
        **dict(_converted(original)),
    }
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w:gz") as tar:
        for name, content in converted.items():
            entry = tarfile.TarInfo(f"aws-cfn-bootstrap-1.4/{name}")
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return result.getvalue()


def _converted(original: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(original) as tar:
        tar.extractall(original.parent, filter="data")
    (root,) = (path for path in original.parent.iterdir() if path.is_dir())
    tool = RefactoringTool(get_fixers_from_package("fissix.fixes"))
    mended: set[str] = set()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = str(path.relative_to(root))
        if not re.match(r"(bin|cfnbootstrap(?!/packages))/", name):
            continue
        content = path.read_bytes()
        if name.startswith("bin/") or name.endswith(".py"):
            # The fixer of imports looks at the disk for which modules are siblings.
            text = str(tool.refactor_string(content.decode() + "\n", str(path)))
            text = re.sub(r"\A#!.*python.*", "#!python", text)
            for pattern, replacement in MENDS:
                text, count = re.subn(pattern, replacement, text)
                mended |= {pattern} if count else set()
            content = text.encode()
        yield name, content
    assert mended == {pattern for pattern, _ in MENDS}, "mends that found nothing to mend"


INIT = {
    "AWS::CloudFormation::Init": {
        "configSets": {"default": ["first"]},
        "first": {
            "packages": {"apt": {"tree": []}},
            "users": {"worker": {"uid": "2000"}},
            "files": {
                "/opt/made/handle": {"content": {"Ref": "Handle"}, "mode": "000640"},
                "/opt/made/facts.json": {"content": {"stack": {"Ref": "AWS::StackName"}}},
            },
            "commands": {"say": {"command": "echo ran > /opt/made/ran", "test": "true"}},
        },
    },
    "Leaf": {"of": "the tree"},
}


def with_metadata(template: Template) -> Template:
    """An instance whose metadata is for cfn-init, and a wait condition beside it.

    The instance is given nothing to run: the test runs it, and each must be signalled.
    """
    properties = dict(template.resources["Compute"].properties)
    del properties["UserData"]
    # The programs of this age ask the metadata service without a token.
    properties["MetadataOptions"] = {"HttpTokens": "optional"}
    compute = {
        "Type": "AWS::EC2::Instance",
        "Metadata": INIT,
        "CreationPolicy": {"ResourceSignal": {"Timeout": "PT4M"}},
        "Properties": properties,
    }
    body = {
        "Parameters": template.parameters,
        "Resources": {
            **template.body["Resources"],
            "Compute": compute,
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Condition": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "240"},
            },
        },
        "Outputs": {"Told": {"Value": {"Fn::GetAtt": ["Condition", "Data"]}}},
    }
    return Template.parse(json.dumps(body))


def install(guest: Guest, tarball: bytes) -> None:
    """Put the programs into a virtual environment of their own."""
    encoded = base64.b64encode(tarball).decode()
    for command in (
        f"echo {encoded} | base64 --decode > /tmp/amazon.tar.gz",
        "sudo python3 -m venv /opt/amazon",
        "sudo /opt/amazon/bin/pip install --quiet --no-index /tmp/amazon.tar.gz",
        "sudo apt-get update --quiet",  # what cfn-init installs, it looks for in apt's lists
    ):
        done = guest.run(command)
        assert done.rc == 0, done.stderr


def guest_of(deployment: Deployment, run: Run) -> Guest:
    """The instance, as soon as it runs; the stack is still waiting for it."""
    deadline = Deadline(60)
    while not deployment.instance_ids() and not deadline.over:
        deadline.pause(0.2)
    waiter = deployment.target.client("ec2").get_waiter("instance_running")
    waiter.wait(InstanceIds=[deployment.instance_id(None)], WaiterConfig={"Delay": 1})
    return run.login(deployment).host


def test_amazons_programs_work_in_a_guest(
    create_stack: Callable[..., AbstractContextManager[Deployment]],
    template: Template,
    harness_run: Run,
    tmp_path: Path,
) -> None:
    """Metadata is read, acted on, and both kinds of signal are taken."""
    tarball = amazon_tarball(tmp_path)
    with create_stack(template=with_metadata(template), label="amazon") as deployment:
        stack = deployment.stack
        guest = guest_of(deployment, harness_run)
        install(guest, tarball)
        names = f"--stack {stack.name} --resource Compute --region {deployment.target.region}"

        def amazon(command: str) -> str:
            done = guest.run(f"sudo env REQUESTS_CA_BUNDLE={CA} /opt/amazon/bin/{command}")
            assert done.rc == 0, done.stderr
            return str(done.stdout)

        assert amazon(f"cfn-get-metadata {names} --key Leaf.of") == "the tree\n"
        amazon(f"cfn-init --verbose {names}")
        assert guest.package("tree").is_installed
        assert guest.user("worker").uid == 2000
        assert guest.file("/opt/made/ran").content_string == "ran\n"
        assert json.loads(guest.file("/opt/made/facts.json").content_string) == {
            "stack": stack.name
        }
        with guest.sudo():
            handle = guest.file("/opt/made/handle").content_string
        answer = amazon(f"cfn-signal --id one --data well '{handle}'")
        assert answer == "CloudFormation signaled successfully with SUCCESS.\n"
        assert stack.status == "CREATE_IN_PROGRESS"
        amazon(f"cfn-signal --exit-code 0 {names}")
        stack.wait("CREATE_COMPLETE", limit=60)
        assert json.loads(stack.outputs["Told"]) == {"one": "well"}
        refused = guest.run(f"sudo env REQUESTS_CA_BUNDLE={CA} /opt/amazon/bin/cfn-signal {names}")
        assert refused.rc == 1
        assert refused.stderr.startswith("ValidationError: ")
