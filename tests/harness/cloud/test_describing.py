"""Filters and pages of DescribeInstances, on an answer as moto writes it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from harness.cloud import describing
from harness.cloud.crash import AwsError

pytestmark = pytest.mark.selftest

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15"


def instance(number: int, *, state: str = "running", name: str = "web") -> str:
    return f"""<item><instanceId>i-{number}</instanceId><instanceType>t3.micro</instanceType>
        <instanceState><code>16</code><name>{state}</name></instanceState>
        <privateDnsName>ip-10-77-0-{number}.ec2.internal</privateDnsName>
        <privateIpAddress>10.77.0.{number}</privateIpAddress><vpcId>vpc-1</vpcId>
        <groupSet><item><groupId>sg-1</groupId></item></groupSet>
        <tagSet><item><key>Name</key><value>{name}</value></item></tagSet>
        <networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>fd12::{number}</ipv6Address>
        </item></ipv6AddressesSet></item></networkInterfaceSet></item>"""


def answer(*reservations: list[str]) -> bytes:
    items = "".join(
        f"<item><reservationId>r-{at}</reservationId><ownerId>1</ownerId>"
        f"<instancesSet>{''.join(instances)}</instancesSet></item>"
        for at, instances in enumerate(reservations)
    )
    return (
        f'<DescribeInstancesResponse xmlns="{NAMESPACE}"><reservationSet>{items}'
        "</reservationSet><nextToken/></DescribeInstancesResponse>"
    ).encode()


def picked(document: bytes, **form: str) -> ET.Element:
    root = ET.fromstring(describing.pick(document, form))  # noqa: S314 - our own
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def ids(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iter("instanceId")]


FIVE = answer(
    [instance(1), instance(2, name="db")],
    [instance(3, state="terminated", name="web-old"), instance(4)],
    [instance(5)],
)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("instance-id", "i-4", ["i-4"]),
        ("instance-state-name", "terminated", ["i-3"]),
        ("tag:Name", "web*", ["i-1", "i-3", "i-4", "i-5"]),
        ("tag:Name", "w?b", ["i-1", "i-4", "i-5"]),
        ("tag:Name", "[w]eb", []),
        ("tag-key", "Name", ["i-1", "i-2", "i-3", "i-4", "i-5"]),
        ("tag:name", "web", []),
        ("reservation-id", "r-2", ["i-5"]),
        ("private-ip-address", "10.77.0.2", ["i-2"]),
        ("private-ip-address", "10.77.0.3", []),
        ("network-interface.ipv6-addresses.ipv6-address", "fd12::5", ["i-5"]),
        ("instance.group-id", "sg-1", ["i-1", "i-2", "i-4", "i-5"]),
        ("ip-address", "127.77.0.1", []),
    ],
)
def test_a_filter_is_held_against_the_description(
    name: str, value: str, expected: list[str]
) -> None:
    """Wildcards are those of EC2, and what is terminated has no address any more."""
    form = {"Filter.1.Name": name, "Filter.1.Value.1": value}
    assert ids(picked(FIVE, **form)) == expected


def test_filters_are_all_met_by_any_of_their_values() -> None:
    """One of the values of each."""
    form = {
        "Filter.1.Name": "instance-id",
        "Filter.1.Value.1": "i-1",
        "Filter.1.Value.2": "i-2",
        "Filter.2.Name": "tag:Name",
        "Filter.2.Value.1": "db",
    }
    assert ids(picked(FIVE, **form)) == ["i-2"]


def test_a_reservation_of_which_nothing_is_left_is_not_told() -> None:
    """There are no empty ones."""
    root = picked(FIVE, **{"Filter.1.Name": "instance-id", "Filter.1.Value.1": "i-5"})
    assert [one.text for one in root.iter("reservationId")] == ["r-2"]


@pytest.mark.parametrize("name", ["nonsense", "", "instanceId"])
def test_a_filter_that_is_none_is_refused(name: str) -> None:
    """Instead of finding nothing."""
    with pytest.raises(AwsError) as caught:
        picked(FIVE, **{"Filter.1.Name": name, "Filter.1.Value.1": "x"})
    assert caught.value.code == "InvalidParameterValue"


def test_pages_have_every_instance_once() -> None:
    """Reservations are cut in two where a page ends."""
    many = answer([instance(one) for one in range(1, 8)], [instance(one) for one in range(8, 13)])
    found: list[str] = []
    token: dict[str, str] = {}
    sizes = []
    while True:
        root = picked(many, MaxResults="5", **token)
        found += ids(root)
        sizes.append(len(ids(root)))
        following = root.findtext("nextToken")
        if not following:
            break
        token = {"NextToken": following}
    assert sizes == [5, 5, 2]
    assert found == [f"i-{one}" for one in range(1, 13)]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"MaxResults": "4"}, "InvalidParameterValue"),
        ({"MaxResults": "1001"}, "InvalidParameterValue"),
        ({"MaxResults": "some"}, "InvalidParameterValue"),
        ({"MaxResults": "5", "InstanceId.1": "i-1"}, "InvalidParameterCombination"),
        ({"MaxResults": "5", "NextToken": "nonsense"}, "InvalidNextToken"),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(form: dict[str, str], code: str) -> None:
    """As EC2 does it."""
    with pytest.raises(AwsError) as caught:
        picked(FIVE, **form)
    assert caught.value.code == code


def test_what_is_terminated_has_no_place_in_the_network() -> None:
    """EC2 tells neither addresses nor groups of it."""
    (gone,) = picked(FIVE, **{"Filter.1.Name": "instance-id", "Filter.1.Value.1": "i-3"}).iterfind(
        "reservationSet/item/instancesSet/item"
    )
    assert {one.tag for one in gone} == {
        "instanceId",
        "instanceState",
        "instanceType",
        "privateDnsName",
        "tagSet",
    }
    assert not gone.findtext("privateDnsName")
