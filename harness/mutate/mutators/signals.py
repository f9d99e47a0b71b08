"""Mistakes in how the instance tells its stack that it is ready, or that it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.mutate.mutator import Family
from harness.mutate.subject import Change, Subject

FAMILY = Family()
RUN = "a run of the script with stand-ins for the commands that it calls"
FAILING = "a run of the script in which a step fails"

_SIGNAL = re.compile(r"^[ \t]*\S*cfn-signal\b(?:[^\n]*\\\n)*[^\n]*\n", re.MULTILINE)
_SUCCESS = re.compile(
    r"--success[ =]true\b|-s true\b|--exit-code[ =]0\b|-e 0\b|(?:-e|--exit-code) \$\?"
)


def _signals(program: str, *, success: bool) -> list[re.Match[str]]:
    """The calls of cfn-signal that say success, or the others."""
    return [one for one in _SIGNAL.finditer(program) if bool(_SUCCESS.search(one[0])) is success]


def _replaced(program: str, match: re.Match[str], text: str) -> str:
    return program[: match.start()] + text + program[match.end() :]


@FAMILY.add("drop-signal", "removed the signal", RUN)
def _drop(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: (("", _replaced(text, one, ":\n")) for one in _signals(text, success=True))
    )


@FAMILY.add("signal-failure", "said failure where success was meant", RUN)
def _failure(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: (
            ("", _replaced(text, one, _SUCCESS.sub("--success false", one[0])))
            for one in _signals(text, success=True)
        )
    )


@FAMILY.add("signal-success-always", "said success where failure was meant", FAILING)
def _always(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: (
            ("", _replaced(text, one, one[0].replace("--success false", "--success true")))
            for one in _signals(text, success=False)
        )
    )


@FAMILY.add("drop-failure-signal", "let every error wait for the timeout", FAILING)
def _no_failure(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: (("", _replaced(text, one, ":\n")) for one in _signals(text, success=False))
    )


@FAMILY.add("signal-first", "signalled before anything was done", RUN)
def _first(subject: Subject) -> Iterator[Change]:
    def move(text: str) -> Iterator[tuple[str, str]]:
        for one in _signals(text, success=True):
            steps = re.search(r"^[ \t]*(?:until |apt-get |yum |dnf )", text, re.MULTILINE)
            if steps and steps.start() < one.start():
                rest = _replaced(text, one, ":\n")
                call = re.sub(r"^\s+", "", one[0])
                yield "", rest[: steps.start()] + call + rest[steps.start() :]

    yield from subject.programs(move)


@FAMILY.add(
    "signal-ignored", "let the script go on when the signal was refused", "a refused signal"
)
def _ignored(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: (
            ("", _replaced(text, one, one[0].rstrip("\n") + " || true\n"))
            for one in _signals(text, success=True)
        )
    )


@FAMILY.add("signal-another-resource", "copied the signal from another template", RUN)
def _resource(subject: Subject) -> Iterator[Change]:
    for name in subject.launched:
        yield from subject.programs(
            lambda text, name=name: iter(  # type: ignore[misc]  # the default is what it is for
                [("", re.sub(rf"(RESOURCE='|--resource[ =]){name}\b", r"\1WebServer", text))]
            )
        )


@FAMILY.add("signal-without-option", "left out an option of cfn-signal", RUN)
def _option(subject: Subject) -> Iterator[Change]:
    for option in ("stack", "resource", "region"):
        yield from subject.programs(
            lambda text, option=option: (  # type: ignore[misc]  # as above
                (option, _replaced(text, one, re.sub(rf' --{option} "[^"]*"', "", one[0])))
                for one in _signals(text, success=True)
            )
        )


@FAMILY.add("signal-with-another-option", "took one option's value for another's", RUN)
def _crossed(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: (
            ("", _replaced(text, one, one[0].replace('--stack "$stack"', '--stack "$resource"')))
            for one in _signals(text, success=True)
        )
    )


@FAMILY.add("drop-errexit", "went on after errors", FAILING)
def _errexit(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        text = re.sub(r"^(#!\S+) -e\b", r"\1", text, flags=re.MULTILINE)
        yield "", re.sub(r"^set -([A-Z]*)e([a-z]*)", r"set -\1\2", text, flags=re.MULTILINE)

    yield from subject.programs(change)


@FAMILY.add("drop-pipefail", "took a pipeline's last command for all of it", "a failing pipeline")
def _pipefail(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: iter([("", re.sub(r"^(set -\w+)o pipefail", r"\1", text, flags=re.MULTILINE))])
    )


@FAMILY.add("drop-nounset", "took a misspelt variable for an empty one", "an unset variable")
def _nounset(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        lambda text: iter([("", re.sub(r"^(set -\w*)u(\w*)", r"\1\2", text, flags=re.MULTILINE))])
    )


@FAMILY.add("drop-trap", "removed a trap", FAILING)
def _trap(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        for one in re.finditer(r"^trap .* (\w+)\n", text, re.MULTILINE):
            yield one[1], _replaced(text, one, "")

    yield from subject.programs(change)


@FAMILY.add("early-exit", "left the exit of a debugging session", RUN)
def _exit(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        steps = list(re.finditer(r"^[ \t]*(?:apt-get install |yum |dnf )", text, re.MULTILINE))
        for one in steps[-1:]:
            yield "", text[: one.start()] + "exit 0\n" + text[one.start() :]

    yield from subject.programs(change)
