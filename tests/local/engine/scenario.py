"""A local cloud on a container engine of its own, which the test may treat badly.

Run in network and mount namespaces of its own, so that no other engine of the machine is touched:
``unshare --net --mount --fork python scenario.py restart|full FOLDER IMAGE_ARCHIVE IMAGE``. What
happened is printed as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import docker

from harness import amis
from harness.cloud.engine import ContainerEngine
from harness.cloud.process import LocalCloud
from harness.errors import ImageError

LIMIT = 120.0
TEMPLATE = Path(__file__).parents[1] / "signalling.json"


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


class OwnEngine:
    """A dockerd below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        paths = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--{option}={self.folder / name}" for option, name in paths.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", *options, "--host", self.url],  # noqa: S607 - of this machine's PATH
                stdout=log,
                stderr=log,
            )
        until(self._answers, "dockerd answers")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(LIMIT)
            self._process = None

    def _answers(self) -> bool:
        if not (self.folder / "sock").exists():
            return False
        with ContainerEngine.connect("probe", {"DOCKER_HOST": self.url}) as engine:
            return engine.answers()


def restart(engine: OwnEngine, archive: Path, image: str) -> dict[str, Any]:
    """The engine goes and comes back while a stack waits for its guest and another guest idles."""
    engine.start()
    client = docker.DockerClient(engine.url)
    with archive.open("rb") as file:
        client.images.load(file)
    os.environ["DOCKER_HOST"] = engine.url
    with LocalCloud("own-engine") as cloud:

        def api(service: str) -> Any:  # noqa: ANN401 - boto3 makes clients at run time
            return boto3.client(
                service,  # type: ignore[call-overload]  # any service
                endpoint_url=cloud.endpoint_url,
                region_name="us-east-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )

        ec2, cloudformation = api("ec2"), api("cloudformation")
        parameter = json.loads(TEMPLATE.read_text())["Parameters"]["Ami"]["Default"]
        ami = amis.by_parameter(parameter)
        assert ami is not None
        launched = ec2.run_instances(ImageId=ami.image_id, MinCount=1, MaxCount=1)
        instance_id = launched["Instances"][0]["InstanceId"]
        cloudformation.create_stack(
            StackName="waiting",
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": "Before", "ParameterValue": "sleep 900"}],
            OnFailure="DO_NOTHING",
        )

        def states() -> dict[str, str]:
            reservations = ec2.describe_instances()["Reservations"]
            return {
                one["InstanceId"]: one["State"]["Name"]
                for reservation in reservations
                for one in reservation["Instances"]
            }

        def stack() -> Any:  # noqa: ANN401 - as boto3 has it
            return cloudformation.describe_stacks(StackName="waiting")["Stacks"][0]

        until(lambda: list(states().values()) == ["running"] * 2, "both run")
        engine.stop()
        engine.start()
        until(lambda: "running" not in states().values(), f"none runs: {states()}")
        until(lambda: stack()["StackStatus"] == "CREATE_FAILED", "the stack failed")
        until(lambda: "shutting-down" not in states().values(), "nothing is under way")
        events = cloudformation.describe_stack_events(StackName="waiting")["StackEvents"]
        told = {
            "idle": states()[instance_id],
            "reasons": [event.get("ResourceStatusReason", "") for event in events],
        }
        again = ec2.run_instances(ImageId=ami.image_id, MinCount=1, MaxCount=1)
        another = again["Instances"][0]["InstanceId"]
        until(lambda: states()[another] == "running", "another one runs")
    with ContainerEngine.connect("own-engine") as left:
        told["left"] = left.leftovers()
    client.close()
    return {**told, "image": image}


def full(engine: OwnEngine, archive: Path, image: str) -> dict[str, Any]:
    """The engine's disk has no room for the image."""
    folder = engine.folder / "data"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    engine.start()
    with ContainerEngine.connect("own-engine", {"DOCKER_HOST": engine.url}) as connected:
        try:
            connected.images.import_archive(archive, image)
        except ImageError as error:
            return {"message": error.message, "remedy": error.remedy}
    return {"message": "", "remedy": ""}


def main(scenario: str, folder: str, archive: str, image: str) -> None:
    """Play one scenario."""
    # The loopback network is down in a new namespace; the engine's run files are this one's alone.
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607 - as above
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)  # noqa: S607 - as above
    engine = OwnEngine(Path(folder))
    try:
        told = {"restart": restart, "full": full}[scenario](engine, Path(archive), image)
    finally:
        engine.stop()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
