"""Where a template says what: from the path of a value, or a character in it, to line and column.

Paths are those of the parsed template, so the short forms of YAML count as written out:
``UserData: !Sub …`` stands at ``("UserData", "Fn::Sub")``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from json.decoder import scanstring  # type: ignore[attr-defined]  # undocumented, and stable since 2.6
from typing import Final

import yaml

from harness.lint.finding import Place
from harness.template import Template
from harness.userdata import Path

_WHITE: Final = re.compile(r"\s*")
_JSON_SCALAR: Final = re.compile(r"[^\s,\]}]+")
_SHORT_FORMS: Final = {"Ref": "Ref", "Condition": "Condition"}


@dataclass(frozen=True)
class Span:
    """A stretch of a text: ``start`` and ``end`` in characters, and how it is quoted."""

    start: int
    end: int
    style: str = ""


class Lines:
    """Turns offsets in a text into places."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(r"\n", text))]
        self._end = len(text)

    def place(self, offset: int) -> Place:
        """Line and column of a character."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)

    def offset(self, line: int, column: int) -> int:
        """The character at a one-based line and column; the end where there is no such line."""
        if line > len(self._starts):
            return self._end
        return self._starts[line - 1] + column - 1


class SourceMap:
    """The positions of one template."""

    def __init__(self, template: Template) -> None:
        self._text = template.text
        self.lines = Lines(template.text)

    @cached_property
    def _spans(self) -> tuple[Mapping[Path, Span], Mapping[Path, Span]]:
        """Of the values, and of the keys that name them."""
        if self._text.lstrip()[:1] == "{":
            scan = _JsonScan(self._text)
            scan.value(_skip(self._text, 0), ())
            return scan.values, scan.keys
        return yaml_spans(self._text)

    def place(self, path: Path) -> Place:
        """Where a value starts; of one that is not there, where the nearest that holds it does."""
        return self.lines.place(self.start(path))

    def start(self, path: Path) -> int:
        """As :meth:`place`, in characters from the start of the file."""
        values, _ = self._spans
        return values[self._nearest(path)].start

    def key(self, path: Path) -> Place:
        """Where the key of a value stands; of an element of a list, where the element starts."""
        _, keys = self._spans
        nearest = self._nearest(path)
        return self.lines.place(keys[nearest].start) if nearest in keys else self.place(nearest)

    def offsets(self, path: Path, value: str) -> Sequence[int]:
        """For every character of a string in the template, where in the file it is written.

        Args:
            path: Where the string stands.
            value: The string as it was parsed.
        """
        span = self._spans[0][self._nearest(path)]
        return scalar_offsets(self._text, span, value)

    def _nearest(self, path: Path) -> Path:
        values, _ = self._spans
        while path and path not in values:
            path = path[:-1]
        return path


def scalar_offsets(text: str, span: Span, value: str) -> Sequence[int]:
    """For every character of a parsed scalar, where in the text it is written.

    What cannot be told character by character counts as written where the scalar starts.
    """
    raw = text[span.start : span.end]
    decoded = list(_DECODERS.get(span.style, _plain)(raw))
    if "".join(char for char, _ in decoded) == value:
        return [span.start + at for _, at in decoded]
    # Chomping and folding at the end of a block is the only liberty that is left to YAML.
    common = 0
    for (char, _), wanted in zip(decoded, value, strict=False):
        if char != wanted:
            break
        common += 1
    known = [span.start + at for _, at in decoded[:common]]
    return known + [known[-1] if known else span.start] * (len(value) - common)


def _skip(text: str, at: int) -> int:
    match = _WHITE.match(text, at)
    return match.end() if match else at


class _JsonScan:
    """Walks JSON that is known to parse, and notes where everything is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.values: dict[Path, Span] = {}
        self.keys: dict[Path, Span] = {}

    def value(self, at: int, path: Path) -> int:
        """Note the value that starts at a character; returns where it ends."""
        match self._text[at]:
            case "{":
                end = self._object(at + 1, path)
            case "[":
                end = self._array(at + 1, path)
            case '"':
                end = scanstring(self._text, at + 1)[1]
            case _:
                scalar = _JSON_SCALAR.match(self._text, at)
                end = scalar.end() if scalar else at + 1
        self.values[path] = Span(at, end, "json")
        return end

    def _object(self, at: int, path: Path) -> int:
        at = _skip(self._text, at)
        while self._text[at] != "}":
            key, end = scanstring(self._text, at + 1)
            self.keys[*path, key] = Span(at, end, "json")
            at = _skip(self._text, _skip(self._text, end) + 1)  # over the colon
            at = self._over_comma(self.value(at, (*path, key)))
        return at + 1

    def _array(self, at: int, path: Path) -> int:
        at = _skip(self._text, at)
        index = 0
        while self._text[at] != "]":
            at = self._over_comma(self.value(at, (*path, index)))
            index += 1
        return at + 1

    def _over_comma(self, at: int) -> int:
        at = _skip(self._text, at)
        return _skip(self._text, at + 1) if self._text[at] == "," else at


