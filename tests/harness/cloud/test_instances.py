"""Instances follow what clients want, whatever comes in between."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from harness import amis
from harness.cloud.containers import Site
from harness.cloud.engine import (
    AddressTakenError,
    Condition,
    ContainerEvent,
    ExecResult,
    Network,
    Pod,
)
from harness.cloud.instance import InstanceFacts, MetadataOptions, Rule, State
from harness.cloud.instances import DISCARDING, EXIT_POWER_OFF, EXIT_REBOOT, Guests
from harness.cloud.network import AddressBook, HostPorts
from harness.errors import EngineError

pytestmark = pytest.mark.selftest

SECONDS = 10
UBUNTU = amis.PUBLIC_IMAGES[0].image_id
NETWORK = Network(
    "net",
    ipaddress.IPv4Network("10.77.0.0/16"),
    "10.77.0.1",
    ipaddress.IPv6Network("fd12:3456:789a::/48"),
)
SITE = Site(NETWORK, HostPorts("10.77.0.1", imds=1, tls=2), b"ca", "guest:1")
SSH = Rule("tcp", 22, 22, cidr="0.0.0.0/0")


@dataclass
class Container:
    """A container as an engine has it."""

    role: str
    instance_id: str
    image: str
    running: bool = False
    exit_code: int = 0
    loaded: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)
    publish: tuple[str, int] = ("", 0)


class MemoryEngine:
    """A container engine in memory, which can be held up or made to fail at any call."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}
        self.images: set[str] = set()
        self.calls: list[str] = []
        self.has_ipv6 = True
        self.taken: set[tuple[str, int]] = set()
        self.faults: dict[str, str] = {}
        self.defects: dict[str, Exception] = {}
        self.refuses_rules_of: set[str] = set()
        self.meetings: dict[str, threading.Barrier] = {}
        """Calls that go on only when another one of the same name has come."""
        self._ids = itertools.count()
        self._gates: dict[str, tuple[threading.Event, threading.Event]] = {}

    def hold(self, call: str) -> tuple[threading.Event, threading.Event]:
        """Hold up the next call of that name: set when it came, and to be set for it to go on."""
        self._gates[call] = threading.Event(), threading.Event()
        return self._gates[call]

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if call in self._gates:
            came, go_on = self._gates.pop(call)
            came.set()
            assert go_on.wait(SECONDS)
        if call in self.meetings:
            with contextlib.suppress(threading.BrokenBarrierError):
                self.meetings[call].wait()
        if call in self.faults:
            raise EngineError(self.faults.pop(call))
        if call in self.defects:
            raise self.defects.pop(call)

    def _add(self, container: Container) -> str:
        name = f"{container.role}-{next(self._ids)}"
        self.containers[name] = container
        return name

    def create_pod(self, wanted: Pod) -> str:
        self._called("create_pod")
        if wanted.publish in self.taken:
            raise AddressTakenError(f"{wanted.publish} is taken")
        pod = Container(
            "pod",
            wanted.instance_id,
            wanted.image,
            running=True,
            names=wanted.names,
            publish=wanted.publish,
        )
        return self._add(pod)

    def create_guest(
        self, *, image: str, instance_id: str, pod_id: str, files: Mapping[str, bytes]
    ) -> str:
        del files
        self._called("create_guest")
        assert self.containers[pod_id].running
        return self._add(Container("guest", instance_id, image))

    def start(self, container_id: str) -> None:
        self._called("start")
        self.containers[container_id].running = True

    def stop(self, container_id: str, *, seconds: int = 10) -> None:
        del seconds
        self._called("stop")
        self.containers[container_id].running = False
        self.containers[container_id].exit_code = EXIT_POWER_OFF

    def restart(self, container_id: str, *, seconds: int = 10) -> None:
        del seconds
        self._called("restart")
        self.containers[container_id].running = True

    def kill(self, container_id: str) -> None:
        self._called("kill")
        if container_id in self.containers:
            self.containers[container_id].running = False

    def remove(self, container_id: str) -> None:
        self._called("remove")
        removed = self.containers.get(container_id)
        others = [one for name, one in self.containers.items() if name != container_id]
        if removed and removed.role == "pod":
            instances = [one.instance_id for one in others if one.role == "guest"]
            if removed.instance_id in instances:
                raise EngineError("it has dependent containers")  # as Podman says
        self.containers.pop(container_id, None)

    def condition(self, container_id: str) -> Condition:
        self._called("condition")
        container = self.containers.get(container_id)
        if container is None:
            return Condition(running=False, gone=True)
        return Condition(running=container.running, exit_code=container.exit_code)

    def execute(self, container_id: str, command: Sequence[str]) -> ExecResult:
        self._called("execute")
        if container_id not in self.containers:
            raise EngineError("no such container")
        container = self.containers[container_id]
        if container.instance_id in self.refuses_rules_of:
            return ExecResult(1, "syntax error")
        container.loaded.append(command[-1])
        return ExecResult(0, "")

    def published_port(self, container_id: str) -> tuple[str, int]:
        host, port = self.containers[container_id].publish
        return host, port or 2222

    def console(self, container_id: str) -> bytes:
        if container_id not in self.containers:
            raise EngineError("no such container")
        return f"console of {container_id}".encode()

    def commit(self, container_id: str, tag: str) -> None:
        assert container_id in self.containers
        self.images.add(tag)

    def remove_image(self, tag: str) -> None:
        self.images.discard(tag)


