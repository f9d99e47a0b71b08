"""Mistakes in how a script gets into a template."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace

from harness.mutate.mutator import Family
from harness.mutate.subject import Change, Subject

FAMILY = Family()
RENDERED = "the rendered UserData, compared with the script"
SHEBANG = "the first line of the rendered UserData"
NAMES = "the rendered UserData of a stack of known name and region"


def _user_data(name: str) -> tuple[str, ...]:
    return ("Resources", name, "Properties", "UserData")


@FAMILY.add("drop-user-data", "launched the instance with nothing to run", RENDERED)
def _drop(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        yield Change("", subject.without(*_user_data(name)))


@FAMILY.add("not-base64", "forgot Fn::Base64", RENDERED)
def _plain(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        node = subject.template.resources[name].properties["UserData"]["Fn::Base64"]
        yield Change("", subject.placed(node, *_user_data(name)))


@FAMILY.add("base64-twice", "encoded what was encoded already", RENDERED)
def _twice(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        node = subject.template.resources[name].properties["UserData"]
        yield Change("", subject.placed({"Fn::Base64": node}, *_user_data(name)))


@FAMILY.add("stale-script", "changed the script and not its copy", "a diff of script and template")
def _stale(subject: Subject) -> Iterator[Change]:
    if subject.script is not None:
        yield Change("", replace(subject, script=f"{subject.script}echo 'one step more'\n"))


@FAMILY.add("edited-copy", "changed the copy and not the script", "a diff of script and template")
def _edited(subject: Subject) -> Iterator[Change]:
    if subject.script is not None:
        for name in subject.launched:
            program = subject.program(name)
            edited = subject.with_program(name, f"{program}echo 'one step more'\n")
            yield Change("", replace(edited, script=subject.script))


@FAMILY.add("wrong-delimiter", "joined the lines with a space", RENDERED)
def _delimiter(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        match subject.template.resources[name].properties["UserData"]:
            case {"Fn::Base64": {"Fn::Join": ["", parts]}}:
                node = {"Fn::Base64": {"Fn::Join": [" ", parts]}}
                yield Change("", subject.placed(node, *_user_data(name)))


@FAMILY.add("lost-line-end", "lost the end of a line between two elements of Fn::Join", RENDERED)
def _line_end(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(lambda text: iter([("", text.replace("'\n", "'", 1))]))


@FAMILY.add(
    "unescaped-dollar", "turned the text into Fn::Sub, which takes the shell's ${...}", "cfn-lint"
)
def _dollar(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        if subject.script is not None and "${" in subject.script:
            node = {"Fn::Base64": {"Fn::Sub": subject.script}}
            yield Change("", subject.placed(node, *_user_data(name)))


@FAMILY.add("blank-line-first", "let the script begin below an empty line", SHEBANG)
def _blank(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(lambda text: iter([("", "\n" + text)]))


@FAMILY.add("no-interpreter", "left out the line that says what runs the script", SHEBANG)
def _no_shebang(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(lambda text: iter([("", re.sub(r"\A#!.*\n", "", text))]))


@FAMILY.add("another-shell", "had a script of bash run by sh", SHEBANG)
def _sh(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: iter([("", re.sub(r"\A#!/bin/bash", "#!/bin/sh", text))])
    )


@FAMILY.add("cloud-config", "announced the script as cloud-config", SHEBANG)
def _cloud_config(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: iter([("", re.sub(r"\A#!.*\n", "#cloud-config\n", text))])
    )


@FAMILY.add("crlf", "saved the script with Windows' line ends", "the script's line ends; bash -n")
def _crlf(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        saved = subject.script or text
        yield "", text.replace(saved, saved.replace("\n", "\r\n"))

    yield from subject.programs(change)


@FAMILY.add("too-large", "let the script grow beyond what EC2 takes", "the size of the UserData")
def _large(subject: Subject) -> Iterator[Change]:
    padding = "# one line more\n" * 1024
    yield from subject.programs(lambda text: iter([("", text + padding)]))


@FAMILY.add("encoded-by-hand", "pasted the Base64 of the script", RENDERED)
def _by_hand(subject: Subject) -> Iterator[Change]:
    if subject.script is not None:
        encoded = base64.b64encode(subject.script.encode()).decode()
        for name in subject.launched:
            yield Change("", subject.placed(encoded, *_user_data(name)))


@FAMILY.add(
    "readable-secret",
    "wrote a secret parameter into the UserData, which everybody on the instance can read",
    "the rules of harness lint; the rendered UserData",
)
def _secret(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        match subject.template.resources[name].properties["UserData"]:
            case {"Fn::Base64": {"Fn::Join": ["", [first, *rest]]}}:
                parts = [first, "DB_PASSWORD='", {"Ref": "DbPassword"}, "'\n", *rest]
                node = {"Fn::Base64": {"Fn::Join": ["", parts]}}
                declared = {"Type": "String", "NoEcho": True, "Description": "Of the database."}
                changed = subject.placed(node, *_user_data(name))
                yield Change("", changed.placed(declared, "Parameters", "DbPassword"))


@FAMILY.add("name-of-another-stack", "hard-coded the stack's name", NAMES)
def _stack(subject: Subject) -> Iterator[Change]:
    yield from _literal(subject, "AWS::StackName", "production")


@FAMILY.add("region-of-another-stack", "hard-coded the region", NAMES)
def _region(subject: Subject) -> Iterator[Change]:
    yield from _literal(subject, "AWS::Region", "us-east-1")


@FAMILY.add("swapped-names", "swapped the stack's name and its region", NAMES)
def _swapped(subject: Subject) -> Iterator[Change]:
    swap = {"AWS::StackName": "AWS::Region", "AWS::Region": "AWS::StackName"}
    for name in subject.launched:
        match subject.template.resources[name].properties["UserData"]:
            case {"Fn::Base64": {"Fn::Join": ["", list() as parts]}}:
                swapped = [
                    {"Ref": swap[one["Ref"]]}
                    if isinstance(one, dict) and one.get("Ref") in swap
                    else one
                    for one in parts
                ]
                joined: list[object] = ["", swapped]
                node: object = {"Fn::Base64": {"Fn::Join": joined}}
            case {"Fn::Base64": {"Fn::Sub": str() as text}}:
                exchanged = re.sub(
                    r"\$\{(AWS::StackName|AWS::Region)\}", lambda one: f"${{{swap[one[1]]}}}", text
                )
                node = {"Fn::Base64": {"Fn::Sub": exchanged}}
            case _:
                continue
        yield Change("", subject.placed(node, *_user_data(name)))


def _literal(subject: Subject, pseudo: str, value: str) -> Iterator[Change]:
    """Put a text where a pseudo parameter is meant."""
    for name in subject.launched:
        match subject.template.resources[name].properties["UserData"]["Fn::Base64"]:
            case {"Fn::Join": ["", list() as parts]}:
                literal = [value if one == {"Ref": pseudo} else one for one in parts]
                node: object = {"Fn::Join": ["", literal]}
            case {"Fn::Sub": str() as text}:
                node = {"Fn::Sub": text.replace(f"${{{pseudo}}}", value)}
            case _:
                continue
        yield Change("", subject.placed(node, *_user_data(name), "Fn::Base64"))
