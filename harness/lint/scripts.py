"""The scripts that a template embeds: out of UserData as cloud-init splits it, and cfn-init's own.

:func:`split` takes UserData apart by the formats that cloud-init's page "User-data formats" lists.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import yaml

from harness.lint.positions import Span, yaml_spans
from harness.lint.text import TracedText
from harness.template import Node
from harness.userdata import Path, value_at

SHELLS: Final = frozenset({"sh", "bash", "dash", "ksh"})

_STARTS: Final = (
    ("#cloud-config-archive", "text/cloud-config-archive"),
    ("#cloud-config-jsonp", "text/cloud-config-jsonp"),
    ("## template: jinja", "text/jinja2"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("#cloud-config", "text/cloud-config"),
    ("#part-handler", "text/part-handler"),
    ("#include-once", "text/x-include-once-url"),
    ("#include", "text/x-include-url"),
    ("#!", "text/x-shellscript"),
    ("<powershell>", "windows"),
    ("<script>", "windows"),
    ("version: 1.0", "windows"),
    ("version: 1.1", "windows"),
    ("[settings", "bottlerocket"),
    ("{", "ignition"),
)
"""How a part of UserData begins, and what it then is; others than cloud-init read the last six."""

_SHEBANG: Final = re.compile(r"#!\s*(\S+)(?:[ \t]+(\S+))?([^\n]*)")
_JINJA_VALUE: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_JINJA_BLOCK: Final = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_BOUNDARY: Final = re.compile(r"boundary\s*=\s*(?:\"([^\"]+)\"|([^\s;]+))", re.IGNORECASE)


@dataclass(frozen=True)
class Script:
    """A program text that runs, or may run, on an instance.

    Args:
        name: For people: ``Compute UserData``, ``Compute runcmd``.
        resource: Logical id of the resource that carries it.
        text: The text.
        interpreter: Who runs it, without its folder: ``bash``; empty where it says nothing.
        options: What the shebang passes on: ``-xe``.
        runs: Whether cloud-init runs it by itself; a file is only written.
        path: Where the template says it.
    """

    name: str
    resource: str
    text: TracedText
    interpreter: str
    path: Path
    options: str = ""
    runs: bool = True

    @property
    def is_shell(self) -> bool:
        """Whether a shell runs it."""
        return self.interpreter in SHELLS


@dataclass(frozen=True)
class Part:
    """A part of UserData, as cloud-init hands it to one of its handlers.

    Args:
        kind: Its content type; empty where cloud-init knows none and leaves it alone.
        text: Its body.
    """

    kind: str
    text: TracedText


class MultipartError(ValueError):
    """MIME that does not come apart."""


@dataclass(frozen=True)
class UserData:
    """The UserData of one resource, rendered."""

    resource: str
    path: Path
    text: TracedText

    @property
    def whole(self) -> Script:
        """All of it, to point into."""
        return Script(f"{self.resource} UserData", self.resource, self.text, "", self.path)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts that cloud-init would see.

        Raises:
            MultipartError: It announces parts and has none.
        """
        return tuple(split(self.text))

    @property
    def known_parts(self) -> tuple[Part, ...]:
        """The parts; none where it does not come apart."""
        try:
            return self.parts
        except MultipartError:
            return ()

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """What of it is a program."""
        return tuple(script for part in self.known_parts for script in self._of(part))

    @property
    def cloud_configs(self) -> tuple[TracedText, ...]:
        """The parts that are cloud-config, templates of it with their values replaced."""
        return tuple(part.text for part in self.known_parts if part.kind == "text/cloud-config")

    def _of(self, part: Part) -> Iterator[Script]:
        match part.kind:
            case "text/x-shellscript":
                yield self._script("UserData", part.text)
            case "text/cloud-boothook":
                start = part.text.text.find("\n") + 1
                body = part.text[start:] if "#cloud-boothook" in part.text.text else part.text
                yield self._script("boothook", body)
            case "text/cloud-config":
                yield from self._of_cloud_config(part.text)

    def _script(self, name: str, text: TracedText, *, runs: bool = True) -> Script:
        return script_of(f"{self.resource} {name}", self.resource, text, self.path, runs=runs)

    def _of_cloud_config(self, text: TracedText) -> Iterator[Script]:
        try:
            config = yaml.safe_load(text.text)
            spans, _ = yaml_spans(text.text)
        except yaml.YAMLError:
            return  # a rule of its own says so
        if not isinstance(config, Mapping):
            return
        for section in ("bootcmd", "runcmd"):
            commands = config.get(section)
            if isinstance(commands, list):
                body = _commands(text, spans, section, commands)
                name = f"{self.resource} {section}"
                yield Script(name, self.resource, body, "sh", self.path)
        files = config.get("write_files")
        for index, file in enumerate(files if isinstance(files, list) else ()):
            content = file.get("content") if isinstance(file, Mapping) else None
            if isinstance(content, str) and not file.get("encoding"):
                body = text.scalar(spans["write_files", index, "content"], content)
                yield self._script(str(file.get("path", "write_files")), body, runs=False)


def script_of(
    name: str, resource: str, text: TracedText, path: Path, *, runs: bool = True
) -> Script:
    """A script with its shebang read."""
    shebang = _SHEBANG.match(text.text)
    if shebang is None:
        return Script(name, resource, text, "", path, runs=runs)
    program = shebang[1].rsplit("/", 1)[-1]
    options = f"{shebang[2] or ''}{shebang[3]}".strip()
    if program == "env":
        words = [word for word in options.split() if word != "-S" and "=" not in word]
        program, options = (words or [""])[0], " ".join(words[1:])
    return Script(name, resource, text, program, path, options, runs=runs)


