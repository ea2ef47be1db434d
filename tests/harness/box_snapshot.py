"""A deployed box that is kept powered off, so that each test module begins with a copy of it in seconds.

A copy has the same address as the box that was deployed, because that address stands in its settings: one
copy of a release runs at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible
from tests.harness.box_network import BoxNetwork


class Snapshot:
    """A bare ``release``, deployed with site.yml once; ``run`` says how that went."""

    def __init__(self, release: str, network: BoxNetwork, inventory: Mapping[str, Any] = INVENTORY) -> None:
        self.inventory = inventory
        self._running = False
        self._box = BootedBox(release, network)
        try:
            self.run: AnsibleRun = ansible(self._box, "site.yml", inventory=inventory, plain=True).check()
            self._box.power_off()
        except BaseException:
            self._box.close()
            raise

    @contextmanager
    def boot(self) -> Iterator[BootedBox]:
        """A copy of it, running; what happens to it is forgotten."""
        assert not self._running, f"a copy of {self._box.release} runs already, at the same address"
        self._running = True
        source = self._box
        try:
            with BootedBox(
                source.release,
                source.network,
                hostname=source.hostname,
                layers=source.disk.layers,
                number=source.number,
            ) as box:
                yield box
        finally:
            self._running = False

    def close(self) -> None:
        self._box.close()


class Deployments:
    """The snapshots of a test session, made when the first test asks."""

    def __init__(self, network: BoxNetwork) -> None:
        self._network = network
        self._snapshots: dict[str, Snapshot | BaseException] = {}

    def __call__(self, release: str) -> Snapshot:
        """The snapshot of ``release``. When it could not be deployed, all who ask hear why at once."""
        if release not in self._snapshots:
            try:
                self._snapshots[release] = Snapshot(release, self._network)
            except (AssertionError, OSError) as error:
                self._snapshots[release] = error
        snapshot = self._snapshots[release]
        if isinstance(snapshot, BaseException):
            raise AssertionError(f"{release} could not be deployed: {snapshot}") from snapshot
        return snapshot

    def close(self) -> None:
        for snapshot in self._snapshots.values():
            if isinstance(snapshot, Snapshot):
                snapshot.close()
