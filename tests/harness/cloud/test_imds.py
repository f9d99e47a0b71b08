"""The metadata service: tokens, paths, listings, identity."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest

from harness.cloud.imds import Imds, ImdsRequest, ImdsResponse, RoleCredentials
from harness.cloud.instance import InstanceFacts, MetadataOptions

pytestmark = pytest.mark.selftest

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
FACTS = InstanceFacts(
    instance_id="i-0123456789abcdef0",
    region="eu-west-1",
    availability_zone="eu-west-1b",
    account_id="123456789012",
    image_id="ami-1",
    instance_type="t3.micro",
    architecture="x86_64",
    reservation_id="r-1",
    launch_index=0,
    launch_time=NOW,
    private_ip="10.77.0.5",
    private_dns_name="ip-10-77-0-5.eu-west-1.compute.internal",
    public_ip="127.77.1.2",
    public_dns_name="ec2-127-77-1-2.eu-west-1.compute.harness.internal",
    mac="02:00:00:00:00:01",
    vpc_id="vpc-1",
    vpc_cidr="10.77.0.0/16",
    subnet_id="subnet-1",
    subnet_cidr="10.77.0.0/20",
    key_name="mine",
    public_key="ssh-ed25519 AAAA mine",
    user_data=b"#!/bin/sh\n\xff",
    security_groups=(("sg-1", "one"), ("sg-2", "two")),
    shutdown_terminates=False,
    metadata_options=MetadataOptions(),
    tags={"Name": "demo"},
)


class Clock:
    """A time of day that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


def credentials(facts: InstanceFacts) -> RoleCredentials:
    return RoleCredentials(f"ASIA-{facts.role_name}", "secret", "token", NOW, NOW)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def imds(clock: Clock) -> Imds:
    return Imds(b"key", credentials, clock)


def with_options(**options: object) -> InstanceFacts:
    changed = dataclasses.replace(MetadataOptions(), **options)  # type: ignore[arg-type]  # by name
    return dataclasses.replace(FACTS, metadata_options=changed)


def get(imds: Imds, path: str, facts: InstanceFacts = FACTS, token: str = "") -> ImdsResponse:
    headers = {"x-aws-ec2-metadata-token": token} if token else {}
    return imds.respond(ImdsRequest("GET", path, headers), facts)


def token_of(imds: Imds, facts: InstanceFacts = FACTS, ttl: str = "60") -> ImdsResponse:
    headers = {"x-aws-ec2-metadata-token-ttl-seconds": ttl}
    return imds.respond(ImdsRequest("PUT", "/latest/api/token", headers), facts)


def test_version_1_answers_without_a_token(imds: Imds) -> None:
    """Tokens are optional unless the instance requires them."""
    assert get(imds, "/latest/meta-data/instance-id").body == b"i-0123456789abcdef0"


def test_a_required_token_is_required(imds: Imds) -> None:
    """HttpTokens=required: 401 without one, 200 with one."""
    facts = with_options(token_required=True)
    assert get(imds, "/latest/meta-data/instance-id", facts).status == 401
    token = token_of(imds, facts).body.decode()
    assert get(imds, "/latest/meta-data/instance-id", facts, token).status == 200


def test_a_token_ends_with_its_time_to_live(imds: Imds, clock: Clock) -> None:
    """After the seconds that were asked for it is not taken any more."""
    token = token_of(imds, ttl="60").body.decode()
    clock.now += dt.timedelta(seconds=59)
    assert get(imds, "/latest/meta-data/", token=token).status == 200
    clock.now += dt.timedelta(seconds=2)
    assert get(imds, "/latest/meta-data/", token=token).status == 401


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "é", "MTIzNDU2Nzg5"])
def test_a_wrong_token_is_refused_even_where_none_is_required(imds: Imds, token: str) -> None:
    """As EC2 does."""
    assert get(imds, "/latest/meta-data/", token=token).status == 401


def test_a_token_of_another_instance_is_refused(imds: Imds) -> None:
    """Tokens are the instance's own."""
    other = dataclasses.replace(FACTS, instance_id="i-2")
    token = token_of(imds, other).body.decode()
    assert get(imds, "/latest/meta-data/", token=token).status == 401


@pytest.mark.parametrize(("ttl", "status"), [("", 400), ("0", 400), ("21601", 400), ("21600", 200)])
def test_the_bounds_of_a_tokens_time_to_live(imds: Imds, ttl: str, status: int) -> None:
    """One second to six hours."""
    assert token_of(imds, ttl=ttl).status == status


def test_a_forwarded_token_request_is_refused(imds: Imds) -> None:
    """X-Forwarded-For means that somebody else asks through the instance."""
    headers = {"x-aws-ec2-metadata-token-ttl-seconds": "60", "x-forwarded-for": "10.0.0.1"}
    answer = imds.respond(ImdsRequest("PUT", "/latest/api/token", headers), FACTS)
    assert answer.status == 403


def test_a_disabled_endpoint_answers_nothing(imds: Imds) -> None:
    """HttpEndpoint=disabled: 403 for all, tokens too."""
    facts = with_options(enabled=False)
    assert get(imds, "/latest/meta-data/", facts).status == 403
    assert token_of(imds, facts).status == 403


