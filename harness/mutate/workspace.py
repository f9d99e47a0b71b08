"""A project with a few files of its own, the rest of it as it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

_LEFT_OUT = {".git", ".harness", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def make_workspace(
    root: Path, folder: Path, files: Mapping[Path, bytes], copied: Sequence[Path]
) -> None:
    """Make a folder that looks like a project, with other contents in some files.

    What is not changed is linked, so that this is quick however large the project is.

    Args:
        root: The project.
        folder: An empty folder.
        files: Contents by path, relative to the project.
        copied: Paths, relative to the project, of which there must be real copies: tests that look
            for the project from where they are themselves.
    """
    own = {*files, *copied}
    for entry in root.iterdir():
        relative = entry.relative_to(root)
        if entry.name not in _LEFT_OUT:
            _bring(root, folder, relative, own)
    for relative, content in files.items():
        target = folder / relative
        target.unlink(missing_ok=True)  # a copy of what may not be written
        target.write_bytes(content)
        if (root / relative).exists():
            target.chmod((root / relative).stat().st_mode)


def share_compiled(compiled: Path, folder: Path, copied: Sequence[Path]) -> None:
    """Bring into a workspace what Python has compiled in another one of the same project.

    It holds there too, since the copies have the time and the size of what they were made of.

    Args:
        compiled: The other workspace.
        folder: The workspace.
        copied: The paths of which both have real copies.
    """
    for one in copied:
        top = compiled / one if (compiled / one).is_dir() else (compiled / one).parent
        for cache in top.rglob("__pycache__"):
            target = folder / cache.relative_to(compiled)
            if target.parent.is_dir():
                shutil.copytree(cache, target, dirs_exist_ok=True)


def _bring(root: Path, folder: Path, relative: Path, own: set[Path]) -> None:
    source, target = root / relative, folder / relative
    if relative in own:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    elif any(relative in one.parents for one in own):
        target.mkdir()
        for entry in source.iterdir():
            _bring(root, folder, entry.relative_to(root), own)
    else:
        target.symlink_to(source)
