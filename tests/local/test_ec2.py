"""EC2 of the local cloud, seen from clients and from inside real guests."""

from __future__ import annotations

import email.mime.multipart
import email.mime.text
import gzip
import ipaddress
import json
import re
import shlex
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness import amis
from harness.cloud.engine import INSTANCE_LABEL, ROLE_LABEL, ContainerEngine
from harness.cloud.network import AddressBook
from harness.guest import make_key_pair

if TYPE_CHECKING:
    from tests.local.conftest import Machine, Site

pytestmark = pytest.mark.local

IMDS = "http://169.254.169.254/latest"
SOON = "sudo systemd-run --on-active=1 --timer-property=AccuracySec=100ms systemctl"
TOKEN = f"curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {IMDS}/api/token"


def refused(call: Callable[..., object], **parameters: object) -> tuple[str, str]:
    """Code and message of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def reaches(machine: Machine, host: str, port: int) -> bool:
    """Whether a guest can open a TCP connection."""
    probe = f"timeout 3 bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo yes || echo no"
    return machine.run(probe) == "yes"


def opens(address: tuple[str, int]) -> bool:
    """Whether something behind a published address says that it is sshd."""
    try:
        with socket.create_connection(address, 3) as connection:
            connection.settimeout(3)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.fixture(scope="module")
def machine(site: Site) -> Iterator[Machine]:
    """An instance for tests that leave it as they find it."""
    with site.machine(
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "shared"}]}
        ]
    ) as one:
        yield one


# States


def test_an_instance_stops_starts_and_reboots_on_the_same_disk(site: Site) -> None:
    """What is on its disk stays, what is below /run goes; the states are EC2's."""
    with site.machine() as machine:
        machine.run("echo kept | sudo tee /root/kept /run/gone; hostname > /dev/shm/x")

        (stopping,) = site.ec2.stop_instances(InstanceIds=[machine.id])["StoppingInstances"]
        assert stopping["InstanceId"] == machine.id
        machine.wait_for("stopped")
        stopped = machine.describe()
        assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
        assert "PublicIpAddress" not in stopped
        code, _ = refused(site.ec2.reboot_instances, InstanceIds=[machine.id])
        assert code == "IncorrectInstanceState"

        site.ec2.start_instances(InstanceIds=[machine.id])
        machine.wait_for("running")
        assert machine.run("sudo cat /root/kept; ls /run/gone 2>&1 || true").startswith("kept\nls:")

        machine.run("sudo touch /run/before")
        site.ec2.reboot_instances(InstanceIds=[machine.id])
        site.until(lambda: machine.has_rebooted_since("/run/before"), "rebooted through the API")
        assert machine.state == "running"

        machine.run(f"sudo touch /run/before; {SOON} reboot")
        site.until(lambda: machine.has_rebooted_since("/run/before"), "rebooted from inside")
        assert machine.state == "running"

        machine.run(f"{SOON} poweroff")
        machine.wait_for("stopped")
        assert machine.describe()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
        site.ec2.start_instances(InstanceIds=[machine.id])
        machine.wait_for("running")
        assert machine.run("sudo cat /root/kept") == "kept"
    assert machine.state == "terminated"
    code, message = refused(site.ec2.start_instances, InstanceIds=[machine.id])
    assert code == "IncorrectInstanceState"
    assert machine.id in message


def test_a_login_outlasts_a_reboot_that_user_data_asks_for(site: Site) -> None:
    """Whoever waits for the end of cloud-init is thrown out by it, and comes back."""
    script = "#!/bin/sh\ntouch /var/tmp/first /run/first\nsleep 4\nsystemctl reboot\nsleep 60\n"
    with site.machine(UserData=script) as machine:
        assert machine.run("ls /var/tmp/first /run/first 2>/dev/null", status=2)


def test_a_power_off_from_inside_terminates_where_the_instance_says_so(site: Site) -> None:
    """InstanceInitiatedShutdownBehavior=terminate."""
    with site.machine(InstanceInitiatedShutdownBehavior="terminate") as machine:
        machine.run(f"{SOON} poweroff")
        machine.wait_for("terminated")
        assert machine.describe()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


