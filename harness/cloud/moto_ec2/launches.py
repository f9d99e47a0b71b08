"""What Auto Scaling groups lack; it is launched elsewhere, with all that the groups say of it."""
# ruff: noqa: ANN401, PLC0415 - as the package says

from __future__ import annotations

from typing import Any, Final

from harness.cloud.moto_ec2.account import ACCOUNT_ID, lock

_launches: Final[list[tuple[str, str, int]]] = []


def note_launches() -> None:
    """Have Auto Scaling groups note the instances that they lack, and launch none.

    Replaces the one method that all of a group's launches go through.
    """
    from moto.autoscaling.models import FakeAutoScalingGroup

    def note(group: Any, count: int, _tags: dict[str, str]) -> None:
        _launches.append((group.autoscaling_backend.region_name, group.name, count))

    FakeAutoScalingGroup.replace_autoscaling_group_instances = note  # type: ignore[method-assign,assignment]


def take_launches() -> list[tuple[str, str, int]]:
    """What groups lack since they were asked last: region, name, how many instances."""
    with lock:
        taken = _launches.copy()
        _launches.clear()
        return taken


def group_sizes(region: str, name: str) -> tuple[int, int] | None:
    """The least and the most instances that a group may have; None where there is no such group."""
    from moto.autoscaling.models import autoscaling_backends

    with lock:
        group = autoscaling_backends[ACCOUNT_ID][region].autoscaling_groups.get(name)
        return None if group is None else (group.min_size or 0, group.max_size or 0)
