"""A script and its copy in a template's UserData."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.cloudformation.intrinsics import PseudoParameters, Resolver
from harness.embed import ScriptError, embed, read_script
from harness.errors import TemplateError
from harness.template import Template

pytestmark = pytest.mark.selftest

TEMPLATE = """\
{
  "Description": "odd   spacing stays",
  "Resources": {"Box": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"UserData": 1}},
    "Node": {
      "Type": "AWS::EC2::Instance",
      "Properties": { "Tags": [ { "Key": "UserData", "Value": "{\\"" } ],
        "UserData": "", "Last" : [ 1,2 ] }
    }
  }
}
"""
SCRIPT = "#!/bin/bash -e\necho \"it's ${HOME} \\\\ 100%\"\n\tprintf '\u00fc\\n'\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    template, script = tmp_path / "stack.json", tmp_path / "run.sh"
    template.write_text(TEMPLATE)
    script.write_text(SCRIPT)
    return template, script


def rendered(template: Path) -> str:
    parsed = Template.load(template)
    pseudo = PseudoParameters(stack_name="demo", stack_id="arn:demo", region="eu-west-1")
    value = Resolver(parsed, {}, pseudo).resolve(parsed.resources["Node"].properties["UserData"])
    return base64.b64decode(value).decode()


def test_instance_gets_the_script_after_what_it_must_know(files: tuple[Path, Path]) -> None:
    """The names come as literal assignments between the interpreter line and the script."""
    template, script = files
    embed(template, script, "Node").write()
    assert rendered(template) == (
        "#!/bin/bash -e\nCFN_STACK='demo'\nCFN_REGION='eu-west-1'\nCFN_RESOURCE='Node'\n" + SCRIPT
    )


def test_only_the_user_data_changes(files: tuple[Path, Path]) -> None:
    """Everything before and after the value stays to the byte, however it was laid out."""
    template, script = files
    embed(template, script, "Node").write()
    text = template.read_text()
    before, after = TEMPLATE.split('"UserData": "", "Last"')
    assert text.startswith(before + '"UserData": {\n')
    assert text.endswith('}, "Last"' + after)


def test_embedding_twice_changes_nothing(files: tuple[Path, Path]) -> None:
    """What is embedded has no diff against its own source."""
    template, script = files
    embed(template, script, "Node").write()
    assert embed(template, script, "Node").diff == ""


def test_check_shows_the_drift_and_changes_nothing(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """``--check`` exits 1 with the lines that differ, and 0 once they agree."""
    template, script = files
    arguments = ["embed", str(template), str(script), "--resource", "Node"]
    assert main(arguments) == 0
    script.write_text(SCRIPT.replace("100%", "99%"))
    before = template.read_text()
    capsys.readouterr()
    assert main([*arguments, "--check"]) == 1
    output = capsys.readouterr()
    changed = [line for line in output.out.splitlines() if line[:1] in {"-", "+"}][2:]
    assert [line[0] for line in changed] == ["-", "+"]
    assert "99%" in changed[1]
    assert f"harness embed {template} {script} --resource Node" in output.err
    assert template.read_text() == before
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"#!/bin/bash -e\r\ntrue\r\n", "run.sh:1: CRLF line ends"),
        (b"#!/bin/bash -e\ntrue\necho a\rb\n", "run.sh:3: CRLF line ends"),
        (b"echo no interpreter\n", "no interpreter line"),
        (b"#!/bin/bash\n\xff\n", "is no text"),
        (b"#!/bin/bash\n" + b"#" * 16_384, "EC2 takes 16384"),
    ],
)
def test_script_that_cannot_run_is_refused(
    files: tuple[Path, Path],
    content: bytes | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each says which file and what to do, changes nothing, and exits 2."""
    template, script = files
    if content is None:
        script.unlink()
    else:
        script.write_bytes(content)
    with pytest.raises(ScriptError, match=message) as caught:
        embed(template, script, "Node")
    assert caught.value.remedy
    assert main(["embed", str(template), str(script), "--resource", "Node"]) == 2
    assert message in capsys.readouterr().err
    assert template.read_text() == TEMPLATE


def test_a_mark_before_the_interpreter_is_named(files: tuple[Path, Path]) -> None:
    """Nobody sees it, and the kernel does not know what to do with it."""
    files[1].write_text("\ufeff" + SCRIPT)
    with pytest.raises(ScriptError, match="byte order mark"):
        read_script(files[1])


def test_a_template_that_cannot_be_written_is_named(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason."""

    def refuse(_path: Path, _content: bytes) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(TemplateError, match="cannot be written: Permission denied"):
        embed(*files, "Node").write()


def test_size_counts_the_longest_name_a_stack_may_have(files: tuple[Path, Path]) -> None:
    """A script is refused when only a short stack name would let it fit."""
    template, script = files
    room = 16_384 - len("#!/bin/bash -e\nCFN_STACK=''\nCFN_REGION=''\nCFN_RESOURCE='Node'\n") - 256
    script.write_text("#!/bin/bash -e\n".ljust(room, "#"))
    embed(template, script, "Node")
    script.write_text("#!/bin/bash -e\n".ljust(room + 1, "#"))
    with pytest.raises(ScriptError, match="16385 bytes"):
        embed(template, script, "Node")


@pytest.mark.parametrize(
    ("text", "resource", "message"),
    [
        (TEMPLATE, "Nope", "no resource 'Nope'"),
        (TEMPLATE.replace('"UserData": "", ', ""), "Node", "has no UserData"),
        (TEMPLATE[:-5], "Node", "not JSON"),
        (json.dumps({"a": 1}), "Node", "Resources"),
        ("Resources:\n  Node:\n    Type: AWS::EC2::Instance\n", "Node", "not JSON"),
    ],
)
def test_template_that_cannot_hold_it_is_refused(
    files: tuple[Path, Path], text: str, resource: str, message: str
) -> None:
    """The message names the template, and the file stays."""
    template, script = files
    template.write_text(text)
    with pytest.raises(TemplateError, match=message) as caught:
        embed(template, script, resource)
    assert caught.value.remedy
    assert str(template) in str(caught.value)
    assert template.read_text() == text


def test_yaml_cannot_hold_it(files: tuple[Path, Path]) -> None:
    """Its text could not be kept to the byte."""
    template = files[0].with_suffix(".yaml")
    template.write_text("Resources:\n  Node:\n    Type: AWS::EC2::Instance\n")
    with pytest.raises(TemplateError, match="only be embedded into JSON"):
        embed(template, files[1], "Node")


def test_missing_template_is_refused(tmp_path: Path) -> None:
    """A missing template is named."""
    with pytest.raises(TemplateError, match="no such file"):
        embed(tmp_path / "none.json", tmp_path / "none.sh", "Node")


def test_script_is_read_as_it_is(files: tuple[Path, Path]) -> None:
    """No line end is translated on the way."""
    assert read_script(files[1]) == SCRIPT
