"""A stack that a test wants, and the same stack once it is there; how it is kept."""

from __future__ import annotations

import hashlib
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.errors import StackError, UsageError
from harness.evidence import Evidence
from harness.guest import KeyPair, Login
from harness.ledger import Entry
from harness.stack import Stack
from harness.target import Target
from harness.template import Template

KEPT: Final = Path(".harness/kept")
"""Where the private keys of kept stacks lie, under the project's root."""


@dataclass(frozen=True)
class Wanted:
    """A stack that a test wants; tests that want the same share it.

    Args:
        target: Name of the target.
        region: The region.
        template: The template.
        parameters: Parameters; the run adds the key pair and the caller's CIDR block.
        label: A word for the stack's name.
        on_failure: See :class:`harness.stack.StackSpec`.
        capabilities: See there.
    """

    target: str
    region: str
    template: Template
    parameters: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    on_failure: str = "DO_NOTHING"
    capabilities: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for stacks that are the same."""
        parts = [self.target, self.region, self.label, self.on_failure, self.template.text]
        parts += [*self.capabilities, ""]
        parts += [f"{name}={value}" for name, value in sorted(self.parameters.items())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@dataclass
class Deployment:
    """A stack of this run, or one that is reused.

    Args:
        wanted: What was asked for.
        target: Where it is.
        stack: The stack.
        key: The key pair that its instances were launched with; None where it is not ours.
        entry: Its entry in the ledger; None where it is reused, and not ours to delete.
        error: Why it did not come up.
        failed: Whether it did not come up, or a test that used it failed.
        evidence: What was collected when it, or the test, failed.
        logins: Logins by instance id.
    """

    wanted: Wanted
    target: Target
    stack: Stack
    key: KeyPair | None
    entry: Entry | None = None
    error: StackError | None = None
    failed: bool = False
    evidence: Evidence | None = None
    logins: dict[str, Login] = field(default_factory=dict)

    def instance_ids(self) -> Mapping[str, str]:
        """Its instances' ids by logical id."""
        return {
            one.logical_id: one.physical_id
            for one in self.stack.resources()
            if one.type == "AWS::EC2::Instance" and one.physical_id
        }

    def instance_id(self, logical_id: str | None) -> str:
        """The id of one of its instances; None names the only one.

        Raises:
            UsageError: There is no such instance, or there is not exactly one.
        """
        instances = self.instance_ids()
        if logical_id is None and len(instances) == 1:
            return next(iter(instances.values()))
        if logical_id is not None and logical_id in instances:
            return instances[logical_id]
        found = f"no instance {logical_id}" if logical_id else f"{len(instances)} instances, not 1"
        raise UsageError(
            f"stack {self.stack.name} has {found}",
            remedy=f"name one of its instances: {', '.join(sorted(instances)) or 'it has none'}",
        )

    def close_logins(self) -> None:
        """End the shared connections to its instances."""
        for login in self.logins.values():
            login.close()


def keep(deployment: Deployment, root: Path, user: str) -> Sequence[str]:
    """Keep what is needed to log in to a stack later.

    Args:
        deployment: The stack.
        root: The project's root.
        user: Whom to log in as where nobody has logged in yet.

    Returns:
        Lines to show: name, region, address, how to log in, how to delete it.
    """
    name, region = deployment.stack.name, deployment.target.region
    kept = root / KEPT / name
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [f"kept stack {name} in {region}"]
    if deployment.key is not None:
        shutil.copy2(deployment.key.private_path, kept / "id.key")
    for instance_id in deployment.instance_ids().values():
        lines += _kept_login(deployment, instance_id, kept, user)
    lines.append(f"  test it: pytest -m live --reuse {name} --region {region}")
    endpoint = f" --endpoint-url {url}" if (url := deployment.target.endpoint_url) else ""
    common = f"{endpoint} --region {region}"
    lines.append(f"  delete:  aws cloudformation delete-stack{common} --stack-name {name}")
    if deployment.key is not None:
        lines.append(f"           aws ec2 delete-key-pair{common} --key-name {deployment.key.name}")
    return lines


def _kept_login(deployment: Deployment, instance_id: str, kept: Path, user: str) -> Sequence[str]:
    """Lines on where an instance is, and how to log in to it."""
    login = deployment.logins.get(instance_id)
    address = deployment.target.ssh_address(instance_id)
    if address is None:
        return [f"  {instance_id} has no address"]
    lines = [f"  {instance_id} is at {address[0]} port {address[1]}"]
    if login is not None:
        config = _kept_config(login, deployment, kept)
        lines.append(f"  log in:  ssh -F {shlex.quote(str(config))} {instance_id}")
    elif deployment.key is not None:
        key = shlex.quote(str(kept / "id.key"))
        lines.append(f"  log in:  ssh -i {key} -p {address[1]} {user}@{address[0]}")
    return lines


def _kept_config(login: Login, deployment: Deployment, kept: Path) -> Path:
    """An ssh_config beside the kept key, without a shared connection."""
    known_hosts = login.config.with_suffix(".known_hosts")
    shutil.copy2(known_hosts, kept / known_hosts.name)
    text = login.config.read_text().replace(str(known_hosts), str(kept / known_hosts.name))
    if deployment.key is not None:
        text = text.replace(str(deployment.key.private_path), str(kept / "id.key"))
    lines = [line for line in text.splitlines() if not line.strip().startswith("Control")]
    config = kept / login.config.name
    config.write_text("\n".join(lines) + "\n")
    return config


def kept_key(stack_name: str, root: Path, identity: Path | None) -> KeyPair | None:
    """The key of a stack that an earlier run has kept, or the one that is named."""
    path = identity or root / KEPT / stack_name / "id.key"
    return KeyPair(path.stem, path, "") if path.exists() else None
