"""The catalogue of mistakes: what each says, and what it makes of templates of all kinds."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harness.embed import embed
from harness.errors import TemplateError
from harness.mutate.mutator import Mutant, Mutator, Rung
from harness.mutate.mutators import CATALOGUE
from harness.mutate.subject import Subject
from harness.template import Template

pytestmark = pytest.mark.selftest

ROOT = Path(__file__).parents[3]
GOOD = sorted((ROOT / "tests/corpus/good").iterdir())
WITHOUT_SCRIPT = """
Resources:
  Web:
    Type: AWS::EC2::Instance
    CreationPolicy: {ResourceSignal: {Timeout: PT10M}}
    Properties:
      ImageId: ami-1
      UserData:
        Fn::Base64: !Sub |
          #!/bin/bash -e
          apt-get install --yes nginx
          cfn-signal -e 0 --stack ${AWS::StackName} --resource Web --region ${AWS::Region}
"""


@pytest.fixture(scope="module")
def stack() -> Subject:
    """The stack of this repository."""
    template, script = ROOT / "formation.json", ROOT / "provision.sh"
    return Subject(template.read_text(), script.read_text()).canonical


@pytest.fixture(scope="module")
def mutants(stack: Subject) -> list[Mutant]:
    return [one for mutator in CATALOGUE for one in mutator.mutants(stack)]


def test_is_large() -> None:
    """People make more mistakes than that, but no fewer."""
    assert len(CATALOGUE) >= 60
    assert {one.rung for one in CATALOGUE} == set(Rung)


def test_names_are_unique_and_stable() -> None:
    """Reasons for equivalent mutants are written down by name."""
    assert [
        name for name, count in Counter(one.name for one in CATALOGUE).items() if count > 1
    ] == []
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.name) for one in CATALOGUE)


@pytest.mark.parametrize("mutator", CATALOGUE, ids=lambda one: one.name)
def test_says_what_somebody_did_and_what_would_notice(mutator: Mutator) -> None:
    """Both are shown with a survivor, in the middle of a sentence."""
    assert mutator.mistake[0].islower()
    assert mutator.mistake[-1] not in ".:;"
    assert mutator.caught_by


@pytest.mark.parametrize("mutator", CATALOGUE, ids=lambda one: one.name)
def test_breaks_the_stack_of_this_repository(mutator: Mutator, stack: Subject) -> None:
    """Each mistake can be made in it, and changes something."""
    found = list(mutator.mutants(stack))
    assert found
    for mutant in found:
        assert mutant.broken != stack
        assert mutant.diff


def test_mutants_have_names_of_their_own(mutants: list[Mutant]) -> None:
    """The table and the reasons name them."""
    assert len({one.name for one in mutants}) == len(mutants)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_takes_templates_of_all_kinds(path: Path) -> None:
    """JSON and YAML, Join and Sub, with and without an instance: no mutator stumbles."""
    subject = Subject(path.read_text()).canonical
    for mutator in CATALOGUE:
        for mutant in mutator.mutants(subject):
            assert mutant.broken.text != subject.text


def test_template_without_a_script_is_broken_in_its_user_data() -> None:
    """Where the script stands in the template alone, the shell's mistakes are made there."""
    subject = Subject(WITHOUT_SCRIPT).canonical
    names = {one.name for mutator in CATALOGUE for one in mutator.mutants(subject)}
    assert {
        "drop-creation-policy",
        "drop-signal",
        "signal-another-resource",
        "misspelt-package:nginx",
        "waits-for-an-answer:line 2",
        "crlf",
    } <= names


@pytest.mark.parametrize(
    "name", ["misspelt-package:leiningen", "drop-signal", "signal-first", "crlf", "lost-quote"]
)
def test_mistakes_in_the_script_are_embedded(
    mutants: list[Mutant], name: str, tmp_path: Path
) -> None:
    """As by somebody who changes the script and embeds it: no test shall only see a drift."""
    (mutant,) = (one for one in mutants if one.name == name)
    assert mutant.broken.script is not None
    template, script = tmp_path / "formation.json", tmp_path / "provision.sh"
    template.write_bytes(mutant.broken.text.encode())
    script.write_bytes(mutant.broken.script.encode())
    program = mutant.broken.program("Compute")
    assert program.endswith(mutant.broken.script)
    if name != "crlf":  # which cannot be embedded
        assert embed(template, script, "Compute").diff == ""


def test_drift_is_a_mistake_of_its_own(mutants: list[Mutant]) -> None:
    """Of the script, or of the copy."""
    by_name = {one.name: one for one in mutants}
    stale, edited = by_name["stale-script"], by_name["edited-copy"]
    assert stale.broken.text == stale.original.text
    assert edited.broken.script == edited.original.script


def test_program_is_put_back_as_it_was(stack: Subject) -> None:
    """Values that only a stack knows keep their places."""
    assert stack.with_program("Compute", stack.program("Compute")) == stack


def test_program_without_its_header_leaves_the_script_alone(stack: Subject) -> None:
    """What the template alone says is no part of the script's file."""
    changed = stack.with_program("Compute", stack.program("Compute").replace("CFN_STACK=", "X="))
    assert changed.script == stack.script
    assert changed.text != stack.text


def test_mutants_of_the_text_need_not_be_readable(mutants: list[Mutant]) -> None:
    """Some are no JSON any more, and can still be shown."""
    (mutant,) = (one for one in mutants if one.name == "lost-comma")
    with pytest.raises(TemplateError):
        Template.parse(mutant.broken.text)
    assert mutant.diff.startswith("--- template as it is")


def test_what_changes_nothing_is_no_mutant(stack: Subject) -> None:
    """A mutator that finds its mistake already made has nothing to break."""
    (mutator,) = (one for one in CATALOGUE if one.name == "no-purpose")
    assert list(mutator.mutants(replace(stack.without("Description")))) == []
