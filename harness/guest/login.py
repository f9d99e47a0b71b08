"""A login to one instance: an ssh_config of its own, the wait until it works, testinfra's host."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from testinfra.backend.base import CommandResult
from testinfra.backend.ssh import SshBackend
from testinfra.host import Host

from harness.errors import UnreachableError
from harness.guest.diagnosis import NO_ADDRESS, Cause, describe_instance, explain, ingress_of
from harness.guest.host_keys import (
    read_console,
    read_host_keys,
    scan_host_keys,
    wait_for_host_keys,
)
from harness.guest.keys import KeyPair
from harness.waiting import Clock, Deadline, Pace

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

UNREACHABLE: Final = 255
"""ssh's exit status where it was ssh that failed, not the command."""

_CONNECT_TIMEOUT: Final = 5
_PERSIST: Final = 10
_MINUTE: Final = 60.0

_END_OF_CLOUD_INIT: Final = """\
command -v cloud-init >/dev/null || exit 0
command -v systemctl >/dev/null &&
    for _ in 1 2 3 4 5; do
        systemctl is-active --quiet cloud-final.service && exit
        sleep 0.1
    done
cloud-init status --wait
"""
"""Waits for it, good or bad. The unit of its last stage is active when that has run without failure
("Boot stages"), and systemd says so at once, where cloud-init itself has to be loaded first."""

_CONFIG = """\
Host {alias}
    HostName {address}
    Port {port}
    User {user}
    HostKeyAlias {alias}
    IdentityFile "{identity}"
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile "{known_hosts}"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking {strict}
    UpdateHostKeys no
    BatchMode yes
    PreferredAuthentications publickey
    ConnectTimeout {connect_timeout}
    ServerAliveInterval 10
    ServerAliveCountMax 3
    ControlMaster auto
    ControlPath "{control}/%C"
    ControlPersist {persist}
    LogLevel ERROR
"""


@dataclass(frozen=True)
class LoginRequest:
    """What a login needs.

    Args:
        instance_id: The instance.
        key: The key pair that it was launched with.
        user: Whom to log in as.
        directory: Where ssh_config and known_hosts are written.
        control: Directory of the sockets of shared connections; its path must be short, since a
            socket's path has room for 108 bytes.
        cidr: Where this machine's connections come from.
        limit: Seconds until the host keys are known, sshd answers, and cloud-init is done.
        unpinned_reason: Why to go on where the console shows no host keys; None to refuse.
        wait_for_cloud_init: Whether to wait for its end; not where it hangs and that is the matter.
    """

    instance_id: str
    key: KeyPair
    user: str
    directory: Path
    control: Path
    cidr: str
    limit: float
    unpinned_reason: str | None = None
    wait_for_cloud_init: bool = True


@dataclass(frozen=True)
class Login:
    """A login that is known to work.

    Args:
        instance_id: The instance; also the name it has in the ssh_config.
        config: The ssh_config.
        address: Where its sshd is reached.
        port: On which port.
    """

    instance_id: str
    config: Path
    address: str
    port: int

    @property
    def command_line(self) -> str:
        """What a person types to log in."""
        return f"ssh -F {shlex.quote(str(self.config))} {self.instance_id}"

    @cached_property
    def host(self) -> Host:
        """The host for testinfra; one that says why, should the instance become unreachable."""
        return Host(_Backend(self.instance_id, ssh_config=str(self.config), controlpersist=0))

    def run(self, command: str, limit: float = _MINUTE) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the instance; exit status 255 where ssh itself failed."""
        return _ssh(self.config, self.instance_id, command, limit)

    def close(self) -> None:
        """End the shared connection; harmless where there is none."""
        arguments = ["ssh", "-F", str(self.config), "-O", "exit", self.instance_id]
        subprocess.run(arguments, capture_output=True, timeout=_MINUTE, check=False)


class _Backend(SshBackend):
    """testinfra's ssh backend, with ssh's own failure told apart from the command's."""

    def run_ssh(self, command: str) -> CommandResult:
        try:
            return super().run_ssh(command)
        except RuntimeError as error:
            (result,) = error.args
            raise UnreachableError(
                f"{self.host.name}: the connection was lost while running {command!r}: "
                f"{str(result.stderr).strip() or 'ssh gives no reason'}",
                remedy="see whether the instance still runs",
            ) from None


def open_login(
    ec2: EC2Client,
    address_of: Callable[[str], tuple[str, int] | None],
    request: LoginRequest,
    *,
    pace: Pace,
    clock: Clock | None = None,
) -> Login:
    """Log in for the first time: host keys first, then ssh, then the end of cloud-init.

    Args:
        ec2: Reads the console, and what explains a failure.
        address_of: Where an instance's sshd is reached; None where it has no address.
        request: Whom to log in as, where, and with what.
        pace: How often to try.
        clock: What waiting goes by.

    Raises:
        UnreachableError: It did not come about; the probable cause is in the message.
    """
    deadline = Deadline(request.limit, clock or Clock())
    instance_id = request.instance_id
    found = address_of(instance_id)
    if found is None:
        instance = describe_instance(ec2, instance_id, pace)
        state = instance.get("State", {}).get("Name")
        cause = NO_ADDRESS if state == "running" else explain("", instance, (), request.cidr)
        raise _unreachable(instance_id, cause)
    keys = _known_keys(ec2, request, found, deadline, pace)
    login = Login(instance_id, _write_config(request, found, keys), *found)
    _wait_for_login(ec2, login, request, keys, deadline, pace)
    while request.wait_for_cloud_init and not _saw_end_of_cloud_init(login, deadline):
        _wait_for_login(ec2, login, request, keys, deadline, pace)
    return login