@pytest.mark.parametrize(("role", "state"), [("guest", "terminated"), ("pod", "terminated")])
def test_a_guest_that_is_removed_from_outside_is_not_running(
    site: Site, container_engine: ContainerEngine, role: str, state: str
) -> None:
    """As when the hardware below an instance fails."""
    with site.machine() as machine:
        labels = {INSTANCE_LABEL: machine.id, ROLE_LABEL: role}
        (name,) = container_engine.containers(labels)
        container_engine.remove(name)
        machine.wait_for(state)
        assert machine.describe()["StateReason"]["Code"] == "Server.InternalError"


def test_a_guest_that_is_killed_from_outside_is_stopped_and_can_be_started(
    site: Site, container_engine: ContainerEngine
) -> None:
    """Its disk is still there."""
    with site.machine() as machine:
        machine.run("echo kept | sudo tee /root/kept")
        (name,) = container_engine.containers({INSTANCE_LABEL: machine.id, ROLE_LABEL: "guest"})
        container_engine.stop(name, seconds=0)
        machine.wait_for("stopped")
        assert "ended by itself" in machine.describe()["StateReason"]["Message"]
        site.ec2.start_instances(InstanceIds=[machine.id])
        machine.wait_for("running")
        assert machine.run("sudo cat /root/kept") == "kept"


# What EC2 refuses


def test_what_does_not_exist_is_refused_in_ec2s_words(site: Site) -> None:
    """An image, an instance type, a key pair, a group, an instance."""
    run = site.ec2.run_instances
    wanted: dict[str, Any] = {
        "ImageId": site.ami,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
    }
    unknown = "ami-0123456789abcdef0"
    assert refused(run, **{**wanted, "ImageId": unknown}) == (
        "InvalidAMIID.NotFound",
        f"The image id '[{unknown}]' does not exist",
    )
    assert refused(run, **{**wanted, "InstanceType": "t9.huge"}) == (
        "InvalidParameterValue",
        "Invalid value 't9.huge' for InstanceType.",
    )
    assert refused(run, **wanted, KeyName="nobody's") == (
        "InvalidKeyPair.NotFound",
        "The key pair 'nobody's' does not exist",
    )
    code, _ = refused(run, **wanted, SecurityGroupIds=["sg-0123456789abcdef0"])
    assert code == "InvalidGroup.NotFound"
    assert refused(run, **wanted, UserData="x" * 16_385) == (
        "InvalidParameterValue",
        "User data is limited to 16384 bytes",
    )
    assert refused(site.ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])[0] == (
        "InvalidInstanceID.NotFound"
    )


def test_an_image_that_cannot_be_booted_here_is_refused_with_the_reason(site: Site) -> None:
    """Amazon Linux has no guest image, and another architecture needs another machine."""
    run = site.ec2.run_instances
    amazon = next(one for one in amis.PUBLIC_IMAGES if one.owner == amis.AMAZON)
    other = next(one for one in amis.PUBLIC_IMAGES if one.user and amis.why_no_guest(one.image_id))
    for image, reason in ((amazon, "no guest image"), (other, "this machine is")):
        code, message = refused(run, ImageId=image.image_id, MinCount=1, MaxCount=1)
        assert code == "Unsupported"
        assert reason in message


def test_a_launch_is_made_once_for_a_client_token(site: Site) -> None:
    """A client that repeats a request whose answer was lost gets the same instance."""
    token = uuid.uuid4().hex
    with site.machine(ClientToken=token) as machine:
        (group,) = machine.describe()["SecurityGroups"]
        again = site.ec2.run_instances(
            ImageId=site.ami,
            InstanceType="t3.micro",
            KeyName=site.key.name,
            SecurityGroupIds=[group["GroupId"]],
            MinCount=1,
            MaxCount=1,
            ClientToken=token,
        )
        assert [one["InstanceId"] for one in again["Instances"]] == [machine.id]


# The console


