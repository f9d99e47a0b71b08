"""IPv6 between guests: addresses as EC2 gives them, and rules that are seen to act on them."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.test_ec2 import IMDS, reaches, refused

if TYPE_CHECKING:
    from tests.local.conftest import Machine, Site

pytestmark = pytest.mark.local

OURS = ipaddress.IPv6Network("fd00::/8")


@dataclass(frozen=True)
class Dual:
    """A subnet with blocks of both kinds."""

    vpc_id: str
    subnet_id: str
    block: ipaddress.IPv6Network
    vpc_block: ipaddress.IPv6Network


@pytest.fixture(scope="module")
def dual(site: Site) -> Iterator[Dual]:
    """The default VPC with a block of IPv6, and a subnet of it."""
    ec2 = site.ec2
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    associated = ec2.associate_vpc_cidr_block(VpcId=vpc["VpcId"], AmazonProvidedIpv6CidrBlock=True)[
        "Ipv6CidrBlockAssociation"
    ]
    vpc_block = ipaddress.IPv6Network(associated["Ipv6CidrBlock"])
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])[
        "Subnets"
    ][0]
    block = next(vpc_block.subnets(new_prefix=64))
    of_subnet = ec2.associate_subnet_cidr_block(
        SubnetId=subnet["SubnetId"], Ipv6CidrBlock=str(block)
    )["Ipv6CidrBlockAssociation"]
    yield Dual(vpc["VpcId"], subnet["SubnetId"], block, vpc_block)
    ec2.disassociate_subnet_cidr_block(AssociationId=of_subnet["AssociationId"])
    ec2.disassociate_vpc_cidr_block(AssociationId=associated["AssociationId"])


@contextlib.contextmanager
def on_creation(site: Site, subnet_id: str) -> Iterator[None]:
    """While AssignIpv6AddressOnCreation is set."""

    def put(value: bool) -> None:  # noqa: FBT001 - what the attribute is set to
        site.ec2.modify_subnet_attribute(
            SubnetId=subnet_id, AssignIpv6AddressOnCreation={"Value": value}
        )

    put(True)
    try:
        yield
    finally:
        put(False)


def icmp6(machine: Machine, address: str) -> bool:
    """Whether a guest gets an answer to a ping."""
    return machine.run(f"ping -6 -c1 -W2 {address} >/dev/null && echo yes || echo no") == "yes"


def permission(**wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - of an IpPermission
    return {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **wanted}


def test_rules_for_ipv6_are_seen_to_act(site: Site, dual: Dual) -> None:
    """A guest reaches another over IPv6 only while a rule allows it, by block or by group."""
    ec2 = site.ec2
    with (
        site.group(22) as group,
        site.machines(2, SubnetId=dual.subnet_id, SecurityGroupIds=[group], Ipv6AddressCount=1) as (
            one,
            two,
        ),
    ):
        told = two.describe()
        address = told["Ipv6Address"]
        assert ipaddress.IPv6Address(address) in dual.block
        (interface,) = told["NetworkInterfaces"]
        assert [own["Ipv6Address"] for own in interface["Ipv6Addresses"]] == [address]
        (described,) = ec2.describe_network_interfaces(
            NetworkInterfaceIds=[interface["NetworkInterfaceId"]]
        )["NetworkInterfaces"]
        assert described["Ipv6Addresses"][0]["Ipv6Address"] == address
        assert address in two.run("ip -6 -o addr show dev eth0 scope global")

        mac = interface["MacAddress"]
        for path, expected in (
            ("ipv6", address),
            (f"network/interfaces/macs/{mac}/ipv6s", address),
            (f"network/interfaces/macs/{mac}/subnet-ipv6-cidr-blocks", str(dual.block)),
            (f"network/interfaces/macs/{mac}/vpc-ipv6-cidr-blocks", str(dual.vpc_block)),
        ):
            assert two.run(f"curl -sS {IMDS}/meta-data/{path}") == expected

        # Neither a rule for IPv4 nor one for another block lets IPv6 in.
        source = one.describe()["Ipv6Address"]
        everybody = permission(IpRanges=[{"CidrIp": "0.0.0.0/0"}])
        elsewhere = permission(Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32"}])
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everybody, elsewhere])
        assert not reaches(one, address, 22)
        for allowed in (
            permission(Ipv6Ranges=[{"CidrIpv6": f"{source}/128"}]),
            permission(Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
            permission(UserIdGroupPairs=[{"GroupId": group}]),
        ):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allowed])
            assert reaches(one, address, 22), allowed
            ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[allowed])
            assert not reaches(one, address, 22), allowed

        ping = {"IpProtocol": "icmpv6", "FromPort": -1, "ToPort": -1}
        ping["Ipv6Ranges"] = [{"CidrIpv6": str(dual.block)}]
        assert not icmp6(one, address)
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ping])
        assert icmp6(one, address)
        # A group of a VPC that has IPv6 lets everything out over IPv6 too, at first.
        out = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[out])
        assert not icmp6(one, address)


def test_a_guest_reaches_nothing_of_the_host_over_ipv6(site: Site, dual: Dual) -> None:
    """Neither by the bridge's own address nor through it."""
    with site.machine(SubnetId=dual.subnet_id, Ipv6AddressCount=1) as machine:
        assert machine.run("ip -6 route show default") == ""
        assert not icmp6(machine, "ff02::1%eth0")
        assert not reaches(machine, str(dual.block[1]), 22)


