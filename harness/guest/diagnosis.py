"""Why a login does not come about: what ssh complains of, held against what EC2 knows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.waiting import Pace, patiently

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

SSH_PORT: Final = 22


@dataclass(frozen=True)
class Cause:
    """A probable cause.

    Args:
        text: What is wrong.
        remedy: What to do about it.
        passing: Whether it is likely to be over soon, while an instance boots.
        at_boot: Whether it is over at the latest when cloud-init's last stage prints the host keys.
    """

    text: str
    remedy: str
    passing: bool = False
    at_boot: bool = False


NO_ADDRESS: Final = Cause(
    "the instance has no public address",
    "launch it into a subnet that assigns public addresses, or associate an Elastic IP",
)

_COMPLAINTS: Final[Sequence[tuple[str, Cause]]] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|No \S+ host key is",
        Cause(
            "host key mismatch: the key offered is not the one that the instance's console shows",
            "somebody else answers at that address, or the instance made new keys; do not log in",
        ),
    ),
    (
        r"Permission denied",
        Cause(
            "wrong key or wrong user: sshd refuses the run's key",
            "see that the template's KeyName reaches the instance, and name the image's user with "
            "--ssh-user",
            passing=True,
            at_boot=True,
        ),
    ),
    (
        r"Connection refused",
        Cause(
            "nobody listens on the port: sshd is not running",
            "read the console output: the boot may have stopped before sshd",
            passing=True,
        ),
    ),
    (
        r"System is booting up|Connection (reset|closed)|kex_exchange_identification",
        Cause("sshd closes the connection", "wait until the instance has booted", passing=True),
    ),
)

_TIMED_OUT: Final = Cause(
    "nothing answers although the security groups let this machine in",
    "look at the subnet's route to an internet gateway, its network ACL, a firewall in the "
    "instance, and at whether the instance has booted at all",
    passing=True,
)


def explain(
    complaint: str, instance: Mapping[str, Any], permissions: Sequence[Ingress], cidr: str
) -> Cause:
    """The probable cause of a failed login.

    Args:
        complaint: What ssh wrote to standard error.
        instance: ``DescribeInstances`` of it; empty where EC2 does not know it.
        permissions: What its security groups let in.
        cidr: Where this machine's connections come from.
    """
    state = instance.get("State", {}).get("Name", "unknown to EC2")
    if state != "running":
        return Cause(
            f"the instance is {state}",
            "read the console output and the stack's events",
            passing=state == "pending",
        )
    for pattern, cause in _COMPLAINTS:
        if re.search(pattern, complaint):
            return cause
    if not any(one.admits(cidr) for one in permissions):
        return _shut_out(permissions, cidr)
    return _TIMED_OUT


@dataclass(frozen=True)
class Ingress:
    """One source that a security group lets in on some TCP ports.

    Args:
        group_id: The security group.
        first: First port.
        last: Last port.
        source: A CIDR block, or the id of a security group or of a prefix list.
    """

    group_id: str
    first: int
    last: int
    source: str

    def admits(self, cidr: str, port: int = SSH_PORT) -> bool:
        """Whether all of a CIDR block may reach a port; prefix lists are given the benefit."""
        if not self.first <= port <= self.last:
            return False
        if self.source.startswith("pl-"):
            return True
        if self.source.startswith("sg-"):
            return False
        ours = ipaddress.ip_network(cidr, strict=False)
        theirs = ipaddress.ip_network(self.source, strict=False)
        return ours.version == theirs.version and ours.subnet_of(theirs)  # type: ignore[arg-type]  # of one version

    def __str__(self) -> str:
        ports = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.group_id}: TCP {ports} from {self.source}"


def _shut_out(permissions: Sequence[Ingress], cidr: str) -> Cause:
    allowed = "; ".join(map(str, permissions)) or "nothing"
    return Cause(
        f"no ingress rule: no security group of the instance lets {cidr} reach TCP port "
        f"{SSH_PORT} (they let in: {allowed})",
        f"add an ingress rule for TCP {SSH_PORT} from {cidr}, or give the stack that SshCidr",
    )


def describe_instance(ec2: EC2Client, instance_id: str, pace: Pace) -> Mapping[str, Any]:
    """``DescribeInstances`` of one; empty where EC2 does not know it."""
    filters: Any = [{"Name": "instance-id", "Values": [instance_id]}]
    answer = patiently(lambda: ec2.describe_instances(Filters=filters), pace)
    found = [one for reservation in answer["Reservations"] for one in reservation["Instances"]]
    return found[0] if found else {}


def ingress_of(ec2: EC2Client, instance: Mapping[str, Any], pace: Pace) -> Sequence[Ingress]:
    """What an instance's security groups let in over TCP."""
    interfaces = instance.get("NetworkInterfaces", ())
    groups = [
        *instance.get("SecurityGroups", ()),
        *(g for one in interfaces for g in one["Groups"]),
    ]
    ids = list(dict.fromkeys(group["GroupId"] for group in groups))
    if not ids:
        return ()
    answer = patiently(lambda: ec2.describe_security_groups(GroupIds=ids), pace)
    return [
        ingress
        for group in answer["SecurityGroups"]
        for permission in group["IpPermissions"]
        for ingress in _sources(group["GroupId"], permission)
    ]


def _sources(group_id: str, permission: Any) -> Iterator[Ingress]:  # noqa: ANN401 - an answer of EC2
    if permission["IpProtocol"] not in {"tcp", "6", "-1"}:
        return
    everything = permission["IpProtocol"] == "-1"
    first = 0 if everything else permission["FromPort"]
    last = 65_535 if everything else permission["ToPort"]
    for key, name in (
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
        ("UserIdGroupPairs", "GroupId"),
    ):
        for source in permission.get(key, ()):
            yield Ingress(group_id, first, last, source[name])
