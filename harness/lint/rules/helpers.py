"""Whether helper scripts and the AWS CLI are given what they need: ids, credentials, metadata.

What they need is on the pages "SignalResource", "cfn-init" and "AWS::CloudFormation::Init".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from harness.lint.finding import Severity
from harness.lint.images import launch_paths, launch_value
from harness.lint.rule import Hit, Rule
from harness.lint.shell import Command
from harness.lint.signals import options_of, signals
from harness.lint.subject import Subject, as_mapping
from harness.lint.waits import GROUP, launched_elsewhere, waits

_INSTANCE_ID: Final = re.compile(r"i-[0-9a-f]{8,17}")
_OWN_CREDENTIALS: Final = re.compile(
    r"AWS_ACCESS_KEY_ID|AWS_PROFILE|AWS_SHARED_CREDENTIALS_FILE|AWS_CONTAINER_|aws_access_key_id"
    r"|aws configure|\.aws/|--profile|assume-role"
)
_OURS: Final = frozenset({"AWS::StackName", "AWS::StackId"})
_INIT: Final = "AWS::CloudFormation::Init"
_CFN_INIT: Final[Mapping[str, str]] = {
    "-s": "stack", "--stack": "stack", "-r": "resource", "--resource": "resource",
    "-c": "configsets", "--configsets": "configsets", "--region": "", "--role": "",
    "-u": "", "--url": "", "-f": "", "--credential-file": "", "--access-key": "",
    "--secret-key": "", "--http-proxy": "", "--https-proxy": "",
}  # fmt: skip
"""Options of cfn-init that take a value, and what it is to us."""


def _in_another_name(subject: Subject) -> Iterator[Hit]:
    awaited = {
        wait.logical_id
        for wait in waits(subject)
        if subject.template.resources[wait.logical_id].type in {"AWS::EC2::Instance", GROUP}
    }
    for signal in signals(subject):
        word, target = signal.unique_id, signal.resource
        if word is None or word.text is None or word.names or target is None:
            continue
        if target.text in awaited and not _INSTANCE_ID.fullmatch(word.text):
            yield Hit(
                f"the signal is for {target.text} and from {word.text!r}, which is no instance",
                script=signal.shell.script,
                offset=word.start,
            )


def _no_credentials(subject: Subject) -> Iterator[Hit]:
    launchers = launch_paths(subject)
    for signal in signals(subject):
        instance = signal.shell.script.resource
        if signal.by != "aws" or instance not in launchers or not signal.shell.script.runs:
            continue
        _, profile = launch_value(subject, instance, "IamInstanceProfile")
        if profile is not None or launched_elsewhere(subject.template, instance):
            continue
        if not any(
            _OWN_CREDENTIALS.search(data.text.text)
            for data in subject.user_data
            if data.resource == instance
        ):
            yield Hit(
                f"the AWS CLI has no credentials for this: {instance} has no instance profile",
                script=signal.shell.script,
                offset=signal.command.start,
            )


def _nothing_to_do(subject: Subject) -> Iterator[Hit]:
    awaited = {source for wait in waits(subject) for source in wait.sources}
    for shell in subject.shells:
        for command in shell.commands:
            if command.name != "cfn-init":
                continue
            severity = None if shell.script.resource in awaited else Severity.WARNING
            for said, offset in _complaints(subject, command):
                yield Hit(said, script=shell.script, offset=offset, severity=severity)


def _complaints(subject: Subject, command: Command) -> Iterator[tuple[str, int]]:
    options = options_of(command.words, _CFN_INIT)
    stack, target, sets = (options.get(one) for one in ("stack", "resource", "configsets"))
    if stack is None or not stack.names & _OURS:
        return  # another stack's metadata, or nobody knows whose
    if target is None or target.text is None or target.names or "__" in target.text:
        return
    resource = subject.template.resources.get(target.text)
    if resource is None:
        yield f"cfn-init asks for {target.text!r}, and there is no such resource", target.start
        return
    metadata = as_mapping(resource.metadata)
    if _INIT not in metadata:
        if "Fn::Transform" not in metadata:
            yield f"{target.text} has no {_INIT}, which cfn-init asks for", target.start
        return
    known = _config_sets(metadata[_INIT])
    if known is None or sets is None or sets.text is None or sets.names:
        return
    for name in re.split(r"[,\s]+", sets.text):
        if name and name not in known:
            yield f"{target.text} has no config set {name!r}", sets.start


def _config_sets(init: object) -> frozenset[str] | None:
    """The config sets that there are; None where a function decides on them."""
    body = as_mapping(init)
    sets = body.get("configSets", {"default": []})
    if not body or any(key.startswith("Fn::") for key in body):
        return None
    if not isinstance(sets, Mapping) or any(key.startswith("Fn::") for key in sets):
        return None
    return frozenset(sets)


RULES: Final = (
    Rule(
        "HS014",
        Severity.ERROR,
        "a signal from nobody that CloudFormation waits for",
        "pass the instance's own id, from the metadata service",
        _in_another_name,
    ),
    Rule(
        "HS015",
        Severity.ERROR,
        "a signal that lacks credentials",
        "give the instance a profile whose role allows cloudformation:SignalResource, "
        "or use cfn-signal, which needs none",
        _no_credentials,
    ),
    Rule(
        "HS016",
        Severity.ERROR,
        "cfn-init finds nothing to do",
        f"name the resource that carries {_INIT}, and config sets that it has",
        _nothing_to_do,
    ),
)
