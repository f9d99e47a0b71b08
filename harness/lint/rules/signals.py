"""Whether the signals that a stack waits for are sent, to it, once everything is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.errors import HarnessError
from harness.lint.finding import Severity
from harness.lint.rule import Hit, Rule
from harness.lint.signals import MENTION, Signal, signals
from harness.lint.steps import unseen
from harness.lint.subject import Subject, as_mapping, runs_on_windows
from harness.lint.waits import GROUP, Wait, awaited_on_update, waits

_OURS: Final = frozenset({"AWS::StackName", "AWS::StackId"})
_READ: Final = frozenset({"text/x-shellscript", "text/cloud-boothook", "text/cloud-config"})
_CFN_DEFAULT_REGION: Final = "us-east-1"


def _malformed(subject: Subject) -> Iterator[Hit]:
    for wait in waits(subject):
        if wait.problem:
            yield Hit(f"{wait.logical_id}: {wait.problem}", path=wait.path)


def _never_signals(subject: Subject) -> Iterator[Hit]:
    sent = signals(subject)
    for wait in waits(subject):
        if (wait.policy is not None and wait.policy.needed == 0) or _is_signalled(
            subject, wait, sent
        ):
            continue
        hidden = _hidden(subject, wait)
        yield Hit(
            f"{wait.logical_id} waits for a signal that "
            + (
                f"nothing in the template sends, unless {hidden} does" if hidden else "nobody sends"
            ),
            path=wait.path,
            severity=Severity.INFO if hidden else None,
        )


def _is_signalled(subject: Subject, wait: Wait, sent: tuple[Signal, ...]) -> bool:
    others = {one.logical_id for one in waits(subject)} - {wait.logical_id}
    if any(_addresses(signal, wait, others) for signal in sent):
        return True
    parsed = {id(shell.script) for shell in subject.shells}
    return (
        _mentioned_elsewhere(subject, wait)
        or any(
            MENTION.search(script.text.text) or (wait.handle and wait.handle in script.text.names)
            for script in subject.scripts
            if script.resource in wait.sources and id(script) not in parsed
        )
        or any(
            MENTION.search(_without_commands(shell.code))
            for shell in subject.shells
            if shell.script.resource in wait.sources
            and not any(signal.shell is shell for signal in sent)
        )
    )


def _mentioned_elsewhere(subject: Subject, wait: Wait) -> bool:
    """Whether UserData or commands of cfn-init that are no scripts of ours to read speak of one."""
    told = (
        as_mapping(subject.template.resources[one].metadata).get("AWS::CloudFormation::Init")
        for one in wait.sources
    )
    return any(
        MENTION.search(part.text.text)
        for data in subject.user_data
        if data.resource in wait.sources
        for part in data.known_parts
        if part.kind not in _READ
    ) or any(runs_on_windows(init) and MENTION.search(repr(init)) for init in told)


def _without_commands(code: str) -> str:
    """Code in which a mere installation of the helper scripts is no signal."""
    return "\n".join(line for line in code.splitlines() if " ln " not in f" {line} ")


def _addresses(signal: Signal, wait: Wait, others: set[str]) -> bool:
    """Whether a signal is meant for a waiting resource, be it with a mistake in its address."""
    own = signal.shell.script.resource in wait.sources
    if wait.handle:
        return signal.handle == wait.handle or (own and signal.to_address and not signal.handle)
    if signal.handle:
        return False
    named = signal.resource.text if signal.resource else None
    if named == wait.logical_id or (signal.resource is not None and named is None):
        return True
    return own and named not in others


def _hidden(subject: Subject, wait: Wait) -> str:
    """What of a resource's provisioning is not in the template; empty where all of it is."""
    known = frozenset(script.name for script in subject.scripts)
    if any(isinstance(subject.rendered.get(one), HarnessError) for one in wait.sources):
        return "its UserData, which is not known here,"
    for data in subject.user_data:
        if data.resource in wait.sources and "#include" in data.text.text:
            return "what its UserData includes"
    for shell in subject.shells:
        if shell.script.resource in wait.sources:
            for command in unseen(shell, known):
                return f"`{command.name}` in {shell.script.name}"
    understood = {id(shell.script) for shell in subject.shells}
    for script in subject.scripts:
        own = script.resource in wait.sources and script.runs
        if own and not script.is_shell and id(script) not in understood:
            return script.name
    return ""


def _another_resource(subject: Subject) -> Iterator[Hit]:
    waiting = {wait.logical_id for wait in waits(subject)} | awaited_on_update(subject)
    for signal in signals(subject):
        if signal.to_address or signal.handle:
            continue
        word = signal.resource
        if word is None:
            yield _hit(signal, "the signal names no resource")
            continue
        target = word.text
        if target is None or target in waiting:
            continue
        if word.names:
            name = next(iter(word.names))
            if name in subject.template.resources:
                yield _hit(
                    signal,
                    f"the signal names the resource by the value of {name}, which is no logical id",
                    word.start,
                )
            continue
        if target not in subject.template.resources:
            yield _hit(
                signal, f"the signal is for {target!r}, and there is no such resource", word.start
            )


