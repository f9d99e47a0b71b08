"""What ``Fn::ForEach`` makes, looked at as well: rules see the resources that the loops stand for.

cfn-lint knows loops by itself; this is for the rules of our own, whose template has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from harness.cloudformation.language_extensions import expand, is_extended
from harness.cloudformation.refusal import RequestRefused
from harness.errors import TemplateError
from harness.lint.finding import Finding, Place
from harness.lint.subject import Subject, well_formed
from harness.template import LOOP, Node
from harness.userdata import parameter_values

_VARIABLE: Final = re.compile(r"\\[$&]\\\{[^{}]*\\\}")


def unrolled(subject: Subject) -> Subject | None:
    """The template with its loops written out; None where there is none that can be.

    A loop over a parameter without a default has one turn, of a placeholder.
    """
    template = subject.template
    if not is_extended(template) or LOOP not in template.text:
        return None
    values = parameter_values(template, subject.parameters)
    try:
        made = expand(template, values, subject.resolver.pseudo)
    except (RequestRefused, TemplateError):
        return None  # cfn-lint reports a loop that is malformed
    return replace(subject, template=well_formed(made))


def placed(
    findings: Iterable[Finding], plain: Iterable[Finding], subject: Subject
) -> Iterator[Finding]:
    """Findings on the unrolled template, with their places in the template as it is written.

    Args:
        findings: Theirs are places in a text that nobody has seen.
        plain: The findings on the template as it is written.
        subject: The template as it is written.
    """
    places = {_key(one): one.place for one in plain}
    for finding in findings:
        place = places.get(_key(finding)) or _maker(subject, finding.resource)
        yield replace(finding, place=place)


def _key(finding: Finding) -> tuple[object, ...]:
    return finding.code, finding.message, finding.resource, finding.script


def _maker(subject: Subject, logical_id: str) -> Place:
    """Where a resource stands, or the loop that makes it."""
    resources = subject.template.body["Resources"]
    if logical_id in resources:
        return subject.source.key(("Resources", logical_id))
    for name, loop in resources.items():
        if name.startswith(LOOP) and any(one.fullmatch(logical_id) for one in _names(loop)):
            return subject.source.key(("Resources", name))
    return Place()


def _names(loop: Node) -> Iterator[re.Pattern[str]]:
    """What the names of the members that a loop makes look like."""
    match loop:
        case [_, _, dict() as members]:
            for name, member in members.items():
                if name.startswith(LOOP):
                    yield from _names(member)
                else:
                    yield re.compile(_VARIABLE.sub(".*", re.escape(name)))
