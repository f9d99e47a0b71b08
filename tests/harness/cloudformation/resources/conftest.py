"""A world of moto's, and resources made in it as a stack makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from harness.cloudformation.provider import ProvisionedResource, ResourceRequest
from harness.cloudformation.resources import AwsProvider, Patience
from harness.template import Node


class Watched:
    """Notes what is announced; cancelled when told."""

    def __init__(self) -> None:
        self.announced: list[str] = []
        self.cancelled = False

    def announce(self, physical_id: str) -> None:
        self.announced.append(physical_id)


class World:
    """Makes resources of one stack through real clients."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.client = client
        self.provider = AwsProvider(client, patience=Patience(interval=0.0, create=0.0, delete=0.0))
        self.progress = Watched()

    def request(
        self,
        resource_type: str,
        properties: Mapping[str, Node] | None = None,
        *,
        logical_id: str = "Thing",
        stack_tags: Mapping[str, str] | None = None,
    ) -> ResourceRequest:
        return ResourceRequest(
            stack_id="arn:aws:cloudformation:us-east-1:123456789012:stack/demo/1",
            stack_name="demo",
            logical_id=logical_id,
            type=resource_type,
            properties=properties or {},
            stack_tags=stack_tags or {},
        )

    def create(
        self, resource_type: str, properties: Mapping[str, Node] | None = None
    ) -> ProvisionedResource:
        return self.provider.create(self.request(resource_type, properties), self.progress)

    def update(
        self, resource: ProvisionedResource, properties: Mapping[str, Node]
    ) -> ProvisionedResource:
        wanted = self.request(resource.request.type, properties)
        return self.provider.update(resource, wanted, self.progress)

    def get(self, resource: ProvisionedResource, attribute: str) -> Node:
        return self.provider.attribute(resource, attribute)

    def image_id(self) -> str:
        answer = self.client("ec2").register_image(Name="ours", RootDeviceName="/dev/sda1")
        return str(answer["ImageId"])


@pytest.fixture(scope="session")
def client() -> Callable[[str], Any]:
    """Makes clients, once for all tests: it takes long, and moto forgets what they did."""
    clients: dict[str, Any] = {}

    def make(service: str) -> Any:  # noqa: ANN401 - clients have no common type
        if service not in clients:
            clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                region_name="us-east-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
        return clients[service]

    return make


@pytest.fixture
def world(client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with mock_aws():
        yield World(client)
