"""Rules on templates that are wrong where nobody expects it: never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError, TemplateError
from harness.lint import lint
from harness.lint.rules import RULES
from harness.lint.shellcheck import Checkers
from harness.lint.subject import Subject, well_formed
from harness.template import Node, Template

pytestmark = pytest.mark.selftest

CORPUS = Path(__file__).parents[2] / "corpus"
TEMPLATES = sorted(
    path
    for path in CORPUS.glob("*/*")
    if path.name != "expected.json" and "too-large" not in path.name
)
ODD: tuple[Node, ...] = (
    None, 5, True, [], {}, "x", -1, 1.5, "__x__", [None], [[1]], {"a": {"b": [1]}},
    {"Ref": 5}, {"Ref": "Server"}, {"Ref": "AWS::NoValue"}, [{"Ref": "AWS::NoValue"}],
    {"Fn::Sub": []}, {"Fn::Sub": "${Server.X} ${Nope}"}, {"Fn::If": ["a"]},
    {"Fn::If": ["HasKey", 1, 2]}, {"Fn::Join": ["", 5]}, {"Fn::GetAtt": ["Server"]},
    {"Fn::GetAtt": "Server"}, {"Fn::Base64": ["a"]}, {"Fn::Base64": {"Ref": "AWS::NoValue"}},
)  # fmt: skip


def paths(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    items: Iterable[tuple[Any, Node]] = ()
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    for key, value in items:
        yield from paths(value, (*path, key))


def replaced(node: Node, path: tuple[str | int, ...], value: Node) -> Node:
    if not path:
        return value
    copy: Node = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = replaced(node[path[0]], path[1:], value)
    return copy


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEMPLATES), st.sampled_from(ODD), st.data())
def test_no_rule_trips_over_a_malformed_template(
    path: Path, oddity: Node, data: st.DataObject
) -> None:
    """Any value anywhere; what is no template at all is refused as such."""
    body = Template.load(path).body
    where = data.draw(st.sampled_from(list(paths(body))))
    try:
        template = Template.parse(json.dumps(replaced(body, where, oddity)), path=path)
    except TemplateError:
        return
    subject = Subject(well_formed(template), path, checkers=Checkers(None, None))
    for rule in RULES:
        for finding in rule.findings(subject):
            assert finding.line >= 1


def test_a_checker_that_does_not_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts are strangers'; one that bash chokes on holds nobody up."""
    monkeypatch.setattr("harness.lint.shellcheck.LIMIT_SECONDS", 0.1)
    hangs = tmp_path / "bash"
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    hangs.chmod(0o755)
    template = tmp_path / "t.json"
    user_data = {"Fn::Base64": "#!/bin/bash\ntrue\n"}
    instance = {"Type": "AWS::EC2::Instance", "Properties": {"UserData": user_data}}
    template.write_text(json.dumps({"Resources": {"I": instance}}))
    with pytest.raises(HarnessError, match=r"bash has not read a script of 17 characters"):
        lint(template, checkers=Checkers(str(hangs), None))
