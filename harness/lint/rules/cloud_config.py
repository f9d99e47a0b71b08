"""Whether cloud-init understands a cloud-config, by its own schema.

The schema is Debian's cloud-init 22.4; ``tools/cloud_init_schema.py`` writes it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import yaml

from harness.lint.finding import Severity
from harness.lint.positions import Span, yaml_spans
from harness.lint.rule import Hit, Rule
from harness.lint.scripts import Script, UserData
from harness.lint.subject import Subject
from harness.lint.text import TracedText
from harness.userdata import Path

if TYPE_CHECKING:
    from jsonschema import ValidationError

_LONGEST: Final = 160


@cache
def _schema() -> Mapping[str, Any]:
    text = resources.files("harness.lint").joinpath("data/cloud-config.schema.json").read_text()
    schema: Mapping[str, Any] = json.loads(text)
    return schema


@cache
def _known_keys() -> frozenset[str]:
    definitions = _schema()["$defs"].values()
    return frozenset(key for one in definitions for key in one.get("properties", ()))


def _parsed(subject: Subject) -> Iterator[tuple[Script, TracedText, Any]]:
    """The cloud-configs that are YAML: the UserData, the part's text, its value."""
    for data in subject.user_data:
        for text in data.cloud_configs:
            try:
                yield _whole(data, text), text, yaml.safe_load(text.text)
            except yaml.YAMLError:
                continue


def _whole(data: UserData, text: TracedText) -> Script:
    return Script(f"{data.resource} cloud-config", data.resource, text, "", data.path)


def _no_yaml(subject: Subject) -> Iterator[Hit]:
    for data in subject.user_data:
        for text in data.cloud_configs:
            try:
                value = yaml.safe_load(text.text)
            except yaml.MarkedYAMLError as error:
                mark = error.problem_mark or error.context_mark
                yield Hit(
                    f"the cloud-config of {data.resource} is no YAML: {error.problem}",
                    script=_whole(data, text),
                    offset=mark.index if mark else 0,
                )
            except yaml.YAMLError as error:
                yield Hit(
                    f"the cloud-config of {data.resource} is no YAML: {error}",
                    script=_whole(data, text),
                )
            else:
                if value is not None and not isinstance(value, Mapping):
                    yield Hit(
                        f"the cloud-config of {data.resource} is no mapping of keys to values",
                        script=_whole(data, text),
                    )


def _against_schema(subject: Subject) -> Iterator[Hit]:
    for script, text, value in _parsed(subject):
        if not isinstance(value, Mapping):
            continue
        from jsonschema import Draft4Validator  # noqa: PLC0415 - costs 0.1 s, and few need it

        spans, keys = yaml_spans(text.text)
        for error in Draft4Validator(_schema()).iter_errors(value):
            worst = _deepest(error)
            path = tuple(worst.absolute_path)
            span = _nearest(spans, path)
            at = keys[path].start if path in keys else span.start
            if not text.names_in(span.start, span.end):
                said = worst.message[:_LONGEST]
                where = ".".join(map(str, path)) or "the top"
                yield Hit(f"{where}: {said}", script=script, offset=at)


def _deepest(error: ValidationError) -> ValidationError:
    """The one complaint of several alternatives that says most."""
    while error.context:
        best = max(error.context, key=lambda one: len(one.absolute_path))
        if len(best.absolute_path) <= len(error.absolute_path):
            return error
        error = best
    return error


def _nearest(spans: Mapping[Path, Span], path: Path) -> Span:
    while path and path not in spans:
        path = path[:-1]
    return spans[path]


def _unknown_key(subject: Subject) -> Iterator[Hit]:
    for script, text, value in _parsed(subject):
        if not isinstance(value, Mapping):
            continue
        _, keys = yaml_spans(text.text)
        for key in value:
            if key in _known_keys():
                continue
            close = difflib.get_close_matches(str(key), _known_keys(), n=1, cutoff=0.8)
            yield Hit(
                f"cloud-init knows no key {key!r}" + (f"; is {close[0]!r} meant?" if close else ""),
                script=script,
                offset=keys[str(key),].start if (str(key),) in keys else 0,
                severity=None if close else Severity.INFO,
            )


def _twice(subject: Subject) -> Iterator[Hit]:
    for script, text, value in _parsed(subject):
        if not isinstance(value, Mapping):
            continue
        root = yaml.compose(text.text)
        seen: set[str] = set()
        for key, _ in getattr(root, "value", ()):
            if key.value in seen:
                yield Hit(
                    f"the key {key.value!r} stands twice, and the first is lost",
                    script=script,
                    offset=key.start_mark.index,
                )
            seen.add(key.value)


RULES: Final = (
    Rule(
        "HU010",
        Severity.ERROR,
        "a cloud-config that is no YAML",
        "mend it; cloud-init passes over all of it",
        _no_yaml,
    ),
    Rule(
        "HU011",
        Severity.WARNING,
        "a cloud-config that breaks cloud-init's schema",
        "see the module's page in cloud-init's documentation",
        _against_schema,
    ),
    Rule(
        "HU012",
        Severity.WARNING,
        "a key that cloud-init does not know",
        "cloud-init passes over it; correct its spelling",
        _unknown_key,
    ),
    Rule(
        "HU013",
        Severity.WARNING,
        "a key of a cloud-config that stands twice",
        "put the two lists together",
        _twice,
    ),
)
