"""The signals that scripts send: ``cfn-signal``, ``aws cloudformation signal-resource``, or a PUT.

The options are those of the page "cfn-signal" and of the AWS CLI's ``signal-resource``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.lint.shell import Command, Shell, Word
from harness.lint.subject import Subject
from harness.lint.waits import HANDLE

MENTION: Final = re.compile(r"cfn-signal|signal-resource|signal_resource|SignalResource")
"""What a program that signals is bound to say somewhere."""

_CFN_SIGNAL: Final[Mapping[str, str]] = {
    "--stack": "stack", "--resource": "resource", "--region": "region",
    "-e": "exit", "--exit-code": "exit", "-s": "success", "--success": "success",
    "-u": "endpoint", "--url": "endpoint",
    "-r": "", "--reason": "", "-d": "", "--data": "", "-i": "id", "--id": "id", "--role": "",
    "-f": "", "--credential-file": "", "--access-key": "", "--secret-key": "",
    "--http-proxy": "", "--https-proxy": "",
}  # fmt: skip
"""Options of cfn-signal that take a value, and what it is to us."""

_AWS: Final[Mapping[str, str]] = {
    "--stack-name": "stack", "--logical-resource-id": "resource", "--region": "region",
    "--status": "status", "--unique-id": "id", "--endpoint-url": "endpoint", "--profile": "",
    "--output": "", "--query": "", "--cli-input-json": "",
}  # fmt: skip


class Status(enum.Enum):
    """What a signal reports."""

    SUCCESS = "success"
    FAILURE = "failure"
    LAST_EXIT_STATUS = "$?"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Signal:
    """A command that sends a signal.

    Args:
        shell: The script it is in.
        command: The command.
        status: What it reports.
        stack: Which stack it names; None where it names none.
        resource: Which resource.
        region: Which region.
        handle: Logical id of the handle whose address it is sent to.
        to_address: Whether it is sent to a handle's address, known or not.
        by: The program.
        unique_id: Who is said to send it; None for the instance itself.
        elsewhere: An endpoint of its own is given, which goes before any region.
    """

    shell: Shell
    command: Command
    status: Status
    stack: Word | None = None
    resource: Word | None = None
    region: Word | None = None
    handle: str = ""
    to_address: bool = False
    by: str = "cfn-signal"
    elsewhere: bool = False
    unique_id: Word | None = None

    @property
    def claims_success(self) -> bool:
        """Whether the stack may go on because of it."""
        return self.status in {Status.SUCCESS, Status.LAST_EXIT_STATUS}


def signals(subject: Subject) -> tuple[Signal, ...]:
    """The signals of all scripts, in the order of their texts."""
    handles = frozenset(one.logical_id for one in subject.template.of_type(HANDLE))
    return tuple(
        signal
        for shell in subject.shells
        for command in shell.commands
        for signal in signal_of(shell, command, handles)
    )


def signal_of(shell: Shell, command: Command, handles: frozenset[str]) -> Iterator[Signal]:
    """The signal that a command sends, if it sends one."""
    if command.name == "cfn-signal":
        yield _cfn_signal(shell, command, handles)
    elif command.name == "aws" and "signal-resource" in command.texts:
        options, _ = _options(command.words, _AWS)
        word = options.get("status")
        status = {"SUCCESS": Status.SUCCESS, "FAILURE": Status.FAILURE}.get(
            (word.text or "") if word else "", Status.UNKNOWN
        )
        yield Signal(
            shell, command, status, options.get("stack"), options.get("resource"),
            options.get("region"), by="aws", elsewhere="endpoint" in options,
            unique_id=options.get("id"),
        )  # fmt: skip
    elif command.name in {"curl", "wget", "http"}:
        handle = _handle(command, handles)
        if handle:
            said = " ".join(command.texts)
            failed, succeeded = "FAILURE" in said, "SUCCESS" in said
            status = Status.UNKNOWN
            if failed != succeeded:
                status = Status.FAILURE if failed else Status.SUCCESS
            yield Signal(shell, command, status, handle=handle, to_address=True, by=command.name)


def _cfn_signal(shell: Shell, command: Command, handles: frozenset[str]) -> Signal:
    options, operands = _options(command.words, _CFN_SIGNAL)
    return Signal(
        shell,
        command,
        _cfn_status(options),
        options.get("stack"),
        options.get("resource"),
        options.get("region"),
        handle=_handle(command, handles),
        to_address=bool(operands),
        elsewhere="endpoint" in options,
        unique_id=options.get("id"),
    )


def _cfn_status(options: Mapping[str, Word]) -> Status:
    if "exit" in options:
        word = options["exit"]
        if word.raw.strip("\"'{}$ ") == "?":
            return Status.LAST_EXIT_STATUS
        if word.text is None or not word.text.isdigit():
            return Status.UNKNOWN
        return Status.SUCCESS if word.text == "0" else Status.FAILURE
    if "success" in options:
        text = options["success"].text
        if text is None:
            return Status.UNKNOWN
        return Status.SUCCESS if text.lower() == "true" else Status.FAILURE
    return Status.SUCCESS


def _handle(command: Command, handles: frozenset[str]) -> str:
    found = (name for word in command.words for name in word.names if name in handles)
    return next(found, "")


def _options(words: Sequence[Word], table: Mapping[str, str]) -> tuple[dict[str, Word], list[Word]]:
    """The values of the options in a table, and the words that belong to none."""
    found: dict[str, Word] = {}
    operands: list[Word] = []
    waiting: str | None = None
    for word in words:
        text = word.raw if word.text is None else word.text
        if waiting is not None:
            found[waiting] = word
            waiting = None
            continue
        name, equals, value = text.partition("=")
        if name in table and equals:
            known = None if word.text is None else value
            found[table[name]] = Word(word.start, word.end, value, known, word.names)
        elif text in table:
            waiting = table[text]
        elif text[:2] in table and text[:1] == "-" and text[1:2] != "-":
            known = None if word.text is None else text[2:]
            raw = word.raw[2:]
            found[table[text[:2]]] = Word(word.start, word.end, raw, known, word.names)
        elif not text.startswith("-"):
            operands.append(word)
    return found, operands


def options_of(words: Sequence[Word], table: Mapping[str, str]) -> Mapping[str, Word]:
    """The values of a command's options.

    Args:
        words: Its arguments.
        table: The options that take a value, and what the result calls each.
    """
    return _options(words, table)[0]
