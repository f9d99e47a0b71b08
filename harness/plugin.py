"""The pytest plugin: options, markers, fixtures, hooks. What they do is written elsewhere.

A test that looks inside an instance is marked ``booted`` and takes the fixture ``guest``; it
becomes one test marked ``local`` and one marked ``live`` for each entry of the matrix. A fixture
that a suite wants otherwise is overridden where pytest looks first: its module, its conftest.py.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness.cloudformation.unsupported import LISTED
from harness.errors import EngineAbsentError, HarnessError, StackError, UsageError
from harness.isolation import NetworkGuard, without_credentials
from harness.ledger import RUNS
from harness.matrix import Rung, live_rungs, local_rung
from harness.naming import Naming, new_run_id
from harness.options import SETTINGS, Setting, Settings, read_table, resolve
from harness.template import Template
from harness.watchdog import Watchdog

if TYPE_CHECKING:
    # Whoever does not use it waits for none of this; it is loaded when it is wanted.
    from testinfra.host import Host

    from harness.guest import Login
    from harness.lint import Finding
    from harness.lint.ahead import LintAhead
    from harness.progress import Progress
    from harness.run import Deployment, Run
    from harness.simulate import Simulation
    from harness.stack import Stack
    from harness.target import Target

MARKERS: Final = {
    "unit": "needs no network, no container, no credentials, and gets none",
    "local": "needs the local cloud: a container engine on this machine",
    "live": "creates stacks on AWS; runs only where -m names live",
    "booted": "looks inside an instance: becomes one test marked local, and one marked live",
}
_SIGNALLED: Final = 128
"""A shell adds a signal's number to this for the status of a process that the signal ended."""

NOT_RUN: Final = "the local rung was NOT RUN: "

_settings = pytest.StashKey[Settings]()
_run = pytest.StashKey["Run"]()
_guard = pytest.StashKey[NetworkGuard]()
_leaks = pytest.StashKey[list[str]]()
_environ = pytest.StashKey[Mapping[str, str]]()
_run_id = pytest.StashKey[str]()
_signalled = pytest.StashKey[int]()
_watchdog = pytest.StashKey[Watchdog]()
_lint = pytest.StashKey["LintAhead"]()


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
        config.stash[_settings] = resolve(given, os.environ, table, config.rootpath)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_guard] = NetworkGuard()
    config.stash[_leaks] = []
    # Tests change the environment; what deletes for them needs the one that they began with.
    config.stash[_environ] = dict(os.environ)
    worker: dict[str, str] = getattr(config, "workerinput", {})
    if not worker:
        _end_orderly_on(config, signal.SIGTERM, signal.SIGHUP)
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(_Controller(), "harness-controller")
    config.stash[_run_id] = worker.get("harness_run_id") or new_run_id()


def _end_orderly_on(config: pytest.Config, *signals: signal.Signals) -> None:
    """Tear everything down on signals that would end the process where it stands.

    A second signal while that goes on leaves the rest to the watchdog, as a second Ctrl-C does.
    """

    def end(number: int, _frame: object) -> None:
        config.stash[_signalled] = number
        # Not pytest.exit(): its exception is an ordinary one, which botocore would take for a
        # connection that failed, and try again.
        raise KeyboardInterrupt(signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may handle signals
    for number in signals:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)
            config.add_cleanup(partial(_restore, number))


