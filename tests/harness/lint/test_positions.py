"""Positions in templates."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.lint.finding import Place
from harness.lint.positions import SourceMap, Span, scalar_offsets, yaml_spans
from harness.template import Template
from harness.userdata import Path

pytestmark = pytest.mark.selftest

YAML = """\
Parameters:
  Size: {Type: String, Default: small}
Resources:
  Compute:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: !Ref Size
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash
          echo ${AWS::Region}
"""

JSON = """\
{
  "Resources": {
    "Compute": {
      "Type": "AWS::EC2::Instance",
      "Properties": {"Tags": [ {"Key": "a\\tb"}, 7, true ],
        "UserData": {"Fn::Join": ["", ["one\\n", "two\\u00e9\\n"]]}}
    }
  }
}
"""


def test_a_value_and_its_key_in_yaml() -> None:
    """Values start where they are written, keys where the key is."""
    source = SourceMap(Template.parse(YAML))
    path = ("Resources", "Compute", "Properties", "ImageId")
    assert source.key(path) == Place(7, 7)
    assert source.place(path) == Place(7, 16)
    assert source.place((*path, "Ref")) == Place(7, 16)


def test_a_value_that_is_not_there_is_where_its_holder_is() -> None:
    """A finding about what is missing points at what lacks it."""
    source = SourceMap(Template.parse(YAML))
    assert source.key(("Resources", "Compute", "Properties", "KeyName")) == Place(6, 5)
    assert source.place(("Nothing", "Here")) == Place(1, 1)


def test_characters_of_a_block_scalar() -> None:
    """Every character of a literal block maps to its line and column in the file."""
    template = Template.parse(YAML)
    path = ("Resources", "Compute", "Properties", "UserData", "Fn::Base64", "Fn::Sub")
    source = SourceMap(template)
    text = "#!/bin/bash\necho ${AWS::Region}\n"
    offsets = source.offsets(path, text)
    assert source.lines.place(offsets[0]) == Place(10, 11)
    assert source.lines.place(offsets[text.index("${")]) == Place(11, 16)


def test_a_value_and_characters_in_json() -> None:
    """Escapes in a JSON string count as one character."""
    template = Template.parse(JSON)
    source = SourceMap(template)
    assert source.place(("Resources", "Compute", "Type")) == Place(4, 15)
    assert source.place(("Resources", "Compute", "Properties", "Tags", 2)) == Place(5, 52)
    path = ("Resources", "Compute", "Properties", "UserData", "Fn::Join", 1, 1)
    offsets = source.offsets(path, "twoé\n")
    assert [source.lines.place(at).column for at in offsets] == [50, 51, 52, 53, 59]


@pytest.mark.parametrize(
    "document",
    [
        "a: plain words\n",
        "a: plain\n  over\n\n  lines\nb: 1\n",
        "a: 'it''s ''quoted'''\n",
        "a: 'over\n  two\n\n  lines'\n",
        'a: "tab\\t \\x41 \\u00e9 \\"q\\" \\\\"\n',
        'a: "folded \\\n   on\n  and on"\n',
        "a: |\n  one\n\n    two\n  three\n",
        "a: |-\n  one\n  two\n\n",
        "a: |+\n  one\n\n\nb: 2\n",
        "a: >\n  one\n  two\n\n  three\n    four\n  five\n",
        "a: >-\n  one\n  two\n",
        "a: !Sub |\n  one\n",
        "a: !Sub 'one'\n",
        "a: &anchor one two\n",
        "a:\n  - x\n  - |\n    one\n",
    ],
)
def test_every_style_of_yaml_scalar_maps_character_by_character(document: str) -> None:
    """The characters at the mapped places are those of the value, but for folded white space."""
    values, _ = yaml_spans(document)
    for span, value in _scalars(document, values):
        offsets = scalar_offsets(document, span, value)
        assert len(offsets) == len(value)
        assert list(offsets) == sorted(offsets)
        for char, at in zip(value, offsets, strict=True):
            assert document[at] == char or char.isspace() or document[at] == "\\", (value, char)


def _scalars(document: str, values: Mapping[Path, Span]) -> list[tuple[Span, str]]:
    found = []
    root = yaml.compose(document.replace("!Sub ", ""))
    assert isinstance(root, yaml.MappingNode)
    node = root.value[0][1]
    if isinstance(node, yaml.SequenceNode):
        found.append((values["a", 1], node.value[1].value))
    else:
        found.append((values[("a", "Fn::Sub") if "!Sub" in document else ("a",)], node.value))
    return found


@given(st.text(), st.text())
def test_any_json_string_maps_character_by_character(key: str, value: str) -> None:
    """Whatever JSON escapes, each character has a place of its own, in order."""
    text = json.dumps({"Resources": {"R": {"Type": "T", "Properties": {key: value}}}})
    template = Template.parse(text)
    offsets = SourceMap(template).offsets(("Resources", "R", "Properties", key), value)
    assert len(set(offsets)) == len(value), (key, value)
    assert list(offsets) == sorted(offsets)
