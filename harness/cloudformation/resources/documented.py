"""What AWS documents of resource types, by the schemas that cfn-lint ships."""

from __future__ import annotations

import logging

_LOG = logging.getLogger(__name__)


def has_attribute(resource_type: str, name: str) -> bool:
    """Whether AWS answers ``Fn::GetAtt`` of that attribute; no where nobody knows.

    Takes a second where cfn-lint is not loaded yet: for the words of a failure only.
    """
    try:
        from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # noqa: PLC0415

        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type)
        return name in list(schema.get_atts)
    except Exception as error:  # noqa: BLE001 - only the words of a failure hang on it
        _LOG.debug("nothing is known of %s: %s", resource_type, error)
        return False