def test_the_console_is_the_guests_own(site: Site, machine: Machine) -> None:
    """It shows the host keys that sshd really has, and no password of Windows."""
    real = machine.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")
    assert real in site.ec2.get_console_output(InstanceId=machine.id)["Output"]
    assert refused(site.ec2.get_password_data, InstanceId=machine.id)[0] == "UnsupportedOperation"


# User data and key pairs


def multipart() -> bytes:
    """A shell script and a piece of cloud-config in one."""
    config = (
        "#cloud-config\n"
        "ssh_genkeytypes: [rsa, ed25519]\n"
        'write_files: [{path: /root/told, content: "config\\n"}]\n'
    )
    message = email.mime.multipart.MIMEMultipart()
    for kind, text in (
        ("x-shellscript", "#!/bin/sh\necho script >> /root/told\n"),
        ("cloud-config", config),
    ):
        message.attach(email.mime.text.MIMEText(text, kind))
    return message.as_bytes()


def test_every_kind_of_user_data_reaches_cloud_init_and_every_kind_of_key_logs_in(
    site: Site,
) -> None:
    """gzip, MIME multipart, cloud-config and include; keys created and imported, ed25519 and rsa.

    One instance tries one of each, so that four boots do. One asks for an RSA host key, which none
    makes of itself.
    """
    s3 = site.target.client("s3")
    bucket = f"b-{uuid.uuid4().hex}"
    included = b"#!/bin/sh\necho included > /root/told\n"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="it", ACL="public-read", Body=included)
    url = f"https://s3.us-east-1.amazonaws.com/{bucket}/it"
    debian = amis.by_parameter("/aws/service/debian/release/12/latest/amd64")
    assert debian is not None
    script = b"#!/bin/sh\necho zipped > /root/told\n"
    config = b"#cloud-config\nruncmd: [[sh, -c, 'echo config > /root/told']]\n"
    with ExitStack() as stack:
        created_rsa = stack.enter_context(site.created_key("rsa"))
        created_ed25519 = stack.enter_context(site.created_key("ed25519"))
        imported_rsa = make_rsa(site)
        stack.callback(site.ec2.delete_key_pair, KeyName=imported_rsa.name)
        group = [stack.enter_context(site.group(22))]
        tries: list[tuple[str, dict[str, Any]]] = [
            ("zipped", {"UserData": gzip.compress(script), "key": created_rsa}),
            ("config\nscript", {"UserData": multipart(), "key": created_ed25519}),
            (
                "config",
                {"UserData": config, "ImageId": debian.image_id, "user": "admin"},
            ),
            ("included", {"UserData": f"#include\n{url}\n".encode(), "key": imported_rsa}),
        ]
        machines = [
            stack.enter_context(site.machine(SecurityGroupIds=group, **wanted))
            for _, wanted in tries
        ]
        told = [machine.run("sudo cat /root/told") for machine in machines]
        assert told == [expected for expected, _ in tries]
        host_keys = [machine.run("cd /etc/ssh && echo ssh_host_*_key") for machine in machines]
        made = "ssh_host_ecdsa_key ssh_host_ed25519_key"
        asked = "ssh_host_ed25519_key ssh_host_rsa_key"
        assert host_keys == [made, asked, made, made]
    s3.delete_object(Bucket=bucket, Key="it")
    s3.delete_bucket(Bucket=bucket)


def make_rsa(site: Site) -> Any:  # noqa: ANN401 - a key pair
    """A key pair of RSA, made by ssh-keygen and imported."""
    pair = make_key_pair(f"rsa-{uuid.uuid4().hex}", site.directory)
    pair.private_path.unlink()
    command = [
        "ssh-keygen",
        "-q",
        "-t",
        "rsa",
        "-b",
        "2048",
        "-N",
        "",
        "-f",
        str(pair.private_path),
    ]
    subprocess.run(command, check=True)
    public = pair.private_path.with_name(f"{pair.private_path.name}.pub").read_bytes()
    site.ec2.import_key_pair(KeyName=pair.name, PublicKeyMaterial=public)
    return pair


# The metadata service


