"""The fixtures. What they do is written elsewhere.

One that a suite wants otherwise is overridden where pytest looks first: in its module or its
conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import EngineAbsentError, UsageError
from harness.matrix import Rung, live_rungs, local_rung
from harness.options import Settings
from harness.plugin.reporting import NOT_RUN
from harness.plugin.state import LINT, SETTLED, run_of
from harness.template import Template

if TYPE_CHECKING:
    # Whoever does not use it waits for none of this; it is loaded when it is wanted.
    from testinfra.host import Host

    from harness.guest import Login
    from harness.lint import Finding
    from harness.run import Deployment, Run
    from harness.simulate import Simulation
    from harness.stack import Stack
    from harness.target import Target


@pytest.fixture(scope="session")
def harness_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of the run."""
    return pytestconfig.stash[SETTLED]


@pytest.fixture(scope="session")
def harness_run(pytestconfig: pytest.Config) -> Run:
    """All that this run makes."""
    return run_of(pytestconfig)


@pytest.fixture
def rung(request: pytest.FixtureRequest, harness_settings: Settings) -> Rung:
    """Where the test runs: given by the marker ``booted``, else by ``local`` or ``live``."""
    given: Rung | None = getattr(request, "param", None)
    if given is not None:
        return given
    if request.node.get_closest_marker("local"):
        return local_rung(harness_settings)
    if request.node.get_closest_marker("live"):
        return live_rungs(harness_settings)[0]
    raise UsageError(
        f"{request.node.nodeid} wants a stack but says not where",
        remedy="mark it booted, local or live",
    )


@pytest.fixture
def target(rung: Rung, harness_run: Run) -> Target:
    """Where stacks are created."""
    try:
        return harness_run.target(rung.target, rung.region)
    except EngineAbsentError as error:
        if harness_run.settings.require_local:
            raise
        pytest.skip(f"{NOT_RUN}{error}")


@pytest.fixture
def template(harness_settings: Settings) -> Template:
    """The template under test: ``--template``."""
    return Template.load(harness_settings.template)


@pytest.fixture
def findings(
    template: Template, harness_settings: Settings, pytestconfig: pytest.Config
) -> list[Finding]:
    """What ``harness lint`` says of the template, in the regions that it is meant for."""
    path = template.path or harness_settings.template
    ahead = pytestconfig.stash.get(LINT, None)
    if ahead is not None and ahead.template == path:
        return ahead.findings()
    from harness.lint import lint  # noqa: PLC0415 - only for those who lint

    return lint(path, regions=harness_settings.meant_for)


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulation]]:
    """:func:`harness.simulate.simulate`, whose simulations end with the test."""
    from harness.simulate import simulate as begin  # noqa: PLC0415 - only for those who simulate

    with ExitStack() as simulations:

        def begun(*arguments: Any, **options: Any) -> Simulation:  # noqa: ANN401 - as it has them
            return simulations.enter_context(begin(*arguments, **options))

        yield begun


@pytest.fixture
def stack_parameters(harness_settings: Settings) -> Mapping[str, str]:
    """The stack's parameters: ``--parameter``. The run adds the key pair and who may log in."""
    return harness_settings.parameters


@pytest.fixture
def stack_capabilities() -> tuple[str, ...]:
    """The stack's capabilities."""
    return ()


@pytest.fixture
def deployment(  # noqa: PLR0917, RUF100 - a fixture takes what it needs
    rung: Rung,
    target: Target,  # noqa: ARG001 - skips where there is none
    template: Template,
    stack_parameters: Mapping[str, str],
    stack_capabilities: tuple[str, ...],
    harness_run: Run,
) -> Deployment:
    """The template's stack, created once and shared by the tests that want the same."""
    from harness.deployment import Wanted  # noqa: PLC0415 - not for units

    parameters = {**stack_parameters, **rung.parameters}
    return harness_run.deployment(
        Wanted(rung.target, rung.region, template, parameters, capabilities=stack_capabilities)
    )


@pytest.fixture
def stack(deployment: Deployment) -> Stack:
    """The stack itself: outputs, resources, events."""
    return deployment.stack


@pytest.fixture
def stack_outputs(stack: Stack) -> Mapping[str, str]:
    """The stack's outputs by key."""
    return stack.outputs


@pytest.fixture
def login(deployment: Deployment, harness_run: Run) -> Login:
    """A login to the stack's only instance, cloud-init being done."""
    return harness_run.login(deployment)


@pytest.fixture
def guest(login: Login) -> Host:
    """Testinfra's host for the stack's only instance."""
    return login.host


@pytest.fixture
def create_stack(
    rung: Rung,
    target: Target,  # noqa: ARG001 - skips where there is none
    template: Template,
    stack_parameters: Mapping[str, str],
    harness_run: Run,
) -> Callable[..., AbstractContextManager[Deployment]]:
    """Makes a stack for this test alone, still under way, deleted when the context is left.

    Takes ``template``, ``parameters`` (added to the fixture's), ``label``, ``on_failure`` and
    ``capabilities``, all by name.
    """
    from harness.deployment import Wanted  # noqa: PLC0415 - not for units

    def create(
        *,
        template: Template = template,
        parameters: Mapping[str, str] | None = None,
        label: str = "",
        on_failure: str = "ROLLBACK",
        capabilities: tuple[str, ...] = (),
    ) -> AbstractContextManager[Deployment]:
        return harness_run.own_deployment(
            Wanted(
                rung.target,
                rung.region,
                template,
                {**stack_parameters, **rung.parameters, **(parameters or {})},
                label=label,
                on_failure=on_failure,
                capabilities=capabilities,
            )
        )

    return create
