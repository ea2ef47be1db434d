"""Wrong passwords are counted over all workers and boxes, and bans hold at all of them.

Must not know how often a user may be tried (``protection.guesses``), nor how it is told
(``neighbours.strangers``, ``workers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic, time

from appliance.neighbours.strangers import Strangers
from appliance.neighbours.wire import NeighbourNodes
from appliance.protection.door import Door
from appliance.proxy.core import ProxyCore
from appliance.telemetry.journal import Journal
from appliance.workers.other_workers import OtherWorkers


class SharedGuesses:
    """What is guessed here is told to everybody else, and the other way round. ``door`` is None where the
    settings want no protection."""

    def __init__(
        self,
        door: Door | None,
        core: ProxyCore,
        nodes: NeighbourNodes | None,
        others: OtherWorkers | None,
        journal: Journal,
    ) -> None:
        self._guesses = guesses = core.guesses
        self._nodes = nodes
        self._others = others
        self._journal = journal
        if door is None or guesses is None or (others is None and nodes is None):
            return
        guesses.share()
        if nodes is not None:

            def is_known(host: str) -> bool:
                # While bindings are being read it may be anybody.
                return core.locations.loading or door.is_known(host)

            strangers = Strangers(
                door.bans, guesses, is_known, monotonic, time, self._tell_workers, self._note
            )
            nodes.replication.watch(strangers)

    def tick(self) -> None:
        """Everybody else hears of what was wrong here."""
        if self._guesses is not None and (counts := self._guesses.news()):
            self._tell_workers(counts)
            if self._nodes is not None:
                self._nodes.replication.guessed(counts)

    def heard(self, counts: Mapping[str, int]) -> None:
        """Another worker has told of wrong passwords; the one that leads tells the other boxes."""
        if self._guesses is not None:
            self._guesses.hear(counts, monotonic())
        if self._nodes is not None:
            self._nodes.replication.guessed(counts)

    def _note(self, node: str, source: str, seconds: float | None, reason: str) -> None:
        """Who was banned, at which box, and why; the words are not those that fail2ban reads."""
        if seconds is None:
            message = f"the ban of {source} was lifted, says {node}"
            self._journal.event("ban-heard", message, sip_peer=source, neighbour=node)
            return
        message = f"{node} has banned {source} for {seconds:.0f} s: {reason}"
        self._journal.event("ban-heard", message, sip_peer=source, neighbour=node, reason=reason)

    def _tell_workers(self, counts: Mapping[str, int]) -> None:
        if self._others is not None:
            self._others.guessed(counts)
