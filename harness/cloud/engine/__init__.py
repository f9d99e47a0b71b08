"""The container engine, through the Docker API. The only package that talks to it.

Any engine with that API will do: Docker Engine, Docker Desktop, Podman's service. Everything made
here carries the label :data:`RUN_LABEL`, so that what a dead run left can be found and removed.
"""

from harness.cloud.engine.belongings import INSTANCE_LABEL, ROLE_LABEL, RUN_LABEL
from harness.cloud.engine.container_engine import ContainerEngine
from harness.cloud.engine.errors import AddressTakenError, translated
from harness.cloud.engine.networks import unique_local_block
from harness.cloud.engine.things import Condition, ContainerEvent, ExecResult, Network, Pod

__all__ = [
    "INSTANCE_LABEL",
    "ROLE_LABEL",
    "RUN_LABEL",
    "AddressTakenError",
    "Condition",
    "ContainerEngine",
    "ContainerEvent",
    "ExecResult",
    "Network",
    "Pod",
    "translated",
    "unique_local_block",
]
