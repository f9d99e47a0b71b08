"""One stack: create it, follow its events, read its outputs, delete it and see that it is gone.

The CloudFormation client is passed in; nothing here knows whether AWS or the local cloud answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import LeakError, StackError, StackFailed, StackTimeout
from harness.template import Template
from harness.waiting import AWS_PACE, Clock, Deadline, Pace, is_passing, patiently

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

T = TypeVar("T")

CANCELLED_REASON: Final = "Resource creation cancelled"
"""What CloudFormation says of resources that it gave up because another one had failed."""

_IN_PROGRESS: Final = "_IN_PROGRESS"
_RETRIED_DELETES: Final = 3
_LOOKS_WITHOUT_NEWS: Final = 10
"""After so many looks at the events the stack itself is asked, for events may be late."""


@dataclass(frozen=True)
class StackSpec:
    """A stack as it is wanted.

    Args:
        name: Its name, unique in account and region.
        template: The template.
        parameters: Values by parameter; parameters that are left out take their defaults.
        tags: Tags, passed on by CloudFormation to the resources that take tags.
        capabilities: Such as ``CAPABILITY_IAM``.
        on_failure: ``DO_NOTHING`` keeps a failed stack until its evidence is in; ``ROLLBACK`` and
            ``DELETE`` are CloudFormation's others.
        token: Makes a repeated create request harmless ("ClientRequestToken").
        timeout_minutes: ``TimeoutInMinutes``; None for no limit on CloudFormation's side.
        budgets: Seconds that each resource may take to be signalled, for who watches; infinite
            where that is not known.
    """

    name: str
    template: Template
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    on_failure: str = "DO_NOTHING"
    token: str = ""
    timeout_minutes: int | None = None
    budgets: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history.

    Args:
        id: CloudFormation's id of the event.
        when: When it happened, as CloudFormation's clock has it.
        logical_id: The resource; the stack's own name where the event is the stack's.
        physical_id: The id of what was made; empty while it has none.
        resource_type: Such as ``AWS::EC2::Instance``.
        status: Such as ``CREATE_FAILED``.
        reason: Why, in CloudFormation's words; often empty.
        stack_id: Of the stack whose history it is in.
    """

    id: str
    when: datetime
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    stack_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether it says that something failed of itself, not because another thing had."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(CANCELLED_REASON)

    @property
    def of_stack(self) -> bool:
        """Whether it is about the stack itself, and not about one that is nested in it."""
        return bool(self.stack_id) and self.physical_id == self.stack_id


@dataclass(frozen=True)
class Observation:
    """What an observer is told.

    Args:
        stack_name: Which stack.
        elapsed: Seconds since the wait began.
        event: What happened; None for a sign of life without news.
        budgets: Seconds that the CreationPolicy of a resource under way gives, by logical id.
    """

    stack_name: str
    elapsed: float
    event: StackEvent | None
    budgets: Mapping[str, float]


Observer = Callable[[Observation], object]
"""Is told of events as they come, on the thread that waits."""


def ignore(_: Observation) -> None:
    """Observe nothing."""


@dataclass(frozen=True)
class Resource:
    """A resource that a stack has made."""

    logical_id: str
    physical_id: str
    type: str
    status: str


