"""Which function does which action of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from harness.cloud.cloudformation_api import (
    change_sets,
    exports,
    resources,
    signals,
    stacks,
    templates,
)
from harness.cloud.cloudformation_api.request import Request
from harness.cloud.query import Value

Operation = Callable[[Request], Mapping[str, Value]]
"""Does what a request asks; answers the members of the action's result."""

OPERATIONS: Final[Mapping[str, Operation]] = {
    "CancelUpdateStack": stacks.cancel_update_stack,
    "ContinueUpdateRollback": stacks.continue_update_rollback,
    "CreateChangeSet": change_sets.create_change_set,
    "CreateStack": stacks.create_stack,
    "DeleteChangeSet": change_sets.delete_change_set,
    "DeleteStack": stacks.delete_stack,
    "DescribeAccountLimits": stacks.describe_account_limits,
    "DescribeChangeSet": change_sets.describe_change_set,
    "DescribeStackEvents": stacks.describe_stack_events,
    "DescribeStackResource": resources.describe_stack_resource,
    "DescribeStackResources": resources.describe_stack_resources,
    "DescribeStacks": stacks.describe_stacks,
    "ExecuteChangeSet": change_sets.execute_change_set,
    "GetStackPolicy": stacks.get_stack_policy,
    "GetTemplate": templates.get_template,
    "GetTemplateSummary": templates.get_template_summary,
    "ListChangeSets": change_sets.list_change_sets,
    "ListExports": exports.list_exports,
    "ListImports": exports.list_imports,
    "ListStackResources": resources.list_stack_resources,
    "ListStacks": stacks.list_stacks,
    "RollbackStack": stacks.rollback_stack,
    "SetStackPolicy": stacks.set_stack_policy,
    "SignalResource": signals.signal_resource,
    "UpdateStack": stacks.update_stack,
    "UpdateTerminationProtection": stacks.update_termination_protection,
    "ValidateTemplate": templates.validate_template,
}
"""The operations that are simulated, by the action that asks for them."""