class MemoryModel:
    """An instance as clients see it, kept in memory."""

    def __init__(self, number: int = 0, image_id: str = UBUNTU) -> None:
        self.instance_id = f"i-{number}"
        self.image_id = image_id
        self.state = State.RUNNING  # as moto has it at once
        self.shown: list[State] = []
        self.reason = ""
        self.private_address = ""
        self.public_address: str | None = f"127.77.1.{number + 1}"
        self.elastic_address: str | None = None
        self.ipv6_addresses: tuple[str, ...] = ()
        self.reachable = False
        self.subnet = NETWORK.subnet
        self.group_ids = frozenset({"sg-1"})
        self.ingress: tuple[Rule, ...] = (SSH,)
        self.shutdown_terminates = False

    def set_state(self, state: State, reason: str = "", *, code: str = "") -> None:
        self.state = state
        self.shown.append(state)
        self.reason = f"{code}: {reason}" if code else self.reason

    def set_reachable(self, *, reachable: bool) -> None:
        self.reachable = reachable

    def set_private_address(self, address: str) -> None:
        self.private_address = address

    def set_public_address(self, address: str | None) -> None:
        self.public_address = address

    def rules(self) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        return self.ingress, ()

    def facts(self) -> InstanceFacts:
        return InstanceFacts(
            instance_id=self.instance_id,
            region="us-east-1",
            availability_zone="us-east-1a",
            account_id="123456789012",
            image_id=self.image_id,
            instance_type="t3.micro",
            architecture="x86_64",
            reservation_id="r-1",
            launch_index=0,
            launch_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            private_ip=self.private_address,
            private_dns_name="ip-10-77-0-4.ec2.internal",
            public_ip=self.public_address,
            public_dns_name=None,
            mac="02:00:00:00:00:01",
            vpc_id="vpc-1",
            vpc_cidr="10.77.0.0/16",
            subnet_id="subnet-1",
            subnet_cidr="10.77.0.0/16",
            key_name=None,
            public_key=None,
            user_data=None,
            security_groups=(("sg-1", "one"),),
            shutdown_terminates=self.shutdown_terminates,
            metadata_options=MetadataOptions(),
        )