def test_metadata_options_take_effect_while_it_runs(
    site: Site, machine: Machine, container_engine: ContainerEngine
) -> None:
    """Tokens optional or required, tags shown or not, few hops for a token, all off."""

    def status(path: str, header: str = "") -> str:
        return machine.run(f"curl -sS -o /dev/null -w '%{{http_code}}' {header} {IMDS}/{path}")

    def modify(**options: object) -> None:
        site.ec2.modify_instance_metadata_options(InstanceId=machine.id, **options)

    assert status("meta-data/instance-id") == "200"
    assert status("meta-data/tags/instance/Name") == "404"
    modify(HttpTokens="required", InstanceMetadataTags="enabled", HttpPutResponseHopLimit=3)
    assert status("meta-data/instance-id") == "401"
    with_token = f'-H "X-aws-ec2-metadata-token: $({TOKEN})"'
    assert machine.run(f"curl -sS {with_token} {IMDS}/meta-data/tags/instance/Name") == "shared"

    (pod,) = container_engine.containers({INSTANCE_LABEL: machine.id, ROLE_LABEL: "pod"})
    count = (
        "table ip count { chain input { type filter hook input priority -300; "
        "ip ttl 3 tcp sport != 22 counter; }; }"
    )
    container_engine.execute(pod, ["nft", count])
    machine.run(TOKEN)
    counted = container_engine.execute(pod, ["nft", "list", "table", "ip", "count"]).output
    container_engine.execute(pod, ["nft", "delete", "table", "ip", "count"])
    assert int(re.findall(r"packets (\d+)", counted)[0]) > 0

    modify(HttpEndpoint="disabled")
    assert status("meta-data/instance-id", with_token) == "403"
    modify(HttpEndpoint="enabled", HttpTokens="optional", InstanceMetadataTags="disabled")
    assert status("meta-data/instance-id") == "200"


def test_a_role_of_the_instance_signs_what_the_endpoint_accepts(site: Site) -> None:
    """Credentials come from the metadata service, and STS knows whose they are."""
    iam, name = site.target.client("iam"), f"role-{uuid.uuid4().hex}"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    script = f"""
        get() {{ curl -sS {IMDS}/meta-data/iam/security-credentials/$1; }}
        read_value() {{ python3 -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }}
        role=$(get "")
        credentials=$(get "$role")
        again=$(get "$role")
        [ "$credentials" = "$again" ] || echo changed
        key=$(echo "$credentials" | read_value AccessKeyId)
        secret=$(echo "$credentials" | read_value SecretAccessKey)
        token=$(echo "$credentials" | read_value Token)
        for service in sts:GetCallerIdentity:2011-06-15 cloudformation:ListStacks:2010-05-15; do
            IFS=: read name action version <<< "$service"
            curl -sS --aws-sigv4 "aws:amz:us-east-1:$name" --user "$key:$secret" \\
                -H "X-Amz-Security-Token: $token" \\
                "https://$name.us-east-1.amazonaws.com/?Action=$action&Version=$version"
        done"""
    with site.machine(IamInstanceProfile={"Name": name}) as machine:
        said = machine.run(f"bash -c {shlex.quote(script)}")
        assert f"assumed-role/{name}/{machine.id}" in said
        assert "<ListStacksResponse" in said
        assert "changed" not in said
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)
    iam.delete_role(RoleName=name)


# The network


