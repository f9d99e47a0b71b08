"""Mistakes in the script's steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.mutate.mutator import Family, Rung
from harness.mutate.subject import Change, Subject

FAMILY = Family()
RUN = "a run of the script with stand-ins for the commands that it calls"
PARSED = "bash -n and shellcheck on the rendered UserData"
INSIDE = "a look inside the booted instance"

_COMMAND = re.compile(
    r"^(?![ \t]*(?:#|$|\w+\(\)|\}|then|else|fi|do|done))[ \t]*(?:[^\n]*\\\n)*[^\n]*\n", re.MULTILINE
)
_INSTALL = re.compile(r"apt-get install(?:[^\n]*\\\n)*[^\n]*")
_PACKAGE = re.compile(r"(?<=\s)([a-z][a-z0-9.+-]{2,})(?=\s|$)")


def _all(pattern: str, replacement: str) -> Callable[[str], Iterator[tuple[str, str]]]:
    """Replace the first of a pattern."""

    def change(text: str) -> Iterator[tuple[str, str]]:
        yield "", re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE)

    return change


def _each(pattern: str, replacement: str) -> Callable[[str], Iterator[tuple[str, str]]]:
    """Replace each match of a pattern, one at a time; the site is its line."""

    def change(text: str) -> Iterator[tuple[str, str]]:
        for one in re.finditer(pattern, text, re.MULTILINE):
            line = text[: one.start()].count("\n") + 1
            yield f"line {line}", text[: one.start()] + one.expand(replacement) + text[one.end() :]

    return change


@FAMILY.add("drop-step", "removed a command", RUN)
def _drop(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        for one in _COMMAND.finditer(text):
            if re.match(r"[ \t]*(?:if|until|while|for)\b", one[0]):
                continue
            line = text[: one.start()].count("\n") + 1
            indent = re.match(r"[ \t]*", one[0])
            kept = f"{indent[0] if indent else ''}:\n"
            yield f"line {line}", text[: one.start()] + kept + text[one.end() :]

    yield from subject.programs(change)


def _misspell(text: str) -> Iterator[tuple[str, str]]:
    for install in _INSTALL.finditer(text):
        for one in _PACKAGE.finditer(install[0].partition("install")[2]):
            start = install.start() + install[0].index("install") + len("install") + one.start()
            yield one[1], f"{text[:start]}{one[1][:-1]}{text[start + len(one[1]) :]}"


@FAMILY.add("misspelt-package", "misspelt a package's name", RUN)
def _package(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_misspell)


@FAMILY.add("package-nobody-has", "misspelt a package's name", INSIDE, Rung.LOCAL)
def _package_local(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(lambda text: iter(list(_misspell(text))[-1:]))


@FAMILY.add("package-forgotten", "left out the package that it is all about", INSIDE, Rung.LOCAL)
def _forgotten(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        installs = list(_INSTALL.finditer(text))
        for one in installs[-1:]:
            for package in _PACKAGE.findall(one[0].partition("install")[2])[-1:]:
                kept = one[0].replace(f" {package}", "")
                yield package, text[: one.start()] + kept + text[one.end() :]

    yield from subject.programs(change)


@FAMILY.add("another-listener", "left a service that listens to everybody", INSIDE, Rung.LOCAL)
def _listener(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        for one in list(_INSTALL.finditer(text))[-1:]:
            server = "systemd-run --quiet python3 -m http.server 8080\n"
            yield "", text[: one.start()] + server + text[one.start() :]

    yield from subject.programs(change)


@FAMILY.add("links-forgotten", "left the helper scripts where only root looks", INSIDE, Rung.LOCAL)
def _links(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r"^[ \t]*ln -?[^\n]*cfn[^\n]*", "    :"))


@FAMILY.add("waits-for-an-answer", "left out apt's --yes", RUN)
def _yes(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r"install --yes ", "install "))


@FAMILY.add("asks-questions", "let debconf and needrestart ask questions", RUN)
def _questions(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r" (?:DEBIAN_FRONTEND|NEEDRESTART_SUSPEND)=\w+", ""))


@FAMILY.add("stale-lists", "installed from the lists of the day the image was made", RUN)
def _lists(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"apt-get update\b[^;\n]*", "true"))


@FAMILY.add("recommended-too", "installed everything that is recommended", RUN)
def _recommends(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r" --no-install-recommends", ""))


@FAMILY.add("no-retries", "gave up at the first passing error", RUN)
def _retries(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r" --option Acquire::Retries=\d+| --retry \d+", ""))


@FAMILY.add("plain-http", "fetched the helper scripts without TLS", RUN)
def _http(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"https://", "http://"))


@FAMILY.add("gone-address", "fetched the helper scripts from where Python 2's were", RUN)
def _address(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"aws-cfn-bootstrap-py3-latest", "aws-cfn-bootstrap-latest"))


@FAMILY.add("error-page", "took the page of an error for the file", RUN)
def _fail(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"curl --fail ", "curl "))


@FAMILY.add("errors-ignored", "wrote || true behind a step that failed once", RUN)
def _ignored(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        _each(
            r"^([ \t]*(?:apt-get|curl|pip|python3|\"\$helpers/bin/pip\")(?:[^\n]*\\\n)*[^\n]*)\n",
            r"\1 || true\n",
        )
    )


@FAMILY.add("in-the-background", "let a step run on while the next begins", PARSED)
def _background(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        _each(r"^([ \t]*apt-get install(?:[^\n]*\\\n)*[^\n]*)\n", r"\1 &\n")
    )


@FAMILY.add("lost-quote", "lost a quotation mark", PARSED)
def _quote(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r'"\n', "\n"))


@FAMILY.add("unquoted", "left a variable unquoted", PARSED)
def _unquoted(subject: Subject) -> Iterator[Change]:
    def change(text: str) -> Iterator[tuple[str, str]]:
        # What the script itself sets to one plain word is the same with and without quotes.
        words = set(re.findall(r"\b(\w+)=[\w/.:-]+(?=\s)", text)) or {" "}
        yield from _each(rf'"\$(?!(?:{"|".join(words)})")(\w+)"', r"$\1")(text)

    yield from subject.programs(change)


@FAMILY.add("lost-fi", "lost the end of an if", PARSED)
def _fi(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r"^[ \t]*fi\n", ""))


@FAMILY.add("lost-backslash", "lost the backslash that continues a line", RUN)
def _backslash(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_each(r" \\\n", "\n"))


@FAMILY.add("blank-after-backslash", "left a blank behind the backslash", PARSED)
def _blank(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r" \\\n", r" \\ \n"))


@FAMILY.add("unescaped-percent", "printed a text with a percent sign in it", PARSED)
def _percent(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"^([ \t]*)echo \"([^\"\n]*)\"", r'\1printf "\2 100%\\n"'))


@FAMILY.add("typo", "misspelt a command", RUN)
def _typo(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"^([ \t]*)apt-get install", r"\1apt-gte install"))


@FAMILY.add("wrong-variable", "misspelt a variable", PARSED)
def _variable(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r'--region "\$region"\nfi', r'--region "$regoin"\nfi'))


@FAMILY.add("again-and-again", "installed again what was there", "a second run of the script")
def _again(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(
        _each(r"^([ \t]*)if (?:\[\[ )?! (?:-x|installed\b)[^\n]*; then", r"\1if true; then")
    )


@FAMILY.add("signals-again", "signalled again at a second run", "a second run of the script")
def _signals(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r" && ! -e \$\w+ \]\]", " ]]"))


@FAMILY.add("no-trace", "left the log without the steps", "the trace in the script's output")
def _trace(subject: Subject) -> Iterator[Change]:
    yield from subject.programs(_all(r"^set -x\n", ""))
