"""Nodes without sockets, for the tests of replication: a wire that loses, doubles and reorders on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.neighbours.replicas import Replicas
from appliance.neighbours.replication import TICK_SECONDS, Replication, Workers
from appliance.neighbours.seal import Opener, Sealer
from appliance.registrar.binding import NATED, Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

KEY = b"k" * 32
AOR = AddressOfRecord("10", "example.org")
Address = tuple[str, int]


class Time:
    """Both clocks of all nodes: wall time is 1,000,000 s ahead."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + 1_000_000


class Wire:
    """Where packets lie until ``carry``; ``spoil`` may change what is under way."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.nodes: dict[Address, Node] = {}
        self.under_way: list[tuple[Address, Address, bytes]] = []
        self.spoil: Callable[[list[tuple[Address, Address, bytes]]], list[tuple[Address, Address, bytes]]] = (
            list
        )

    def carry(self) -> None:
        """Everything arrives, and what is answered too."""
        while self.under_way:
            packets, self.under_way = self.spoil(self.under_way), []
            for source, target, packet in packets:
                if target in self.nodes:
                    self.nodes[target].replication.receive(packet, source)

    def run(self, seconds: float) -> None:
        """Time goes by."""
        until = self.time.now + seconds
        while self.time.now < until:
            for node in list(self.nodes.values()):
                node.replication.tick()
            self.carry()
            self.time.now += TICK_SECONDS


class Node:
    """One node at 192.0.2.``number``, with its bindings."""

    def __init__(
        self,
        wire: Wire,
        number: int,
        key: bytes = KEY,
        workers: Workers | None = None,
        shared: Sequence[str] = (),
    ) -> None:
        self.wire = wire
        self.address = (f"192.0.2.{number}", 5065)
        self.socket = f"udp:192.0.2.{number}:5060"
        self.locations = Locations()
        self.lost: list[str] = []
        self.open: set[Hop] = set()  # the connections that end here
        self.said: list[str] = []
        time = wire.time
        name, life = f"node-{number}", int(time.wall() * 1_000_000)
        self.replication = Replication(
            Sealer(key, name, life, f"192.0.2.{number}:5060", time.wall),
            Opener(key, name, life, 30, time.wall),
            self._send,
            lambda level, message: self.said.append(f"{level}: {message}"),
            time.clock,
            time.wall,
            workers,
        )
        self.replicas = Replicas(
            self.locations,
            [self.socket, *shared],
            lambda each: self.lost.append(each.ruid),
            time.clock,
            time.wall,
            shared,
            lambda hop: hop in self.open,
        )
        self.locations.keep(lambda binding: not self.replicas.is_ours(binding))
        self.replication.begin(self.locations, self.replicas)
        wire.nodes[self.address] = self

    def register(
        self,
        ruid: str = "r1",
        *,
        nated: bool = False,
        seconds: float = 600,
        socket: str | None = None,
        hop: Hop | None = None,
    ) -> Binding:
        """A phone registers here, at ``socket`` and by a connection if need be."""
        time = self.wire.time
        hop = Hop("udp", "198.51.100.7", 40000, 0) if nated else hop
        made = Binding(
            AOR,
            f"sip:{ruid}@192.0.2.99",
            time.now + seconds,
            "call-1",
            1,
            received="sip:198.51.100.7:40000" if nated else None,
            socket=socket or self.socket,
            hop=hop,
            cflags=NATED if nated else 0,
            ruid=ruid,
            modified=time.wall(),
        )
        self.locations.put(made)
        self.replication.changed({ruid: made}, lambda: None)
        return made

    def deregister(self, ruid: str = "r1") -> None:
        """It says that it goes."""
        self.locations.drop(ruid)
        self.replication.changed({ruid: None}, lambda: None)

    def knows(self) -> set[str]:
        """The bindings here, by ruid."""
        return {binding.ruid for binding in self.locations}

    def _send(self, packet: bytes, address: Address | None) -> None:
        everybody = [each for each in self.wire.nodes if each != self.address]
        for target in everybody if address is None else [address]:
            self.wire.under_way.append((self.address, target, packet))
