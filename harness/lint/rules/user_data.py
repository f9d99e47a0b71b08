"""Whether EC2 takes the UserData, and cloud-init knows what to do with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from harness.errors import HarnessError, IntrinsicError
from harness.lint.finding import Severity
from harness.lint.images import Family, images
from harness.lint.rule import Hit, Rule
from harness.lint.scripts import MultipartError, UserData
from harness.lint.subject import Subject
from harness.lint.waits import waits
from harness.template import MAX_USER_DATA_BYTES, Node
from harness.userdata import Path, user_data_path

_HANDLED: Final = frozenset({
    "application/node.eks.aws",
    "text/cloud-boothook", "text/cloud-config", "text/cloud-config-archive",
    "text/cloud-config-jsonp", "text/jinja2", "text/part-handler", "text/upstart-job",
    "text/x-include-once-url", "text/x-include-url", "text/x-shellscript",
    "text/x-shellscript-per-boot", "text/x-shellscript-per-instance",
    "text/x-shellscript-per-once",
})  # fmt: skip
"""Content types of the page "User-data formats" of cloud-init, and what EKS nodes read."""


def _does_not_render(subject: Subject) -> Iterator[Hit]:
    for logical_id, error in subject.rendered.items():
        path = user_data_path(subject.template, logical_id) or ()
        if isinstance(error, IntrinsicError) and not _may_resolve(subject, path, error):
            yield Hit(f"UserData of {logical_id} does not resolve: {error.message}", path=path)


def _may_resolve(subject: Subject, path: Path, error: IntrinsicError) -> bool:
    """Whether CloudFormation may know more: a macro, or the region that nobody has named."""
    return (
        "no intrinsic function" in error.message
        or _has_macro(subject.node(path))
        or ("unable to get mapping" in error.message and not subject.regions)
    )


def _has_macro(node: Node) -> bool:
    """Whether a macro makes a part of a value, before any function in it is resolved."""
    match node:
        case dict():
            return "Fn::Transform" in node or any(map(_has_macro, node.values()))
        case list():
            return any(map(_has_macro, node))
    return False


def _not_base64(subject: Subject) -> Iterator[Hit]:
    for logical_id, error in subject.rendered.items():
        if isinstance(error, HarnessError) and not isinstance(error, IntrinsicError):
            path = user_data_path(subject.template, logical_id) or ()
            yield Hit(f"UserData of {logical_id} is not Base64", path=path)


def _too_large(subject: Subject) -> Iterator[Hit]:
    for data in subject.user_data:
        size = len(data.text.text.encode())
        if size > MAX_USER_DATA_BYTES:
            yield Hit(
                f"UserData of {data.resource} is {size} bytes, and EC2 takes {MAX_USER_DATA_BYTES}",
                path=data.path,
            )


def _ignored(subject: Subject) -> Iterator[Hit]:
    families = images(subject)
    awaited = {source for wait in waits(subject) for source in wait.sources}
    for data in subject.user_data:
        known = families.get(data.resource, Family.UNKNOWN) in {Family.AMAZON, Family.DEBIAN}
        severity = None if data.resource in awaited else Severity.WARNING
        try:
            parts = data.parts
        except MultipartError:
            continue
        for part in parts:
            start = part.text.text[:1]
            if not part.kind:
                if data.resource in awaited or not _is_for_a_program(part.text.text, known=known):
                    what = "begins with nothing cloud-init knows"
                    yield _at_part(data, part.text.origin(0), what, severity)
            elif part.kind == "text/x-shellscript" and start and start.isspace():
                what = "has white space before its #!"
                yield _at_part(data, part.text.origin(0), what, severity)
            elif part.kind == "text/x-shellscript" and start != "#":
                what = "is a script without a #! line"
                yield _at_part(data, part.text.origin(0), what, severity)


def _is_for_a_program(text: str, *, known: bool) -> bool:
    """Whether UserData looks like data that a program on the instance asks for, and no script.

    Args:
        text: The UserData.
        known: The image is a distribution's own, on which only cloud-init reads it; an appliance
            reads its settings there.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(not re.search(r"\s", line) for line in lines):
        return True
    return not known and (
        text.lstrip().startswith(("<", "[", "config "))
        or all(_SETTING.match(line) for line in lines)
    )


_SETTING: Final = re.compile(r"[#;]|[\w.-]+\s*[=:]\s*[^;&|]*$")


def _at_part(data: UserData, origin: int, what: str, severity: Severity | None = None) -> Hit:
    offset = next((i for i, at in enumerate(data.text.offsets) if at == origin), 0)
    script = data.whole
    said = f"UserData of {data.resource} {what}: it does not run"
    return Hit(said, script=script, offset=offset, severity=severity)


def _broken_mime(subject: Subject) -> Iterator[Hit]:
    for data in subject.user_data:
        try:
            parts = data.parts
        except MultipartError as error:
            yield Hit(
                f"UserData of {data.resource} is MIME that does not come apart: {error}",
                script=data.whole,
            )
            continue
        if len(parts) == 1 and parts[0].text is data.text:
            continue
        for part in parts:
            if part.kind and part.kind not in _HANDLED and part.kind != "windows":
                hit = _at_part(data, part.text.origin(0), f"has a part of type {part.kind!r}")
                yield Hit(
                    f"cloud-init ignores a part of type {part.kind!r}",
                    script=hit.script,
                    offset=hit.offset,
                    severity=Severity.WARNING,
                )


RULES: Final = (
    Rule(
        "HU004",
        Severity.ERROR,
        "UserData that does not resolve",
        "refer only to parameters and resources that the template declares",
        _does_not_render,
    ),
    Rule(
        "HU005",
        Severity.ERROR,
        "UserData that is not Base64",
        "wrap it in Fn::Base64",
        _not_base64,
    ),
    Rule(
        "HU006",
        Severity.ERROR,
        "UserData that EC2 refuses for its size",
        "fetch what is large from S3, or move it into cfn-init's files",
        _too_large,
    ),
    Rule(
        "HU007",
        Severity.ERROR,
        "UserData that cloud-init ignores",
        "let its very first characters be `#!/bin/bash` or `#cloud-config`",
        _ignored,
    ),
    Rule(
        "HU008",
        Severity.ERROR,
        "MIME that does not come apart",
        "see cloud-init's page on MIME multi-part; `cloud-init devel make-mime` writes it",
        _broken_mime,
    ),
)
