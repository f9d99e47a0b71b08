"""What a shell script does, as its text tells."""

from __future__ import annotations

import pytest

from harness.lint.scripts import script_of
from harness.lint.shell import Command, Shell
from harness.lint.text import TracedText

pytestmark = pytest.mark.selftest


def shell(text: str) -> Shell:
    traced = TracedText(text, range(len(text)), [""] * len(text))
    return Shell(script_of("Compute UserData", "Compute", traced, ()))


def command(text: str, name: str) -> Command:
    return next(one for one in shell(text).commands if one.name == name)


def names(text: str) -> list[str]:
    return [one.name for one in shell(text).commands]


def test_commands_stand_in_the_order_of_the_text() -> None:
    """Wherever they are: lists, conditions, loops, groups, substitutions."""
    text = "a && b\nif c; then d; else e; fi\nfor x in 1; do f; done\n(g; h)\ni=$(j)\nk | l\n"
    assert names(text) == list("abcdefghjkl")


@pytest.mark.parametrize(
    ("line", "name", "words"),
    [
        ("sudo -E apt-get -y install x", "apt-get", ("-y", "install", "x")),
        ("sudo -u ubuntu /opt/aws/bin/cfn-signal -e 0", "cfn-signal", ("-e", "0")),
        ("env A=b nohup cmd x", "cmd", ("x",)),
        ("timeout -k 5 300 cmd x", "cmd", ("x",)),
        ("python3 /usr/local/bin/cfn-init -v", "cfn-init", ("-v",)),
        ('"$HELPERS/bin/cfn-signal" -e 1', "cfn-signal", ("-e", "1")),
        ("A=1 cmd", "cmd", ()),
        ("echo 'a b' \"c d\" e\\ f", "echo", ("a b", "c d", "e f")),
    ],
)
def test_a_command_is_seen_through_what_runs_it(
    line: str, name: str, words: tuple[str, ...]
) -> None:
    """``sudo``, ``env`` and interpreters are not the command."""
    (found,) = shell(line).commands
    assert (found.name, found.texts) == (name, words)


def test_variables_that_are_assigned_once_are_filled_in() -> None:
    """Others stay as they are written."""
    text = 'A=x\nB="$A-y"\nC=1\nC=2\ncmd "$B" "${A}" "$C" $D ${A:-z}\n'
    assert command(text, "cmd").texts == ("x-y", "x", '"$C"', "$D", "x")
    assert command(text, "cmd").words[2].text is None


def test_functions_and_traps_are_told_from_the_top() -> None:
    """What a trap runs is no step of the script."""
    parsed = shell("f() { a; }\ntrap 'b; f' ERR EXIT\nc\n")
    assert [one.name for one in parsed.top] == ["trap", "c"]
    assert command("trap 'b' ERR", "b").function == "trap"
    assert list(parsed.traps("EXIT", 99)) == ["b; f"]
    assert [one.name for one in parsed.called("f")] == ["a"]


def test_the_texts_that_shells_are_given_are_looked_into() -> None:
    """``bash -c`` and ``su -c`` run what they are told, at its place in the text."""
    text = "su - ubuntu -c 'lein deps'\nbash -ec \"make all\""
    assert names(text) == ["su", "lein", "bash", "make"]
    assert text[command(text, "make").start :].startswith("make all")


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("#!/bin/bash\ncmd", False),
        ("#!/bin/bash -e\ncmd", True),
        ("#!/bin/bash -xe\ncmd", True),
        ("#!/usr/bin/env -S bash -e\ncmd", True),
        ("#!/bin/bash\nset -euo pipefail\ncmd", True),
        ("#!/bin/bash\nset -o errexit\ncmd", True),
        ("#!/bin/bash -e\nset +e\ncmd", False),
        ("#!/bin/bash\ncmd\nset -e", False),
        ("#!/bin/bash\nset -x\ncmd", False),
    ],
)
def test_errexit(text: str, on: bool) -> None:  # noqa: FBT001 - the expected verdict
    """By the shebang, or by ``set``, from where it stands."""
    parsed = shell(text)
    assert parsed.errexit(command(text, "cmd").start) is on


def test_whether_somebody_looks_at_the_exit_status() -> None:
    """Conditions and lists look; the last of a list does not."""
    text = "if a; then b; fi\nc || d\n! e\nf && g\nh\n"
    looked = {one.name for one in shell(text).commands if one.tested}
    assert looked == {"a", "c", "e", "f"}
    assert command(text, "c").forgiven == "d"
    assert command(text, "d").fallback
    assert command(text, "b").guards == ("a",)


def test_places_count_characters_also_behind_others_than_ascii() -> None:
    """The parser counts bytes."""
    text = "# é ü\ncmd"
    assert text[command(text, "cmd").start :] == "cmd"


def test_comments_are_no_code() -> None:
    """What is only mentioned is not done."""
    assert "cfn-signal" not in shell("#!/bin/sh\n# cfn-signal -e 0\necho\n").code
