"""Where the guest image comes from, and when it is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cloud import image
from harness.cloud.image import ensure_image, mirror_base, recipe_hash, registry_base
from harness.errors import EngineError, ImageError

pytestmark = pytest.mark.selftest


class MemoryStore:
    """A container engine's images, in memory."""

    def __init__(self, *images: str, registry: bool = True) -> None:
        self.images = set(images)
        self.registry = registry
        self.built: list[tuple[str, str]] = []
        self.failure = ""

    def has_image(self, tag: str) -> bool:
        return tag in self.images

    def pull(self, reference: str) -> None:
        if not self.registry:
            raise EngineError(f"pulling {reference} failed: no such host")
        self.images.add(reference)

    def import_image(self, archive: Path, tag: str) -> None:
        assert archive.name == "root.tar"
        self.images.add(tag)

    def build_image(
        self, context: Path, tag: str, *, base: str, on_line: Callable[[str], None]
    ) -> None:
        assert (context / "Dockerfile").exists()
        if self.failure:
            raise ImageError(self.failure)
        on_line("Step 1")
        self.images.add(tag)
        self.built.append((tag, base))


def test_the_image_is_built_once_on_the_registrys_base() -> None:
    """The second time it is there."""
    store = MemoryStore()
    said: list[str] = []
    first = ensure_image(store, say=said.append)
    second = ensure_image(store)
    assert (first.built, second.built) == (True, False)
    assert first.tag == second.tag == f"harness-guest:ubuntu-24.04-{recipe_hash()}"
    assert store.built == [(first.tag, "ubuntu:24.04")]
    assert "Step 1" in said


def test_without_a_registry_the_mirror_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was tried before is said."""
    monkeypatch.setattr(image, "_mmdebstrap", lambda _archive: None)
    said: list[str] = []
    built = ensure_image(MemoryStore(registry=False), say=said.append)
    assert "Debian bookworm from the apt mirror" in built.origin
    assert any("no such host" in line for line in said)


def test_what_is_built_already_is_taken_before_anything_is_fetched() -> None:
    """An image of the mirror's base does while no registry answers."""
    tag = f"harness-guest:{mirror_base().name}-{recipe_hash()}"
    assert ensure_image(MemoryStore(tag, registry=False)).tag == tag


def test_no_base_at_all_names_every_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a remedy for each kind of machine."""

    def fail(_archive: Path) -> None:
        raise ImageError("mmdebstrap is not installed")

    monkeypatch.setattr(image, "_mmdebstrap", fail)
    with pytest.raises(ImageError) as caught:
        ensure_image(MemoryStore(registry=False))
    assert "no such host" in caught.value.message
    assert "mmdebstrap is not installed" in caught.value.message
    assert "apt-get install mmdebstrap" in caught.value.remedy


def test_a_recipe_that_fails_is_not_tried_on_another_base() -> None:
    """It would hide what is wrong; nothing is left that looks like an image."""
    store = MemoryStore()
    store.failure = "step 3 failed"
    with pytest.raises(ImageError, match="step 3 failed"):
        ensure_image(store)
    assert store.images == {"ubuntu:24.04"}


def test_the_tag_names_the_base_and_all_that_went_into_it() -> None:
    """A change of the recipe is another image."""
    assert registry_base("example.org/os/ubuntu:22.04").name == "ubuntu-22.04"
    assert len(recipe_hash()) == 12
