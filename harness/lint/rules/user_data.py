"""Whether EC2 takes the UserData, and cloud-init knows what to do with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.errors import HarnessError, IntrinsicError
from harness.lint.finding import Severity
from harness.lint.rule import Hit, Rule
from harness.lint.scripts import MultipartError, UserData
from harness.lint.subject import Subject
from harness.template import MAX_USER_DATA_BYTES
from harness.userdata import user_data_path

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
        if isinstance(error, IntrinsicError) and not _may_resolve(subject, error):
            path = user_data_path(subject.template, logical_id) or ()
            yield Hit(f"UserData of {logical_id} does not resolve: {error.message}", path=path)


def _may_resolve(subject: Subject, error: IntrinsicError) -> bool:
    """Whether CloudFormation may know more: a macro, or the region that nobody has named."""
    return "no intrinsic function" in error.message or (
        "unable to get mapping" in error.message and not subject.regions
    )


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
    for data in subject.user_data:
        try:
            parts = data.parts
        except MultipartError:
            continue
        for part in parts:
            start = part.text.text[:1]
            if not part.kind:
                yield _at_part(data, part.text.origin(0), "begins with nothing cloud-init knows")
            elif part.kind == "text/x-shellscript" and start and start.isspace():
                yield _at_part(data, part.text.origin(0), "has white space before its #!")
            elif part.kind == "text/x-shellscript" and start != "#":
                yield _at_part(data, part.text.origin(0), "is a script without a #! line")


def _at_part(data: UserData, origin: int, what: str) -> Hit:
    offset = next((i for i, at in enumerate(data.text.offsets) if at == origin), 0)
    script = data.whole
    return Hit(f"UserData of {data.resource} {what}: it does not run", script=script, offset=offset)


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
