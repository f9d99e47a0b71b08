"""The local cloud, running: everything that it is made of, taken down in reverse order.

It belongs in a process of its own (:mod:`harness.cloud.process`), because moto keeps its state in
module globals and is set up by environment variables.
"""
# ruff: noqa: PLC0415 - what imports moto is imported after its environment is prepared

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from harness import service_models
from harness.cloud import liveness, moto_ec2
from harness.cloud.credentials import RoleSessions
from harness.cloud.engine import ContainerEngine
from harness.cloud.helper_scripts import HelperScriptsSource
from harness.cloud.image import GuestImage, ensure_image
from harness.cloud.imds import Imds, RoleCredentials
from harness.cloud.instance import InstanceFacts
from harness.cloud.network import AddressBook, HostPorts, local_addresses, name_servers
from harness.cloud.server import Authority, Listener, Server
from harness.cloudformation.unsupported import Unsupported
from harness.errors import LeakError

LOOPBACK: Final = "127.0.0.1"
ROLE_SESSION: Final = dt.timedelta(hours=6)
STUBBED_RESOLVERS: Final = "/run/systemd/resolve/resolv.conf"
ENGINE_SECONDS: Final = 1.0
"""How long to leave an engine that is gone alone."""


@dataclass(frozen=True)
class CloudSettings:
    """How a local cloud is to be.

    Args:
        run_id: Labels everything that it makes.
        port: Port of the endpoint; 0 picks a free one.
        base: Where the guest image's root file system comes from (:func:`ensure_image`).
        registry_image: Image reference of that base in a registry.
        helpers: Which helper scripts guests are served (:class:`HelperScriptsSource`).
        unsupported: What becomes of what of a template is not acted on.
    """

    run_id: str
    port: int = 0
    base: str = "auto"
    registry_image: str = "ubuntu:24.04"
    helpers: str = "auto"
    unsupported: Unsupported = Unsupported.FAIL