class Stack:
    """A stack that was asked for, or one that was there before.

    Args:
        client: A CloudFormation client.
        stack_id: Its id, or its name where no id is known yet.
        name: Its name.
        budgets: See :class:`Observation`.
        pace: How often to look.
        clock: What waiting goes by.
    """

    def __init__(
        self,
        client: CloudFormationClient,
        stack_id: str,
        name: str,
        *,
        budgets: Mapping[str, float] | None = None,
        pace: Pace = AWS_PACE,
        clock: Clock | None = None,
    ) -> None:
        self.client = client
        self.id = stack_id
        self.name = name
        self.budgets = budgets or {}
        self._known = {name: one for name, one in self.budgets.items() if isfinite(one)}
        self._pace = pace
        self._clock = clock or Clock()
        self._seen: set[str] = set()
        self._outputs: Mapping[str, str] = {}

    @classmethod
    def create(
        cls,
        client: CloudFormationClient,
        spec: StackSpec,
        *,
        pace: Pace = AWS_PACE,
        clock: Clock | None = None,
    ) -> Stack:
        """Ask for a stack; its creation has begun when this returns.

        Raises:
            StackFailed: CloudFormation refused the request; its own words are in the message.
            StackError: It cannot be told whether the request was taken.
        """
        request = _create_request(spec)
        try:
            answer = patiently(lambda: client.create_stack(**request), pace, clock)
        except ClientError as error:
            if is_passing(error):
                raise _doubtful(spec.name, error_text(error)) from error
            raise StackFailed(
                f"stack {spec.name}: CloudFormation refused to create it: {error_text(error)}",
                remedy=_REFUSAL_REMEDIES.get(error_code(error), "mend what it names"),
            ) from error
        except BotoCoreError as error:
            if is_passing(error):
                raise _doubtful(spec.name, str(error)) from error
            raise StackFailed(
                f"stack {spec.name}: the request to create it could not be sent: {error}",
                remedy="mend what it names",
            ) from error
        stack_id = answer["StackId"]
        return cls(client, stack_id, spec.name, budgets=spec.budgets, pace=pace, clock=clock)

    @classmethod
    def attach(cls, client: CloudFormationClient, name: str, *, pace: Pace = AWS_PACE) -> Stack:
        """Take a stack that exists; what has happened to it so far is no news.

        Raises:
            StackFailed: There is no stack of that name.
        """
        stack = cls(client, name, name, pace=pace)
        description = stack.describe()
        if description is None:
            raise StackFailed(
                f"there is no stack {name}", remedy="name a stack of this account and region"
            )
        stack = cls(client, description["StackId"], description["StackName"], pace=pace)
        stack._seen.update(event.id for event in stack.events())
        return stack

    def describe(self) -> Mapping[str, Any] | None:
        """``DescribeStacks`` of it; None where CloudFormation does not know it."""
        try:
            answer = self._ask(lambda: self.client.describe_stacks(StackName=self.id))
        except _AbsentError:
            return None
        return answer["Stacks"][0] if answer["Stacks"] else None

    @property
    def status(self) -> str:
        """Its status; ``DELETE_COMPLETE`` where CloudFormation does not know it any more."""
        description = self.describe()
        return description["StackStatus"] if description else "DELETE_COMPLETE"

    @property
    def outputs(self) -> Mapping[str, str]:
        """Its outputs by key, read once it has them; empty as long as it has none."""
        if not self._outputs:
            description = self.describe() or {}
            outputs = description.get("Outputs", ())
            self._outputs = {one["OutputKey"]: one["OutputValue"] for one in outputs}
        return self._outputs

    def resources(self) -> Sequence[Resource]:
        """What it has made, in CloudFormation's order; empty where there is no such stack."""

        def look() -> list[Resource]:
            pages = self.client.get_paginator("list_stack_resources").paginate(StackName=self.id)
            return [
                Resource(
                    one["LogicalResourceId"],
                    one.get("PhysicalResourceId", ""),
                    one["ResourceType"],
                    one["ResourceStatus"],
                )
                for page in pages
                for one in page["StackResourceSummaries"]
            ]

        try:
            return self._ask(look)
        except _AbsentError:
            return ()

    def events(self) -> Sequence[StackEvent]:
        """Its whole history, oldest first; empty where there is no such stack."""
        try:
            return self._newest_events(frozenset())[::-1]
        except _AbsentError:
            return ()

    def wait(self, wanted: str, *, limit: float, observer: Observer = ignore) -> None:
        """Wait until it is in the wanted state, telling the observer of each event once.

        Args:
            wanted: Such as ``CREATE_COMPLETE``.
            limit: Seconds.
            observer: Told of events as they come.

        Raises:
            StackFailed: It came to rest in another state; the root cause is in the message.
            StackTimeout: It was still under way at the limit.
        """
        deadline = Deadline(limit, self._clock)
        attempt = 0
        status = ""
        while True:
            # A change of status is an event, too: without news there is nothing to ask, unless
            # events should be late.
            attempt = 0 if self._observe(observer, deadline) else attempt + 1
            if attempt % _LOOKS_WITHOUT_NEWS == 0 or not status or deadline.over:
                status = self.status
            if status == wanted or not status.endswith(_IN_PROGRESS):
                self._observe(observer, deadline)
                break
            if deadline.over:
                raise StackTimeout(
                    f"stack {self.name}: {status} for {limit:.0f} s, the limit of this wait",
                    remedy="look at its events; raise the limit if it was still getting on",
                )
            deadline.pause(self._pace.pause(attempt))
        if status != wanted:
            raise self._failure(status, wanted)

    def delete(self, *, limit: float, observer: Observer = ignore) -> Sequence[Resource]:
        """Delete it and wait until it is gone; harmless where it is gone already.

        ``DELETE_FAILED`` is tried again, and then the resources that could not be deleted are
        retained, so that the stack at least goes ("Delete a stack that failed to delete").

        Args:
            limit: Seconds for all attempts together.
            observer: Told of events as they come.

        Returns:
            The resources that were retained and still have to be deleted by other means.

        Raises:
            LeakError: It is still there.
        """
        deadline = Deadline(limit, self._clock)
        stuck: list[Resource] = []
        for attempt in range(_RETRIED_DELETES + 1):
            last = attempt == _RETRIED_DELETES
            if last:
                if not stuck:
                    break
                self._request_delete([one.logical_id for one in stuck])
            else:
                self._request_delete([])
            try:
                self.wait(
                    "DELETE_COMPLETE", limit=deadline.seconds - deadline.elapsed, observer=observer
                )
            except StackFailed:
                stuck = [one for one in self.resources() if one.status == "DELETE_FAILED"]
                deadline.pause(self._pace.pause(attempt))
                continue
            except StackTimeout as timeout:
                raise self._leak(f"still {self.status} after {limit:.0f} s") from timeout
            return stuck if last else ()
        raise self._leak(f"{self.status}: {root_cause(self.events()) or 'no reason is given'}")

    def _ask(self, call: Callable[[], T]) -> T:
        """Ask CloudFormation, patiently.

        Raises:
            _AbsentError: It knows no such stack.
            StackError: It refuses to answer, or nobody answers.
        """
        try:
            return patiently(call, self._pace, self._clock)
        except ClientError as error:
            if _is_absent(error):
                raise _AbsentError from error
            raise StackError(
                f"stack {self.name}: CloudFormation refuses to answer: {error_text(error)}",
                remedy=_REFUSAL_REMEDIES.get(error_code(error), "mend what it names"),
            ) from error
        except BotoCoreError as error:
            raise StackError(
                f"stack {self.name}: CloudFormation cannot be asked: {error}",
                remedy="see whether the network, the endpoint and the credentials are there",
            ) from error

    def _leak(self, why: str) -> LeakError:
        region = self.client.meta.region_name
        return LeakError(
            f"stack {self.name} in {region} could not be deleted: {why}",
            remedy=f"aws cloudformation delete-stack --region {region} --stack-name {self.id}",
        )

    def _request_delete(self, retained: Sequence[str]) -> None:
        request: Any = {"StackName": self.id}
        if retained:
            request["RetainResources"] = list(retained)
        try:
            self._ask(lambda: self.client.delete_stack(**request))
        except _AbsentError:
            return

    def _observe(self, observer: Observer, deadline: Deadline) -> bool:
        """Tell of what is new; whether there was something, the stack's absence included."""
        try:
            fresh = self._newest_events(self._seen)[::-1]
        except _AbsentError:
            return True
        self._seen.update(event.id for event in fresh)
        for event in fresh or (None,):
            observer(Observation(self.name, deadline.elapsed, event, self._known))
        return bool(fresh)

    def _newest_events(self, known: frozenset[str] | set[str]) -> Sequence[StackEvent]:
        """Events, newest first, down to the first that is known.

        Raises:
            _AbsentError: There is no such stack.
        """

        def look() -> list[StackEvent]:
            found: list[StackEvent] = []
            pages = self.client.get_paginator("describe_stack_events").paginate(StackName=self.id)
            for page in pages:
                for raw in page["StackEvents"]:
                    if raw["EventId"] in known:
                        return found
                    found.append(_event(raw))
            return found

        return self._ask(look)

    def _failure(self, status: str, wanted: str) -> StackFailed:
        events = self.events()
        cause = root_cause(events)
        described = self.describe() or {}
        reason = cause or described.get("StackStatusReason", "no reason is given")
        return StackFailed(
            f"stack {self.name}: {status}, not {wanted}: {reason}", events=events, status=status
        )