def _restore(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make of a test marked ``booted`` one for each rung."""
    if metafunc.definition.get_closest_marker("booted") is None:
        return
    if "rung" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} is marked booted but takes no fixture of an instance"
        )
    settings = metafunc.config.stash[_settings]
    try:
        rungs = (local_rung(settings), *live_rungs(settings))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    cases = [pytest.param(one, marks=getattr(pytest.mark, one.name), id=one.id) for one in rungs]
    metafunc.parametrize("rung", cases, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let the local cloud start beside the collection, where tests of it are what is asked for."""
    config = session.config
    if _begins_local(config):
        rung = local_rung(config.stash[_settings])
        # What is wrong is told to the tests that want it.
        with suppress(HarnessError):
            _the_run(config).prepare(rung.target, rung.region)


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
        config.stash[_lint] = _lint_ahead(config.stash[_settings])
        config.add_cleanup(config.stash[_lint].close)
    if "simulate" in wanted:
        from harness.moto_models import load_ahead  # noqa: PLC0415 - only for those who simulate

        load_ahead()


def _lint_ahead(settings: Settings) -> LintAhead:
    from harness.lint.ahead import LintAhead  # noqa: PLC0415 - only for those who lint

    return LintAhead(settings.template, settings.lint_regions)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Keep real credentials from what is not live, and the network from units."""
    with ExitStack() as stack:
        if item.get_closest_marker("live") is None:
            stack.enter_context(without_credentials(os.environ))
        if item.get_closest_marker("unit") is not None:
            stack.enter_context(item.config.stash[_guard].on())
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what went wrong with a stack without a traceback; take evidence where a test failed."""
    run = item.config.stash.get(_run, None)
    if run is not None:
        item.user_properties += [(LISTED, line) for line in run.newly_listed()]
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if (
        isinstance(error, HarnessError | BotoCoreError | ClientError)
        and call.when != "call"
        and report.failed
    ):
        report.longrepr = str(error)
    if run is None or not isinstance(item, pytest.Function):
        return report
    deployment: Any = item.funcargs.get("deployment")
    if report.failed and call.when == "call" and deployment is not None:
        evidence = run.note_failure(deployment)
        report.sections.append(("Evidence", evidence.summary))
        item.user_properties.append(("evidence", str(evidence.directory)))
    elif isinstance(error, StackError) and error.evidence is not None:
        item.user_properties.append(("evidence", str(error.evidence)))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Delete what the run has made; whatever is left makes the run fail."""
    run = session.config.stash.get(_run, None)
    if run is not None:
        _close(session, run)
    _settle_status(session)


def _close(session: pytest.Session, run: Run) -> None:
    leaks = session.config.stash[_leaks]
    try:
        leaks += run.close()
    except KeyboardInterrupt:
        _say(session.config, f"interrupted again: {run.abandon()}")
        session.exitstatus = pytest.ExitCode.INTERRUPTED
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["harness_leaks"] = leaks


def _settle_status(session: pytest.Session) -> None:
    """The status says of which signal the run ended, or that something is left."""
    number = session.config.stash.get(_signalled, 0)
    if number:
        session.exitstatus = _SIGNALLED + number
    passing = {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    if session.config.stash[_leaks] and session.exitstatus in passing:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class _Controller:
    """Hooks of the process that leads pytest-xdist's workers: the watchdog is here."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - a type of xdist's
        """Give all workers one run, and the run a watchdog before the first of them starts."""
        config: pytest.Config = node.config
        node.workerinput["harness_run_id"] = config.stash[_run_id]
        if _watchdog not in config.stash:
            directory = _run_directory(config)
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            config.stash[_watchdog] = Watchdog.start(directory, config.stash[_environ])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401, ARG002 - as above
        """Take over what a worker could not delete."""
        output = getattr(node, "workeroutput", {})
        node.config.stash[_leaks].extend(output.get("harness_leaks", []))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Delete what workers have left, when all of them are gone."""
        config = session.config
        watchdog = config.stash.get(_watchdog, None)
        if watchdog is None:
            return
        try:
            limit = config.stash[_settings].delete_timeout
            config.stash[_leaks].extend(watchdog.conclude(_run_directory(config), limit))
        except KeyboardInterrupt:
            watchdog.abandon()
            _say(config, f"interrupted again: the watchdog (process {watchdog.pid}) goes on")
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        _settle_status(session)


def _run_directory(config: pytest.Config) -> Path:
    return config.stash[_settings].root / RUNS / config.stash[_run_id]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in words that nobody overlooks what is left, and what did not run."""
    leaks = terminalreporter.config.stash[_leaks]
    if leaks:
        terminalreporter.section("STILL THERE", sep="!", red=True, bold=True)
        for leak in leaks:
            terminalreporter.write_line(leak, red=True)
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_RUN in report.longrepr[2]
    ]
    if skipped:
        terminalreporter.section("THE LOCAL RUNG WAS NOT RUN", sep="!", yellow=True, bold=True)
        terminalreporter.write_line(
            f"{len(skipped)} tests of it were skipped; nothing is known of the stack's boot."
        )
        terminalreporter.write_line(skipped[0].longrepr[2].partition(NOT_RUN)[2])

    _tell_listed(terminalreporter)