class World:
    """Guests in memory, and what they told."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.models: list[MemoryModel] = []
        self.lost: list[tuple[str, str]] = []
        self.guests = Guests(
            self.engine,
            SITE,
            AddressBook(NETWORK.subnet),
            on_lost=lambda instance_id, reason: self.lost.append((instance_id, reason)),
            models=lambda: list(self.models),
        )

    def launch(self, image_id: str = UBUNTU) -> MemoryModel:
        """Ask for an instance, and do not wait."""
        model = MemoryModel(len(self.models), image_id)
        self.models.append(model)
        self.guests.reconcile()
        return model

    def running(self) -> MemoryModel:
        model = self.launch()
        self.settle()
        assert model.state is State.RUNNING
        return model

    def ask(self, model: MemoryModel, state: State) -> State:
        """As moto does it, the model changes first; what is shown then."""
        model.state = state
        self.guests.reconcile()
        return model.state

    def settle(self) -> None:
        """Wait until no worker has anything left to do, and what was to be discarded is."""
        for guest in self.guests._guests.values():
            while worker := guest.worker:
                worker.join(SECONDS)
                assert not worker.is_alive()
        for thread in threading.enumerate():
            if thread.name == DISCARDING:
                thread.join(SECONDS)
                assert not thread.is_alive()

    def id_of(self, role: str) -> str:
        (found,) = [name for name, one in self.engine.containers.items() if one.role == role]
        return found

    def end(self, role: str, exit_code: int = 137) -> None:
        """End a container from outside, and tell."""
        name = self.id_of(role)
        container = self.engine.containers[name]
        container.running, container.exit_code = False, exit_code
        self.guests.died(ContainerEvent(name, container.instance_id))
        self.settle()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.guests.close()


def test_an_instance_is_pending_until_its_guest_runs(world: World) -> None:
    """Nobody is shown ``running`` before the container is started."""
    came, go_on = world.engine.hold("start")
    model = world.launch()
    assert came.wait(SECONDS)
    assert model.state is State.PENDING
    go_on.set()
    world.settle()
    assert model.shown == [State.PENDING, State.RUNNING]


def test_rules_hold_before_the_guest_starts(world: World) -> None:
    """There is no moment in which a booted guest is open to everybody."""
    world.running()
    assert world.engine.calls.index("execute") < world.engine.calls.index("start")


def test_ipv6_addresses_follow_the_model(world: World) -> None:
    """Those that are new are added, those that are gone are taken away, after the rules."""
    model = world.running()
    pod = world.engine.containers[world.id_of("pod")]
    model.ipv6_addresses = ("fd12:3456:789a::5", "fd12:3456:789a::6")
    world.guests.apply_rules()
    rules, added = pod.loaded[-2:]
    assert rules.startswith("table inet harness")
    assert added == "addr add fd12:3456:789a::6/48 dev eth0 nodad"
    model.ipv6_addresses = ("fd12:3456:789a::6",)
    world.guests.apply_rules()
    assert pod.loaded[-1] == "addr del fd12:3456:789a::5/48 dev eth0"


def test_without_ipv6_in_the_engine_an_instance_that_needs_it_fails_with_the_reason(
    world: World,
) -> None:
    """It is not said to run with an address that nobody can reach; others run as ever."""
    world.engine.has_ipv6 = False
    world.running()
    needy = MemoryModel(1)
    needy.ipv6_addresses = ("fd12:3456:789a::5",)
    world.models.append(needy)
    world.guests.reconcile()
    world.settle()
    assert needy.state is State.TERMINATED
    assert "has no IPv6" in needy.reason


@pytest.mark.parametrize("wanted", [State.STOPPED, State.TERMINATED])
@pytest.mark.parametrize("call", ["create_pod", "create_guest", "start"])
def test_what_is_asked_during_a_launch_comes_about(world: World, call: str, wanted: State) -> None:
    """A stop or a termination overtakes a launch at any point, and ``running`` is never shown."""
    came, go_on = world.engine.hold(call)
    model = world.launch()
    assert came.wait(SECONDS)
    world.ask(model, wanted)
    world.guests.reconcile()
    go_on.set()
    world.settle()
    world.guests.reconcile()
    assert model.state is wanted
    assert State.RUNNING not in model.shown
    assert bool(world.engine.containers) is (wanted is State.STOPPED)


def test_termination_removes_both_containers_and_the_address_is_free_again(world: World) -> None:
    """Nothing stays but the console."""
    model = world.running()
    assert world.ask(model, State.TERMINATED) is State.SHUTTING_DOWN
    world.settle()
    assert model.state is State.TERMINATED
    assert world.engine.containers == {}
    assert world.guests.console_output("i-0").startswith(b"console of guest")
    assert world.running().private_address == model.private_address


def test_a_stopped_instance_starts_again_with_its_own_containers(world: World) -> None:
    """The disk is the same; the public address is shown while it runs only."""
    model = world.running()
    containers = set(world.engine.containers)
    assert world.ask(model, State.STOPPED) is State.STOPPING
    world.settle()
    assert (model.state, model.public_address) == (State.STOPPED, None)
    assert world.ask(model, State.RUNNING) is State.PENDING
    world.settle()
    assert (model.state, model.public_address) == (State.RUNNING, "127.77.1.1")
    assert set(world.engine.containers) == containers


def test_a_start_while_it_stops_waits_for_the_stop(world: World) -> None:
    """The two do not run side by side."""
    model = world.running()
    came, go_on = world.engine.hold("stop")
    world.ask(model, State.STOPPED)
    assert came.wait(SECONDS)
    world.ask(model, State.RUNNING)
    go_on.set()
    world.settle()
    assert model.state is State.RUNNING
    assert world.engine.containers[world.id_of("guest")].running
    assert State.STOPPED not in model.shown


def test_a_reboot_keeps_the_instance_running(world: World) -> None:
    """The state is ``running`` throughout."""
    model = world.running()
    world.guests.reboot(["i-0"])
    world.settle()
    assert world.engine.calls.count("restart") == 1
    assert model.shown == [State.PENDING, State.RUNNING]


def test_a_death_that_is_told_after_the_restart_is_no_death(world: World) -> None:
    """Events come late: what counts is how the container is."""
    model = world.running()
    world.guests.reboot(["i-0"])
    world.settle()
    world.guests.died(ContainerEvent(world.id_of("guest"), "i-0"))
    world.settle()
    assert model.state is State.RUNNING
    assert world.lost == []


def test_a_death_that_is_told_during_a_start_is_no_death(world: World) -> None:
    """The end of the life before this one is not the end of this one."""
    model = world.running()
    world.ask(model, State.STOPPED)
    world.settle()
    came, go_on = world.engine.hold("start")
    world.ask(model, State.RUNNING)
    assert came.wait(SECONDS)
    world.guests.died(ContainerEvent(world.id_of("guest"), "i-0"))
    go_on.set()
    world.settle()
    assert model.state is State.RUNNING
    assert world.lost == []


def test_a_reboot_from_inside_starts_the_guest_again(world: World) -> None:
    """A container cannot restart itself: its end by SIGHUP asks for it."""
    model = world.running()
    world.end("guest", EXIT_REBOOT)
    assert model.state is State.RUNNING
    assert world.engine.containers[world.id_of("guest")].running
    assert world.lost == []


@pytest.mark.parametrize(
    ("terminates", "state"), [(False, State.STOPPED), (True, State.TERMINATED)]
)
def test_a_power_off_from_inside_does_what_the_instance_says(
    world: World,
    terminates: bool,  # noqa: FBT001 - a parameter of the test
    state: State,
) -> None:
    """InstanceInitiatedShutdownBehavior; and whoever waits for the instance is told."""
    model = world.running()
    model.shutdown_terminates = terminates
    world.end("guest", EXIT_POWER_OFF)
    assert model.state is state
    assert model.reason.startswith("Client.InstanceInitiatedShutdown")
    assert [instance_id for instance_id, _ in world.lost] == ["i-0"]


def test_a_guest_that_is_killed_from_outside_is_not_running(world: World) -> None:
    """Its disk is there, so it is stopped, and can be started."""
    model = world.running()
    world.end("guest")
    assert model.shown[-1] is State.STOPPED
    assert world.lost == [
        ("i-0", "Server.InternalError: the guest ended by itself with exit code 137")
    ]
    world.ask(model, State.RUNNING)
    world.settle()
    assert model.state is State.RUNNING


def test_a_guest_that_is_removed_from_outside_is_terminated(world: World) -> None:
    """Its disk is gone; its network is taken down after it."""
    model = world.running()
    name = world.id_of("guest")
    del world.engine.containers[name]
    world.guests.died(ContainerEvent(name, "i-0"))
    world.settle()
    assert model.state is State.TERMINATED
    assert world.engine.containers == {}
    assert "was removed" in world.lost[0][1]


def test_a_guest_without_its_network_is_terminated(world: World) -> None:
    """Nobody could reach it any more."""
    model = world.running()
    world.end("pod")
    assert model.state is State.TERMINATED
    assert world.engine.containers == {}
    assert "network" in world.lost[0][1]


def test_an_audit_finds_deaths_that_nobody_told_of(world: World) -> None:
    """After the engine was away."""
    model, other = world.running(), world.running()
    guest_id = next(
        name
        for name, one in world.engine.containers.items()
        if one.instance_id == "i-0"
        if one.role == "guest"
    )
    world.engine.containers[guest_id].running = False
    world.guests.audit()
    world.settle()
    assert (model.state, other.state) == (State.STOPPED, State.RUNNING)


@pytest.mark.parametrize("call", ["create_pod", "execute", "create_guest", "start"])
def test_a_launch_that_fails_ends_terminated_with_the_reason(world: World, call: str) -> None:
    """Nothing of it stays, and the reason is shown and told."""
    world.engine.faults[call] = "the disk is full"
    if call == "execute":
        world.engine.faults["condition"] = "the disk is full"
    model = world.launch()
    world.settle()
    assert model.state is State.TERMINATED
    assert world.engine.containers == {}
    assert "the disk is full" in model.reason
    assert "the disk is full" in world.lost[0][1]


def test_a_defect_of_ours_ends_the_instance_with_its_name(world: World) -> None:
    """It does not stay pending for ever, and can be terminated like any other."""
    world.engine.defects["start"] = KeyError("22/tcp")
    model = world.launch()
    world.settle()
    assert model.state is State.TERMINATED
    assert "KeyError: '22/tcp'" in model.reason
    assert world.engine.containers == {}


def test_rules_that_cannot_be_loaded_end_the_guest_that_they_were_to_guard(world: World) -> None:
    """And no other one, whoever's change it is that they follow."""
    guarded, other = world.running(), world.running()
    world.engine.refuses_rules_of = {guarded.instance_id}
    guarded.ingress = other.ingress = (Rule("tcp", 443, 443, cidr="0.0.0.0/0"),)
    world.guests.apply_rules()
    world.settle()
    assert (guarded.state, other.state) == (State.TERMINATED, State.RUNNING)
    assert [instance_id for instance_id, _ in world.lost] == [guarded.instance_id]
    assert "syntax error" in guarded.reason
    assert "443" in world.engine.containers[world.id_of("pod")].loaded[-1]


