"""What the local rung cannot do without: the same guest, by hand, through the Docker API.

Start the guest image, log in over SSH, run the same provision.sh (the same apt-get commands, the
helper scripts from a file), remove. No metadata service, no cloud-init, no stack, no assertion.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import docker
from docker.models.containers import Container

from harness.cloud.helpers import build_tarball
from harness.cloud.image import REPOSITORY, recipe_hash

ATTEMPTS = 600
INIT = "/usr/local/lib/harness/init"
HELPERS = "/root/helpers.tar.gz"
HELPERS_URL = "https://s3.amazonaws.com/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz"


def main(script: Path) -> None:
    """Do by hand what a stack does."""
    client = docker.from_env()
    with tempfile.TemporaryDirectory() as folder:
        container = create(client, script, Path(folder))
        try:
            container.start()
            login = login_command(container, Path(folder))
            wait_for(login)
            subprocess.run([*login, "/root/provision.sh"], check=True)
        finally:
            container.remove(force=True, v=True)
            client.close()


def create(client: docker.DockerClient, script: Path, folder: Path) -> Container:
    """A guest with host key, login key, script and helper scripts laid in."""
    for name in ("id", "host"):
        subprocess.run(
            ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name],
            check=True,
        )
    image = next(
        tag
        for one in client.images.list(name=REPOSITORY)
        for tag in one.tags
        if tag.endswith(recipe_hash())
    )
    container = client.containers.create(
        image,
        command=[INIT],
        cap_add=["SYS_ADMIN"],
        cgroupns="private",
        tmpfs={"/run": "", "/run/lock": "", "/tmp": ""},  # noqa: S108 - the guest's own
        environment={"container": "docker"},
        tty=True,
        security_opt=["seccomp=unconfined"],
        ports={"22/tcp": ("127.0.0.1", 0)},
    )
    provision = script.read_text().replace(HELPERS_URL, f"file://{HELPERS}")
    container.put_archive(
        "/",
        archive(
            {
                "etc/cloud/cloud-init.disabled": (b"", 0o644),
                "etc/ssh/ssh_host_ed25519_key": ((folder / "host").read_bytes(), 0o600),
                "root/.ssh/authorized_keys": ((folder / "id.pub").read_bytes(), 0o600),
                "root/provision.sh": (provision.encode(), 0o755),
                HELPERS.lstrip("/"): (build_tarball(), 0o644),
            }
        ),
    )
    return container


def archive(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A tar of files with their modes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def login_command(container: Container, folder: Path) -> list[str]:
    """The ssh command that leads into the guest."""
    container.reload()
    bindings = container.ports["22/tcp"] or []
    port = bindings[0]["HostPort"]
    host_key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    options = ["-F", "none", "-i", str(folder / "id"), "-p", port]
    options += ["-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "ConnectTimeout=1"]
    return ["/usr/bin/ssh", *options, "root@127.0.0.1"]


def wait_for(login: list[str]) -> None:
    """Log in as soon as somebody answers."""
    for _ in range(ATTEMPTS):
        if subprocess.run([*login, "true"], check=False, capture_output=True).returncode == 0:
            return
    sys.exit("nobody may log in")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
