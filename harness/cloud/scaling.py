"""Auto Scaling groups that clients change: their instances are launched as those of stacks are.

moto would launch them with little of what a launch template or configuration says. It notes here
what it wants launched instead, and once its request is over, they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from harness.cloud import moto_ec2
from harness.cloud.crash import AwsError
from harness.cloudformation.resources.api import Api, Patience
from harness.cloudformation.resources.scaling import add_instances, describe_group
from harness.errors import HarnessError

_LOG = logging.getLogger(__name__)

SERVICES: Final = frozenset({"autoscaling", "ec2"})
"""Services whose requests may leave a group with fewer instances than it is to have."""


class Scaling:
    """Launches what groups lack.

    Args:
        client: Makes a boto3 client of a service in a region, for this local cloud.
    """

    def __init__(self, client: Callable[[str, str], Any]) -> None:
        self._client = client

    def check(self, form: Mapping[str, str], region: str) -> None:
        """Refuse a capacity that the group does not allow ("SetDesiredCapacity").

        Raises:
            AwsError: It is above the group's maximum or below its minimum.
        """
        if form.get("Action") != "SetDesiredCapacity":
            return
        sizes = moto_ec2.group_sizes(region, form.get("AutoScalingGroupName", ""))
        wanted = form.get("DesiredCapacity", "")
        if sizes is None or not wanted.isdigit():
            return
        for beyond, word, bound in (
            (int(wanted) > sizes[1], "above max", sizes[1]),
            (int(wanted) < sizes[0], "below min", sizes[0]),
        ):
            if beyond:
                raise AwsError(
                    "ValidationError",
                    f"New SetDesiredCapacity value {wanted} is {word} value {bound} "
                    "for the AutoScalingGroup.",
                )

    def _of_region(self, region: str, service: str) -> Any:  # noqa: ANN401 - boto3's clients
        return self._client(service, region)

    def settle(self) -> None:
        """Launch what moto has noted; what cannot be launched leaves the group smaller."""
        for region, name, count in moto_ec2.take_launches():
            api = Api(partial(self._of_region, region), Patience())
            try:
                group = describe_group(api, name)
                if group is not None:
                    add_instances(api, group, count)
            except HarnessError as error:
                _LOG.warning("group %s lacks %s instances: %s", name, count, error.message)
