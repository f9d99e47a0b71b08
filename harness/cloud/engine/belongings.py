"""What runs have on an engine, found by its labels, and how all of it is removed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Final

import docker
import docker.errors

from harness.cloud.engine.errors import CONFLICT, translated
from harness.cloud.engine.images import Images
from harness.errors import HarnessError

RUN_LABEL: Final = "harness.run"
INSTANCE_LABEL: Final = "harness.instance"
ROLE_LABEL: Final = "harness.role"

REMOVAL_SECONDS: Final = 60.0
"""How long a removal that somebody else has begun is waited for."""

_LOOK_SECONDS: Final = 0.02


def run_ids(client: docker.DockerClient) -> set[str]:
    """The runs that have something on an engine."""
    with translated("listing what runs left"):
        containers = client.containers.list(
            all=True, filters={"label": RUN_LABEL}, ignore_removed=True
        )
        networks = client.networks.list(filters={"label": RUN_LABEL})
        images = client.api.images(filters={"label": RUN_LABEL})
    labels = [one.labels for one in containers]
    labels += [one.attrs["Labels"] for one in networks]
    labels += [one["Labels"] for one in images]
    return {one[RUN_LABEL] for one in labels}


def labelled_containers(client: docker.DockerClient, labels: Mapping[str, str]) -> list[str]:
    """Names of the containers that carry all the labels, of whatever run."""
    filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
    with translated("listing containers"):
        found = client.api.containers(all=True, filters=filters)
    return [one["Names"][0].lstrip("/") for one in found if one["Names"]]


def remove_container(client: docker.DockerClient, container_id: str) -> None:
    """End and remove a container; one that is gone is no error."""
    with translated("removing a container"):
        try:
            client.api.remove_container(container_id, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            # Somebody else is removing it at this moment.
            if error.status_code != CONFLICT:
                raise


class Belongings:
    """All that one run has on an engine.

    Args:
        client: The Docker SDK's client.
        run_id: Value of :data:`RUN_LABEL` on everything that is the run's.
    """

    def __init__(self, client: docker.DockerClient, run_id: str) -> None:
        self._client = client
        self._images = Images(client)
        self._mine = {"label": f"{RUN_LABEL}={run_id}"}

    def names(self) -> list[str]:
        """Names of the containers, networks and images that are there now."""
        containers = self._own_containers()
        with translated("listing networks"):
            networks = self._client.networks.list(filters=self._mine)
        names = [f"container {one['Names'][0].lstrip('/')}" for one in containers if one["Names"]]
        names += [f"network {one.name}" for one in networks]
        return names + [f"image {one}" for one in self._own_images()]

    def remove_all(self) -> list[str]:
        """Remove all of it, attempting everything, until nothing more goes.

        Removals that somebody else has begun are waited for, after all that need not wait.

        Returns:
            The names of what is there still.
        """
        limit = time.monotonic() + REMOVAL_SECONDS
        before: list[str] = []
        while True:
            self._remove_containers()
            self._remove_networks()
            self._remove_images()
            self._await_removals(limit)
            left = self.names()
            if not left or left == before or time.monotonic() >= limit:
                return left
            before = left

    def _remove_containers(self) -> None:
        # Guests before the pods whose network namespace they use.
        listed = self._own_containers()
        for one in sorted(listed, key=lambda one: one["Labels"].get(ROLE_LABEL) == "pod"):
            with contextlib.suppress(HarnessError):
                remove_container(self._client, one["Id"])

    def _remove_networks(self) -> None:
        with translated("listing networks to remove"):
            networks = self._client.networks.list(filters=self._mine)
        for network in networks:
            with contextlib.suppress(HarnessError, docker.errors.NotFound), translated("removing"):
                network.remove()

    def _remove_images(self) -> None:
        for image in self._own_images():
            with contextlib.suppress(HarnessError):
                self._images.remove(image)

    def _await_removals(self, limit: float) -> None:
        while any(one["State"] == "removing" for one in self._own_containers()):
            if time.monotonic() >= limit:
                return
            time.sleep(_LOOK_SECONDS)

    def _own_containers(self) -> list[dict[str, Any]]:
        with translated("listing containers"):
            found: list[dict[str, Any]] = self._client.api.containers(all=True, filters=self._mine)
        return found

    def _own_images(self) -> list[str]:
        """Ids of the images that were made of this run's guests."""
        with translated("listing images"):
            images = self._client.api.images(filters=self._mine)
        return [str(image["Id"]) for image in images]