def _tell_listed(reporter: pytest.TerminalReporter) -> None:
    """Say what stacks were accepted with and is not simulated; workers' reports bring it too."""
    lines = {
        str(line): None
        for reports in reporter.stats.values()
        for report in reports
        for name, line in getattr(report, "user_properties", ())
        if name == LISTED
    }
    if lines:
        reporter.section(LISTED.upper(), sep="-", yellow=True)
        for line in lines:
            reporter.write_line(line)


@pytest.fixture(scope="session")
def harness_settings(pytestconfig: pytest.Config) -> Settings:
    """The settings of the run."""
    return pytestconfig.stash[_settings]


@pytest.fixture(scope="session")
def harness_run(pytestconfig: pytest.Config) -> Run:
    """All that this run makes."""
    return _the_run(pytestconfig)


def _the_run(config: pytest.Config) -> Run:
    if _run not in config.stash:
        from harness.run import Run, Surroundings  # noqa: PLC0415 - not for units

        settings, environ = config.stash[_settings], config.stash[_environ]
        worker: dict[str, str] = getattr(config, "workerinput", {})
        naming = Naming.of_run(
            settings.project, config.stash[_run_id], environ, settings.time_to_live
        )
        surroundings = Surroundings(
            environ=environ,
            progress=lambda: _progress(config),
            say=lambda line: _say(config, line),
            worker=worker.get("workerid", ""),
        )
        config.stash[_run] = Run(settings, naming, surroundings)
    return config.stash[_run]


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
    ahead = pytestconfig.stash.get(_lint, None)
    if ahead is not None and ahead.template == path:
        return ahead.findings()
    from harness.lint import lint  # noqa: PLC0415 - only for those who lint

    return lint(path, regions=harness_settings.lint_regions)


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


@contextmanager
def _uncaptured(config: pytest.Config) -> Iterator[None]:
    """Let what is written now reach the user."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        yield
        return
    with capture.global_and_fixture_disabled():
        yield


def _say(config: pytest.Config, line: str) -> None:
    worker: dict[str, str] = getattr(config, "workerinput", {})
    with _uncaptured(config):
        if worker:  # a worker's standard output goes nowhere, its standard error to the terminal
            print(f"[{worker['workerid']}] {line}", file=sys.stderr, flush=True)  # noqa: T201
            return
        reporter: pytest.TerminalReporter = config.pluginmanager.getplugin("terminalreporter")
        reporter.ensure_newline()
        reporter.write_line(line)


@contextmanager
def _progress(config: pytest.Config) -> Iterator[Progress]:
    from harness.progress import LiveProgress, PlainProgress  # noqa: PLC0415 - not for units

    with _uncaptured(config):  # a captured standard output is no terminal
        terminal = sys.stdout.isatty() and not hasattr(config, "workerinput")
    if not terminal:
        with PlainProgress(lambda line: _say(config, line)) as plain:
            yield plain
        return
    reporter: pytest.TerminalReporter = config.pluginmanager.getplugin("terminalreporter")
    with _uncaptured(config):
        reporter.ensure_newline()
        with LiveProgress() as live:
            yield live
