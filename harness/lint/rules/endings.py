"""How a script that must signal ends: in which order, with what status, and by which ways out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from harness.lint.finding import Severity
from harness.lint.images import Family, images
from harness.lint.rule import Hit, Rule
from harness.lint.shell import Command, Shell
from harness.lint.signals import Signal, Status, signals
from harness.lint.steps import HELPERS, resets_status, steps, unseen
from harness.lint.subject import Subject
from harness.lint.waits import waits

_BOOTSTRAP: Final = "aws-cfn-bootstrap"
_FILE_TEST: Final = re.compile(r"(\[|\btest)\s+(!\s+)?-[edfrsLx]\s")
_HELPER_TEST: Final = re.compile(r"cfn-|command -v|which |type |hash |-x\s")


def _waiting_scripts(subject: Subject) -> Iterator[tuple[Shell, tuple[Signal, ...]]]:
    """The scripts that cloud-init runs on instances somebody waits for, and their signals."""
    sources = {name for wait in waits(subject) for name in wait.sources}
    every = signals(subject)
    for shell in subject.shells:
        if shell.script.runs and shell.script.resource in sources:
            yield shell, tuple(one for one in every if one.shell is shell)


def _at_top(shell: Shell, sent: tuple[Signal, ...]) -> Iterator[tuple[Signal, Command]]:
    """The signals that the script sends on its way, each with the command at the top."""
    for signal in sent:
        if not signal.command.function:
            yield signal, signal.command
        if signal.command.function in {"", "trap"}:
            continue
        for command in shell.top:
            if any(one is signal.command for one in shell.called(command.name)):
                yield signal, command


def _targets(sent: tuple[Signal, ...]) -> int:
    return len({(one.handle, one.resource.raw if one.resource else "") for one in sent})


def _not_last(subject: Subject) -> Iterator[Hit]:
    for shell, sent in _waiting_scripts(subject):
        if _targets(sent) > 1:
            continue
        for signal, command in _at_top(shell, sent):
            if not signal.claims_success or command.fallback or _ends(shell, command):
                continue
            later = [one for one in steps(shell, since=command.end) if not _exclusive(one, command)]
            if later:
                line = shell.text.place(later[0].start).line
                yield Hit(
                    f"the signal is sent before everything is done: `{later[0].name}` follows "
                    f"in line {line} of {shell.script.name}",
                    script=shell.script,
                    offset=command.start,
                )
            break


def _ends(shell: Shell, command: Command) -> bool:
    """Whether the script exits right after a command, in the same branch."""
    after = [one for one in shell.top if one.start >= command.end]
    return bool(after) and after[0].name in {"exit", "return"} and bool(command.guards)


def _exclusive(one: Command, other: Command) -> bool:
    """Whether two commands stand in different branches of a condition."""
    common = 0
    for left, right in zip(one.guards, other.guards, strict=False):
        if left != right:
            break
        common += 1
    return len(other.guards) > common and one.guards[common:] != ()


def _skipped(subject: Subject) -> Iterator[Hit]:
    for shell, sent in _waiting_scripts(subject):
        reported = [command for _, command in _at_top(shell, sent)]
        if not reported or _trap_signals(shell, sent, "EXIT"):
            continue
        last = reported[-1]
        for command in shell.top:
            if command.name != "exit" or command.start > last.start or command.fallback:
                continue
            told = any(
                one.start < command.start and one.guards == command.guards for one in reported
            )
            status = command.operands[0] if command.operands else ""
            failing = status.isdigit() and status != "0"
            first_boot = any(_FILE_TEST.search(guard) for guard in command.guards)
            if told or first_boot or (failing and command.guards):
                continue
            yield Hit(
                "the script ends here without the signal that comes later",
                script=shell.script,
                offset=command.start,
                severity=Severity.WARNING if command.guards else None,
            )


def _trap_signals(shell: Shell, sent: tuple[Signal, ...], event: str) -> bool:
    """Whether a trap sends a signal, itself or through a function."""
    handlers = list(shell.traps(event, len(shell.text.text)))
    own = any(signal.command.function == "trap" for signal in sent)
    for handler in handlers:
        if own and "signal" in handler:
            return True
        for name in re.findall(r"[\w.-]+", handler):
            body = shell.called(name)
            if any(signal.command is one for signal in sent for one in body):
                return True
    return False


def _always_success(subject: Subject) -> Iterator[Hit]:
    for shell, sent in _waiting_scripts(subject):
        for signal, command in _at_top(shell, sent):
            at = command.start
            before = steps(shell, until=at)
            if command.fallback or shell.errexit(at) or not before:
                continue
            if _reports_blindly(shell, signal, command):
                yield Hit(
                    "the signal reports success whatever became of the steps before it",
                    script=shell.script,
                    offset=at,
                )
        yield from _blind_traps(shell, sent)


def _reports_blindly(shell: Shell, signal: Signal, command: Command) -> bool:
    if signal.status is Status.SUCCESS:
        before = steps(shell, until=command.start)
        return not command.guards and not before[-1].tested
    if signal.status is not Status.LAST_EXIT_STATUS:
        return False
    return resets_status(shell, signal.command.start, signal.command.function)


def _blind_traps(shell: Shell, sent: tuple[Signal, ...]) -> Iterator[Hit]:
    """Handlers of EXIT, which runs after a failure too, that never report one."""
    if not _trap_signals(shell, sent, "EXIT"):
        return
    handlers = " ".join(shell.traps("EXIT", len(shell.text.text)))
    names = set(re.findall(r"[\w.-]+", handlers))
    inside = [
        one for one in sent if one.command.function in names | {"trap"} and not one.command.guards
    ]
    if inside and all(_is_blind(shell, one) for one in inside):
        yield Hit(
            "the signal is sent on every way out, and reports success on each",
            script=shell.script,
            offset=inside[0].command.start,
        )


def _is_blind(shell: Shell, signal: Signal) -> bool:
    if signal.status is Status.SUCCESS:
        return True
    function = signal.command.function
    return (
        signal.status is Status.LAST_EXIT_STATUS
        and function != "trap"
        and resets_status(shell, signal.command.start, function)
    )


def _helpers_missing(subject: Subject) -> Iterator[Hit]:
    families = images(subject)
    known = frozenset(script.name for script in subject.scripts)
    for shell in subject.shells:
        if not shell.script.runs:
            continue
        family = families.get(shell.script.resource, Family.UNKNOWN)
        uses = [one for one in shell.top if one.name in HELPERS and not _checked(one)]
        if not uses or family is Family.AMAZON:
            continue
        first = uses[0]
        installed = shell.code.find(_BOOTSTRAP)
        if 0 <= installed < first.start or _installed_elsewhere(subject, shell):
            continue
        if any(one.start < first.start for one in unseen(shell, known)):
            continue
        apt = any(one.name in {"apt-get", "apt"} for one in shell.commands)
        if installed >= 0 or family is Family.DEBIAN:
            severity = None
        elif apt:
            severity = Severity.WARNING
        else:
            continue
        yield Hit(
            f"`{first.name}` is used before anything installs it",
            script=shell.script,
            offset=first.start,
            severity=severity,
        )


def _checked(command: Command) -> bool:
    return any(_HELPER_TEST.search(guard) for guard in command.guards)


def _installed_elsewhere(subject: Subject, shell: Shell) -> bool:
    """Whether another part of the same UserData installs the helpers."""
    return any(
        _BOOTSTRAP in data.text.text.replace(shell.text.text, "")
        for data in subject.user_data
        if data.resource == shell.script.resource
    )


def _no_failure_path(subject: Subject) -> Iterator[Hit]:
    for shell, sent in _waiting_scripts(subject):
        on_the_way = list(_at_top(shell, sent))
        if not on_the_way:
            continue
        signal, command = on_the_way[-1]
        told = any(
            one.status in {Status.FAILURE, Status.UNKNOWN}
            or (one.status is Status.LAST_EXIT_STATUS and one is not signal)
            for one in sent
        )
        trapped = _trap_signals(shell, sent, "EXIT") or _trap_signals(shell, sent, "ERR")
        if shell.errexit(command.start) and not told and not trapped:
            yield Hit(
                "a failing step ends the script without a signal, so that the stack waits out "
                "its timeout before it fails",
                script=shell.script,
                offset=command.start,
            )


RULES: Final = (
    Rule(
        "HS005",
        Severity.WARNING,
        "a signal that is not the last step",
        "send it when everything is done",
        _not_last,
    ),
    Rule(
        "HS006",
        Severity.ERROR,
        "an exit that skips the signal",
        "signal before the exit, or from `trap … EXIT`",
        _skipped,
    ),
    Rule(
        "HS007",
        Severity.WARNING,
        "success is reported whatever happened",
        "use `-e`/errexit, or pass on the exit status of the step: `cfn-signal -e $?` right after",
        _always_success,
    ),
    Rule(
        "HS008",
        Severity.ERROR,
        "helper scripts are used before they are installed",
        "install aws-cfn-bootstrap first; only Amazon Linux brings it",
        _helpers_missing,
    ),
    Rule(
        "HS009",
        Severity.INFO,
        "a failure is not signalled",
        "signal failure from `trap … ERR` or `trap … EXIT`, so that the stack fails at once",
        _no_failure_path,
    ),
)
