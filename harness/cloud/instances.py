"""EC2 instances as guests: whatever moto's models say is wanted, containers are made to follow.

Clients change the models through moto's API. After each such request :meth:`Guests.reconcile`
compares what the models want with what the guests are, puts the models back into the state that is
true for the moment (``pending``, ``stopping``, …), and lets a worker of that guest bring it about.
So instances of stacks, of Auto Scaling groups and of plain RunInstances are all treated alike.

One worker at a time serves a guest, so whatever it finds between two of its steps is no
half-finished work of its own: that is when the end of a container is looked into.
"""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from harness import amis
from harness.cloud import moto_ec2
from harness.cloud.containers import Containers, Engine, Site
from harness.cloud.engine import Condition, ContainerEvent
from harness.cloud.instance import InstanceFacts, InstanceModel, State
from harness.cloud.network import AddressBook, ruleset
from harness.cloud.relay import Relays
from harness.errors import EngineError

EXIT_REBOOT: Final = 129
EXIT_POWER_OFF: Final = 130
"""PID 1 of a container is killed by SIGHUP when the guest reboots, by SIGINT when it powers off."""

JOIN_SECONDS: Final = 30
DISCARDING: Final = "discarding"
"""Name of the threads that remove what is left of terminated instances."""

_REQUESTED: Final = ("User initiated", "Client.UserInitiatedShutdown")
_FROM_INSIDE: Final = ("Instance initiated shutdown", "Client.InstanceInitiatedShutdown")
_BROKEN: Final = "Server.InternalError"


class _Wanted(enum.Enum):
    """What a guest is to become."""

    RUNNING = State.RUNNING
    STOPPED = State.STOPPED
    TERMINATED = State.TERMINATED


class _Guest:
    """One instance's containers, and how far they are. Fields are guarded by the cloud's lock."""

    def __init__(self, model: InstanceModel, image: str | None) -> None:
        self.instance_id = model.instance_id
        self.model = model
        self.image = image
        self.state = State.PENDING
        self.wanted = _Wanted.RUNNING
        self.reboot_requested = False
        self.deaths: list[ContainerEvent] = []
        self.private_address = ""
        self.pod_id: str | None = None
        self.guest_id: str | None = None
        self.ssh_address: tuple[str, int] | None = None
        self.has_public_address = model.public_address is not None
        self.applied_rules = ""
        self.applied_ipv6: tuple[str, ...] = ()
        self.console = b""
        self.worker: threading.Thread | None = None
        self.rules_lock = threading.Lock()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        reached = self.state is self.wanted.value
        return reached and not self.reboot_requested and not self.deaths


