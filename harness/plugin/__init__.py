"""The pytest plugin: options, markers, fixtures, hooks. What they do is written elsewhere.

A test that looks inside an instance is marked ``booted`` and takes the fixture ``guest``; it
becomes one test marked ``local`` and one marked ``live`` for each entry of the matrix.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from harness.errors import HarnessError
from harness.isolation import NetworkGuard, without_credentials
from harness.matrix import live_rungs
from harness.naming import new_run_id
from harness.options import SETTINGS, Setting, read_table, resolve
from harness.plugin.ending import CONTROLLER, Controller, end_orderly_on
from harness.plugin.state import ENVIRON, GUARD, LEAKS, RUN_ID, SETTLED

pytest_plugins = [
    "harness.plugin.collecting",
    "harness.plugin.fixtures",
    "harness.plugin.reporting",
    "harness.plugin.ending",
]

MARKERS: Final = {
    "unit": "needs no network, no container, no credentials, and gets none",
    "local": "needs the local cloud: a container engine on this machine",
    "live": "creates stacks on AWS; runs only where -m names live",
    "booted": "looks inside an instance: becomes one test marked local, and one marked live",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare an option for each setting."""
    group = parser.getgroup("harness", "CloudFormation stacks (cfn-harness)")
    for setting in SETTINGS:
        group.addoption(setting.option, **_argument(setting))


def _argument(setting: Setting) -> dict[str, Any]:
    argument: dict[str, Any] = {
        "dest": f"harness_{setting.name}",
        "default": None,
        "help": setting.summary,
    }
    if setting.kind == "flag":
        return argument | {"action": "store_true"}
    action = "append" if setting.kind == "list" else "store"
    return argument | {"action": action, "metavar": setting.metavar}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and settle the settings."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    given = {one.name: config.getoption(f"harness_{one.name}") for one in SETTINGS}
    try:
        table = read_table(config.rootpath)
        config.stash[SETTLED] = resolve(given, os.environ, table, config.rootpath)
        live_rungs(config.stash[SETTLED])  # says what is wrong with the matrix before collecting
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[GUARD] = NetworkGuard()
    config.stash[LEAKS] = []
    # Tests change the environment; what deletes for them needs the one that they began with.
    config.stash[ENVIRON] = dict(os.environ)
    worker: dict[str, str] = getattr(config, "workerinput", {})
    if not worker:
        end_orderly_on(config, signal.SIGTERM, signal.SIGHUP)
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(Controller(), CONTROLLER)
    config.stash[RUN_ID] = worker.get("harness_run_id") or new_run_id()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Keep real credentials from what is not live, and the network from units."""
    with ExitStack() as stack:
        if item.get_closest_marker("live") is None:
            stack.enter_context(without_credentials(os.environ))
        if item.get_closest_marker("unit") is not None:
            stack.enter_context(item.config.stash[GUARD].on())
        return (yield)
