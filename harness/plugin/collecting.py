"""Which tests there are, and what is begun before the first of them runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError
from harness.matrix import Rung, live_rungs, local_rung
from harness.options import Settings
from harness.plugin.state import LINT, SETTLED, run_of

if TYPE_CHECKING:
    from harness.lint.ahead import LintAhead


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make of a test marked ``booted`` one for each rung."""
    if metafunc.definition.get_closest_marker("booted") is None:
        return
    if "rung" not in metafunc.fixturenames:
        raise pytest.Collector.CollectError(
            f"{metafunc.definition.nodeid} is marked booted but takes no fixture of an instance"
        )
    settings = metafunc.config.stash[SETTLED]
    rungs = (local_rung(settings), *live_rungs(settings))
    cases = [pytest.param(one, marks=getattr(pytest.mark, one.name), id=one.id) for one in rungs]
    metafunc.parametrize("rung", cases, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let the local cloud start beside the collection, where tests of it are what is asked for."""
    config = session.config
    if _begins_local(config):
        rung = local_rung(config.stash[SETTLED])
        # What is wrong is told to the tests that want it.
        with suppress(HarnessError):
            run_of(config).prepare(rung.target, rung.region)


def _begins_local(config: pytest.Config) -> bool:
    """Whether ``-m`` asks for the local rung before all, and this is where it will run."""
    option = config.option
    if option.collectonly or option.setupplan or getattr(option, "dist", "no") != "no":
        return False
    words = _words_of_markers(config)
    return ("not", "local") not in pairwise(words) and "local" in words and "unit" not in words


def _words_of_markers(config: pytest.Config) -> Sequence[str]:
    """The words of ``-m``: names of markers, and ``and``, ``or``, ``not``."""
    return str(config.option.markexpr or "").replace("(", " ").replace(")", " ").split()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out live tests that nobody asked for; keep the tests of a stack on one worker."""
    if "live" not in _words_of_markers(config):
        live = [item for item in items if item.get_closest_marker("live")]
        items[:] = [item for item in items if not item.get_closest_marker("live")]
        if live:
            config.hook.pytest_deselected(items=live)
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            _group(item)


def _group(item: pytest.Item) -> None:
    rung = getattr(item, "callspec", None) and item.callspec.params.get("rung")  # type: ignore[attr-defined]  # items of functions have one
    name = (
        rung.id if isinstance(rung, Rung) else "local" if item.get_closest_marker("local") else ""
    )
    if name and item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(name=name))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what takes long and a test will want: to lint, on a second core, and to load moto."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if "findings" in wanted and "cfnlint" not in sys.modules:  # else it is quick enough by then
        config.stash[LINT] = _lint_ahead(config.stash[SETTLED])
        config.add_cleanup(config.stash[LINT].close)
    if "simulate" in wanted:
        from harness.moto_models import load_ahead  # noqa: PLC0415 - only for those who simulate

        load_ahead()


def _lint_ahead(settings: Settings) -> LintAhead:
    from harness.lint.ahead import LintAhead  # noqa: PLC0415 - only for those who lint

    return LintAhead(settings.template, settings.meant_for)
