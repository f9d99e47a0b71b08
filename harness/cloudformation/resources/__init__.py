"""The resources of stacks, made by calling the services' own public APIs.

The same handlers serve a simulation in this process and the local cloud: which one it is, the
clients that are passed in decide. :mod:`~harness.cloudformation.resources.table` names the types;
each family of them has a module, loaded when it is needed.
"""

from harness.cloudformation.resources.api import Patience
from harness.cloudformation.resources.provider import AwsProvider

__all__ = ["AwsProvider", "Patience"]