class Guests:
    """All guests of one local cloud.

    Args:
        engine: The container engine.
        site: Where they live.
        book: Hands out their addresses.
        on_lost: Told of an instance that ended although nobody asked for it, and why.
        models: Every instance that clients have asked for.
    """

    def __init__(
        self,
        engine: Engine,
        site: Site,
        book: AddressBook,
        on_lost: Callable[[str, str], None] = lambda _instance_id, _reason: None,
        models: Callable[[], Iterable[InstanceModel]] = moto_ec2.instances,
    ) -> None:
        self._engine = engine
        self._site = site
        self._book = book
        self._on_lost = on_lost
        self._models = models
        self._containers = Containers(engine, site, book)
        self._guests: dict[str, _Guest] = {}
        self._images: dict[str, str] = {}
        self._relays = Relays()
        self._closing = False

    @property
    def has_ipv6(self) -> bool:
        """Whether guests can have IPv6 addresses, as far as is known yet."""
        return self._engine.has_ipv6

    def image_of(self, image_id: str) -> str | None:
        """The engine's image that an AMI boots; None where it cannot be booted here."""
        if image_id in self._images:
            return self._images[image_id]
        return None if amis.why_no_guest(image_id) else self._site.default_image

    def reconcile(self) -> None:
        """Bring the guests in line with the models. Call it under :data:`moto_ec2.lock`."""
        with moto_ec2.lock:
            for model in self._models():
                guest = self._guests.get(model.instance_id)
                if guest is None:
                    if model.state in {State.RUNNING, State.PENDING} and not self._closing:
                        self._adopt(model)
                elif model.state is not guest.state:
                    self._follow(guest, model.state)
            self._show_addresses()

    def apply_rules(self) -> None:
        """Bring the security groups of running guests up to date; returns when they hold.

        A guest that is there and into which they cannot be loaded is ended, as nothing would guard
        it; the others are guarded all the same.
        """
        with moto_ec2.lock:
            guests = [
                guest
                for guest in self._guests.values()
                if guest.pod_id and guest.wanted is _Wanted.RUNNING
            ]
        for guest in guests:
            try:
                self._refresh_rules(guest)
            except EngineError as error:
                self._lose(guest, error.message)

    def reboot(self, instance_ids: Sequence[str]) -> None:
        """Restart guests; the disk stays."""
        with moto_ec2.lock:
            for instance_id in instance_ids:
                guest = self._guests.get(instance_id)
                if guest and guest.wanted is _Wanted.RUNNING:
                    guest.reboot_requested = True
                    self._work_on(guest)

    def console_output(self, instance_id: str) -> bytes:
        """What the guest has written to its console so far; kept when it is gone."""
        with moto_ec2.lock:
            guest = self._guests.get(instance_id)
            if guest is None:
                return b""
            guest_id = guest.guest_id
        if guest_id:
            self._keep_console(guest, guest_id)
        return guest.console

    def ssh_address(self, instance_id: str) -> tuple[str, int] | None:
        """Address and port on this machine that lead to an instance's port 22."""
        with moto_ec2.lock:
            guest = self._guests.get(instance_id)
            if guest is None:
                return None
            elastic = guest.model.elastic_address
            return self._relays.address_of(elastic) or guest.ssh_address

    def facts_by_address(self, address: str) -> InstanceFacts | None:
        """The instance that has a private address now; None where nobody has it.

        Whoever asks has heard of it: it can be reached.
        """
        with moto_ec2.lock:
            for guest in self._guests.values():
                if guest.pod_id and guest.private_address == address:
                    guest.model.set_reachable(reachable=True)
                    return guest.model.facts()
        return None

    def snapshot(self, instance_id: str, name: str) -> str:
        """Keep what a guest's disk holds now, as an image of the engine.

        Args:
            instance_id: Whose disk.
            name: Part of the image's name; in lower case, unlike any other.

        Returns:
            The image's name.

        Raises:
            EngineError: The guest has no disk, or the engine could not copy it.
        """
        with moto_ec2.lock:
            guest = self._guests.get(instance_id)
            guest_id = guest.guest_id if guest else None
        if guest_id is None:
            raise EngineError(f"instance {instance_id} has no disk to make an image of")
        tag = f"harness-ami:{name}"
        self._engine.commit(guest_id, tag)
        return tag

    def add_image(self, image_id: str, tag: str) -> None:
        """Let an AMI boot an image of the engine."""
        with moto_ec2.lock:
            self._images[image_id] = tag

    def is_baked(self, tag: str) -> bool:
        """Whether an image of the engine is one that an AMI was made of."""
        return tag in self._images.values()

    def discard_image(self, tag: str) -> None:
        """Remove an image of the engine that nothing is to boot any more."""
        with moto_ec2.lock:
            self._images = {key: value for key, value in self._images.items() if value != tag}
        self._engine.remove_image(tag)

    def died(self, event: ContainerEvent) -> None:
        """Take notice that a container ended; whether it was meant to is seen in its turn."""
        with moto_ec2.lock:
            guest = self._guests.get(event.instance_id)
            if guest and not self._closing and guest.state is not State.TERMINATED:
                guest.deaths.append(event)
                self._work_on(guest)

    def audit(self) -> None:
        """Look at every guest, for when deaths may have gone unnoticed."""
        with moto_ec2.lock:
            there = [
                ContainerEvent(container_id, guest.instance_id)
                for guest in self._guests.values()
                for container_id in (guest.pod_id, guest.guest_id)
                if container_id
            ]
        for event in there:
            self.died(event)

    def close(self) -> None:
        """Stop following; waits for the workers.

        What is left is for the engine to remove, and may be in the midst of being removed.
        """
        with moto_ec2.lock:
            self._closing = True
            workers = [guest.worker for guest in self._guests.values() if guest.worker]
        for worker in workers:
            worker.join(JOIN_SECONDS)
        self._relays.close()

    # Under the lock

    def _adopt(self, model: InstanceModel) -> None:
        """Take a new instance over: addresses of ours, then a worker that boots it."""
        image = self.image_of(model.image_id)
        guest = _Guest(model, image)
        self._guests[guest.instance_id] = guest
        try:
            guest.private_address = self._book.private_address(model.subnet, model.private_address)
        except ValueError as error:
            self._fail(guest, str(error))
            return
        model.set_private_address(guest.private_address)
        if image is None:
            self._fail(guest, amis.why_no_guest(model.image_id) or "no guest image")
            return
        model.set_state(State.PENDING)
        self._work_on(guest)

    def _fail(self, guest: _Guest, reason: str) -> None:
        guest.wanted = _Wanted.TERMINATED
        guest.state = State.SHUTTING_DOWN
        guest.model.set_state(State.SHUTTING_DOWN, reason, code=_BROKEN)
        self._work_on(guest)

    def _follow(self, guest: _Guest, asked: State) -> None:
        """A client has changed the model's state: take it as a wish, and show what is true."""
        reason = code = ""
        if guest.state in {State.SHUTTING_DOWN, State.TERMINATED}:
            pass  # asking again makes another attempt at removing it
        elif asked is State.TERMINATED:
            guest.wanted, guest.state = _Wanted.TERMINATED, State.SHUTTING_DOWN
            reason, code = _REQUESTED
        elif asked is State.STOPPED and guest.state is not State.STOPPING:
            guest.wanted, guest.state = _Wanted.STOPPED, State.STOPPING
            reason, code = _REQUESTED
        elif asked is State.RUNNING and guest.state in {State.STOPPED, State.STOPPING}:
            guest.wanted, guest.state = _Wanted.RUNNING, State.PENDING
        guest.model.set_state(guest.state, reason, code=code)
        self._work_on(guest)

    def _show_addresses(self) -> None:
        """Let the models have the public addresses that lead to guests, and those lead there."""
        targets: dict[str, tuple[str, int]] = {}
        for guest in self._guests.values():
            if guest.state is State.TERMINATED:
                continue  # its interface may be another's by now
            elastic = guest.model.elastic_address
            if elastic and guest.ssh_address and guest.state is State.RUNNING:
                targets[elastic] = guest.ssh_address
            guest.model.set_public_address(elastic or self._own_public_address(guest))
        self._relays.follow(targets)

    def _own_public_address(self, guest: _Guest) -> str | None:
        if not guest.has_public_address or guest.state not in {State.PENDING, State.RUNNING}:
            return None
        return guest.ssh_address[0] if guest.ssh_address else guest.model.public_address

    def _members(self) -> dict[str, list[str]]:
        """Private and IPv6 addresses by security group."""
        members: dict[str, list[str]] = {}
        for guest in self._guests.values():
            if guest.state in {State.PENDING, State.RUNNING, State.STOPPING}:
                for group_id in sorted(guest.model.group_ids):
                    addresses = (guest.private_address, *guest.model.ipv6_addresses)
                    members.setdefault(group_id, []).extend(addresses)
        return members

    def _rules(self, guest: _Guest) -> str:
        ingress, egress = guest.model.rules()
        return ruleset(
            ingress,
            egress,
            members=self._members(),
            host=self._site.host,
            ipv6=self._site.network.ipv6,
        )

    def _work_on(self, guest: _Guest) -> None:
        if guest.worker is None:
            guest.worker = threading.Thread(
                target=self._work, args=(guest,), name=f"guest-{guest.instance_id}", daemon=True
            )
            guest.worker.start()

    # On a guest's worker, outside the lock

    def _work(self, guest: _Guest) -> None:
        while True:
            with moto_ec2.lock:
                if guest.settled:
                    guest.worker = None
                    return
            try:
                self._step(guest)
            except Exception as error:  # noqa: BLE001 - an instance must not stay in between for ever
                with moto_ec2.lock:
                    if guest.wanted is _Wanted.TERMINATED:
                        # Even removing it failed; it is not said to be gone before it is.
                        guest.worker = None
                        return
                self._lose(guest, _said(error))

    def _lose(self, guest: _Guest, reason: str) -> None:
        """End a guest that cannot be what it is wanted to be, and tell why."""
        with moto_ec2.lock:
            if guest.wanted is _Wanted.TERMINATED:
                return
            self._fail(guest, reason)
        self._on_lost(guest.instance_id, f"{_BROKEN}: {reason}")

    def _step(self, guest: _Guest) -> None:
        with moto_ec2.lock:
            wanted, death = guest.wanted, guest.deaths.pop() if guest.deaths else None
        if wanted is _Wanted.TERMINATED:
            ended = self._end(guest)
            self._reached(guest, State.TERMINATED)
            self._discard(ended)
        elif death is not None:
            self._look_into(guest, death)
        elif wanted is _Wanted.STOPPED:
            if guest.guest_id:
                self._engine.stop(guest.guest_id)
            self._reached(guest, State.STOPPED)
        elif guest.guest_id is None:
            self._launch(guest)
            self._reached(guest, State.RUNNING)
        elif guest.state is State.RUNNING:
            self._engine.restart(guest.guest_id)
            with moto_ec2.lock:
                guest.reboot_requested = False
        else:
            self._refresh_rules(guest)
            self._engine.start(guest.guest_id)
            self._reached(guest, State.RUNNING)

    def _reached(self, guest: _Guest, state: State) -> None:
        with moto_ec2.lock:
            if guest.wanted.value is not state:
                return  # overtaken; the models show the next transition already
            guest.state = state
            guest.model.set_state(state)
            if state is not State.RUNNING:
                guest.reboot_requested = False
            if state is State.TERMINATED:
                guest.model.set_public_address(None)
                guest.deaths.clear()
                if guest.private_address:
                    self._book.release(guest.private_address)
            self._show_addresses()
        self.apply_rules()

    def _look_into(self, guest: _Guest, death: ContainerEvent) -> None:
        """Take a container's end for what it was, if it has not been started again since."""
        guest_id, pod_id = guest.guest_id, guest.pod_id
        if guest_id is None or pod_id is None or death.container_id not in {guest_id, pod_id}:
            return
        condition = self._engine.condition(guest_id)
        network = self._engine.condition(pod_id)
        if condition.running and network.running:
            return
        self._keep_console(guest, guest_id)
        with moto_ec2.lock:
            if guest.wanted is not _Wanted.RUNNING or guest.state is not State.RUNNING:
                return  # it was stopped by us, or is yet to be started
            if condition.exit_code == EXIT_REBOOT and network.running:
                guest.reboot_requested = True
                return
            reason, code = _why(condition, network)
            terminates = guest.model.shutdown_terminates
            if code == _BROKEN:
                terminates = condition.gone or not network.running
            guest.wanted = _Wanted.TERMINATED if terminates else _Wanted.STOPPED
            guest.state = State.SHUTTING_DOWN if terminates else State.STOPPING
            guest.model.set_state(guest.state, reason, code=code)
        self._on_lost(guest.instance_id, f"{code}: {reason}")

    def _launch(self, guest: _Guest) -> None:
        with moto_ec2.lock:
            facts = guest.model.facts()
        image = guest.image or self._site.default_image
        guest.pod_id = self._containers.create_pod(facts, image)
        guest.ssh_address = self._engine.published_port(guest.pod_id)
        with ThreadPoolExecutor(1) as pool:
            created = pool.submit(self._containers.create_guest, facts, image, guest.pod_id)
            try:
                self._refresh_rules(guest)
            finally:
                guest.guest_id = created.result()
        self._engine.start(guest.guest_id)

    def _refresh_rules(self, guest: _Guest) -> None:
        """Load the rules that hold now, if others are loaded; one at a time, so the newest stay.

        The IPv6 addresses follow the rules: nobody is reached before what guards it is there.
        """
        with guest.rules_lock:
            with moto_ec2.lock:
                pod_id, rules = guest.pod_id, self._rules(guest)
                ipv6 = guest.model.ipv6_addresses
            if pod_id is None or (rules, ipv6) == (guest.applied_rules, guest.applied_ipv6):
                return
            if ipv6 and not self.has_ipv6:
                raise EngineError("the kernel below the container engine has no IPv6")
            try:
                if rules != guest.applied_rules:
                    self._containers.load_rules(pod_id, rules)
                self._containers.set_ipv6(pod_id, guest.applied_ipv6, ipv6)
            except EngineError:
                if self._engine.condition(pod_id).running:
                    raise
                return  # it has just ended, and nothing passes
            guest.applied_rules, guest.applied_ipv6 = rules, ipv6

    def _keep_console(self, guest: _Guest, guest_id: str) -> None:
        """Remember the console as far as it can still be had."""
        written = self._containers.console(guest_id)
        with moto_ec2.lock:
            guest.console = written or guest.console

    def _end(self, guest: _Guest) -> Sequence[str]:
        """End all that runs of a guest, and its network with it.

        Returns:
            The containers, in which the disk still is, in the order in which they can be removed.
        """
        if guest.guest_id:
            self._keep_console(guest, guest.guest_id)
        ended = [one for one in (guest.guest_id, guest.pod_id) if one]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._engine.kill, ended))
        guest.guest_id = guest.pod_id = guest.ssh_address = None
        return ended

    def _discard(self, ended: Sequence[str]) -> None:
        """Remove the containers of an instance that is gone, which takes longer than to end them.

        Nobody waits for it but the cloud's end, which makes another attempt where it fails, and
        tells what is left.
        """

        def remove() -> None:
            for container_id in ended:
                with contextlib.suppress(EngineError):
                    self._engine.remove(container_id)

        threading.Thread(target=remove, name=DISCARDING, daemon=True).start()


def _said(error: Exception) -> str:
    """What an error says, for people; its kind, too, where it is a defect of ours."""
    return error.message if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"


def _why(guest: Condition, network: Condition) -> tuple[str, str]:
    """Why a guest ended, for people, and EC2's code of it."""
    if not network.running:
        return "the container that holds the guest's network ended", _BROKEN
    if guest.gone:
        return "the guest's container was removed", _BROKEN
    if guest.exit_code == EXIT_POWER_OFF:
        return _FROM_INSIDE
    return f"the guest ended by itself with exit code {guest.exit_code}", _BROKEN
