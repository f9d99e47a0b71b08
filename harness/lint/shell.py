"""What a shell script does, as far as its text tells: commands, their order, the options in force.

The grammar is tree-sitter's; nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import tree_sitter
import tree_sitter_bash

from harness.lint.scripts import Script
from harness.lint.text import TracedText

_OPTIONS_WITH_VALUE: Final[Mapping[str, frozenset[str]]] = {
    "sudo": frozenset({"-u", "--user", "-g", "--group", "-h", "-p", "-C", "-r", "-t"}),
    "timeout": frozenset({"-k", "--kill-after", "-s", "--signal"}),
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "env": frozenset({"-u", "-C"}),
    "exec": frozenset({"-a"}),
    "nohup": frozenset(),
    "time": frozenset(),
    "command": frozenset(),
    "builtin": frozenset(),
    "setsid": frozenset(),
    "eatmydata": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
}
"""Commands that run another one, and their own options that take a word."""

_PYTHONS: Final = ("python", "python2", "python3")
_SHELLS_WITH_TEXT: Final = ("bash", "sh", "dash", "su", "runuser")


@dataclass(frozen=True)
class Word:
    """An argument of a command.

    Args:
        start: Where it stands in the script, in characters.
        end: Where it ends.
        raw: As it is written.
        text: Its value, quotes gone and variables filled in; None where that is not known.
        names: What CloudFormation put into it: ``AWS::Region``.
    """

    start: int
    end: int
    raw: str
    text: str | None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Command:
    """A simple command.

    Args:
        name: The program, without its folder and without ``sudo`` and the like before it.
        words: Its arguments.
        start: Where it stands in the script, in characters.
        end: Where it ends.
        function: The function, or ``trap``, whose body it is in; empty at the top.
        guards: Conditions that decide whether it runs, as written, outermost first.
        tested: Somebody looks at its exit status, so that errexit does not.
        fallback: It runs because the command before it failed (``||``).
        forgiven: What follows ``||`` makes up for its failure.
        place: Its place in its pipeline.
        length: How many commands the pipeline has.
        background: Nobody waits for it.
        environment: Variables assigned in front of it.
        program: The program with its folder, as it is written.
    """

    name: str
    words: tuple[Word, ...]
    start: int
    end: int
    function: str = ""
    guards: tuple[str, ...] = ()
    tested: bool = False
    fallback: bool = False
    forgiven: str = ""
    place: int = 0
    length: int = 1
    background: bool = False
    environment: frozenset[str] = frozenset()
    program: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The arguments' values; what is not known as it is written."""
        return tuple(word.raw if word.text is None else word.text for word in self.words)

    def has_option(self, short: str, *long: str) -> bool:
        """Whether a one-letter option or one of the long ones is given."""
        for text in self.texts:
            if text.split("=", 1)[0] in long:
                return True
            if short and text.startswith("-") and not text.startswith("--") and short in text[1:]:
                return True
        return False

    @property
    def operands(self) -> tuple[str, ...]:
        """The arguments that are no options."""
        return tuple(text for text in self.texts if not text.startswith("-"))


@dataclass(frozen=True)
class _Scope:
    function: str = ""
    guards: tuple[str, ...] = ()
    tested: bool = False
    fallback: bool = False
    forgiven: str = ""
    place: int = 0
    length: int = 1
    background: bool = False