def yaml_spans(text: str) -> tuple[dict[Path, Span], dict[Path, Span]]:
    """Where the values and the keys of a YAML document stand, by path."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    values: dict[Path, Span] = {}
    keys: dict[Path, Span] = {}
    # libyaml counts a byte order mark as a character of its own, PyYAML drops it.
    root = yaml.compose(text.lstrip("\ufeff"), Loader=loader)
    shift = len(text) - len(text.lstrip("\ufeff"))
    if root is not None:
        _walk(root, (), values, keys, shift)
    return values, keys


def _walk(
    node: yaml.Node,
    path: Path,
    values: dict[Path, Span],
    keys: dict[Path, Span],
    shift: int,
) -> None:
    style = (getattr(node, "style", None) or "plain") if isinstance(node, yaml.ScalarNode) else ""
    span = Span(node.start_mark.index + shift, node.end_mark.index + shift, style)
    values[path] = span
    if node.tag.startswith("!") and len(node.tag) > 1:
        name = node.tag[1:]
        path = (*path, _SHORT_FORMS.get(name, f"Fn::{name}"))
        values[path] = span
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else str(key)
            keys[*path, name] = Span(key.start_mark.index + shift, key.end_mark.index + shift)
            _walk(value, (*path, name), values, keys, shift)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), values, keys, shift)


Decoded = Iterator[tuple[str, int]]
"""Characters of a parsed scalar, each with where in the raw text it is written."""

_TAG: Final = re.compile(r"(?:[!&]\S*[ \t]*\n?[ \t]*)*")


def _after_tag(raw: str) -> int:
    match = _TAG.match(raw)
    return match.end() if match else 0


def _literal(raw: str) -> Decoded:
    """A block scalar with ``|``."""
    for line, at, end in _block_lines(raw):
        yield from zip(line, range(at, at + len(line)), strict=True)
        yield "\n", end


def _folded(raw: str) -> Decoded:
    """A block scalar with ``>``: a single line break is a space, of several one is dropped."""
    lines = list(_block_lines(raw))
    for index, (line, at, end) in enumerate(lines):
        yield from zip(line, range(at, at + len(line)), strict=True)
        following = lines[index + 1][0] if index + 1 < len(lines) else ""
        if not line or line[0] in " \t" or following[:1] in (" ", "\t"):
            yield "\n", end
        elif following:
            yield " ", end
        elif index + 1 == len(lines) or all(not later for later, _, _ in lines[index + 1 :]):
            yield "\n", end


def _block_lines(raw: str) -> Iterator[tuple[str, int, int]]:
    """The lines of a block scalar without their indentation, where they start and end."""
    start = raw.find("\n", _after_tag(raw)) + 1
    if not start:
        return
    body = raw[start:]
    indents = [len(line) - len(line.lstrip(" ")) for line in body.splitlines() if line.strip()]
    indent = indents[0] if indents else 0
    at = start
    for line in body.split("\n")[: -1 if body.endswith("\n") else None]:
        content = line[indent:].removesuffix("\r")
        yield content, at + min(indent, len(line)), at + len(line)
        at += len(line) + 1


def _plain(raw: str) -> Decoded:
    """A scalar without quotes, perhaps over several lines."""
    yield from _flow(raw, _after_tag(raw), len(raw))


def _single(raw: str) -> Decoded:
    """A scalar in single quotes, which are doubled inside."""
    start = _after_tag(raw) + 1
    skip = False
    for char, at in _flow(raw, start, len(raw) - 1):
        skip = char == "'" and not skip
        if not skip:
            yield char, at


_ESCAPES: Final = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f",
    "r": "\r", "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0",
    "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)


def _double(raw: str) -> Decoded:
    """A scalar in double quotes, of YAML."""
    pending = list(_flow(raw, _after_tag(raw) + 1, len(raw) - 1, escapes=True))
    text = "".join(char for char, _ in pending)
    at = 0
    while at < len(text):
        escape = _ESCAPE.match(text, at) if text[at] == "\\" else None
        if escape is None:
            yield pending[at]
            at += 1
            continue
        code = escape[1] or escape[2] or escape[3]
        char = chr(int(code, 16)) if code else _ESCAPES.get(escape[4], "")
        if char:
            yield char, pending[at][1]
        at = escape.end()


_SURROGATES: Final = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..")


def _json(raw: str) -> Decoded:
    """A string of JSON."""
    if raw[:1] != '"':
        yield from zip(raw, range(len(raw)), strict=True)
        return
    at = 1
    while at < len(raw) - 1:
        if raw[at] != "\\":
            yield raw[at], at
            at += 1
            continue
        pair = _SURROGATES.match(raw, at)
        width = pair.end() - at if pair else 6 if raw[at + 1] == "u" else 2
        char, _ = scanstring(f'"{raw[at : at + width]}"', 1)
        for one in char:
            yield one, at
        at += width


def _flow(raw: str, start: int, end: int, *, escapes: bool = False) -> Decoded:
    """Characters of a flow scalar, line breaks folded."""
    lines = raw[start:end].split("\n")
    at = start
    breaks = 0
    for index, line in enumerate(lines):
        first, last = index == 0, index == len(lines) - 1
        content = line if first else line.lstrip(" \t\r")
        lead = len(line) - len(content)
        if not last:
            content = content.rstrip(" \t\r")
        if not first:
            if content or last:
                joined = "" if breaks < 0 else (" " if breaks == 0 else "\n" * breaks)
                for char in joined:
                    yield char, max(at - 1, start)
                breaks = 0
            else:
                breaks = max(breaks, 0) + 1
        if escapes and not last and re.search(r"(?<!\\)(?:\\\\)*\\$", content):
            content = content[:-1]
            breaks = -1
        yield from zip(content, range(at + lead, at + lead + len(content)), strict=True)
        at += len(line) + 1


_DECODERS: Final = {
    "|": _literal,
    ">": _folded,
    "'": _single,
    '"': _double,
    "json": _json,
    "plain": _plain,
}
