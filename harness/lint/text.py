"""Text that knows, character by character, where the template says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.lint.finding import Place
from harness.lint.positions import Lines, SourceMap, Span, scalar_offsets
from harness.template import Template
from harness.userdata import Piece, value_at


@dataclass(frozen=True)
class TracedText:
    """A text and the origin of each of its characters; slices and sums keep them.

    Args:
        text: The text.
        offsets: For each character, the character of the template that it comes from.
        names: For each character, what it is the value of (``AWS::Region``); empty if nothing's.
    """

    text: str
    offsets: Sequence[int]
    names: Sequence[str]

    @classmethod
    def of(cls, pieces: Iterable[Piece], template: Template, source: SourceMap) -> TracedText:
        """Put rendered pieces together."""
        text: list[str] = []
        offsets: list[int] = []
        names: list[str] = []
        for piece in pieces:
            text.append(piece.text)
            names.extend([piece.name] * len(piece.text))
            offsets.extend(_origins(piece, template, source))
        return cls("".join(text), offsets, names)

    def __getitem__(self, part: slice) -> TracedText:
        return TracedText(self.text[part], self.offsets[part], self.names[part])

    def __add__(self, other: TracedText) -> TracedText:
        return TracedText(
            self.text + other.text,
            [*self.offsets, *other.offsets],
            [*self.names, *other.names],
        )

    def scalar(self, span: Span, value: str) -> TracedText:
        """A YAML scalar that is written in this text, decoded."""
        at = [min(one, len(self.text) - 1) for one in scalar_offsets(self.text, span, value)]
        return TracedText(value, [self.offsets[i] for i in at], [self.names[i] for i in at])

    @cached_property
    def lines(self) -> Lines:
        """The lines of the text itself."""
        return Lines(self.text)

    def origin(self, offset: int) -> int:
        """The character of the template that a character of this text comes from."""
        if not self.offsets:
            return 0
        return self.offsets[min(max(offset, 0), len(self.offsets) - 1)]

    def names_in(self, start: int, end: int) -> set[str]:
        """What a stretch holds values of."""
        return set(self.names[start:end]) - {""}

    def place(self, offset: int) -> Place:
        """Line and column in this text."""
        return self.lines.place(offset)


def _origins(piece: Piece, template: Template, source: SourceMap) -> Sequence[int]:
    value = value_at(template.body, piece.path)
    if not isinstance(value, str):
        return [source.start(piece.path)] * len(piece.text)
    offsets = source.offsets(piece.path, value)
    if piece.name:
        at = offsets[piece.start] if piece.start < len(offsets) else source.start(piece.path)
        return [at] * len(piece.text)
    return offsets[piece.start : piece.start + len(piece.text)]
