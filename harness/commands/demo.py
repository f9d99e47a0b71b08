"""``harness demo``: create the stack here, show it, log in, delete it, and see that it is gone."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from harness.budgets import signal_budgets
from harness.cloud.engine import ContainerEngine
from harness.errors import EngineAbsentError, HarnessError
from harness.evidence import trace, trace_began
from harness.guest import Login
from harness.headroom import measure
from harness.isolation import without_credentials
from harness.lint import Severity, lint
from harness.naming import Naming, new_run_id
from harness.options import Settings, read_table, resolve
from harness.progress import LiveProgress, PlainProgress, Progress
from harness.run import Run, Surroundings, Wanted
from harness.simulate import simulate
from harness.stack import StackEvent
from harness.template import Template

QUESTIONS: Final = ("which lein", "lein version")
VERDICT: Final = "cloud-init status --long"
OUTPUT: Final = "sudo cat /var/log/cloud-init-output.log"
LONGEST_STEPS: Final = 5

_STOOD_IN: Final = {"KeyName": "mine", "SshCidr": "192.0.2.0/24"}
"""What a run would have made, for the simulation."""

Timeline = list[tuple[str, float]]
"""What took how many seconds, in order."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Exit status: 0 all of it held, 1 something did not. Without a container engine it lints "
        "and simulates, and says what it did not run; --require-local makes that a failure."
    )
    parser.add_argument("template", nargs="?", help="default: formation.json")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the stack"
    )
    parser.add_argument(
        "--ask",
        action="append",
        metavar="COMMAND",
        help=f"command to run in the instance; default: {', '.join(QUESTIONS)}",
    )
    parser.add_argument(
        "--require-local", action="store_true", default=None, help="fail without an engine"
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the stack; without a container engine, what can be known without one."""
    root = Path.cwd()
    given = {
        "template": arguments.template,
        "parameters": arguments.parameter,
        "require_local": arguments.require_local,
    }
    settings = resolve(given, os.environ, read_table(root), root)
    template = Template.load(settings.template)
    try:
        return _boot(settings, template, arguments.ask or QUESTIONS)
    except EngineAbsentError as absent:
        if settings.require_local:
            raise
        return _without_engine(settings, template, absent)


def _boot(settings: Settings, template: Template, questions: Sequence[str]) -> int:
    naming = Naming.of_run(settings.project, new_run_id(), os.environ, settings.time_to_live)
    run = Run(settings, naming, Surroundings(os.environ, progress=_progress, say=_say))
    began = time.monotonic()
    timeline: Timeline = []
    held = False
    try:
        held = _show(run, settings, template, questions, timeline)
    except EngineAbsentError:
        run.close()
        raise
    except HarnessError as error:
        _say(f"\n{error}")
    except BaseException:
        _tear_down(run, timeline)
        raise
    gone = _tear_down(run, timeline)
    _heading("Where the time went")
    for what, seconds in timeline:
        _say(f"{seconds:7.1f} s  {what}")
    _say(f"{time.monotonic() - began:7.1f} s  in all")
    _say("\nAll of it held." if held and gone else "\nNOT ALL OF IT HELD; see above.")
    return 0 if held and gone else 1


def _show(
    run: Run, settings: Settings, template: Template, questions: Sequence[str], timeline: Timeline
) -> bool:
    """Create the stack and log in; whether every question was answered."""
    region = settings.regions[0]
    _heading(f"The local cloud, for {settings.template.name} in {region}")
    with _timed("the local cloud starts", timeline):
        target = run.target("local", region)
    for name, fact in target.facts().items():
        _say(f"{name}: {fact}")
    _heading("The stack comes up")
    wanted = Wanted("local", region, template, settings.parameters)
    deployment = run.deployment(wanted)
    events = deployment.stack.events()
    for name, value in deployment.stack.outputs.items():
        _say(f"{name}: {value}")
    asked: Timeline = []
    with _timed("log in and ask", asked):
        login = run.login(deployment)
        _heading(f"Inside the instance {login.instance_id}, over SSH")
        answered = [_ask(login, question) for question in (*questions, VERDICT)]
        output = login.run(OUTPUT).stdout
    timeline += [*_creation(events, output), *asked]
    for headroom in measure(deployment.stack.budgets, events):
        _say(f"\n{headroom} that the CreationPolicy gives.")
    return all(answered)


def _ask(login: Login, question: str) -> bool:
    """Show a command and what it answered; whether it succeeded with an answer."""
    done = login.run(question)
    _say(f"$ {question}")
    _say((done.stdout + done.stderr).rstrip() or "(no answer)")
    if done.returncode:
        _say(f"exit status {done.returncode}")
    return done.returncode == 0 and bool(done.stdout.strip())


def _creation(events: Sequence[StackEvent], output: str) -> Iterator[tuple[str, float]]:
    """From the request to CREATE_COMPLETE: the stack's events and the script's own trace."""
    script = trace_began(output)
    launched = next(
        (one for one in events if one.resource_type == "AWS::EC2::Instance" and one.physical_id),
        None,
    )
    signal = next((one for one in events if one.reason.startswith("Received ")), None)
    if script is None or launched is None or signal is None:
        yield "the stack comes up", (events[-1].when - events[0].when).total_seconds()
        return
    told = signal.when.timestamp()
    yield "the stack, until its instance is launched", _between(events[0], launched)
    yield "the instance boots, until its script begins", script - launched.when.timestamp()
    yield f"the script, until {launched.logical_id} is signalled, of it:", told - script
    steps = [step for step in trace(output) if step.seconds is not None]
    for step in sorted(steps, key=lambda one: -(one.seconds or 0.0))[:LONGEST_STEPS]:
        yield f"  line {step.line}: {step.command[:70]}", step.seconds or 0.0
    yield "the signal makes it CREATE_COMPLETE", _between(signal, events[-1])


def _between(first: StackEvent, second: StackEvent) -> float:
    return (second.when - first.when).total_seconds()


def _tear_down(run: Run, timeline: Timeline) -> bool:
    """Delete everything; whether the engine, asked anew, knows of nothing more."""
    _heading("Everything is deleted")
    with _timed("everything is deleted", timeline):
        left = list(run.close())
    try:
        with ContainerEngine.connect(run.naming.run_id) as engine:
            left += engine.leftovers()
    except HarnessError as error:
        left.append(f"what the container engine still has is not known: {error}")
    for one in left:
        _say(f"STILL THERE: {one}")
    if not left:
        _say("the container engine, asked anew, knows of no container and no network of this run")
    return not left


def _without_engine(settings: Settings, template: Template, absent: EngineAbsentError) -> int:
    """Lint and simulate, and say plainly that nothing was booted."""
    _heading("Lint")
    findings = lint(settings.template, regions=settings.meant_for)
    for one in findings:
        _say(f"{one.path.name}:{one.line}: {one.severity} {one.code} {one.message}")
    clean = not any(one.severity >= Severity.WARNING for one in findings)
    _say("nothing is wrong with it" if clean else "see above")
    _heading("Simulation: one success signal on a virtual clock")
    complete = _simulate(settings, template)
    _say(
        "\n!!! NO INSTANCE WAS BOOTED. Not run: provision.sh, cloud-init, the login, "
        f"{' and '.join(QUESTIONS)}.\n!!! {absent}"
    )
    return 0 if clean and complete else 1


def _simulate(settings: Settings, template: Template) -> bool:
    import boto3  # noqa: PLC0415 - with moto most of a second, which booting does not need
    from moto import mock_aws  # noqa: PLC0415 - as above

    parameters = {
        **{name: value for name, value in _STOOD_IN.items() if name in template.parameters},
        **settings.parameters,
    }
    region = settings.regions[0]
    with without_credentials(os.environ), mock_aws():
        if "KeyName" in parameters:
            ec2: Any = boto3.client("ec2", region_name=region)
            ec2.create_key_pair(KeyName=parameters["KeyName"])
        with simulate(template, parameters, region=region, stack_name="demo") as stack:
            for logical_id in signal_budgets(template, parameters, region):
                stack.signal(logical_id)
            for event in stack.events:
                _say(f"{event.status:<27} {event.logical_id}  {event.reason}".rstrip())
            return stack.status == "CREATE_COMPLETE"


@contextmanager
def _timed(what: str, timeline: Timeline) -> Iterator[None]:
    began = time.monotonic()
    yield
    timeline.append((what, time.monotonic() - began))


def _progress() -> AbstractContextManager[Progress]:
    return LiveProgress(Console()) if sys.stdout.isatty() else PlainProgress(_say)


def _heading(words: str) -> None:
    _say(f"\n== {words}")


def _say(line: str) -> None:
    print(line, flush=True)