def _nobody_waits(subject: Subject) -> Iterator[Hit]:
    everyone = list(waits(subject))
    waiting = {wait.logical_id for wait in everyone} | awaited_on_update(subject)
    handles = {wait.handle for wait in everyone}
    for signal in signals(subject):
        if signal.handle:
            if signal.handle not in handles:
                yield _hit(signal, f"no WaitCondition waits at {signal.handle}")
            continue
        target = signal.resource.text if signal.resource else None
        if target in subject.template.resources and target not in waiting:
            own = [one for one in everyone if signal.shell.script.resource in one.sources]
            worse = Severity.ERROR if own else None
            yield _hit(
                signal,
                f"the signal is for {target}, which waits for none"
                + (f"; {own[0].logical_id} waits" if own else ""),
                signal.resource.start if signal.resource else 0,
                worse,
            )


def _another_stack(subject: Subject) -> Iterator[Hit]:
    for signal in signals(subject):
        if signal.to_address or signal.handle:
            continue
        word = signal.stack
        if word is None:
            yield _hit(signal, "the signal names no stack")
        elif word.text is None or word.names & _OURS:
            continue
        elif not word.names:
            yield _hit(
                signal,
                f"the signal is for the stack {word.text!r}, whatever this one is called",
                word.start,
                Severity.WARNING,
            )
        elif not word.names & subject.template.parameters.keys():
            name = next(iter(word.names))
            yield _hit(signal, f"the signal names the stack by {name}", word.start)


def _another_region(subject: Subject) -> Iterator[Hit]:
    for signal in signals(subject):
        if signal.to_address or signal.handle or signal.elsewhere:
            continue
        word = signal.region
        if word is None and signal.by == "cfn-signal":
            named, at = _CFN_DEFAULT_REGION, signal.command.start
            said = f"the signal names no region, so it goes to {named}"
        elif word is not None and word.text is not None and not word.names:
            named, at = word.text, word.start
            said = f"the signal goes to {named}, wherever the stack is"
        else:
            continue
        if subject.regions and set(subject.regions) == {named}:
            continue
        severity = Severity.ERROR if subject.regions else Severity.WARNING
        yield _hit(signal, said, at, severity)


def _count_out_of_reach(subject: Subject) -> Iterator[Hit]:
    for wait in waits(subject):
        if wait.policy is None:
            continue
        needed = wait.policy.needed
        resource = subject.template.resources[wait.logical_id]
        if resource.type == "AWS::EC2::Instance" and needed > 1:
            yield Hit(
                f"{wait.logical_id} waits for {needed} signals, and an instance counts once, "
                "however often it signals",
                path=(*wait.path, "ResourceSignal", "Count"),
            )
        elif resource.type == GROUP:
            properties = subject.properties(wait.logical_id)
            size = _number(properties.get("DesiredCapacity", properties.get("MinSize")))
            if size is not None and needed > size:
                yield Hit(
                    f"{wait.logical_id} waits for {needed} signals, and starts with {size} "
                    f"instance{'' if size == 1 else 's'}",
                    path=(*wait.path, "ResourceSignal", "Count"),
                )


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else None


def _too_short(subject: Subject) -> Iterator[Hit]:
    for wait in waits(subject):
        measured = max(subject.runs.get(one, 0) for one in {wait.logical_id, *wait.sources})
        if wait.policy is None or not wait.policy.needed:
            continue
        limit = wait.policy.timeout.total_seconds()
        if measured > limit * _ENOUGH:
            why = f"measured runs took {measured:g} s"
        elif limit < _BOOT_SECONDS and not wait.handle:
            why = "an instance takes about that long to boot"
        else:
            continue
        below = "Timeout" if wait.handle else "ResourceSignal"
        yield Hit(
            f"{wait.logical_id} waits for {limit:g} s, and {why}",
            path=(*wait.path, *(("Properties",) if wait.handle else ()), below),
            severity=Severity.ERROR if measured >= limit else None,
        )


_ENOUGH: Final = 0.8
"""Share of a timeout that measured provisioning may use up without a remark."""

_BOOT_SECONDS: Final = 45
"""What passes on EC2 from the launch of an instance to its UserData, or nearly."""


def _hit(
    signal: Signal, message: str, offset: int | None = None, severity: Severity | None = None
) -> Hit:
    at = signal.command.start if offset is None else offset
    return Hit(message, script=signal.shell.script, offset=at, severity=severity)


RULES: Final = (
    Rule(
        "HS001",
        Severity.ERROR,
        "a resource waits for a signal that nobody sends",
        "end the instance's script with cfn-signal, or drop the policy",
        _never_signals,
    ),
    Rule(
        "HS002",
        Severity.ERROR,
        "a signal for a resource that is not there",
        "pass --resource with the logical id of the resource that waits",
        _another_resource,
    ),
    Rule(
        "HS003",
        Severity.ERROR,
        "a signal for another stack",
        "pass --stack with the value of AWS::StackName",
        _another_stack,
    ),
    Rule(
        "HS004",
        Severity.WARNING,
        "a signal to another region",
        "pass --region with the value of AWS::Region",
        _another_region,
    ),
    Rule(
        "HS010",
        Severity.WARNING,
        "a signal that nobody waits for",
        "give the resource a CreationPolicy, or send the signal to the one that has it",
        _nobody_waits,
    ),
    Rule(
        "HS011",
        Severity.WARNING,
        "a timeout shorter than provisioning takes",
        "raise the timeout well above what provisioning takes",
        _too_short,
    ),
    Rule(
        "HS012",
        Severity.ERROR,
        "more signals than there are instances to send them",
        "let Count be the number of instances",
        _count_out_of_reach,
    ),
    Rule(
        "HS013",
        Severity.ERROR,
        "a policy that CloudFormation refuses",
        "Count is a whole number, Timeout an ISO 8601 duration up to PT12H",
        _malformed,
    ),
)
