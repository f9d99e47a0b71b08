"""Whether a script notices its failures, and asks nobody anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from harness.lint.finding import Severity
from harness.lint.rule import Hit, Rule
from harness.lint.shell import Command, Shell
from harness.lint.signals import Status, signals
from harness.lint.steps import steps
from harness.lint.subject import Subject
from harness.lint.waits import waits

_SUBCOMMANDS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(
        {"install", "upgrade", "dist-upgrade", "full-upgrade", "remove", "purge", "autoremove"}
    )
    for name in ("apt-get", "apt", "aptitude")
} | {
    name: frozenset({
        "install", "update", "upgrade", "remove", "erase", "groupinstall", "localinstall",
        "reinstall", "swap", "downgrade",
    })
    for name in ("yum", "dnf", "microdnf")
}  # fmt: skip
"""What asks for confirmation, unless it is told not to."""

_YES: Final = ("--yes", "--assume-yes", "--assumeyes")
_SOURCES: Final = frozenset({
    "aws", "base64", "curl", "docker", "git", "gpg", "gunzip", "gzip", "java", "lein", "make",
    "mvn", "mysqldump", "node", "npm", "openssl", "pg_dump", "pip", "pip3", "python", "python3",
    "tar", "unzip", "wget", "xz", "zcat",
})  # fmt: skip
"""Commands that fail for reasons from outside, so that it matters who notices."""


def _unnoticed(subject: Subject) -> Iterator[Hit]:
    sources = {name for wait in waits(subject) for name in wait.sources}
    for shell in subject.shells:
        if not shell.script.runs or not shell.text.text.startswith("#!"):
            continue
        awaited = shell.script.resource in sources
        sent = [one for one in signals(subject) if one.shell is shell and not one.command.function]
        if awaited and sent:
            yield from _before_signal(shell, sent[-1].command, sent[-1].status)
        elif len(unchecked := _unchecked(shell, len(shell.text.text))) > 1:
            yield _hit(shell, unchecked[0], Severity.INFO)


def _before_signal(shell: Shell, signal: Command, status: Status) -> Iterator[Hit]:
    """Steps whose failure the status of a signal does not tell."""
    unchecked = _unchecked(shell, signal.start)
    if status is not Status.LAST_EXIT_STATUS or not unchecked:
        return  # one that is always success is a rule of its own
    covered = unchecked[-1]
    lost = unchecked[:-1]
    if lost:
        yield _hit(shell, lost[0], Severity.INFO if covered.name == "cfn-init" else None)


def _unchecked(shell: Shell, until: int) -> tuple[Command, ...]:
    return tuple(
        one
        for one in steps(shell, until=until)
        if not one.tested and not one.fallback and not shell.errexit(one.start)
    )


def _hit(shell: Shell, command: Command, severity: Severity | None) -> Hit:
    return Hit(
        f"when `{command.name}` fails, {shell.script.name} goes on and nobody notices",
        script=shell.script,
        offset=command.start,
        severity=severity,
    )


def _lost_in_pipe(subject: Subject) -> Iterator[Hit]:
    for shell in subject.shells:
        for command in shell.commands:
            if (
                command.place < command.length - 1
                and command.name in _SOURCES
                and not command.tested
                and not command.forgiven
                and shell.errexit(command.start)
                and not shell.option("", "pipefail", command.start)
            ):
                yield Hit(
                    f"when `{command.name}` fails, the pipeline succeeds all the same",
                    script=shell.script,
                    offset=command.start,
                )


def _asks(subject: Subject) -> Iterator[Hit]:
    for shell in subject.shells:
        for command in shell.commands:
            asking = _SUBCOMMANDS.get(command.name)
            if not asking or not (command.operands and command.operands[0] in asking):
                continue
            unknown = any(word.text is None for word in command.words)
            answered = command.place > 0 or unknown or _says_yes(command)
            configured = "Assume-Yes" in shell.code or "assumeyes" in shell.code
            if not answered and not configured:
                verb = command.operands[0]
                yield Hit(
                    f"`{command.name} {verb}` asks whether to go on, and nobody answers",
                    script=shell.script,
                    offset=command.start,
                )


def _says_yes(command: Command) -> bool:
    if command.has_option("y", *_YES):
        return True
    quiet = sum(text.count("q") for text in command.texts if text.startswith("-q"))
    levels = [text for text in command.texts if text.startswith(("-q=", "--quiet="))]
    return command.name == "apt-get" and (quiet >= 2 or any("2" in one for one in levels))  # noqa: PLR2004 - "-qq implies -y"


RULES: Final = (
    Rule(
        "HU020",
        Severity.WARNING,
        "a failing step goes unnoticed",
        "begin with `#!/bin/bash -e`, or `set -e`",
        _unnoticed,
    ),
    Rule(
        "HU021",
        Severity.WARNING,
        "a failure is lost in a pipeline",
        "`set -o pipefail`",
        _lost_in_pipe,
    ),
    Rule(
        "HU022",
        Severity.ERROR,
        "a package manager that asks",
        "pass -y",
        _asks,
    ),
)