def test_a_disk_is_discarded_beside_what_follows(world: World) -> None:
    """``terminated`` is said when nothing runs any more and nobody has the address."""
    model = world.running()
    guest, pod = world.id_of("guest"), world.id_of("pod")
    killed, kill_on = world.engine.hold("kill")
    removed, remove_on = world.engine.hold("remove")
    world.ask(model, State.TERMINATED)
    assert killed.wait(SECONDS)
    assert State.TERMINATED not in model.shown
    kill_on.set()
    assert removed.wait(SECONDS)
    assert model.shown[-1] is State.TERMINATED
    assert set(world.engine.containers) == {guest, pod}
    assert not any(one.running for one in world.engine.containers.values())
    world.guests.close()  # nor does the cloud's end wait here
    assert set(world.engine.containers) == {guest, pod}
    remove_on.set()
    world.settle()
    assert world.engine.containers == {}


def test_guest_and_pod_are_ended_side_by_side(world: World) -> None:
    """Neither needs the other's end, and together they take as long as the slower one."""
    model = world.running()
    world.engine.meetings["kill"] = threading.Barrier(2, timeout=SECONDS)
    world.ask(model, State.TERMINATED)
    world.settle()
    assert model.state is State.TERMINATED
    assert not world.engine.meetings["kill"].broken


