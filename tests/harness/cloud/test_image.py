"""Where the guest image comes from, and when it is built."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cloud import image
from harness.cloud.image import ensure_image, mirror_base, recipe_hash, registry_base
from harness.cloud.image.uses import KEPT, Uses
from harness.errors import EngineError, ImageError

pytestmark = pytest.mark.selftest

LONG = 3600
"""Seconds."""


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uses are noted in these tests; the builder's lock is theirs, too."""
    path = tmp_path / "notes"
    monkeypatch.setattr(image, "default_directory", lambda: path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return path


class MemoryStore:
    """A container engine's images, in memory."""

    def __init__(self, *images: str, registry: bool = True) -> None:
        self.images = set(images)
        self.registry = registry
        self.built: list[tuple[str, str]] = []
        self.failure = ""
        self.in_use: set[str] = set()

    def discard(self, tag: str) -> bool:
        if tag in self.in_use:
            return False
        self.images.discard(tag)
        return True

    def has(self, tag: str) -> bool:
        return tag in self.images

    def pull(self, reference: str) -> None:
        if not self.registry:
            raise EngineError(f"pulling {reference} failed: no such host")
        self.images.add(reference)

    def import_archive(self, archive: Path, tag: str) -> None:
        assert archive.name == "root.tar"
        self.images.add(tag)

    def build(self, context: Path, tag: str, *, base: str, on_line: Callable[[str], None]) -> None:
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


def test_another_builder_is_waited_for_in_words_and_with_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who needs nothing built does not wait."""
    monkeypatch.setattr(image, "BUILDER_SECONDS", 0)
    built = ensure_image(MemoryStore())
    said: list[str] = []
    builder = tmp_path / f"harness-builder-{os.getuid()}"
    with (builder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ensure_image(MemoryStore(built.tag)).tag == built.tag
        with pytest.raises(ImageError, match="another run has been making") as refused:
            ensure_image(MemoryStore(), say=said.append)
    assert said == ["waiting for another run, which makes a guest image"]
    assert str(tmp_path) in refused.value.remedy


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


def test_a_run_that_is_interrupted_lets_mmdebstrap_tidy_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It removes its half of a root file system, and nothing that it has started goes on."""
    started, tidied = tmp_path / "started", tmp_path / "tidied"
    program = tmp_path / "mmdebstrap"
    program.write_text(
        f"#!/bin/bash\ntrap 'kill %1; touch {tidied}; exit 1' TERM\n"
        f"sleep {LONG} &\ntouch {started}\nwait\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def interrupt() -> None:
        while not started.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        image._mmdebstrap(tmp_path / "root.tar")
    assert tidied.exists()


def test_what_mmdebstrap_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words, and what to do where the disk is full."""
    program = tmp_path / "mmdebstrap"
    program.write_text("#!/bin/sh\necho 'E: No space left on device' >&2\nexit 25\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="mmdebstrap failed: E: No space left on device") as caught:
        image._mmdebstrap(tmp_path / "root.tar")
    assert caught.value.remedy == "free some space"


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


def aged(notes: Path, tag: str, *, days: float) -> None:
    """Let an image have been used that long ago."""
    Uses(notes).note(tag)
    then = (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).timestamp()
    (path,) = [one for one in notes.iterdir() if one.name.endswith(tag.rpartition("-")[2])]
    os.utime(path, (then, then))


def test_images_of_other_recipes_end_when_one_is_built_and_nobody_has_used_them(
    notes: Path,
) -> None:
    """Those that were used lately stay, as do those in use, and those that nobody here knows."""
    old, lately, busy, unknown = (f"harness-guest:ubuntu-24.04-{one}" for one in "abcd")
    base = "harness-guest-base:bookworm-e"
    for tag, days in ((old, KEPT.days + 1), (lately, KEPT.days - 1), (busy, 99), (base, 99)):
        aged(notes, tag, days=days)
    store = MemoryStore(old, lately, busy, unknown, base, "debian:12")
    store.in_use = {busy}
    said: list[str] = []
    built = ensure_image(store, say=said.append)
    assert store.images == {built.tag, lately, busy, unknown, "debian:12", "ubuntu:24.04"}
    assert [line.split()[3].rstrip(",") for line in said if line.startswith("removed")] == [
        old,
        base,
    ]


def test_nothing_is_removed_while_the_image_is_there(notes: Path) -> None:
    """A run that builds nothing removes nothing; its own image counts as used."""
    store = MemoryStore()
    built = ensure_image(store)
    old = "harness-guest:ubuntu-24.04-a"
    store.images.add(old)
    aged(notes, old, days=99)
    aged(notes, built.tag, days=99)
    assert not ensure_image(store).built
    assert old in store.images
    assert Uses(notes).unused() == [old]


def test_an_image_that_is_gone_already_is_forgotten(notes: Path) -> None:
    """Somebody has removed it by hand."""
    gone = "harness-guest:ubuntu-24.04-a"
    aged(notes, gone, days=99)
    ensure_image(MemoryStore())
    assert Uses(notes).unused() == []
