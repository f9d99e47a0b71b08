"""Mistakes in what the stack promises to its users."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.mutate.mutator import Family
from harness.mutate.subject import Change, Subject

FAMILY = Family()
VALUE = "every output's value, compared with what the resource itself says"


def _outputs(subject: Subject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The outputs; a loop that makes some is none."""
    for name, output in subject.template.outputs.items():
        if isinstance(output, Mapping):
            yield name, output


def _replaced(subject: Subject, old: str, new: str) -> Iterator[Change]:
    """Replace a text in the value of each output that has it."""
    for name, output in _outputs(subject):
        text = json.dumps(output)
        if old in text:
            value = json.loads(text.replace(old, new))
            yield Change(name, subject.placed(value, "Outputs", name))


@FAMILY.add("drop-output", "removed an output that somebody else reads", "the outputs' names")
def _drop(subject: Subject) -> Iterator[Change]:
    for name in subject.template.outputs:
        yield Change(name, subject.without("Outputs", name))


@FAMILY.add("private-address", "gave out the address that only the network's inside knows", VALUE)
def _private(subject: Subject) -> Iterator[Change]:
    yield from _replaced(subject, "PublicIp", "PrivateIp")


@FAMILY.add("private-name", "gave out the name that only the network's inside resolves", VALUE)
def _private_name(subject: Subject) -> Iterator[Change]:
    yield from _replaced(subject, "PublicDnsName", "PrivateDnsName")


@FAMILY.add("unknown-attribute", "wrote the name of an attribute from memory", "cfn-lint")
def _unknown(subject: Subject) -> Iterator[Change]:
    yield from _replaced(subject, "PublicIp", "PublicIpAddress")


@FAMILY.add("output-of-another", "copied an output and left the resource's name", VALUE)
def _other(subject: Subject) -> Iterator[Change]:
    names = list(subject.template.resources)
    for name, output in _outputs(subject):
        match output.get("Value"):
            case {"Ref": str() as target} if target in names and len(names) > 1:
                other = next(one for one in names if one != target)
                value = {**output, "Value": {"Ref": other}}
                yield Change(name, subject.placed(value, "Outputs", name))


@FAMILY.add("lost-dollar", "lost the dollar of a ${...} that Fn::Sub was to replace", VALUE)
def _dollar(subject: Subject) -> Iterator[Change]:
    yield from _replaced(subject, "${", "{")


@FAMILY.add("forgotten-sub", "wrote ${...} into a plain string", VALUE)
def _plain(subject: Subject) -> Iterator[Change]:
    for name, output in _outputs(subject):
        match output.get("Value"):
            case {"Fn::Sub": str() as text}:
                value = {**output, "Value": text}
                yield Change(name, subject.placed(value, "Outputs", name))


@FAMILY.add("wrong-user", "gave the login of another distribution's images", VALUE)
def _user(subject: Subject) -> Iterator[Change]:
    yield from _replaced(subject, "ubuntu@", "ec2-user@")


@FAMILY.add("no-description", "left an output without a word", "the outputs' descriptions")
def _undescribed(subject: Subject) -> Iterator[Change]:
    for name, output in _outputs(subject):
        if "Description" in output:
            value = {key: one for key, one in output.items() if key != "Description"}
            yield Change(name, subject.placed(value, "Outputs", name))