def test_what_cannot_be_discarded_is_left_to_the_end_of_the_cloud(world: World) -> None:
    """The instance is gone all the same, and nobody lost it."""
    model = world.running()
    world.engine.faults["remove"] = "busy"
    world.ask(model, State.TERMINATED)
    world.settle()
    assert (model.state, world.lost) == (State.TERMINATED, [])
    assert {one.role for one in world.engine.containers.values()} == {"guest", "pod"}


def test_an_end_that_fails_is_attempted_again_when_asked_again(world: World) -> None:
    """``terminated`` is not said before it is true."""
    model = world.running()
    world.engine.faults["kill"] = "busy"
    world.ask(model, State.TERMINATED)
    world.settle()
    assert model.shown[-1] is State.SHUTTING_DOWN
    world.ask(model, State.TERMINATED)
    world.settle()
    assert model.state is State.TERMINATED
    assert world.engine.containers == {}


def test_an_image_that_cannot_be_booted_here_says_why(world: World) -> None:
    """An image of Amazon Linux has no guest image."""
    image = next(one for one in amis.PUBLIC_IMAGES if one.owner == amis.AMAZON)
    model = world.launch(image.image_id)
    world.settle()
    assert model.state is State.TERMINATED
    assert "no guest image stands for" in model.reason


