"""moto, imported and changed as the local cloud needs it."""
# ruff: noqa: ANN401, PLC0415, SLF001 - as the package says

from __future__ import annotations

import functools
import ipaddress
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from harness import amis
from harness.cloud.instance import State
from harness.cloud.moto_ec2.buckets import pass_over_conditions
from harness.cloud.moto_ec2.instance_models import REACHABLE
from harness.cloud.moto_ec2.launches import note_launches
from harness.cloud.network import AddressBook, public_dns_name


def load() -> None:
    """Import moto, set up as it is wanted, and boto3; to be called before anything imports them.

    moto reads its images from a file while it is imported. The file has no name, so that nothing
    is left of it however this process ends.
    """
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
    os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"
    with tempfile.TemporaryFile("w+") as catalogue:
        catalogue.write(amis.moto_catalogue())
        catalogue.seek(0)
        os.environ["MOTO_AMIS_PATH"] = f"/dev/fd/{catalogue.fileno()}"
        import boto3  # noqa: F401 - imported for later
        import moto.autoscaling.models
        import moto.ec2.models
        import moto.ec2.responses
        import moto.moto_server.werkzeug_app  # noqa: F401 - imported for later
    pass_over_conditions()
    note_launches()


def adopt_addresses(book: AddressBook) -> None:
    """Make moto give out our addresses: the default VPC, public addresses and public names.

    Replaces one method of the VPC backend, some properties of the instance model, and the functions
    that invent addresses and blocks, in every module of moto's EC2 that has imported them.
    """
    from moto.ec2.models import elastic_network_interfaces as interfaces
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.vpcs import VPCBackend

    for module in [module for name, module in sys.modules.items() if name.startswith("moto.ec2")]:
        for inventor in ("random_public_ip", "random_ip"):
            if hasattr(module, inventor):
                setattr(module, inventor, book.public_address)
        if hasattr(module, "random_private_ip"):
            module.random_private_ip = functools.partial(  # type: ignore[attr-defined]
                _private_address, module.random_private_ip, str(book.private)
            )
        if hasattr(module, "random_ipv6_cidr"):
            module.random_ipv6_cidr = book.ipv6_block  # type: ignore[attr-defined]

    def create_default_vpc(backend: Any) -> Any:
        vpc = backend.create_vpc(cidr_block=str(book.private), is_default=True)
        for zone in backend.describe_availability_zones():
            backend.create_default_subnet(zone.name)
        return vpc

    def public_name(instance: Any) -> str | None:
        address = instance.public_ip
        return public_dns_name(address, instance.ec2_backend.region_name) if address else None

    VPCBackend.create_default_vpc = create_default_vpc  # type: ignore[assignment,method-assign]
    Instance.public_dns_name = property(public_name)  # type: ignore[assignment,method-assign]
    Instance.ipv6_address = property(_first_ipv6_address)  # type: ignore[attr-defined]
    Instance.instance_status = property(_status)  # type: ignore[assignment,method-assign]
    Instance.system_status = property(_status)  # type: ignore[assignment,method-assign]
    private_name: Callable[[str], str] = vars(interfaces)["generate_dns_from_ip"]

    def interface_name(address: str) -> str:
        is_public = ipaddress.IPv4Address(address) in book.public
        return public_dns_name(address, "us-east-1") if is_public else private_name(address)

    vars(interfaces)["generate_dns_from_ip"] = interface_name


def application() -> Callable[..., Any]:
    """Moto's own server as a WSGI application, for all services."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def _private_address(
    invent: Callable[[str | None, bool], str],
    private: str,
    cidr: str | None = None,
    ipv6: bool = False,  # noqa: FBT001, FBT002 - as moto calls it
) -> str:
    """What moto invents, out of our network where it is not told which."""
    return invent(cidr or (None if ipv6 else private), ipv6)


def _first_ipv6_address(instance: Any) -> str | None:
    addresses = instance.nics[0].ipv6_addresses if 0 in instance.nics else []
    return addresses[0] if addresses else None


def _status(instance: Any) -> dict[str, Any]:
    """Of DescribeInstanceStatus: the check of an instance is whether it can be reached."""
    if instance._state.name != State.RUNNING.value:
        return {"Status": "not-applicable"}
    reached = vars(instance).get(REACHABLE, False)
    detail = {"Name": "reachability", "Status": "passed" if reached else "initializing"}
    return {"Status": "ok" if reached else "initializing", "Details": [detail]}