def _doubtful(name: str, said: str) -> StackError:
    return StackError(
        f"stack {name}: whether CloudFormation has begun to create it cannot be told: {said}",
        remedy="run again; the end of this run looks whether there is such a stack, and deletes it",
    )


class _AbsentError(Exception):
    """CloudFormation knows no such stack."""


_REFUSAL_REMEDIES: Final = {
    "ExpiredToken": "renew the credentials",
    "ExpiredTokenException": "renew the credentials",
    "AccessDenied": "give the credentials the permissions that docs/live.md lists",
    "AlreadyExistsException": "delete the stack of that name, or reuse it",
    "InsufficientCapabilitiesException": "give the stack the capabilities that it names",
    "LimitExceededException": "delete stacks that are not needed",
}


def error_code(error: ClientError) -> str:
    """The code of an AWS error, such as ``ValidationError``."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def error_text(error: ClientError) -> str:
    """Code and message of an AWS error, in one line."""
    return f"{error_code(error)}: {error.response.get('Error', {}).get('Message', '')}"


def root_cause(events: Sequence[StackEvent]) -> str:
    """The first failure in a history, in one line; empty where nothing failed.

    CloudFormation cancels what else is under way when a resource fails, and says of the stack only
    that it failed; neither is the cause.
    """
    failed = [event for event in events if event.failed]
    own = [event for event in failed if not event.of_stack] or failed
    if not own:
        return ""
    first = own[0]
    return f"{first.logical_id} ({first.resource_type}) {first.status}: {first.reason}"


def _create_request(spec: StackSpec) -> dict[str, Any]:
    request: dict[str, Any] = {
        "StackName": spec.name,
        "TemplateBody": spec.template.text,
        "OnFailure": spec.on_failure,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in spec.parameters.items()
        ],
        "Tags": [{"Key": key, "Value": value} for key, value in spec.tags.items()],
        "Capabilities": list(spec.capabilities),
    }
    if spec.token:
        request["ClientRequestToken"] = spec.token
    if spec.timeout_minutes:
        request["TimeoutInMinutes"] = spec.timeout_minutes
    return request


def _event(raw: Mapping[str, Any]) -> StackEvent:
    return StackEvent(
        id=raw["EventId"],
        when=raw["Timestamp"],
        logical_id=raw.get("LogicalResourceId", ""),
        physical_id=raw.get("PhysicalResourceId", ""),
        resource_type=raw.get("ResourceType", ""),
        status=raw.get("ResourceStatus", ""),
        reason=raw.get("ResourceStatusReason", ""),
        stack_id=raw.get("StackId", ""),
    )


def _is_absent(error: ClientError) -> bool:
    """Whether CloudFormation says that it knows no such stack, for which it has no own code."""
    return error_code(error) == "ValidationError" and "does not exist" in error_text(error)
