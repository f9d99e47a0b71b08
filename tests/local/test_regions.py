"""One local cloud has all regions, each with things of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run import Run
from harness.stack import Stack, StackSpec
from harness.template import Template

if TYPE_CHECKING:
    from tests.local.conftest import Site

pytestmark = pytest.mark.local

TEMPLATE = Template.parse(
    """
    Resources:
      Group:
        Type: AWS::EC2::SecurityGroup
        Properties: {GroupDescription: where am I}
    Outputs:
      Where: {Value: !Ref AWS::Region}
    """
)


def test_a_run_has_stacks_of_one_name_in_two_regions(site: Site, harness_run: Run) -> None:
    """They do not know of each other, and no second cloud is started for it."""
    elsewhere = harness_run.target("local", "eu-west-1")
    assert elsewhere.endpoint_url == site.target.endpoint_url
    stacks = []
    for target in (site.target, elsewhere):
        spec = StackSpec("twins", TEMPLATE)
        stack = Stack.create(target.client("cloudformation"), spec, pace=target.pace)
        stack.wait("CREATE_COMPLETE", limit=60)
        assert stack.outputs == {"Where": target.region}
        stacks.append(stack)
    first, second = stacks
    first.delete(limit=60)
    assert second.status == "CREATE_COMPLETE"
    second.delete(limit=60)