@dataclass(frozen=True)
class Shell:
    """A shell script, parsed."""

    script: Script
    offset: int = 0
    outer: _Scope = field(default_factory=_Scope)

    @property
    def text(self) -> TracedText:
        """The script's text."""
        return self.script.text

    @cached_property
    def _bytes(self) -> bytes:
        return self.text.text.encode(errors="surrogatepass")

    @cached_property
    def _tree(self) -> tree_sitter.Tree:
        language = tree_sitter.Language(tree_sitter_bash.language())
        return tree_sitter.Parser(language).parse(self._bytes)

    @property
    def understood(self) -> bool:
        """Whether the grammar fits the whole script."""
        return not self._tree.root_node.has_error

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """Every simple command, in the order of the text."""
        return tuple(self._walk(self._tree.root_node, self.outer))

    @cached_property
    def functions(self) -> frozenset[str]:
        """The names of the functions that it defines."""
        return frozenset(one.function for one in self.commands if one.function)

    @cached_property
    def top(self) -> tuple[Command, ...]:
        """The commands that are in no function and no trap, in the order of the text."""
        return tuple(one for one in self.commands if not one.function)

    @cached_property
    def code(self) -> str:
        """The text without its comments."""
        kept = bytearray(self._bytes)
        for node in _descendants(self._tree.root_node):
            if node.type == "comment" and node.start_byte:
                for at in range(node.start_byte, node.end_byte):
                    kept[at] = 0x20
        return kept.decode(errors="surrogatepass")

    def option(self, letter: str, name: str, at: int) -> bool:
        """Whether a shell option, such as ``e`` or ``errexit``, is on at a place."""
        on = _sets([*self.script.options.split()], letter, name) is True
        for command in self.commands:
            if command.name == "set" and command.start < at and not command.function:
                change = _sets(command.texts, letter, name)
                on = on if change is None else change
        return on

    def errexit(self, at: int) -> bool:
        """Whether a failing command ends the script at a place."""
        return self.option("e", "errexit", at)

    def traps(self, signal: str, before: int) -> Iterator[str]:
        """The handlers of a signal, such as ``EXIT``, that are set before a place, as text."""
        for command in self.commands:
            if command.name == "trap" and command.start < before and len(command.words) > 1:
                handler, *signals = command.texts
                known = {one.upper().removeprefix("SIG") for one in signals}
                if signal in known or (signal == "EXIT" and "0" in known):
                    yield handler

    def called(self, function: str) -> tuple[Command, ...]:
        """The commands of a function, and of what it calls in turn."""
        seen: set[str] = set()
        waiting = [function]
        found: list[Command] = []
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            body = [one for one in self.commands if one.function == name]
            found += body
            waiting += [one.name for one in body]
        return tuple(found)

    def _char(self, byte: int) -> int:
        if len(self._bytes) == len(self.text.text):
            return byte
        return len(self._bytes[:byte].decode(errors="surrogatepass"))

    def _text(self, node: tree_sitter.Node) -> str:
        return self._bytes[node.start_byte : node.end_byte].decode(errors="surrogatepass")

    def _walk(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        walker = self._walkers.get(node.type, self._children)
        yield from walker(node, scope)

    @cached_property
    def _walkers(self) -> Mapping[str, Callable[[tree_sitter.Node, _Scope], Iterator[Command]]]:
        """What is done about each kind of node; of others the children are looked at."""
        return {
            "c_style_for_statement": self._branch,
            "case_item": self._branch,
            "command": self._command,
            "comment": self._nothing,
            "declaration_command": self._substitutions,
            "do_group": self._branch,
            "elif_clause": self._conditional,
            "else_clause": self._branch,
            "for_statement": self._branch,
            "function_definition": self._function,
            "if_statement": self._conditional,
            "list": self._list,
            "negated_command": self._negated,
            "pipeline": self._pipeline,
            "unset_command": self._substitutions,
            "while_statement": self._conditional,
        }

    def _nothing(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        del node, scope
        yield from ()

    def _function(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        del scope
        name = node.child_by_field_name("name")
        inner = _Scope(function=self._text(name) if name else "?")
        for child in node.named_children[1:]:
            yield from self._walk(child, inner)

    def _pipeline(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        stages = [child for child in node.named_children if child.type != "comment"]
        for place, child in enumerate(stages):
            tested = scope.tested and place == len(stages) - 1
            inner = replace(scope, place=place, length=len(stages), tested=tested)
            yield from self._walk(child, inner)

    def _negated(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        yield from self._children(node, replace(scope, tested=True))

    def _branch(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        guard = self._text(node).split("\n", 1)[0]
        yield from self._children(node, replace(scope, guards=(*scope.guards, guard)))

    def _children(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        children = node.children
        for index, child in enumerate(children):
            following = children[index + 1].type if index + 1 < len(children) else ""
            inner = replace(scope, background=True) if following == "&" else scope
            yield from self._walk(child, inner)

    def _list(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        left, right = node.named_children[0], node.named_children[-1]
        is_or = any(child.type == "||" for child in node.children)
        forgiven = self._text(right) if is_or else scope.forgiven
        yield from self._walk(left, replace(scope, tested=True, forgiven=forgiven))
        guards = (*scope.guards, self._text(left))
        yield from self._walk(right, replace(scope, guards=guards, fallback=is_or))

    def _conditional(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        """``if``, ``elif``, ``while``, ``until``: the condition, then what depends on it."""
        depends = False
        first = next((one for one in node.children if one.type in {"then", "do_group"}), None)
        until = first.start_byte if first else node.end_byte
        condition = "\n".join(
            self._text(child) for child in node.named_children if child.start_byte < until
        )
        for child in node.named_children:
            depends = depends or child.start_byte >= until
            inner = replace(scope, guards=(*scope.guards, condition)) if depends else scope
            yield from self._walk(child, inner if depends else replace(scope, tested=True))

    def _substitutions(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        """The commands inside the arguments of a command."""
        for child in node.named_children:
            if child.type in {"command_substitution", "process_substitution", "subshell"}:
                yield from self._children(child, replace(scope, place=0, length=1, tested=True))
            else:
                yield from self._substitutions(child, scope)

    def _command(self, node: tree_sitter.Node, scope: _Scope) -> Iterator[Command]:
        yield from self._substitutions(node, scope)
        environment = {
            self._text(child).split("=", 1)[0]
            for child in node.named_children
            if child.type == "variable_assignment"
        }
        words = [
            self._word(child)
            for child in node.named_children
            if child.type not in {"variable_assignment", "comment"}
            and not child.type.endswith("redirect")
        ]
        words, more = _without_prefixes(words)
        if not words:
            return
        name = _basename(words[0])
        arguments = tuple(words[1:])
        command = Command(
            name=name,
            words=arguments,
            start=self.offset + self._char(node.start_byte),
            end=self.offset + self._char(node.end_byte),
            function=scope.function,
            guards=scope.guards,
            tested=scope.tested,
            fallback=scope.fallback,
            forgiven=scope.forgiven,
            place=scope.place,
            length=scope.length,
            background=scope.background,
            environment=frozenset(environment | more),
            program=words[0].raw.strip("\"'") if words[0].text is None else words[0].text,
        )
        yield command
        yield from self._inside(command, scope)

    def _inside(self, command: Command, scope: _Scope) -> Iterator[Command]:
        """The commands in a text that a command is given to run."""
        text: Word | None = None
        if command.name == "trap" and len(command.words) > 1:
            text, scope = command.words[0], _Scope(function="trap")
        elif command.name in _SHELLS_WITH_TEXT:
            texts = command.texts
            at = next((i for i, one in enumerate(texts) if _is_c_option(one)), None)
            if at is not None and at + 1 < len(texts):
                text = command.words[at + 1]
        elif command.name == "eval" and command.words:
            text = command.words[0]
        if text is not None and text.text:
            quoted = text.raw[:1] in "'\""
            start = text.start + (1 if quoted else 0)
            inner_start = start - self.offset
            body = self.text[inner_start : text.end - self.offset - (1 if quoted else 0)]
            if body.text != text.text:  # variables filled in, or escapes undone
                length = len(text.text)
                body = TracedText(
                    text.text, [self.text.origin(inner_start)] * length, [""] * length
                )
            inner = Script(self.script.name, self.script.resource, body, "bash", self.script.path)
            yield from Shell(inner, start, scope).commands

    @cached_property
    def _assignments(self) -> Mapping[str, list[tree_sitter.Node | None]]:
        """What each variable is assigned, wherever that stands."""
        found: dict[str, list[tree_sitter.Node | None]] = {}
        for node in _descendants(self._tree.root_node):
            if node.type == "variable_assignment":
                name = node.child_by_field_name("name")
                value = node.child_by_field_name("value")
                plain = any(child.type == "=" for child in node.children)
                if name is not None:
                    found.setdefault(self._text(name), []).append(value if plain else None)
        return found

    def _word(self, node: tree_sitter.Node) -> Word:
        if node.type == "command_name" and node.named_children:
            node = node.named_children[0]
        text, names = self._value(node, frozenset())
        return Word(
            self.offset + self._char(node.start_byte),
            self.offset + self._char(node.end_byte),
            self._text(node),
            text,
            names,
        )

    def _value(
        self, node: tree_sitter.Node, seen: frozenset[str]
    ) -> tuple[str | None, frozenset[str]]:
        raw = self._text(node)
        names = frozenset(
            self.text.names_in(self._char(node.start_byte), self._char(node.end_byte))
        )
        match node.type:
            case "word" | "number" | "string_content":
                return raw.replace("\\\n", "").replace("\\", ""), names
            case "raw_string":
                return raw[1:-1], names
            case "simple_expansion" | "expansion":
                return self._variable(node, seen)
            case "string" | "concatenation" | "command_name":
                return self._parts(node, seen)
        return None, names

    def _parts(
        self, node: tree_sitter.Node, seen: frozenset[str]
    ) -> tuple[str | None, frozenset[str]]:
        texts: list[str] = []
        names: frozenset[str] = frozenset()
        known = True
        inner_start = node.start_byte + (1 if node.type == "string" else 0)
        inner_end = node.end_byte - (1 if node.type == "string" else 0)
        at = inner_start
        for child in node.named_children:
            # White space between two expansions belongs to no node of the grammar.
            texts.append(self._bytes[at : child.start_byte].decode(errors="surrogatepass"))
            text, more = self._value(child, seen)
            known = known and text is not None
            texts.append(text or "")
            names |= more
            at = child.end_byte
        texts.append(self._bytes[at:inner_end].decode(errors="surrogatepass"))
        return ("".join(texts) if known else None), names

    def _variable(
        self, node: tree_sitter.Node, seen: frozenset[str]
    ) -> tuple[str | None, frozenset[str]]:
        """The value of a variable that is assigned once, and of no other use is made."""
        raw = self._text(node).strip('${}"')
        name, _, default = raw.partition(":-")
        values = self._assignments.get(name, [])
        if not name.isidentifier() or name in seen or len(values) != 1:
            return None, frozenset()
        value = values[0]
        if value is None:
            return None, frozenset()
        text, names = self._value(value, seen | {name})
        return (default if text == "" else text), names


def _descendants(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    for child in node.named_children:
        yield child
        yield from _descendants(child)


def _basename(word: Word) -> str:
    text = word.raw.strip("\"'") if word.text is None else word.text
    return text.rsplit("/", 1)[-1].removesuffix(".exe")


def _is_c_option(text: str) -> bool:
    return text == "--command" or (
        text.startswith("-") and not text.startswith("--") and text.endswith("c")
    )


def _without_prefixes(words: Sequence[Word]) -> tuple[list[Word], set[str]]:
    """The words without ``sudo -E``, ``env A=b`` and the like; and the variables those assign."""
    rest = list(words)
    environment: set[str] = set()
    while rest:
        name = _basename(rest[0])
        with_value = _OPTIONS_WITH_VALUE.get(name)
        if name in _PYTHONS and len(rest) > 1 and _basename(rest[1]).startswith("cfn-"):
            rest = rest[1:]
            continue
        if with_value is None:
            break
        tail = rest[1:]
        if name == "command" and tail and tail[0].raw in {"-v", "-V"}:
            break  # it only asks whether there is such a command
        while tail:
            text = tail[0].raw if tail[0].text is None else tail[0].text
            variable, equals, _ = text.partition("=")
            if text.startswith("-"):
                tail = tail[2:] if text in with_value else tail[1:]
            elif equals and variable.isidentifier():
                environment.add(variable)
                tail = tail[1:]
            else:
                break
        if name == "timeout" and tail:
            tail = tail[1:]  # its duration
        if not tail:
            break
        rest = tail
    return rest, environment


def _sets(texts: Sequence[str], letter: str, name: str) -> bool | None:
    """Whether options, as of ``set``, turn one on or off; None where they leave it alone."""
    result: bool | None = None
    for index, text in enumerate(texts):
        if text[:1] not in "-+" or text.startswith("--") or len(text) < 2:  # noqa: PLR2004
            continue
        if letter and letter in text[1:]:
            result = text[0] == "-"
        takes_name = text.endswith("o") and index + 1 < len(texts)
        if takes_name and texts[index + 1] == name:
            result = text[0] == "-"
    return result
