"""Host keys are known from the console before anybody logs in."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import UnreachableError
from harness.guest.host_keys import HostKeys, fingerprint, read_host_keys, wait_for_host_keys
from harness.waiting import Clock, Deadline, Pace

pytestmark = pytest.mark.selftest

PACE = Pace(first=1.0, ceiling=1.0, jitter=0.0)


def public_key() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    formats = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return key.public_bytes(*formats).decode()


KEY, OTHER = public_key(), public_key()
EARLY = f"""\
[   12.1] cloud-init[571]: The key fingerprint is:
[   12.1] cloud-init[571]: {fingerprint(KEY)} root@ip-10-0-0-4
"""
LATE = f"""\
<14>Nov 22 16:59:53 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Nov 22 16:59:53 cloud-init: 256 {fingerprint(KEY)} root@ip-10-0-0-4 (ED25519)
<14>Nov 22 16:59:53 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
-----BEGIN SSH HOST KEY KEYS-----
{KEY} root@ip-10-0-0-4
-----END SSH HOST KEY KEYS-----
"""


def _deadline(seconds: float) -> Deadline:
    now = [0.0]

    def sleep(pause: float) -> None:
        now[0] += pause

    return Deadline(seconds, Clock(lambda: now[0], sleep))


def test_keys_and_fingerprints_are_read_through_the_consoles_prefixes() -> None:
    """The block of keys at the end of cloud-init, the fingerprints at its beginning."""
    assert read_host_keys(LATE) == HostKeys((KEY,), frozenset({fingerprint(KEY)}))
    assert read_host_keys(EARLY) == HostKeys((), frozenset({fingerprint(KEY)}))
    assert not read_host_keys("Linux version 6.1\n")


def test_only_the_last_block_counts() -> None:
    """A console may begin with that of the instance whose image this one has."""
    assert read_host_keys(LATE.replace(KEY, OTHER) + LATE).keys == (KEY,)


def test_a_key_outside_the_block_is_no_host_key() -> None:
    """Whatever else prints a public key is not believed."""
    assert read_host_keys(f"authorized: {OTHER}\n{LATE}").keys == (KEY,)


def test_a_block_that_is_not_finished_is_not_read() -> None:
    """The console may have been read in the middle of it."""
    assert read_host_keys(LATE.partition("-----END SSH HOST KEY KEYS")[0]).keys == ()


def test_waiting_ends_with_the_keys() -> None:
    """The console has them at the third look."""
    consoles = iter(["", "booting", LATE])
    assert wait_for_host_keys(lambda: next(consoles), tuple, _deadline(60), PACE) == (KEY,)


def test_fingerprints_let_the_host_itself_be_asked() -> None:
    """Only the key that the console has the fingerprint of is pinned."""
    assert wait_for_host_keys(lambda: EARLY, lambda: (OTHER, KEY), _deadline(60), PACE) == (KEY,)


def test_a_host_that_offers_other_keys_is_refused() -> None:
    """Somebody else answers at that address."""
    with pytest.raises(UnreachableError, match="host key mismatch"):
        wait_for_host_keys(lambda: EARLY, lambda: (OTHER,), _deadline(60), PACE)


def test_nothing_is_pinned_where_the_console_stays_silent() -> None:
    """The wait has a limit; the host is never asked without fingerprints to hold it against."""
    asked: list[None] = []

    def scan() -> tuple[str, ...]:
        asked.append(None)
        return (KEY,)

    assert wait_for_host_keys(lambda: "booting", scan, _deadline(30), PACE) == ()
    assert asked == []


def test_a_fingerprint_is_as_ssh_keygen_prints_it() -> None:
    """A key of which ssh-keygen -l has said this."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtYeTDJWJ5xs7W4MCibX48O35pjiDL1VNrdq9OjBPHV"
    assert fingerprint(key) == "SHA256:62C6LAm30iyijbticidId2/BNxXFof8w6LQ43ERy/ss"
