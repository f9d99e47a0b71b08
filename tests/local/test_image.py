"""The guest image's base, where a registry answers and where none does."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from harness.cloud.engine import ContainerEngine
from harness.cloud.image import ensure_image, mirror_base
from harness.errors import ImageError
from tests.local.registry import registry

pytestmark = pytest.mark.local

NAME = "suite-base:1"
"""No name that anybody's guest image is made from."""


@pytest.fixture
def client(container_engine: ContainerEngine) -> Iterator[docker.DockerClient]:
    """The engine itself; what the tests bring into it goes again."""
    one = docker.from_env()
    yield one
    for image in one.images.list():
        for tag in image.tags:
            if "suite-base" in tag:
                container_engine.remove_image(tag)
    one.close()


def test_the_base_is_pulled_where_a_registry_has_it(
    container_engine: ContainerEngine, client: docker.DockerClient
) -> None:
    """It is built upon once, and said which way was taken; from then on no registry is asked."""
    root = client.images.get(mirror_base().fetch(container_engine.images, lambda _line: None))
    said: list[str] = []
    images = container_engine.images
    with registry(root.save(), NAME) as reference:
        image = ensure_image(images, base="registry", registry=reference, say=said.append)
    assert (image.built, image.origin) == (True, f"{reference} from its registry")
    assert said[0] == f"pulling {reference}"
    assert image.tag.startswith("harness-guest:suite-base-1-")
    again = ensure_image(images, base="registry", registry=reference)
    assert (again.tag, again.built) == (image.tag, False)
    booted = client.containers.run(image.tag, ["cloud-init", "--version"], remove=True)
    assert b"cloud-init" in booted


def test_a_registry_without_it_is_named(
    container_engine: ContainerEngine, client: docker.DockerClient
) -> None:
    """Where the registry was asked for by name, nothing else will do."""
    root = client.images.get(mirror_base().fetch(container_engine.images, lambda _line: None))
    with registry(root.save(), "another:1") as reference:
        wanted = reference.replace("another:1", NAME)
        with pytest.raises(ImageError, match=r"no root file system.*suite-base") as refused:
            ensure_image(container_engine.images, base="registry", registry=wanted)
    assert "mmdebstrap" in refused.value.remedy
