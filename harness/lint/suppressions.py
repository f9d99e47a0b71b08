"""What a user does not want to hear: ``--ignore``, and cfn-lint's own settings in the template.

``Metadata: {cfn-lint: {config: {ignore_checks: [HS009]}}}`` counts at the top of the template and
in a resource; a code may be given by its beginning. cfn-lint itself heeds them for its own codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.lint.finding import Finding
from harness.template import Node, Template
from harness.userdata import value_at


@dataclass(frozen=True)
class Suppressions:
    """What to leave out of a template's findings."""

    template: Template
    ignore: tuple[str, ...] = ()

    def cover(self, finding: Finding) -> bool:
        """Whether nobody wants to hear of a finding."""
        prefixes = [*self.ignore, *_ignored(self.template.body.get("Metadata"))]
        resource = self.template.resources.get(finding.resource)
        if resource is not None:
            prefixes += _ignored(resource.body.get("Metadata"))
        return finding.code.upper().startswith(tuple(one.upper() for one in prefixes if one))


def _ignored(metadata: Node) -> list[str]:
    if not isinstance(metadata, Mapping):
        return []
    codes = value_at(metadata, ("cfn-lint", "config", "ignore_checks"))
    return [str(code) for code in codes] if isinstance(codes, list) else []
