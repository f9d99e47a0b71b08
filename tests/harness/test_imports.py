"""Which way imports run, who alone reaches into what, and what packages hand out."""

from __future__ import annotations

import ast
import functools
import importlib
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import harness

pytestmark = pytest.mark.selftest

PACKAGE = Path(harness.__file__).parent

TIERS = (
    {"errors", "_version", "amis", "garbage"},
    {
        "options",
        "template",
        "waiting",
        "naming",
        "ledger",
        "isolation",
        "claims",
        "service_models",
        "folders",
        "interrupts",
    },
    {"cloudformation", "stack", "guest", "masking", "embed", "watchdog"},
    {"userdata", "target", "evidence", "progress", "headroom", "moto_models", "simulate"},
    {"lint", "matrix", "deployment", "budgets"},
    {"run", "gate", "coverage"},
    {"cloud", "live", "report"},
    {"mutate"},
    {"plugin", "commands"},
    {"cli"},
    {"__main__"},
)
"""The parts of the package, the lowest first. A part imports from lower tiers and from itself,
never from its own tier: so the local cloud and AWS know nothing of each other, and whoever runs
stacks knows neither."""

OWNERS = {
    "docker": {"cloud/engine"},
    "pytest": {"plugin", "mutate/suite.py"},
    "moto": {"cloud/moto_ec2"},
}
"""The only places that reach into a library; of moto its public face is everybody's."""

PUBLIC = {"moto": {"moto", "moto.ec2", "moto.moto_server.werkzeug_app", "moto.server"}}


@dataclass(frozen=True)
class Import:
    """A module imports another, wherever in its text."""

    path: str
    line: int
    name: str

    @property
    def part(self) -> str:
        """The part of the package that imports."""
        return Path(self.path).parts[0].removesuffix(".py")


@functools.cache
def imports() -> tuple[Import, ...]:
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            shown = path.relative_to(PACKAGE).as_posix()
            if isinstance(node, ast.Import):
                for one in node.names:
                    yield Import(shown, node.lineno, one.name)
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level:
                    yield Import(shown, node.lineno, "." * node.level + module)
                elif module == "harness":
                    yield from (Import(shown, node.lineno, f"harness.{n.name}") for n in node.names)
                else:
                    yield Import(shown, node.lineno, module)


def tier(part: str) -> int:
    for number, parts in enumerate(TIERS):
        if part in parts:
            return number
    pytest.fail(f"harness/{part} is in no tier: give it the lowest that it can be in")


def parts() -> list[str]:
    names = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")}
    return sorted(name.removesuffix(".py") for name in names - {"__init__.py"})


@pytest.mark.parametrize("part", parts())
def test_imports_run_one_way(part: str) -> None:
    """From the command line down to the errors, and never back or across."""
    wrong = []
    for one in imports():
        package, _, rest = one.name.partition(".")
        imported = rest.partition(".")[0]
        if package != "harness" or one.part != part or imported in {"", part}:
            continue
        if tier(imported) >= tier(part):
            wrong.append(f"harness/{one.path}:{one.line} imports {one.name}")
    assert wrong == []
    assert tier(part) >= 0


@pytest.mark.parametrize("library", OWNERS)
def test_one_module_reaches_into_a_library(library: str) -> None:
    """Whoever else needs it asks that module."""
    public = PUBLIC.get(library, set())
    found = {
        one.path: f"{one.path}:{one.line} imports {one.name}"
        for one in imports()
        if one.name.partition(".")[0] == library and one.name not in public
    }
    owned = {path: owner for owner in OWNERS[library] for path in found if is_in(path, owner)}
    assert set(owned.values()) == OWNERS[library]
    assert [where for path, where in found.items() if path not in owned] == []


def is_in(path: str, owner: str) -> bool:
    return path == owner or path.startswith(f"{owner}/")


def test_only_what_travels_imports_relatively() -> None:
    """The stand-in for the helper scripts is installed in guests, under another name and alone."""
    travels = "cloud/helpers/standin/"
    for one in imports():
        foreign = one.name.partition(".")[0] not in {"", "__future__", *sys.stdlib_module_names}
        if one.path.startswith(travels):
            assert not foreign, f"{one.path}:{one.line} imports {one.name}"
        else:
            assert not one.name.startswith("."), f"{one.path}:{one.line} imports {one.name}"


STUBS = {"mypy_boto3_cloudformation", "mypy_boto3_ec2"}
"""Imported for type checking alone."""


def test_what_is_imported_is_installed_along() -> None:
    """A library that is merely there on a developer's machine is missing on the next."""
    pyproject = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    declared = {canonicalize_name(Requirement(one).name) for one in pyproject["dependencies"]}
    # It comes with boto3, in the version that goes with it.
    declared.add(canonicalize_name("botocore"))
    known = {*sys.stdlib_module_names, *STUBS, "", "harness"}
    imported = {one.name.partition(".")[0] for one in imports()} - known
    providers = packages_distributions()
    missing = [
        name
        for name in sorted(imported)
        if not declared & {canonicalize_name(one) for one in providers.get(name, ())}
    ]
    assert missing == []


def packages() -> list[str]:
    found = ["harness"]
    found += [
        ".".join(("harness", *path.parent.relative_to(PACKAGE).parts))
        for path in sorted(PACKAGE.rglob("__init__.py"))
        if path.parent != PACKAGE
    ]
    return found


@pytest.mark.parametrize("name", packages())
def test_what_a_package_hands_out_is_listed(name: str) -> None:
    """Every name that a package's ``__init__`` imports from below is in ``__all__``, and there."""
    package = importlib.import_module(name)
    assert package.__file__ is not None
    tree = ast.parse(Path(package.__file__).read_text())
    handed = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{name}.")
        for alias in node.names
    }
    listed = getattr(package, "__all__", [])
    defines = any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)
    if not defines:
        assert handed <= set(listed)
    assert [one for one in listed if not hasattr(package, one)] == []
    assert len(set(listed)) == len(listed)
