"""One run: the stacks it shares between tests, each created once and deleted whatever happens.

A stack is wanted by a test, created when the first test wants it, and deleted when the run is
closed. What is about to be made is journalled first (:mod:`harness.ledger`), and from the first
entry on a watchdog stands by (:mod:`harness.watchdog`).
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from harness.budgets import signal_budgets
from harness.claims import Claim, claimed
from harness.cloudformation.unsupported import listings
from harness.deployment import Deployment, Wanted, keep, kept_key
from harness.errors import HarnessError, LeakError, StackError, StackFailed, UsageError
from harness.evidence import Evidence, Subject, collect
from harness.folders import make_folder
from harness.guest import (
    KeyPair,
    Login,
    LoginRequest,
    delete_key_pair,
    import_key_pair,
    make_key_pair,
    open_login,
)
from harness.guest.host_keys import read_console
from harness.headroom import measure, record
from harness.ledger import RUNS, Entry, Ledger
from harness.masking import Masker, environment_secrets, no_echo_values
from harness.naming import Naming
from harness.options import Keep, Settings
from harness.stack import Stack, StackEvent, StackSpec
from harness.target import Target, TargetRequest, open_target, prepare_target
from harness.watchdog import Watchdog

if TYPE_CHECKING:
    from harness.progress import Progress

__all__ = ["RUNS", "Deployment", "Run", "Surroundings", "Wanted"]

_EVIDENCE_LIMIT: Final = 60.0
_REMOVALS: Final = 20
_REMOVAL_PAUSE: Final = 0.05
_LOCAL: Final = "local"
_TARGET: Final = "target"


@dataclass(frozen=True)
class Surroundings:
    """What a run has around it.

    Args:
        environ: The environment that the process was started with.
        say: Shows a line to the user, whatever captures output.
        progress: Makes the display of one wait.
        worker: Names this process among the run's; empty where it is the only one, which then has
            the watchdog.
    """

    environ: Mapping[str, str]
    progress: Callable[[], AbstractContextManager[Progress]]
    say: Callable[[str], object] = print
    worker: str = ""


@dataclass
class _Key:
    pair: KeyPair
    entry: Entry
    kept: bool = False


class Run:
    """All that one run makes.

    Args:
        settings: The settings.
        naming: Its names; the run's id is in them.
        surroundings: What it has around it.
    """

    def __init__(self, settings: Settings, naming: Naming, surroundings: Surroundings) -> None:
        self.settings = settings
        self.naming = naming
        self.directory = settings.root / RUNS / naming.run_id
        self.watchdog: Watchdog | None = None
        self._around = surroundings
        self._ledger: Ledger | None = None
        self._targets: dict[tuple[str, str], Target] = {}
        self._open = ExitStack()
        self._keys: dict[tuple[str, str], _Key] = {}
        self._shared: dict[str, Deployment] = {}
        self._control: Path | None = None
        self._lost: list[str] = []
        self._count = itertools.count(1)
        self._listed: dict[str, None] = {}

    @property
    def ledger(self) -> Ledger:
        """This process's ledger; the run's directory and its watchdog come with it."""
        if self._ledger is None:
            make_folder(self.directory, mode=0o700)
            self._ledger = Ledger(self.directory)
            if not self._around.worker:
                self.watchdog = Watchdog.start(self.directory, self._around.environ)
        return self._ledger

    def target(self, name: str, region: str) -> Target:
        """The target of that name in that region, open until the run is closed.

        Raises:
            EngineAbsentError: The local target has no container engine.
            RefusedError: A guard forbids it.
        """
        if (name, region) not in self._targets:
            request = self._request(name, region)
            self._targets[name, region] = self._open.enter_context(open_target(name, request))
        return self._targets[name, region]

    def prepare(self, name: str, region: str) -> None:
        """Begin to open a target that is going to be wanted.

        Raises:
            UsageError: A setting of the target is wrong.
        """
        self._open.enter_context(prepare_target(name, self._request(name, region)))

    def _request(self, name: str, region: str) -> TargetRequest:
        run_id = "-".join(filter(None, (self.naming.run_id, self._around.worker)))
        self.ledger.intend(Entry(_TARGET, run_id, name, region))
        return TargetRequest(self.settings, run_id, region, self.directory, self._around.say)

    def deployment(self, wanted: Wanted) -> Deployment:
        """The shared stack that is wanted; created at the first call.

        Raises:
            StackError: It did not come up; told again to every test that wants it.
            RefusedError: A guard forbids it.
        """
        found = self._shared.get(wanted.key)
        if found is None:
            found = self._share(wanted)
        if found.error is not None:
            raise found.error
        return found

    @contextmanager
    def own_deployment(self, wanted: Wanted) -> Iterator[Deployment]:
        """A stack for one test alone, still under way when it is handed out, deleted at the end.

        Raises:
            StackFailed: CloudFormation refused the request.
            LeakError: It could not be deleted.
        """
        deployment = self._begin(wanted)
        try:
            yield deployment
        finally:
            try:
                self._note_listed(deployment)
            finally:
                self._delete(deployment)

    def login(self, deployment: Deployment, logical_id: str | None = None) -> Login:
        """A login to an instance of a stack, opened at the first call.

        Args:
            deployment: The stack.
            logical_id: Which of its instances; None for the only one.

        Raises:
            UsageError: There is no such instance, or more than one.
            UnreachableError: Nobody may log in; the probable cause is in the message.
        """
        instance_id = deployment.instance_id(logical_id)
        if instance_id not in deployment.logins:
            limit = self.settings.login_timeout
            login = self._login(deployment, instance_id, limit, wait=True)
            deployment.logins[instance_id] = login
        return deployment.logins[instance_id]

    def newly_listed(self) -> Sequence[str]:
        """What stacks were accepted with and is not simulated, and was not answered before.

        Returns:
            Lines that name the template, the resource, and what of it.
        """
        listed, self._listed = [*self._listed], {}
        return listed

    def close(self) -> Sequence[str]:
        """Delete everything that is not kept, in reverse order.

        What cannot be deleted here is left to the watchdog, which tries again. A worker has none;
        its run's other side does the same with what is left in its ledger.

        Returns:
            A line for each thing that is still there.
        """
        for key, deployment in reversed(list(self._shared.items())):
            self._attempt(partial(self._leave, key, deployment))
        for place in reversed(list(self._keys)):
            self._attempt(partial(self._forget_key, place))
        closed = self._attempt(self._open.close)
        self._forget_control()
        if self._ledger is None:
            return self._lost
        for one in self._ledger.open_entries():
            if one.entry.kind == _TARGET and closed:
                self._ledger.release(one.entry)
        self._ledger.close()
        if self.watchdog is None:
            return self._lost
        return [*self._lost, *self.watchdog.conclude(self.directory, self.settings.delete_timeout)]

    def abandon(self) -> str:
        """Leave everything to the watchdog, at once.

        Returns:
            A line that says so; empty where there is nothing to leave.
        """
        self._forget_control()
        if self._ledger is None or self.watchdog is None:
            return ""
        self._ledger.close()
        self.watchdog.abandon()
        return (
            f"the watchdog (process {self.watchdog.pid}) deletes what is left; "
            f"it writes to {self.watchdog.log}"
        )

    def note_failure(self, deployment: Deployment) -> Evidence:
        """Take evidence of a stack that came up, but that a test which used it failed; once."""
        deployment.failed = True
        if deployment.evidence is None:
            try:
                deployment.evidence = self._collect(deployment)
            except (HarnessError, BotoCoreError, ClientError, OSError) as error:
                place = self.settings.artifacts
                deployment.evidence = Evidence(place, f"no evidence could be taken: {error}")
        return deployment.evidence

    def _attempt(self, step: Callable[[], object]) -> bool:
        """Go on with what is left whatever happens to one step; whether it went well."""
        try:
            step()
        except HarnessError as error:
            self._around.say(f"not deleted at the first attempt: {error}")
        except Exception as error:  # noqa: BLE001 - deletion attempts everything
            self._around.say(f"not deleted at the first attempt: {type(error).__name__}: {error}")
        else:
            return True
        return False

    def _share(self, wanted: Wanted) -> Deployment:
        """Reuse, join another process's, or create; what is found is remembered at once."""
        if self.settings.reuse:
            self._shared[wanted.key] = self._reuse(wanted, self.settings.reuse)
        elif self._claims(wanted):
            with claimed(self.directory, wanted.key) as file:
                claim = file.join()
                found = self._join(wanted, claim) if claim else self._create(wanted)
                if claim is None:
                    file.write(_claim(found))
        else:
            self._create(wanted)
        return self._shared[wanted.key]

    def _claims(self, wanted: Wanted) -> bool:
        """Whether other processes of the run may want the same stack and could reach it."""
        return bool(self._around.worker) and wanted.target != _LOCAL

    def _create(self, wanted: Wanted) -> Deployment:
        deployment = self._shared[wanted.key] = self._begin(wanted)
        # Stands until the wait is over, should it be interrupted by something that is no error.
        deployment.error = StackError(f"the wait for stack {deployment.stack.name} was interrupted")
        try:
            with self._around.progress() as progress:
                deployment.stack.wait(
                    "CREATE_COMPLETE", limit=self.settings.create_timeout, observer=progress
                )
        except StackError as error:
            evidence = self.note_failure(deployment)
            error.message = f"{error.message}\n{evidence.summary}"
            error.evidence = evidence.directory
            deployment.error = error
        else:
            deployment.error = None
        events = self._note_listed(deployment)
        if deployment.error is None and wanted.template.path == self.settings.template:
            took = measure(deployment.stack.budgets, events)
            record(self.settings.root / RUNS, self.naming.run_id, took)
        return deployment

    def _note_listed(self, deployment: Deployment) -> Sequence[StackEvent]:
        """Remember what the stack's events list as accepted and not simulated.

        Returns:
            The events, oldest first; none where they could not be read.
        """
        path = deployment.wanted.template.path
        name = path.name if path else deployment.stack.name
        try:
            events = deployment.stack.events()
        except (HarnessError, BotoCoreError, ClientError) as error:
            self._listed[f"{name}: its events could not be read: {error}"] = None
            return ()
        reasons = (("the stack" if one.of_stack else one.logical_id, one.reason) for one in events)
        self._listed.update(dict.fromkeys(f"{name}, {line}" for line in listings(reasons)))
        return events

    def _begin(self, wanted: Wanted) -> Deployment:
        target = self.target(wanted.target, wanted.region)
        key, spec = self._spec(wanted, target)
        for line in target.admit(spec):
            self._around.say(line)
        entry = self._entry(target, "stack", spec.name)
        self.ledger.intend(entry)
        try:
            stack = Stack.create(target.client("cloudformation"), spec, pace=target.pace)
        except StackFailed:
            self.ledger.release(entry)
            raise
        self.ledger.confirm(entry)
        return Deployment(wanted, target, stack, key, entry)

    def _join(self, wanted: Wanted, claim: Claim) -> Deployment:
        target = self.target(wanted.target, wanted.region)
        stack = Stack.attach(target.client("cloudformation"), claim.stack_id, pace=target.pace)
        key = KeyPair(claim.key_name, Path(claim.private_path), "") if claim.key_name else None
        entry = self._entry(target, "stack", claim.stack_name)
        found = self._shared[wanted.key] = Deployment(wanted, target, stack, key, entry)
        if claim.error:
            found.error = StackFailed(claim.error)
            found.failed = True
        return found

    def _reuse(self, wanted: Wanted, name: str) -> Deployment:
        target = self.target(wanted.target, wanted.region)
        stack = Stack.attach(target.client("cloudformation"), name, pace=target.pace)
        key = kept_key(stack.name, self.settings.root, self.settings.identity)
        return Deployment(wanted, target, stack, key)

    def _spec(self, wanted: Wanted, target: Target) -> tuple[KeyPair | None, StackSpec]:
        settings = self.settings
        parameters = dict(wanted.parameters)
        declared = wanted.template.parameters
        key = None
        if settings.key_parameter in declared and settings.key_parameter not in parameters:
            key = self._key(target)
            parameters[settings.key_parameter] = key.name
        if settings.cidr_parameter in declared:
            parameters.setdefault(settings.cidr_parameter, self._cidr(target))
        name = self._name(wanted.label, wanted.region)
        spec = StackSpec(
            name=name,
            template=wanted.template,
            parameters=parameters,
            tags=self.naming.tags(),
            capabilities=wanted.capabilities,
            on_failure=wanted.on_failure,
            token=name,
            budgets=signal_budgets(wanted.template, parameters, wanted.region),
        )
        return key, spec

    def _name(self, *words: str) -> str:
        """A name that this run has not used yet."""
        numbered = (self._around.worker, str(next(self._count)), *words)
        return self.naming.name(*filter(None, numbered))

    def _entry(self, target: Target, kind: str, name: str) -> Entry:
        account = target.facts().get("account", "")
        return Entry(kind, name, target.name, target.region, target.endpoint_url, account)

    def _key(self, target: Target) -> KeyPair:
        """The run's key pair in a region, made when it is first wanted."""
        place = (target.name, target.region)
        if place not in self._keys:
            entry = self._entry(target, "key-pair", self._name("key", target.region))
            self.ledger.intend(entry)
            pair = make_key_pair(entry.name, self.directory)
            try:
                import_key_pair(target.client("ec2"), pair, target.pace, self.naming.tags())
            except BaseException:
                pair.forget()  # of EC2's half nothing is known, and the ledger says so
                raise
            self.ledger.confirm(entry)
            self._keys[place] = _Key(pair, entry)
        return self._keys[place].pair

    def _cidr(self, target: Target) -> str:
        return self.settings.ssh_cidr or target.caller_cidr()

    def _login(
        self, deployment: Deployment, instance_id: str, limit: float, *, wait: bool
    ) -> Login:
        if deployment.key is None:
            raise UsageError(
                f"stack {deployment.stack.name} was not launched with a key pair of this run",
                remedy="leave the key pair to the run, or name the private key with --identity",
            )
        directory = self.directory / (self._around.worker or "main")
        directory.mkdir(exist_ok=True, mode=0o700)
        if self._control is None:
            self._control = Path(tempfile.mkdtemp(prefix="harness-"))
            (directory / "control").symlink_to(self._control)
        target = deployment.target
        request = LoginRequest(
            instance_id=instance_id,
            key=deployment.key,
            user=self.settings.ssh_user,
            directory=directory,
            control=self._control,
            cidr=self._cidr(target),
            limit=limit,
            unpinned_reason=self.settings.unpinned_reason,
            wait_for_cloud_init=wait,
        )
        return open_login(target.client("ec2"), target.ssh_address, request, pace=target.pace)

    def _collect(self, deployment: Deployment) -> Evidence:
        target = deployment.target
        subjects = [
            Subject(
                logical_id,
                instance_id,
                partial(read_console, target.client("ec2"), instance_id, target.pace),
                partial(self._evidence_login, deployment, instance_id),
            )
            for logical_id, instance_id in deployment.instance_ids().items()
        ]
        wanted = deployment.wanted
        secrets = no_echo_values(wanted.template, {**wanted.parameters})
        known = environment_secrets(self._around.environ) | target.secrets()
        mask = Masker(secrets | known)
        return collect(
            deployment.stack.name,
            deployment.stack.events(),
            subjects,
            self.settings.artifacts,
            mask,
        )

    def _evidence_login(self, deployment: Deployment, instance_id: str) -> Login:
        """A login that does not wait for cloud-init, which may be what hangs."""
        if instance_id not in deployment.logins:
            limit = min(_EVIDENCE_LIMIT, self.settings.login_timeout)
            login = self._login(deployment, instance_id, limit, wait=False)
            deployment.logins[instance_id] = login
        return deployment.logins[instance_id]

    def _leave(self, key: str, deployment: Deployment) -> None:
        """Delete a shared stack, or keep it, unless another process still uses it."""
        if deployment.entry is None:
            deployment.close_logins()
        elif self._claims(deployment.wanted):
            with claimed(self.directory, key) as file:
                claim = file.leave(failed=deployment.failed)
                deployment.failed = deployment.failed or bool(claim and claim.failed)
                if claim is None or not claim.users:
                    self._finish(deployment)
        else:
            self._finish(deployment)

    def _finish(self, deployment: Deployment) -> None:
        keeps = self.settings.keep
        wanted = keeps is Keep.ALWAYS or (keeps is Keep.FAILED and deployment.failed)
        if wanted and deployment.target.name == _LOCAL:
            self._around.say(
                f"stack {deployment.stack.name} cannot be kept: the local cloud ends with the run"
            )
        elif wanted:
            self._keep(deployment)
            return
        self._delete(deployment)

    def _keep(self, deployment: Deployment) -> None:
        for line in keep(deployment, self.settings.root, self.settings.ssh_user):
            self._around.say(line)
        deployment.close_logins()
        if deployment.entry is not None:
            self.ledger.release(deployment.entry)
        for key in self._keys.values():
            key.kept = key.kept or key.pair == deployment.key

    def _delete(self, deployment: Deployment) -> None:
        deployment.close_logins()
        if deployment.entry is None:
            return
        with self._around.progress() as progress:
            retained = deployment.stack.delete(
                limit=self.settings.delete_timeout, observer=progress
            )
        self.ledger.release(deployment.entry)
        if retained:
            names = ", ".join(f"{one.logical_id} ({one.physical_id})" for one in retained)
            leak = LeakError(
                f"stack {deployment.stack.name} in {deployment.target.region} is gone, but these "
                f"resources of it could not be deleted and were retained: {names}",
                remedy="delete them by hand",
            )
            self._lost.append(str(leak))
            raise leak

    def _forget_key(self, place: tuple[str, str]) -> None:
        key = self._keys[place]
        if not key.kept:
            target = self._targets[place]
            delete_key_pair(target.client("ec2"), key.pair.name, target.pace)
        self.ledger.release(key.entry)
        if not self._around.worker:  # other workers may still log in with it
            key.pair.forget()

    def _forget_control(self) -> None:
        if self._control is None:
            return
        for _ in range(_REMOVALS):  # ssh may be putting its socket away at this moment
            shutil.rmtree(self._control, ignore_errors=True)
            if not self._control.exists():
                return
            time.sleep(_REMOVAL_PAUSE)


def _claim(deployment: Deployment) -> Claim:
    key = deployment.key
    return Claim(
        stack_id=deployment.stack.id,
        stack_name=deployment.stack.name,
        key_name=key.name if key else "",
        private_path=str(key.private_path) if key else "",
        failed=deployment.failed,
        error=deployment.error.message if deployment.error else "",
    )
