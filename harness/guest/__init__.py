"""The inside of an instance: a key pair of its own, pinned host keys, a login, testinfra's host."""

from harness.guest.host_keys import HostKeys, read_host_keys, wait_for_host_keys
from harness.guest.keys import KeyPair, delete_key_pair, import_key_pair, make_key_pair
from harness.guest.login import Login, LoginRequest, open_login

__all__ = [
    "HostKeys",
    "KeyPair",
    "Login",
    "LoginRequest",
    "delete_key_pair",
    "import_key_pair",
    "make_key_pair",
    "open_login",
    "read_host_keys",
    "wait_for_host_keys",
]