def test_addresses_follow_while_an_instance_runs_and_after_it_was_stopped(
    site: Site, dual: Dual
) -> None:
    """AssignIpv6AddressOnCreation, AssignIpv6Addresses and UnassignIpv6Addresses."""

    def inside(machine: Machine) -> set[str]:
        shown = json.loads(machine.run("ip -6 -j addr show dev eth0 scope global"))
        found = [info for link in shown for info in link.get("addr_info", ())]
        return {info["local"] for info in found if info}  # ip leaves gaps where it filters

    with on_creation(site, dual.subnet_id), site.machine(SubnetId=dual.subnet_id) as machine:
        (interface,) = machine.describe()["NetworkInterfaces"]
        (first,) = [one["Ipv6Address"] for one in interface["Ipv6Addresses"]]
        assert inside(machine) == {first}
        eni = interface["NetworkInterfaceId"]
        (second,) = site.ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6AddressCount=1)[
            "AssignedIpv6Addresses"
        ]
        assert inside(machine) == {first, second}
        assert machine.run(f"curl -sS {IMDS}/meta-data/ipv6") == first
        site.ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=[first])
        assert inside(machine) == {second}
        assert machine.describe()["Ipv6Address"] == second
        site.ec2.stop_instances(InstanceIds=[machine.id])
        machine.wait_for("stopped")
        site.ec2.start_instances(InstanceIds=[machine.id])
        machine.wait_for("running")
        assert inside(machine) == {second}


def test_what_ec2_refuses_of_ipv6(site: Site, dual: Dual) -> None:
    """Blocks that are not the VPC's, addresses that are not the subnet's, subnets without one."""
    ec2 = site.ec2
    run: dict[str, Any] = {
        "ImageId": site.ami,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
    }
    other = next(
        one["SubnetId"]
        for one in ec2.describe_subnets()["Subnets"]
        if one["SubnetId"] != dual.subnet_id
    )
    for wanted, code in (
        ({"SubnetId": other, "Ipv6AddressCount": 1}, "InvalidParameterValue"),
        (
            {"SubnetId": dual.subnet_id, "Ipv6Addresses": [{"Ipv6Address": "2001:db8::9"}]},
            "InvalidParameterValue",
        ),
        (
            {"SubnetId": dual.subnet_id, "Ipv6Addresses": [{"Ipv6Address": str(dual.block[1])}]},
            "InvalidParameterValue",
        ),
        (
            {
                "SubnetId": dual.subnet_id,
                "Ipv6AddressCount": 1,
                "Ipv6Addresses": [{"Ipv6Address": str(dual.block[9])}],
            },
            "InvalidParameterCombination",
        ),
        ({"SubnetId": dual.subnet_id, "Ipv6AddressCount": 1000}, "InvalidParameterValue"),
    ):
        assert refused(ec2.run_instances, **run, **wanted)[0] == code, wanted
    free = str(list(ipaddress.IPv4Network("10.77.0.0/16").subnets(new_prefix=28))[-1])
    for block, code in (
        ("2001:db8::/64", "InvalidSubnet.Range"),
        (str(dual.block), "InvalidSubnet.Conflict"),
        ("nonsense", "InvalidParameterValue"),
    ):
        told = refused(ec2.create_subnet, VpcId=dual.vpc_id, CidrBlock=free, Ipv6CidrBlock=block)
        assert told[0] == code, block
    code, _ = refused(
        ec2.associate_vpc_cidr_block, VpcId=dual.vpc_id, Ipv6CidrBlock="2001:db8::/56", Ipv6Pool="p"
    )
    assert code == "UnsupportedOperation"
    code, _ = refused(
        ec2.modify_subnet_attribute,
        SubnetId=other,
        AssignIpv6AddressOnCreation={"Value": True},
    )
    assert code == "InvalidParameterValue"
    code, _ = refused(ec2.assign_ipv6_addresses, NetworkInterfaceId="eni-0", Ipv6AddressCount=1)
    assert code == "InvalidNetworkInterfaceID.NotFound"


