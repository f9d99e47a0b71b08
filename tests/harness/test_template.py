"""What is read as a template, and how it is said what is not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from harness.errors import TemplateError
from harness.template import Template

pytestmark = pytest.mark.selftest

QUEUE = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
CYCLE = """\
Resources:
  A: &a
    Type: AWS::EC2::Instance
    Properties: *a
"""
LAUGHS = "\n".join(
    ["a: &a [x]", *(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in pairwise("abcdef"))]
)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("t.yaml", CYCLE, "t.yaml:4:17: YAML aliases are not allowed"),
        ("t.yaml", LAUGHS, "t.yaml:2:8: YAML aliases are not allowed"),
        ("t.json", "not json {", "t.json:1:1: not JSON: Expecting value"),
        ("t.json", "<<<<<<< HEAD\n" + QUEUE, "t.json:1:1: not JSON: Expecting value"),
        ("t.json", "// mine\n" + QUEUE, "t.json:1:1: not JSON: Expecting value"),
        ("t.json", "\ufeff" + QUEUE, "t.json:1:1: not JSON: it begins with a byte order mark"),
        ("t.json", QUEUE.replace("{", '{"A": NaN, ', 1), "t.json: not JSON: NaN is no number"),
        ("t.json", QUEUE.replace("{", '{"A": 1e999, ', 1), "t.json: not JSON: 1e999 is no number"),
        ("t.json", '{"A": ' + "[" * 99_999, "t.json: not JSON: nested too deep"),
        ("t.yaml", "a: " + "[" * 9_999, "t.yaml: nested too deep"),
    ],
)
def test_what_is_no_template_is_told_with_place_and_remedy(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    """Where it is known, and before anything could follow a cycle or unfold a bomb."""
    (tmp_path / name).write_text(text)
    with pytest.raises(TemplateError) as refused:
        Template.load(tmp_path / name)
    assert refused.value.message.startswith(f"{tmp_path}/{complaint}")
    assert refused.value.remedy


def test_a_folder_is_no_text_file(tmp_path: Path) -> None:
    """The remedy is about what is the matter."""
    with pytest.raises(TemplateError, match="Is a directory") as refused:
        Template.load(tmp_path)
    assert "not a folder" in refused.value.remedy
    (tmp_path / "t.json").write_bytes(b"\xff\xfe")
    with pytest.raises(TemplateError, match="is no text") as refused:
        Template.load(tmp_path / "t.json")
    assert "UTF-8" in refused.value.remedy


def test_yaml_may_begin_with_a_mark_and_anchor_what_nobody_repeats(tmp_path: Path) -> None:
    """Neither changes what it says."""
    path = tmp_path / "t.yaml"
    path.write_text("\ufeffResources: {Queue: &queue {Type: AWS::SQS::Queue}}\n")
    assert [*Template.load(path).resources] == ["Queue"]