def test_a_public_address_that_is_taken_makes_room_for_another(world: World) -> None:
    """What clients are shown is where the guest is really reached."""
    world.engine.taken.add(("127.77.1.1", 22))
    model = world.running()
    assert model.public_address != "127.77.1.1"
    assert world.guests.ssh_address("i-0") == (model.public_address, 22)


def test_rules_that_change_are_loaded_into_running_guests_once(world: World) -> None:
    """A change takes effect; no change costs nothing."""
    model = world.running()
    pod = world.engine.containers[world.id_of("pod")]
    world.guests.apply_rules()
    assert len(pod.loaded) == 1
    model.ingress = ()
    world.guests.apply_rules()
    assert len(pod.loaded) == 2
    assert "dport 22" in pod.loaded[0]
    assert "dport 22" not in pod.loaded[1]


def test_the_newest_rules_stay(world: World) -> None:
    """Of two changes at once, the later one is loaded last."""
    model = world.running()
    pod = world.engine.containers[world.id_of("pod")]
    model.ingress = ()
    came, go_on = world.engine.hold("execute")
    first = threading.Thread(target=world.guests.apply_rules)
    first.start()
    assert came.wait(SECONDS)
    model.ingress = (Rule("tcp", 80, 80, cidr="0.0.0.0/0"),)
    second = threading.Thread(target=world.guests.apply_rules)
    second.start()
    go_on.set()
    first.join(SECONDS)
    second.join(SECONDS)
    assert "dport 80" in pod.loaded[-1]


def test_rules_of_a_guest_that_is_just_ending_are_no_error(world: World) -> None:
    """Whoever changes a group is not told of the end of another's guest."""
    model = world.running()
    del world.engine.containers[world.id_of("pod")]
    model.ingress = ()
    world.guests.apply_rules()
    assert model.state is State.RUNNING  # until the end is told


def test_members_of_a_group_are_admitted_as_they_come_and_go(world: World) -> None:
    """A rule that names a group means the instances that are in it now."""
    model = world.running()
    model.ingress = (Rule("tcp", 80, 80, group_id="sg-1"),)
    pod = world.engine.containers[world.id_of("pod")]
    other = world.running()
    admitted = f"ip saddr {other.private_address} tcp dport 80-80 accept"
    assert admitted in pod.loaded[-1]
    world.ask(other, State.TERMINATED)
    world.settle()
    assert admitted not in pod.loaded[-1]


def test_an_image_of_a_guest_boots_later_ones_until_it_is_discarded(world: World) -> None:
    """CreateImage and DeregisterImage."""
    world.running()
    tag = world.guests.snapshot("i-0", "one")
    world.guests.add_image("ami-baked", tag)
    assert world.guests.image_of("ami-baked") == tag
    world.launch("ami-baked")
    world.settle()
    assert [one.image for one in world.engine.containers.values()].count(tag) == 2
    world.guests.discard_image(tag)
    assert world.engine.images == set()


def test_facts_go_to_the_holder_of_the_address(world: World) -> None:
    """The metadata service tells guests apart by it; a guest that is gone has none."""
    model = world.running()
    facts = world.guests.facts_by_address(model.private_address)
    assert facts is not None
    assert facts.instance_id == "i-0"
    assert world.guests.facts_by_address("10.77.9.9") is None
    world.ask(model, State.TERMINATED)
    world.settle()
    assert world.guests.facts_by_address(model.private_address) is None


def test_nothing_is_launched_or_noticed_after_the_end(world: World) -> None:
    """What the cloud removes on its own end is nobody's loss."""
    model = world.running()
    world.guests.close()
    world.guests.died(ContainerEvent(world.id_of("guest"), "i-0"))
    other = world.launch()
    assert (model.state, other.shown, world.lost) == (State.RUNNING, [], [])