def test_every_block_and_address_that_is_told_is_ours(site: Site, dual: Dual) -> None:
    """A new VPC's block, and its interfaces' addresses, are unique local ones."""
    ec2 = site.ec2
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/24", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    try:
        (block,) = ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"][0][
            "Ipv6CidrBlockAssociationSet"
        ]
        network = ipaddress.IPv6Network(block["Ipv6CidrBlock"])
        assert network.subnet_of(OURS)
        assert network.prefixlen == dual.vpc_block.prefixlen
        assert not network.overlaps(dual.vpc_block)
    finally:
        ec2.delete_vpc(VpcId=vpc["VpcId"])
    interface = ec2.create_network_interface(SubnetId=dual.subnet_id, Ipv6AddressCount=2)[
        "NetworkInterface"
    ]
    try:
        given = [one["Ipv6Address"] for one in interface["Ipv6Addresses"]]
        assert len(set(given)) == 2
        assert all(ipaddress.IPv6Address(one) in dual.block for one in given)
    finally:
        ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])


def test_a_stack_with_ipv6_as_templates_have_it(site: Site) -> None:
    """A VPC's block, a subnet cut out of it with Fn::Cidr, an instance with an address in it."""
    cfn = site.target.client("cloudformation")
    name = f"six-{uuid.uuid4().hex[:8]}"
    (private,) = [
        one["CidrBlock"]
        for one in site.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])[
            "Vpcs"
        ]
    ]
    template = {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": private}},
            "Block": {
                "Type": "AWS::EC2::VPCCidrBlock",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "AmazonProvidedIpv6CidrBlock": True},
            },
            "Subnet": {
                "Type": "AWS::EC2::Subnet",
                "DependsOn": "Block",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "CidrBlock": {"Fn::Select": [200, {"Fn::Cidr": [private, 256, 8]}]},
                    "Ipv6CidrBlock": {
                        "Fn::Select": [
                            1,
                            {
                                "Fn::Cidr": [
                                    {
                                        "Fn::Select": [
                                            0,
                                            {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]},
                                        ]
                                    },
                                    2,
                                    64,
                                ]
                            },
                        ]
                    },
                    "AssignIpv6AddressOnCreation": True,
                },
            },
            "Compute": {
                "Type": "AWS::EC2::Instance",
                "Properties": {
                    "ImageId": site.ami,
                    "InstanceType": "t3.micro",
                    "SubnetId": {"Ref": "Subnet"},
                    "Ipv6AddressCount": 2,
                },
            },
        },
        "Outputs": {
            "Block": {"Value": {"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]}},
            "Id": {"Value": {"Ref": "Compute"}},
        },
    }
    cfn.create_stack(StackName=name, TemplateBody=json.dumps(template))
    try:
        cfn.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        (stack,) = cfn.describe_stacks(StackName=name)["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        block = ipaddress.IPv6Network(outputs["Block"])
        answer = site.ec2.describe_instances(InstanceIds=[outputs["Id"]])
        (interface,) = answer["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
        given = [ipaddress.IPv6Address(one["Ipv6Address"]) for one in interface["Ipv6Addresses"]]
        assert len(given) == 2
        assert all(one in list(block.subnets(new_prefix=64))[1] for one in given)
    finally:
        cfn.delete_stack(StackName=name)
        cfn.get_waiter("stack_delete_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
