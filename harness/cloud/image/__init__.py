"""The guest image: where its root file system comes from, and how it becomes an image.

The recipe beside this file is an ordinary Dockerfile. Its base is pulled from a registry where one
answers, else made by ``mmdebstrap`` from the machine's own apt mirror. The result is cached under a
tag that carries the hash of all that went into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from harness.cloud.image.uses import KEPT, Uses, default_directory
from harness.cloud.private import make_private, own_directory
from harness.errors import EngineError, ImageError
from harness.waiting import Deadline

RECIPE: Final = Path(__file__).parent / "recipe"
REPOSITORY: Final = "harness-guest"
MIRROR_SUITE: Final = "bookworm"
MIRROR_TIMEOUT_SECONDS: Final = 900
BUILDER_SECONDS: Final = 1000
"""How long another run is waited for that makes an image."""

TIDY_SECONDS: Final = 20
"""How long mmdebstrap may take to remove what it has made, when it is interrupted."""

_MIRROR_PACKAGES: Final = "ca-certificates,systemd-sysv"


class ImageStore(Protocol):
    """What the builder needs of a container engine."""

    def has(self, tag: str) -> bool:
        """Whether the image is there."""

    def pull(self, reference: str) -> None:
        """Fetch it from its registry."""

    def import_archive(self, archive: Path, tag: str) -> None:
        """Make it of a root file system."""

    def build(self, context: Path, tag: str, *, base: str, on_line: Callable[[str], None]) -> None:
        """Build it from a folder with a Dockerfile that takes ``BASE``."""

    def discard(self, tag: str) -> bool:
        """Remove it, but not from under a container; whether it is gone."""


@dataclass(frozen=True)
class GuestImage:
    """An image that guests boot.

    Args:
        tag: The engine's name for it.
        origin: Where its root file system came from, for people.
        built: Whether this call built it; False when it was cached.
    """

    tag: str
    origin: str
    built: bool


@dataclass(frozen=True)
class Base:
    """Where a root file system can come from.

    Args:
        name: Short name, part of the image's tag.
        origin: For people.
        fetch: Puts it into the store and returns its tag there; raises EngineError where it cannot.
    """

    name: str
    origin: str
    fetch: Callable[[ImageStore, Callable[[str], None]], str]


def recipe_hash() -> str:
    """Twelve hex digits over every file of the recipe, its path and its content."""
    digest = hashlib.sha256(_mirror_hash().encode())
    for path in sorted(RECIPE.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(RECIPE)).encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _mirror_hash() -> str:
    return hashlib.sha256(f"{MIRROR_SUITE} {_MIRROR_PACKAGES}".encode()).hexdigest()[:12]


def registry_base(reference: str) -> Base:
    """A base that is pulled, such as ``ubuntu:24.04``."""

    def fetch(store: ImageStore, say: Callable[[str], None]) -> str:
        if not store.has(reference):
            say(f"pulling {reference}")
            store.pull(reference)
        return reference

    name = reference.rpartition("/")[2].replace(":", "-")
    return Base(name, f"{reference} from its registry", fetch)


def mirror_base() -> Base:
    """A base made from the apt mirror that this machine itself uses."""
    tag = f"{REPOSITORY}-base:{MIRROR_SUITE}-{_mirror_hash()}"

    def fetch(store: ImageStore, say: Callable[[str], None]) -> str:
        if not store.has(tag):
            with tempfile.TemporaryDirectory(prefix="harness-") as folder:
                archive = Path(folder) / "root.tar"
                say(f"making a Debian {MIRROR_SUITE} root file system with mmdebstrap")
                _mmdebstrap(archive)
                store.import_archive(archive, tag)
        return tag

    return Base(f"debian-{MIRROR_SUITE}", f"Debian {MIRROR_SUITE} from the apt mirror", fetch)


def ensure_image(
    store: ImageStore,
    *,
    base: str = "auto",
    registry: str = "ubuntu:24.04",
    say: Callable[[str], None] = lambda _line: None,
    uses: Uses | None = None,
) -> GuestImage:
    """The guest image, built when there is none of this recipe.

    Whenever one is built, images of other recipes are removed that this user has not used for
    :data:`KEPT`, and that no container uses.

    Args:
        store: The container engine.
        base: ``registry``, ``mirror``, or ``auto``: the registry where it answers, else the mirror.
        registry: Image reference of the base in a registry.
        say: Told what takes long, in lines.
        uses: When which image was used; this user's notes by default.

    Raises:
        ImageError: No base could be had, the recipe failed on it, or another run of this user has
            been building for too long.
    """
    choices = {"registry": [registry_base(registry)], "mirror": [mirror_base()]}
    bases = choices.get(base) or [*choices["registry"], *choices["mirror"]]
    uses = uses or Uses(default_directory())
    found = _cached(store, bases, uses)
    if found:
        return found
    with _one_builder_at_a_time(say):
        found = _cached(store, bases, uses)  # built by whoever was waited for
        if found:
            return found
        reasons = []
        for candidate in bases:
            try:
                fetched = candidate.fetch(store, say)
            except EngineError as error:
                reasons.append(f"{candidate.origin}: {error.message}")
                say(f"{candidate.origin} is not to be had: {error.message}")
                continue
            tag = _tag(candidate)
            say(f"building the guest image {tag}")
            store.build(RECIPE, tag, base=fetched, on_line=say)
            uses.note(tag)
            if fetched.startswith(f"{REPOSITORY}-base:"):
                uses.note(fetched)
            _discard_unused(store, uses, say)
            return GuestImage(tag, candidate.origin, built=True)
    raise ImageError(
        "no root file system for the guest image: " + "; ".join(reasons),
        remedy="reach a registry that has ubuntu:24.04, or on Debian or Ubuntu "
        "install mmdebstrap (apt-get install mmdebstrap)",
    )


def _discard_unused(store: ImageStore, uses: Uses, say: Callable[[str], None]) -> None:
    for tag in uses.unused():
        if not store.has(tag):
            uses.forget(tag)
        elif store.discard(tag):
            uses.forget(tag)
            say(f"removed the image {tag}, which was not used for {KEPT.days} days")


def _tag(base: Base) -> str:
    return f"{REPOSITORY}:{base.name}-{recipe_hash()}"


def _cached(store: ImageStore, bases: Sequence[Base], uses: Uses) -> GuestImage | None:
    for candidate in bases:
        tag = _tag(candidate)
        if store.has(tag):
            uses.note(tag)
            return GuestImage(tag, candidate.origin, built=False)
    return None


@contextlib.contextmanager
def _one_builder_at_a_time(say: Callable[[str], None]) -> Generator[None]:
    """Hold a lock of this user, so that parallel runs build the image once."""
    directory = own_directory("builder")
    make_private(directory)
    path = directory / "lock"
    deadline = Deadline(BUILDER_SECONDS)
    with path.open("w") as lock:
        while not _locked(lock):
            if deadline.elapsed < 1:
                say("waiting for another run, which makes a guest image")
            if deadline.over:
                raise ImageError(
                    f"another run has been making a guest image for {BUILDER_SECONDS} seconds",
                    remedy=f"see what it is doing: fuser {path}",
                )
            deadline.pause(1)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mmdebstrap(archive: Path) -> None:
    program = shutil.which("mmdebstrap")
    if program is None:
        raise ImageError(
            "mmdebstrap is not installed", remedy="apt-get install mmdebstrap (Debian, Ubuntu)"
        )
    command = [program, "--quiet", "--variant=minbase", f"--include={_MIRROR_PACKAGES}"]
    # "-" would read sources from standard input; without a mirror it takes Debian's own.
    with subprocess.Popen(
        [*command, MIRROR_SUITE, str(archive)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # it ends with all that it has started
    ) as process:
        try:
            _, said = process.communicate(timeout=MIRROR_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise ImageError(f"mmdebstrap took over {MIRROR_TIMEOUT_SECONDS} seconds") from None
        finally:
            _end(process)
    if process.returncode:
        tail = " | ".join(said.strip().splitlines()[-4:])
        remedy = "free some space" if "No space left" in said else ""
        raise ImageError(f"mmdebstrap failed: {tail}", remedy=remedy)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process group that may be at work; it is given time to remove what it has made."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(TIDY_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