def test_two_instances_of_one_launch_and_the_rules_between_them(site: Site) -> None:
    """They find each other by name, and reach each other as their groups say at the moment."""
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    with site.group(22) as group, site.machines(2, SecurityGroupIds=[group]) as (one, two):
        name = two.describe()["PrivateDnsName"]
        address = two.describe()["PrivateIpAddress"]
        assert address in one.run(f"getent ahostsv4 {name}")

        assert not reaches(one, name, 22)
        members = {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "UserIdGroupPairs": [{"GroupId": group}],
        }
        site.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[members])
        assert reaches(one, name, 22)
        site.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[members])
        assert not reaches(one, name, 22)

        assert reaches(one, "cloudformation.us-east-1.amazonaws.com", 443)
        site.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
        assert not reaches(one, "cloudformation.us-east-1.amazonaws.com", 443)
        assert one.run(f"curl -sS {IMDS}/meta-data/instance-id") == one.id
        assert address in one.run(f"getent ahostsv4 {name}")

        published = site.target.ssh_address(one.id)
        assert published is not None
        assert opens(published)
        rule = site.permission(22)
        site.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
        assert not opens(published)
        elsewhere = {**rule, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
        six = {**rule, "IpRanges": [], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
        site.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[elsewhere, six])
        assert not opens(published)
        site.admit(group, 22)
        assert opens(published)


def test_a_guest_reaches_nothing_of_the_host_but_what_stands_for_aws(
    site: Site, machine: Machine
) -> None:
    """Neither through the gateway nor through any other address of the host."""
    gateway = site.target.caller_cidr().removesuffix("/32")
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - open to show it is closed
        port = server.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((gateway, 9))
            addresses = {gateway, probe.getsockname()[0], "172.17.0.1"}
        for address in addresses:
            assert not reaches(machine, address, port), address
    endpoint_port = int((site.target.endpoint_url or "").rpartition(":")[2])
    assert not reaches(machine, gateway, endpoint_port)
    assert not reaches(machine, gateway, 80)


def test_a_guest_has_its_own_metadata_service_only(site: Site, machine: Machine) -> None:
    """Another guest's is not to be had, whoever it says it is."""
    with site.machine() as other:
        assert machine.run(f"curl -sS {IMDS}/meta-data/instance-id") == machine.id
        assert other.run(f"curl -sS {IMDS}/meta-data/instance-id") == other.id
        claim = f"-H 'X-Forwarded-For: {other.describe()['PrivateIpAddress']}'"
        assert machine.run(f"curl -sS {claim} {IMDS}/meta-data/instance-id") == machine.id
        assert not reaches(machine, other.describe()["PrivateIpAddress"], 80)


def test_an_elastic_address_leads_to_the_instance_that_it_is_associated_with(
    site: Site, machine: Machine
) -> None:
    """From this machine, until it is disassociated; then the instance has its own again."""
    own = machine.describe()["PublicIpAddress"]
    allocated = site.ec2.allocate_address(Domain="vpc")
    try:
        association = site.ec2.associate_address(
            AllocationId=allocated["AllocationId"], InstanceId=machine.id
        )["AssociationId"]
        assert machine.describe()["PublicIpAddress"] == allocated["PublicIp"]
        published = site.target.ssh_address(machine.id)
        assert published is not None
        assert published[0] == allocated["PublicIp"]
        assert opens(published)
        assert machine.run("echo here") == "here"
        site.ec2.disassociate_address(AssociationId=association)
        assert machine.describe()["PublicIpAddress"] == own
        assert not opens(published)
    finally:
        site.ec2.release_address(AllocationId=allocated["AllocationId"])


def addresses_in(answer: object) -> Iterator[str]:
    """Everything in an answer that is an IPv4 address, in names too."""
    text = json.dumps(answer, default=str)
    yield from re.findall(r"(?<![\d./-])\d{1,3}(?:\.\d{1,3}){3}(?![\d./])", text)
    for dashed in re.findall(r"(?:ec2|ip)-((?:\d{1,3}-){3}\d{1,3})\.", text):
        yield dashed.replace("-", ".")


def test_every_address_that_is_told_is_ours(site: Site, machine: Machine) -> None:
    """Whatever a client connects to because it read it here is on this machine."""
    allocated = site.ec2.allocate_address(Domain="vpc")
    try:
        private = ipaddress.ip_network(f"{machine.describe()['PrivateIpAddress']}/16", strict=False)
        told = [
            *addresses_in(site.ec2.describe_instances()),
            *addresses_in(site.ec2.describe_addresses()),
            *addresses_in(site.ec2.describe_network_interfaces()),
            *addresses_in(site.ec2.describe_subnets()),
        ]
        assert allocated["PublicIp"] in told
        for one in told:
            address = ipaddress.ip_address(one)
            assert address in AddressBook.public or address in private, one
    finally:
        site.ec2.release_address(AllocationId=allocated["AllocationId"])
