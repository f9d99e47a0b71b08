"""Which commands of a script provision, and which only prepare, tell or tidy up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from harness.lint.shell import Command, Shell

HARMLESS: Final = frozenset({
    ":", ".", "[", "[[", "alias", "break", "cat", "cd", "continue", "date", "declare", "echo",
    "exit", "export", "false", "getopts", "hash", "history", "hostname", "kill", "let", "local",
    "logger", "logout", "poweroff", "popd", "printf", "pushd", "pwd", "read", "readonly", "reboot",
    "return", "rm", "set", "shift", "shopt", "shutdown", "sleep", "source", "sync", "tee", "test",
    "touch", "trap", "true", "type", "ulimit", "umask", "unset", "wait", "which", "whoami", "id",
    "uname", "env", "printenv", "mkdir", "chmod", "chown", "ln", "seq", "grep", "sed", "awk",
    "head", "tail", "cut", "tr", "sort", "uniq", "wc", "basename", "dirname", "hostnamectl",
    "timedatectl", "cfn-signal", "cfn-hup",
})  # fmt: skip
"""Commands whose failure, or absence, leaves nothing unprovisioned; a judgement, not a law."""

RESETTERS: Final = frozenset({
    ":", "date", "echo", "exit", "export", "hash", "logger", "printf", "set", "sleep", "sync",
    "touch", "trap", "true", "unset",
})  # fmt: skip
"""Commands that as good as always succeed, so that ``$?`` tells nothing after them."""

HELPERS: Final = frozenset({"cfn-init", "cfn-signal", "cfn-hup", "cfn-get-metadata"})
"""AWS's helper scripts."""

_SYSTEM: Final = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/opt/aws/", "/etc/init.d/")
_TOOLS: Final = frozenset({
    "ansible", "ansible-playbook", "ansible-pull", "chef-client", "chef-solo", "cloud-init",
    "docker", "docker-compose", "make", "nix", "nixos-rebuild", "puppet", "salt-call", "ssm-cli",
})  # fmt: skip
_INTERPRETERS: Final = frozenset({
    "bash", "dash", "node", "perl", "python", "python2", "python3", "ruby", "sh", "source", ".",
})  # fmt: skip
_ASSIGNMENT: Final = re.compile(r"^[ \t]*(?:export[ \t]+|readonly[ \t]+)?\w+=", re.MULTILINE)


def is_step(command: Command) -> bool:
    """Whether a command provisions something."""
    if command.name in HARMLESS or not command.name:
        return False
    return not any("cfn-hup" in text for text in command.texts)


def steps(shell: Shell, until: int | None = None, since: int = 0) -> tuple[Command, ...]:
    """The provisioning commands at the top of a script, between two places."""
    end = len(shell.text.text) if until is None else until
    return tuple(one for one in shell.top if since <= one.start < end and _counts(shell, one))


def _counts(shell: Shell, command: Command) -> bool:
    if command.name in shell.functions:
        return any(is_step(one) for one in shell.called(command.name))
    return is_step(command)


def resets_status(shell: Shell, at: int, function: str = "") -> bool:
    """Whether ``$?`` at a place tells of a command that always succeeds, or of an assignment."""
    before = [
        one
        for one in shell.commands
        if one.start < at and one.function == function and one.end <= at
    ]
    if not before:
        return False
    last = before[-1]
    between = shell.text.text[last.end : at]
    return last.name in RESETTERS or bool(_ASSIGNMENT.search(between))


def unseen(shell: Shell, known: frozenset[str]) -> Iterator[Command]:
    """Commands that run programs which the template does not show.

    Args:
        shell: The script.
        known: Names of the files that the template writes.
    """
    for command in shell.commands:
        operands = command.operands
        if command.name in _TOOLS:
            yield command
        elif command.name in _INTERPRETERS:
            given = "-c" in command.texts or "-m" in command.texts
            fed = command.place > 0 and not operands
            if fed or (operands and not given and not _is_known(operands[0], known)):
                yield command
        elif "/" in command.program and not (
            command.program.startswith(_SYSTEM)
            or "cfn-" in command.program
            or command.program in known
        ):
            yield command


def _is_known(path: str, known: frozenset[str]) -> bool:
    return path in known or path.startswith("/etc/")
