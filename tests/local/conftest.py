"""What the tests of the local cloud share: one cloud, one key, instances that go with the test."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from harness import amis
from harness.cloud.engine import ContainerEngine
from harness.errors import EngineAbsentError, UnreachableError
from harness.guest import KeyPair, Login, LoginRequest, make_key_pair, open_login
from harness.run import Run
from harness.target import Target
from harness.waiting import LOCAL_PACE, Deadline

REGION: Final = "us-east-1"
LIMIT: Final = 240.0
UBUNTU: Final = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Machine:
    """An instance under test."""

    site: Site
    id: str
    key: KeyPair
    user: str

    def describe(self) -> dict[str, Any]:
        answer = self.site.ec2.describe_instances(InstanceIds=[self.id])
        described: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return described

    @property
    def state(self) -> str:
        return str(self.describe()["State"]["Name"])

    def wait_for(self, state: str) -> None:
        self.site.until(lambda: self.state == state, f"{self.id} is {state}")

    def login(self, *, wait: bool = True) -> Login:
        """Log in, with the host keys of the console; after the end of cloud-init."""
        request = LoginRequest(
            instance_id=self.id,
            key=self.key,
            user=self.user,
            directory=self.site.directory,
            control=self.site.control,
            cidr=self.site.target.caller_cidr(),
            limit=LIMIT,
            wait_for_cloud_init=wait,
        )
        return open_login(self.site.ec2, self.site.target.ssh_address, request, pace=LOCAL_PACE)

    def run(self, command: str, *, status: int = 0) -> str:
        """What a shell command in the instance prints."""
        login = self.login()
        try:
            done = login.run(command)
        finally:
            login.close()
        assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def has_rebooted_since(self, mark: str) -> bool:
        """Whether a file below /run is gone; not while it goes down, when nobody gets in."""
        try:
            login = self.login()
        except UnreachableError:
            return False
        try:
            return login.run(f"test -e {mark}").returncode == 1
        finally:
            login.close()


@dataclass(frozen=True)
class Site:
    """The local cloud, and what instances are launched with there."""

    target: Target
    directory: Path
    control: Path
    key: KeyPair
    run_id: str

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds."""
        deadline = Deadline(LIMIT)
        while not condition():
            assert not deadline.over, f"not within {LIMIT:.0f} s: {what}"
            deadline.pause(LOCAL_PACE.first)

    @property
    def ec2(self) -> Any:  # noqa: ANN401 - boto3 makes clients at run time
        return self.target.client("ec2")

    @property
    def ami(self) -> str:
        image = amis.by_parameter(UBUNTU)
        assert image is not None
        return image.image_id

    @contextlib.contextmanager
    def group(self, *ports: int) -> Iterator[str]:
        """A security group that lets this machine in on some ports."""
        group_id = str(
            self.ec2.create_security_group(GroupName=f"g-{uuid.uuid4().hex}", Description="test")[
                "GroupId"
            ]
        )
        try:
            for port in ports:
                self.admit(group_id, port)
            yield group_id
        finally:
            self.ec2.delete_security_group(GroupId=group_id)

    def admit(self, group_id: str, port: int) -> None:
        self.ec2.authorize_security_group_ingress(
            GroupId=group_id, IpPermissions=[self.permission(port)]
        )

    def permission(self, port: int) -> dict[str, Any]:
        """TCP from this machine."""
        source = [{"CidrIp": self.target.caller_cidr()}]
        return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": source}

    @contextlib.contextmanager
    def machines(
        self, count: int = 1, *, key: KeyPair | None = None, user: str = "ubuntu", **wanted: object
    ) -> Iterator[Sequence[Machine]]:
        """Instances that run; terminated in the end."""
        with contextlib.ExitStack() as stack:
            if "SecurityGroupIds" not in wanted:
                wanted["SecurityGroupIds"] = [stack.enter_context(self.group(22))]
            key = key or self.key
            request = {
                "ImageId": self.ami,
                "InstanceType": "t3.micro",
                "KeyName": key.name,
                "MinCount": 1,
                "MaxCount": count,
                **wanted,
            }
            launched = self.ec2.run_instances(**request)["Instances"]
            machines = [Machine(self, str(one["InstanceId"]), key, user) for one in launched]
            stack.callback(self._terminate, machines)
            assert {one["State"]["Name"] for one in launched} == {"pending"}
            for machine in machines:
                machine.wait_for("running")
            yield machines

    @contextlib.contextmanager
    def machine(self, **wanted: Any) -> Iterator[Machine]:  # noqa: ANN401 - of RunInstances
        """One instance."""
        with self.machines(**wanted) as (machine,):
            yield machine

    def _terminate(self, machines: Sequence[Machine]) -> None:
        self.ec2.terminate_instances(InstanceIds=[machine.id for machine in machines])
        for machine in machines:
            machine.wait_for("terminated")

    @contextlib.contextmanager
    def created_key(self, kind: str) -> Iterator[KeyPair]:
        """A key pair that EC2 makes."""
        name = f"k-{uuid.uuid4().hex}"
        made = self.ec2.create_key_pair(KeyName=name, KeyType=kind)
        path = self.directory / f"{name}.key"
        path.touch(mode=0o600)
        path.write_text(made["KeyMaterial"])
        try:
            yield replace(self.key, name=name, private_path=path)
        finally:
            self.ec2.delete_key_pair(KeyName=name)


@pytest.fixture(scope="session")
def site(harness_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        target = harness_run.target("local", REGION)
    except EngineAbsentError as error:
        if harness_run.settings.require_local:
            raise
        pytest.skip(str(error))
    directory = tmp_path_factory.mktemp("site")
    control = Path(tempfile.mkdtemp(prefix="harness-"))  # a socket's path has to be short
    key = make_key_pair(f"site-{uuid.uuid4().hex[:8]}", directory)
    ec2: Any = target.client("ec2")
    ec2.import_key_pair(KeyName=key.name, PublicKeyMaterial=key.public_line.encode())
    yield Site(target, directory, control, key, harness_run.naming.run_id)
    ec2.delete_key_pair(KeyName=key.name)
    key.forget()
    shutil.rmtree(control, ignore_errors=True)


@pytest.fixture(scope="session")
def container_engine(site: Site) -> Iterator[ContainerEngine]:
    """The engine that the guests are on."""
    with ContainerEngine.connect(site.run_id) as engine:
        yield engine