def test_user_data_is_the_bytes_that_were_given(imds: Imds) -> None:
    """Whatever they are; and 404 where there are none."""
    assert get(imds, "/latest/user-data").body == b"#!/bin/sh\n\xff"
    assert get(imds, "/latest/user-data", dataclasses.replace(FACTS, user_data=None)).status == 404


def test_listings_mark_what_has_more_below(imds: Imds) -> None:
    """Directories end in a slash, with or without one in the path; keys are listed by number."""
    listed = get(imds, "/latest/meta-data/").body.decode().splitlines()
    assert {"instance-id", "placement/", "public-keys/", "network/"} <= set(listed)
    assert get(imds, "/latest/meta-data").body == get(imds, "/latest/meta-data/").body
    assert get(imds, "/latest/meta-data/public-keys/").body == b"0=mine"
    assert get(imds, "/latest/meta-data/public-keys/0/").body == b"openssh-key"
    assert get(imds, "/latest/meta-data/public-keys/0/openssh-key").body == b"ssh-ed25519 AAAA mine"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("local-ipv4", "10.77.0.5"),
        ("public-ipv4", "127.77.1.2"),
        ("placement/availability-zone", "eu-west-1b"),
        ("placement/region", "eu-west-1"),
        ("security-groups", "one\ntwo"),
        ("network/interfaces/macs/02:00:00:00:00:01/subnet-id", "subnet-1"),
        ("network/interfaces/macs/02:00:00:00:00:01/ipv4-associations/127.77.1.2", "10.77.0.5"),
        ("services/domain", "amazonaws.com"),
    ],
)
def test_metadata(imds: Imds, path: str, body: str) -> None:
    """What cloud-init and the SDKs read."""
    assert get(imds, f"/latest/meta-data/{path}").body.decode() == body


def test_older_versions_answer_and_unknown_ones_do_not(imds: Imds) -> None:
    """cloud-init looks for the newest version that it knows."""
    assert get(imds, "/2009-04-04/meta-data/instance-id").status == 200
    assert get(imds, "/1999-01-01/meta-data/instance-id").status == 404
    assert b"2009-04-04" in get(imds, "/").body


def test_ipv6_is_told_where_the_instance_has_it(imds: Imds) -> None:
    """The first address at the top, all of them and the blocks at the interface."""
    facts = dataclasses.replace(
        FACTS,
        ipv6_addresses=("fd12::5", "fd12::6"),
        subnet_ipv6_cidr="fd12::/64",
        vpc_ipv6_cidr="fd12::/56",
    )
    interface = f"network/interfaces/macs/{FACTS.mac}"
    for path, body in (
        ("ipv6", "fd12::5"),
        (f"{interface}/ipv6s", "fd12::5\nfd12::6"),
        (f"{interface}/subnet-ipv6-cidr-blocks", "fd12::/64"),
        (f"{interface}/vpc-ipv6-cidr-blocks", "fd12::/56"),
    ):
        assert get(imds, f"/latest/meta-data/{path}", facts).body.decode() == body
        assert get(imds, f"/latest/meta-data/{path}").status == 404


@pytest.mark.parametrize("path", ["nope", "iam/", "tags/instance/Name", "public-keys/1"])
def test_what_is_not_there_is_not_found(imds: Imds, path: str) -> None:
    """No role, no tags in metadata, no second key."""
    assert get(imds, f"/latest/meta-data/{path}").status == 404


def test_tags_show_where_the_instance_allows_it(imds: Imds) -> None:
    """InstanceMetadataTags=enabled."""
    facts = with_options(tags=True)
    assert get(imds, "/latest/meta-data/tags/instance/", facts).body == b"Name"
    assert get(imds, "/latest/meta-data/tags/instance/Name", facts).body == b"demo"


def test_credentials_of_the_role(imds: Imds) -> None:
    """Listed by the role's name, answered as JSON."""
    facts = dataclasses.replace(
        FACTS, instance_profile="arn:aws:iam::1:instance-profile/p", role_name="worker"
    )
    listing = "/latest/meta-data/iam/security-credentials/"
    assert get(imds, listing, facts).body == b"worker"
    answer = json.loads(get(imds, f"{listing}worker", facts).body)
    assert answer["AccessKeyId"] == "ASIA-worker"
    assert answer["Code"] == "Success"


def test_an_identity_document_that_was_signed_here_is_recognised(imds: Imds) -> None:
    """And no other: not with a changed document, not with another cloud's signature."""
    document = get(imds, "/latest/dynamic/instance-identity/document").body
    signature = get(imds, "/latest/dynamic/instance-identity/signature").body.decode()
    assert imds.signed_instance(document, signature) == "i-0123456789abcdef0"
    assert imds.signed_instance(document.replace(b"t3", b"t4"), signature) is None
    assert Imds(b"other", credentials).signed_instance(document, signature) is None


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_only_reading_is_allowed(imds: Imds, method: str) -> None:
    """405 for all that would write."""
    assert imds.respond(ImdsRequest(method, "/latest/meta-data/"), FACTS).status == 405
