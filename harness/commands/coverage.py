"""``harness coverage``: what of templates the local cloud would act on, before it is asked to."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from harness.cloudformation.resources.coverage import ResourceCoverage, coverage
from harness.cloudformation.unsupported import ACCEPTED
from harness.template import Template

EXIT_COVERED = 0
EXIT_GAPS = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Exit status: 0 where every resource would be made as it is written, 1 where something "
        "would fail the stack, 2 where a template could not be read."
    )
    parser.add_argument("templates", nargs="+", metavar="TEMPLATE", help="JSON or YAML")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """List, resource by resource, what is acted on, what has no effect, what is not simulated."""
    found = {path: coverage(Template.load(path)) for path in dict.fromkeys(arguments.templates)}
    if arguments.json:
        print(_as_json(found))
    else:
        for path, resources in found.items():
            print("\n".join(_as_text(path, resources)))
    gaps = any(one.not_simulated for resources in found.values() for one in resources)
    return EXIT_GAPS if gaps else EXIT_COVERED


def _as_json(found: dict[str, tuple[ResourceCoverage, ...]]) -> str:
    templates = [
        {"template": path, "resources": [asdict(one) for one in resources]}
        for path, resources in found.items()
    ]
    return json.dumps({"templates": templates}, indent=2)


def _as_text(path: str, resources: Sequence[ResourceCoverage]) -> Iterator[str]:
    failing = [one.logical_id for one in resources if one.not_simulated]
    total = f"{len(resources)} resource{'' if len(resources) == 1 else 's'}"
    if failing:
        yield f"{path}: {total}, {len(failing)} not simulated in full: {', '.join(failing)}"
    else:
        yield f"{path}: {total}, all simulated"
    for one in resources:
        yield f"  {one.logical_id} ({one.type})"
        if one.acted_on:
            yield f"    acted on: {', '.join(one.acted_on)}"
        for name, why in one.without_effect.items():
            yield f"    {ACCEPTED}{name} ({why})"
        for name in one.not_simulated:
            yield f"    not simulated: {'the whole type' if name == '*' else name}"
    if failing:
        yield "  remedy: --unsupported accept lists it in the stack's events instead of failing"