class CloudService:
    """A local cloud for as long as the context lasts.

    Args:
        settings: How it is to be.
        say: Told what takes long, in lines.
        on_removal: Told before everything is removed, which is better not interrupted.

    Raises:
        EngineError: No container engine answers.
        ImageError: There is no guest image and none can be built.
        LeakError: On exit: a container or a network could not be removed.
    """

    def __init__(
        self,
        settings: CloudSettings,
        say: Callable[[str], None] = lambda _line: None,
        on_removal: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._say = say
        self._on_removal = on_removal
        self._stack = contextlib.ExitStack()
        self._engines: dict[str, Any] = {}
        self._engines_lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._clients_lock = threading.Lock()
        self._session: Any = None
        self._facts: dict[str, str] = {}
        self._ending = threading.Event()
        self._lives = liveness.default_directory()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def endpoint_url(self) -> str:
        """Where clients on this machine reach all services."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def caller_cidr(self) -> str:
        """Where connections from this machine to a guest come from, as its rules see them."""
        return f"{self._gateway}/32"

    def facts(self) -> dict[str, str]:
        """What a report should say: engine, guest image, helper scripts."""
        helpers = self._helpers.known
        origin = helpers.origin if helpers else "not asked for yet"
        return {**self._facts, "helper scripts": origin}

    def _start(self, stack: contextlib.ExitStack) -> None:
        settings = self._settings
        container_engine = stack.enter_context(ContainerEngine.connect(settings.run_id))
        traces = stack.enter_context(liveness.alive(settings.run_id, self._lives))
        container_engine.check_cgroups()
        self._remove_dead(container_engine)
        self._helpers = HelperScriptsSource(settings.helpers)
        stack.enter_context(service_models.read_once())
        with ThreadPoolExecutor(1) as pool:
            # Half of the start is Python reading moto; the engine can work meanwhile.
            imported = pool.submit(moto_ec2.load)
            image = ensure_image(
                container_engine.images,
                base=settings.base,
                registry=settings.registry_image,
                say=self._say,
            )
            stack.callback(self._remove_all, container_engine, traces)
            traces.possible = True
            network = container_engine.create_network(f"harness-{settings.run_id}")
            imported.result()
        self._gateway = network.gateway
        listeners = [
            Listener(LOOPBACK, settings.port),
            Listener(network.gateway, early=container_engine.bridges_late),
            Listener(network.gateway, early=container_engine.bridges_late),
        ]
        for listener in listeners:
            stack.callback(listener.close)
        local, tls, imds_listener = listeners
        self._port = local.port
        book = AddressBook(network.subnet, ipv6=network.ipv6)
        moto_ec2.adopt_addresses(book)
        authority = Authority()
        self._record(container_engine, image)

        from harness.cloud.cloudformation_api import CloudFormationApi
        from harness.cloud.containers import Site
        from harness.cloud.endpoint import Endpoint, ImdsApplication
        from harness.cloud.instances import Guests
        from harness.cloud.scaling import Scaling

        guests = Guests(
            container_engine,
            Site(
                network=network,
                host=_host_ports(network.gateway, imds_listener.port, tls.port),
                authority=authority.certificate,
                default_image=image.tag,
            ),
            book,
            on_lost=self._instance_lost,
        )
        self._guests = guests
        stack.callback(guests.close)
        imds = Imds(secrets.token_bytes(32), RoleSessions(self._assume_role))
        endpoint = Endpoint(
            api=CloudFormationApi(self._engine_for, self._fetch_template, moto_ec2.stack_of),
            engine_for=self._engine_for,
            guests=guests,
            imds=imds,
            control=self._control,
            helpers=lambda: self._helpers.get().tarball,
            scaling=Scaling(self._client),
        )
        follower = threading.Thread(
            target=self._follow_deaths, args=(container_engine,), name="deaths", daemon=True
        )
        follower.start()
        stack.callback(self._ending.set)
        stack.callback(self._close_engines)
        for server in (
            Server(endpoint, local),
            Server(endpoint, tls, context=authority.server_context()),
            Server(ImdsApplication(imds, guests), imds_listener),
        ):
            stack.callback(server.stop)
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def _record(self, engine: ContainerEngine, image: GuestImage) -> None:
        self._facts["container engine"] = engine.describe()
        self._facts["guest image"] = f"{image.tag} ({image.origin})"

    def _remove_dead(self, engine: ContainerEngine) -> None:
        """Remove what clouds left here that were killed."""
        for run_id in liveness.dead(engine.run_ids(), self._lives):
            self._say(f"removing what the killed local cloud of run {run_id} left")
            with ContainerEngine.connect(run_id) as other:
                if not other.remove_all():
                    liveness.forget(run_id, self._lives)

    def _remove_all(self, engine: ContainerEngine, traces: liveness.Traces) -> None:
        self._on_removal()
        left = engine.remove_all()
        if left:
            raise LeakError(
                f"still there after the local cloud's end: {', '.join(left)}",
                remedy=f"harness sweep --local --run {self._settings.run_id} --delete",
            )
        traces.possible = False

    # Stacks

    def _engine_for(self, region: str) -> Any:  # noqa: ANN401 - imported late
        from harness.cloudformation.resources import AwsProvider
        from harness.cloudformation.resources.lookups import AwsLookups
        from harness.cloudformation.stacks import StackEngine

        with self._engines_lock:
            if region not in self._engines:

                def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes clients at run time
                    return self._client(service, region)

                self._engines[region] = StackEngine(
                    AwsProvider(client),
                    region=region,
                    account_id=moto_ec2.ACCOUNT_ID,
                    lookups=AwsLookups(client),
                    unsupported=self._settings.unsupported,
                    wait_url=lambda stack_id, handle: _wait_url(region, stack_id, handle),
                )
            return self._engines[region]

    def _close_engines(self) -> None:
        with self._engines_lock:
            engines = list(self._engines.values())
        for engine in engines:
            engine.close()

    def _client(self, service: str, region: str) -> Any:  # noqa: ANN401 - as above
        import boto3
        from botocore.config import Config

        with self._clients_lock:
            key = (service, region)
            if key not in self._clients:
                # One session for all of them: it reads the services' large models only once.
                self._session = self._session or boto3.session.Session(
                    aws_access_key_id="local",
                    aws_secret_access_key="local",  # noqa: S106 - this endpoint takes any
                )
                self._clients[key] = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint_url,
                    config=Config(
                        max_pool_connections=32,
                        s3={"addressing_style": "path"},
                        retries={"total_max_attempts": 2},
                    ),
                )
            return self._clients[key]

    def _warm_up(self) -> None:
        """Ask EC2 something: what the first answer takes to load is loaded before it is wanted."""
        from harness.cloud.endpoint import DEFAULT_REGION

        with contextlib.suppress(Exception):  # whoever really asks is told what is the matter
            self._client("ec2", DEFAULT_REGION).describe_key_pairs()

    def _fetch_template(self, url: str) -> str:
        from botocore.exceptions import ClientError

        from harness.cloud.endpoint import DEFAULT_REGION, template_location
        from harness.errors import TemplateError

        bucket, key = template_location(url)
        try:
            answer = self._client("s3", DEFAULT_REGION).get_object(Bucket=bucket, Key=key)
            return str(answer["Body"].read().decode())
        except ClientError as error:
            message = error.response["Error"]["Message"]
            raise TemplateError(f"S3 error: {message}") from error
        except UnicodeDecodeError as error:
            raise TemplateError(f"S3 error: {url} is no text") from error

    # Guests

    def _instance_lost(self, instance_id: str, reason: str) -> None:
        with self._engines_lock:
            engines = list(self._engines.values())
        for engine in engines:
            if engine.resource_lost(instance_id, f"Instance {instance_id} ended: {reason}"):
                return

    def _follow_deaths(self, engine: ContainerEngine) -> None:
        since: float | None = None
        while True:
            for event in engine.deaths(since):
                self._guests.died(event)
            # The stream ends with the engine. What happens until it is back is looked up then,
            # and what happens during the looking up is in the next stream.
            if self._ending.wait(ENGINE_SECONDS):
                return
            since = time.time()
            if engine.answers():
                self._guests.audit()

    def _assume_role(self, facts: InstanceFacts) -> RoleCredentials:
        answer = self._client("sts", facts.region).assume_role(
            RoleArn=f"arn:aws:iam::{facts.account_id}:role/{facts.role_name}",
            RoleSessionName=facts.instance_id,
            DurationSeconds=int(ROLE_SESSION.total_seconds()),
        )["Credentials"]
        now = dt.datetime.now(dt.UTC)
        return RoleCredentials(
            access_key_id=answer["AccessKeyId"],
            secret_access_key=answer["SecretAccessKey"],
            token=answer["SessionToken"],
            issued=now,
            expires=now + ROLE_SESSION,
        )

    def _control(self, path: str) -> Mapping[str, Any] | None:
        """What the harness asks its own cloud, below the endpoint's control prefix."""
        if path == "facts":
            return {"facts": self.facts(), "caller_cidr": self.caller_cidr}
        kind, _, instance_id = path.partition("/")
        if kind == "ssh":
            address = self._guests.ssh_address(instance_id)
            return {"host": address[0], "port": address[1]} if address else None
        return None


def _host_ports(gateway: str, imds: int, tls: int) -> HostPorts:
    return HostPorts(
        gateway,
        imds,
        tls,
        addresses=lambda: local_addresses(_text("/proc/net/fib_trie")),
        resolvers=name_servers(_text("/etc/resolv.conf"), _text(STUBBED_RESOLVERS)),
    )


def _text(path: str) -> str:
    """What is in a file that not every system has; "" without it."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _wait_url(region: str, stack_id: str, handle: str) -> str:
    host = f"cloudformation-waitcondition-{region}.s3.{region}.amazonaws.com"
    return f"https://{host}/{quote(stack_id, safe='')}/{quote(handle)}?Signature=local"
