"""Keep a script in a template: the file is the source, the template's UserData its copy.

The UserData is ``Fn::Base64`` over ``Fn::Join``: an interpreter line, the stack's name, region and
logical id as shell assignments, then the script, an element for each of its lines, so that a diff
of the template reads like a diff of the script. The script keeps its own interpreter line; where it
is, bash takes it for a comment.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError, TemplateError
from harness.template import BYTE_ORDER_MARK, MAX_USER_DATA_BYTES, Node, Template

HEADER: Final[Sequence[Node]] = (
    "#!/bin/bash -e\n",
    "CFN_STACK='",
    {"Ref": "AWS::StackName"},
    "'\n",
    "CFN_REGION='",
    {"Ref": "AWS::Region"},
    "'\n",
)
"""What precedes the script; the assignment of ``CFN_RESOURCE`` follows. AWS's own rules for the
names leave nothing in them that a shell would not take literally between single quotes."""


class ScriptError(HarnessError):
    """The script cannot be embedded as it is."""


@dataclass(frozen=True)
class Embedding:
    """A template next to what it should be.

    Args:
        path: The template's file.
        current: The text of the file.
        wanted: The same text with the script as it is now.
    """

    path: Path
    current: str
    wanted: str

    @property
    def diff(self) -> str:
        """A unified diff from the one to the other; empty where they agree."""
        return "".join(
            difflib.unified_diff(
                self.current.splitlines(keepends=True),
                self.wanted.splitlines(keepends=True),
                fromfile=str(self.path),
                tofile=f"{self.path} with the script embedded",
            )
        )

    def write(self) -> None:
        """Make the file what it should be.

        Raises:
            TemplateError: It cannot be written.
        """
        try:
            self.path.write_bytes(self.wanted.encode())
        except OSError as error:
            raise TemplateError(
                f"cannot be written: {error.strerror}",
                path=self.path,
                remedy="let this user write it",
            ) from None


def embed(template: Path, script: Path, resource: str) -> Embedding:
    """Compare the UserData of one resource with a script.

    Everything in the template but that one value stays as it is, to the byte.

    Args:
        template: A template in JSON.
        script: A shell script.
        resource: Logical id of the instance that runs it and that it signals for.

    Raises:
        TemplateError: The template cannot be read, is not JSON, or has no such UserData.
        ScriptError: The script is missing, has no interpreter line, has CRLF line ends, or is
            too large for UserData.
    """
    parsed = Template.load(template)
    if not parsed.text.lstrip().startswith("{"):
        raise TemplateError(
            "a script can only be embedded into JSON",
            path=template,
            remedy="convert the template to JSON",
        )
    path = _user_data_path(parsed, resource)
    start, end = _span(parsed.text, path)
    line_start = parsed.text.rfind("\n", 0, start) + 1
    margin = re.match(r"\s*", parsed.text[line_start:start])
    value = json.dumps(user_data(read_script(script), resource), indent=2, ensure_ascii=False)
    indented = value.replace("\n", "\n" + (margin[0] if margin else ""))
    wanted = parsed.text[:start] + indented + parsed.text[end:]
    return Embedding(path=template, current=parsed.text, wanted=wanted)


def read_script(path: Path) -> str:
    """The text of a script that an instance can run.

    Raises:
        ScriptError: It is missing, has no interpreter line, or has CRLF line ends.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ScriptError(f"{path}: no such file", remedy="name the script's path") from None
    except OSError as error:
        raise ScriptError(
            f"{path}: cannot be read: {error.strerror}",
            remedy="name a file, not a folder, that this user may read",
        ) from None
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: is no text: {error}", remedy="save it as UTF-8") from None
    if text.startswith(BYTE_ORDER_MARK):
        raise ScriptError(
            f"{path}:1: it begins with a byte order mark, so cloud-init would not run it",
            remedy="save it as UTF-8 without one",
        )
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        raise ScriptError(
            f"{path}:{line}: CRLF line ends, which bash takes for part of the commands",
            remedy=f"sed -i 's/\\r$//' {path}",
        )
    if not text.startswith("#!"):
        raise ScriptError(
            f"{path}:1: no interpreter line, so cloud-init would not run it",
            remedy="begin it with #!/bin/bash -e",
        )
    return text


def user_data(script: str, resource: str) -> Node:
    """The value of ``UserData`` for a script.

    Raises:
        ScriptError: It would be larger than EC2 takes.
    """
    lines = script.splitlines(keepends=True)
    elements = [*HEADER, f"CFN_RESOURCE='{resource}'\n", *lines]
    size = sum(len(one.encode()) if isinstance(one, str) else _LONGEST_NAME for one in elements)
    if size > MAX_USER_DATA_BYTES:
        raise ScriptError(
            f"the script makes UserData of up to {size} bytes; EC2 takes {MAX_USER_DATA_BYTES}",
            remedy="let the script fetch what it needs, or shorten it",
        )
    return {"Fn::Base64": {"Fn::Join": ["", elements]}}


_LONGEST_NAME: Final = 128
"""Characters that a stack's name may have ("CreateStack")."""


def _user_data_path(template: Template, resource: str) -> tuple[str, ...]:
    if resource not in template.resources:
        raise TemplateError(
            f"there is no resource {resource!r}",
            path=template.path,
            remedy=f"name one of: {', '.join(template.resources)}",
        )
    if "UserData" in template.resources[resource].properties:
        return ("Resources", resource, "Properties", "UserData")
    raise TemplateError(
        f"resource {resource!r} has no UserData",
        path=template.path,
        remedy='add "UserData": "" to its Properties, where the script shall be',
    )


def _span(text: str, path: Sequence[str]) -> tuple[int, int]:
    """Where a value stands in a JSON document that is known to hold it."""
    start, end = 0, len(text)
    for key in path:
        start, end = next(
            (first, last) for name, first, last in _members(text, start) if name == key
        )
    return start, end


def _members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Key, start and end of each value in the JSON object that begins at or after ``start``."""
    decoder = json.JSONDecoder()
    position = _skip(text, text.index("{", start) + 1)
    while text[position] == '"':
        key, position = decoder.raw_decode(text, position)
        first = _skip(text, text.index(":", position) + 1)
        _, last = decoder.raw_decode(text, first)
        yield key, first, last
        position = _skip(text, _skip(text, last) + 1)


def _skip(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position
