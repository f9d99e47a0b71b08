"""Sixteen stacks at once."""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.cloud.engine import INSTANCE_LABEL, ContainerEngine
from harness.stack import Stack, StackSpec
from harness.template import Template
from harness.waiting import LOCAL_PACE

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

STACKS = 16
LIMIT = 900.0
TEMPLATE = Path(__file__).with_name("signalling.json")


def test_sixteen_stacks_at_once_all_complete(site: Site, container_engine: ContainerEngine) -> None:
    """Each has a guest that signals by itself, and nothing of them stays."""
    cloudformation = site.target.client("cloudformation")
    template = Template.load(TEMPLATE)
    batch = uuid.uuid4().hex[:8]
    stacks: list[Stack] = []
    try:
        for number in range(STACKS):
            spec = StackSpec(name=f"load-{batch}-{number}", template=template)
            stacks.append(Stack.create(cloudformation, spec, pace=LOCAL_PACE))
        for stack in stacks:
            stack.wait("CREATE_COMPLETE", limit=LIMIT)
        instances = [stack.outputs["Id"] for stack in stacks]
        assert len(set(instances)) == STACKS
    finally:
        for stack in stacks:
            cloudformation.delete_stack(StackName=stack.name)
        for stack in stacks:
            stack.delete(limit=LIMIT)
    for instance_id in instances:
        gone = partial(_is_gone, container_engine, instance_id)
        site.until(gone, f"{instance_id} is gone")


def _is_gone(engine: ContainerEngine, instance_id: str) -> bool:
    return not engine.containers({INSTANCE_LABEL: instance_id})