def _known_keys(
    ec2: EC2Client,
    request: LoginRequest,
    found: tuple[str, int],
    deadline: Deadline,
    pace: Pace,
) -> Sequence[str]:
    instance_id = request.instance_id
    keys = wait_for_host_keys(
        lambda: read_console(ec2, instance_id, pace),
        lambda: scan_host_keys(*found),
        deadline,
        pace,
    )
    if not keys and not request.unpinned_reason:
        instance = describe_instance(ec2, instance_id, pace)
        cause = explain("", instance, ingress_of(ec2, instance, pace), request.cidr)
        raise UnreachableError(
            f"{instance_id}: no host keys on its console within {request.limit:.0f} s, so that "
            f"nobody can tell who answers at {found[0]}; besides, {cause.text}",
            remedy="read the console output; to log in all the same, give the reason with "
            "--accept-unpinned-host-key",
        )
    return keys


def _write_config(request: LoginRequest, found: tuple[str, int], keys: Sequence[str]) -> Path:
    known_hosts = request.directory / f"{request.instance_id}.known_hosts"
    known_hosts.write_text("".join(f"{request.instance_id} {key}\n" for key in keys))
    config = request.directory / f"{request.instance_id}.ssh_config"
    config.write_text(
        _CONFIG.format(
            alias=request.instance_id,
            address=found[0],
            port=found[1],
            user=request.user,
            identity=request.key.private_path,
            known_hosts=known_hosts,
            strict="yes" if keys else "accept-new",
            connect_timeout=_CONNECT_TIMEOUT,
            control=request.control,
            persist=_PERSIST,
        )
    )
    return config


def _wait_for_login(
    ec2: EC2Client,
    login: Login,
    request: LoginRequest,
    keys: Sequence[str],
    deadline: Deadline,
    pace: Pace,
) -> None:
    attempt = 0
    booted = False
    while True:
        done = login.run("true", max(_CONNECT_TIMEOUT * 2.0, pace.ceiling))
        if done.returncode != UNREACHABLE:
            return
        instance = describe_instance(ec2, login.instance_id, pace)
        cause = explain(done.stderr, instance, ingress_of(ec2, instance, pace), request.cidr)
        if deadline.over or not cause.passing or (cause.at_boot and booted):
            raise _unreachable(login.instance_id, cause, login, done.stderr)
        booted = booted or (cause.at_boot and _has_booted(ec2, login, keys, pace))
        deadline.pause(pace.pause(attempt))
        attempt += 1


def _has_booted(ec2: EC2Client, login: Login, keys: Sequence[str], pace: Pace) -> bool:
    """Whether the console shows this boot's keys in cloud-init's own block.

    ``keys_to_console`` is a module of the last stage, after all that makes users, writes
    authorized keys or runs UserData ("Boot stages"). Who is refused afterwards stays refused.
    """
    shown = read_host_keys(read_console(ec2, login.instance_id, pace))
    return not set(shown.keys).isdisjoint(keys)


def _saw_end_of_cloud_init(login: Login, deadline: Deadline) -> bool:
    """Wait for its end, good or bad; images without cloud-init have nothing to wait for.

    Returns:
        False where the connection was lost over it: an instance may reboot on its way.

    Raises:
        UnreachableError: It was lost, and there is no time left to log in again.
    """
    left = max(_CONNECT_TIMEOUT * 2.0, deadline.seconds - deadline.elapsed)
    done = login.run(_END_OF_CLOUD_INIT, left)
    if done.returncode != UNREACHABLE:
        return True
    if deadline.over:
        raise UnreachableError(
            f"{login.instance_id}: cloud-init did not come to its end: "
            f"{done.stderr.strip() or done.stdout.strip()}",
            remedy="read /var/log/cloud-init-output.log in the instance",
        )
    return False


def _unreachable(
    instance_id: str, cause: Cause, login: Login | None = None, complaint: str = ""
) -> UnreachableError:
    place = f" at {login.address} port {login.port}" if login else ""
    said = f" (ssh: {complaint.strip().splitlines()[-1]})" if complaint.strip() else ""
    return UnreachableError(
        f"cannot log in to {instance_id}{place}: {cause.text}{said}", remedy=cause.remedy
    )


def _ssh(config: Path, alias: str, command: str, limit: float) -> subprocess.CompletedProcess[str]:
    arguments = ["ssh", "-F", str(config), alias, command]
    try:
        return subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = _text(error.stderr) or f"no answer within {limit:.0f} s"
        return subprocess.CompletedProcess(arguments, UNREACHABLE, _text(error.stdout), said)


def _text(output: Any) -> str:  # noqa: ANN401 - bytes, text or None, whatever subprocess had
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