def kind_of(text: str) -> str:
    """The content type that cloud-init takes a text for by its beginning; empty for none."""
    start = text.lstrip().lower()
    return next((kind for prefix, kind in _STARTS if start.startswith(prefix)), "")


def is_multipart(text: str) -> bool:
    """Whether a text is a MIME message."""
    header = re.split(r"\r?\n\r?\n", text.lstrip(), maxsplit=1)[0]
    return bool(
        re.search(r"^(content-type|mime-version)\s*:", header, re.IGNORECASE | re.MULTILINE)
    )


def split(text: TracedText) -> Iterator[Part]:
    """The parts of UserData.

    Raises:
        MultipartError: It is MIME without a boundary, or without a part.
    """
    if is_multipart(text.text):
        yield from _mime_parts(text)
    else:
        yield from _typed(text, "")


def _typed(text: TracedText, announced: str) -> Iterator[Part]:
    kind = announced
    if kind in {"", "text/plain", "text/x-not-multipart"}:
        kind = kind_of(text.text)
    if kind == "text/jinja2":
        start = text.text.find("\n") + 1
        body = _without_jinja(text[start:])
        yield Part(kind_of(body.text), body)
    else:
        yield Part(kind, text)


def _without_jinja(text: TracedText) -> TracedText:
    """Values become words and blocks become blanks of the same length, so that places stay."""
    plain = _JINJA_VALUE.sub(lambda match: "_" * len(match[0]), text.text)
    plain = _JINJA_BLOCK.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), plain)
    return TracedText(plain, text.offsets, text.names)


def _mime_parts(text: TracedText) -> Iterator[Part]:
    header, body_start = _mime_header(text.text, 0)
    boundary = _BOUNDARY.search(header.get("content-type", ""))
    if boundary is None:
        if header.get("content-type", "").startswith("multipart/"):
            raise MultipartError("its Content-Type names no boundary")
        yield from _mime_part(text[body_start:], header)
        return
    mark = re.escape(boundary[1] or boundary[2])
    marks = list(re.finditer(rf"^--{mark}(--)?[ \t]*\r?$\n?", text.text, re.MULTILINE))
    if not any(one[1] is None for one in marks):
        raise MultipartError(f"no line says --{boundary[1] or boundary[2]}")
    ends = [one.start() for one in marks[1:]] + [len(text.text)]
    for one, end in zip(marks, ends, strict=True):
        if one[1] is not None:
            return
        part_header, start = _mime_header(text.text[:end], one.end())
        yield from _mime_part(text[start:end], part_header)


def _mime_header(text: str, at: int) -> tuple[dict[str, str], int]:
    header: dict[str, str] = {}
    name = ""
    start = at + len(text[at:]) - len(text[at:].lstrip()) if at == 0 else at
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].rstrip("\r")
        start = end + 1
        if not line.strip():
            break
        if line[0] in " \t" and name:
            header[name] += " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            header[name] = value.strip()
    return header, min(start, len(text))


def _mime_part(text: TracedText, header: Mapping[str, str]) -> Iterator[Part]:
    kind = header.get("content-type", "").split(";")[0].strip().lower()
    if header.get("content-transfer-encoding", "").lower() == "base64":
        try:
            decoded = base64.b64decode(text.text).decode()
        except (binascii.Error, ValueError):
            return
        text = TracedText(decoded, [text.origin(0)] * len(decoded), [""] * len(decoded))
    yield from _typed(text, kind)


def _commands(
    text: TracedText, spans: Mapping[Path, Span], section: str, commands: list[Node]
) -> TracedText:
    """The script that cloud-init makes of a list of commands."""
    body = _literal("", 0)
    for index, command in enumerate(commands):
        where = text.origin(spans[section, index].start)
        if isinstance(command, str):
            body += text.scalar(spans[section, index], command)
        elif isinstance(command, list):
            for place, word in enumerate(command):
                gap = " " if place else ""
                body += _literal(gap, where) + _word(text, spans, (section, index, place), word)
        body += _literal("\n", where)
    return body


def _word(text: TracedText, spans: Mapping[Path, Span], path: Path, word: Node) -> TracedText:
    """One word of a command that is given as a list: no shell looks into it."""
    span = spans[path]
    value = str(word)
    if shlex.quote(value) == value and isinstance(word, str):
        return text.scalar(span, value)
    return _literal(shlex.quote(value), text.origin(span.start))


def _literal(text: str, origin: int) -> TracedText:
    return TracedText(text, [origin] * len(text), [""] * len(text))


def init_commands(metadata: Mapping[str, Node]) -> Iterator[tuple[Path, Node]]:
    """The commands of ``AWS::CloudFormation::Init``: where they stand, and what they are."""
    for path, config in _init_configs(metadata):
        commands = config.get("commands")
        for name, command in (commands if isinstance(commands, Mapping) else {}).items():
            node = value_at(command, ("command",))
            if node is not None:
                yield (*path, "commands", name, "command"), node


def init_files(metadata: Mapping[str, Node]) -> Iterator[tuple[str, Path, Node]]:
    """The files of ``AWS::CloudFormation::Init``: name, place and content."""
    for path, config in _init_configs(metadata):
        files = config.get("files")
        for name, file in (files if isinstance(files, Mapping) else {}).items():
            node = value_at(file, ("content",))
            if node is not None:
                yield name, (*path, "files", name, "content"), node


def _init_configs(metadata: Mapping[str, Node]) -> Iterator[tuple[Path, Mapping[str, Node]]]:
    init = metadata.get("AWS::CloudFormation::Init")
    for name, config in (init if isinstance(init, Mapping) else {}).items():
        if name != "configSets" and isinstance(config, Mapping):
            yield ("AWS::CloudFormation::Init", name), config
