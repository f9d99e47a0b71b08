"""Templates: handed back, checked, summed up."""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.cloud.cloudformation_api import answers
from harness.cloud.cloudformation_api.reading import change_set, given_template
from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import QueryError, Value
from harness.cloudformation.parameters import declarations


def get_template(request: Request) -> Mapping[str, Value]:
    """The template as transforms made it, or as it was sent."""
    stage = request.get("TemplateStage", "Processed")
    name = request.get("StackName")
    if request.get("ChangeSetName"):
        template = change_set(request).plan.template
    elif name:
        template = request.engine.stack(name).template
    else:
        raise QueryError("StackName is required if ChangeSetName is not specified.")
    return {
        "TemplateBody": (template if stage == "Processed" else template.sent).text,
        "StagesAvailable": ["Original", "Processed"],
    }


def validate_template(request: Request) -> Mapping[str, Value]:
    """Whether a template can be read, and its parameters."""
    template = given_template(request)
    keys = ("ParameterKey", "DefaultValue", "NoEcho", "Description")
    return {
        "Description": template.description or None,
        "Parameters": [
            {key: one[key] for key in keys if key in one} for one in declarations(template)
        ],
        **answers.capabilities(template),
    }


def get_template_summary(request: Request) -> Mapping[str, Value]:
    """What a template declares."""
    name = request.get("StackName")
    template = request.engine.stack(name).template.sent if name else given_template(request)
    types = dict.fromkeys(one.type for one in template.resources.values())
    metadata = template.body.get("Metadata")
    return {
        "Description": template.description or None,
        "Parameters": [{"ParameterConstraints": {}, **one} for one in declarations(template)],
        "ResourceTypes": list(types),
        "Version": str(template.body.get("AWSTemplateFormatVersion", "2010-09-09")),
        "Metadata": json.dumps(metadata) if metadata else None,
        **answers.capabilities(template),
    }
