"""CloudFormation's Query API over the stack engine.

Any client of CloudFormation may speak to it; a request is either done, or answered with the error
code that CloudFormation has for it.
"""

from harness.cloud.cloudformation_api.api import CloudFormationApi
from harness.cloud.cloudformation_api.request import Caller

__all__ = ["Caller", "CloudFormationApi"]
