"""A running server without sockets, clock or database: what is sent is kept in a list, time stands still."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from appliance.config import Settings
from appliance.errors import DuplicateRow
from appliance.operations import Box
from appliance.proxy.domains import Domains
from appliance.proxy.locating import Unroutable
from appliance.proxy.targets import TargetSet
from appliance.registrar.binding import Binding
from appliance.registrar.location_service import LocationService
from appliance.registrar.locations import Locations
from appliance.sip.headers import NameAddr
from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transaction.table import TransactionTable

NOW, WALL = 1000.0, 1_700_000_000.0
LISTENERS = [("udp", "127.0.0.1", 5060), ("tcp", "127.0.0.1", 5060), ("udp", "::1", 5070)]


class Store:
    """Keeps what was committed; ``failure`` is raised instead when there is one."""

    def __init__(self) -> None:
        self.commits: list[tuple[list[Binding], list[Binding]]] = []
        self.failure: Exception | None = None

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        if self.failure is not None:
            raise self.failure
        self.commits.append((list(upserts), list(deletes)))

    def fetch(self, aor: object) -> list[Binding]:
        return []


class Database:
    available = True
    last_error: str | None = None


class Prefixes:
    """Prefixes of other sites, in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], str] = {}

    def add(self, source: str, prefix: str, domain: str) -> None:
        if (source, prefix) in self.rows:
            raise DuplicateRow("there")
        self.rows[source, prefix] = domain

    def remove(self, source: str, domain: str) -> int:
        gone = [key for key, value in self.rows.items() if key[0] == source and value == domain]
        for key in gone:
            del self.rows[key]
        return len(gone)

    def load(self) -> None:
        return None


class Connections:
    """Every hop that has a listener of its transport and family."""

    def local_for(self, hop: Hop) -> Hop:
        if 0 <= hop.listener < len(LISTENERS) and LISTENERS[hop.listener][0] == hop.transport:
            return hop
        for index, (transport, host, _) in enumerate(LISTENERS):
            if transport == hop.transport and (":" in host) == (":" in hop.host):
                return hop._replace(listener=index)
        raise OSError(97, "no listener")

    def connect(self, hop: Hop) -> None:
        if hop.port == 9:
            raise ConnectionRefusedError(111, "Connection refused")


def next_hop(request: Request) -> Hop:
    routes = request.items("route")
    uri = NameAddr.parse(routes[0]).uri if routes else request.uri
    if uri.host.endswith(".invalid"):
        raise Unroutable(f"{uri.host} has no address", 404)
    return Hop(uri.transport or "udp", uri.address, uri.port or 5060, -1)


class Bench:
    """The box and what came of using it."""

    def __init__(self, settings: Settings) -> None:
        self.now, self.wall = NOW, WALL
        self.wire: list[tuple[bytes, Hop]] = []
        self.told: list[Any] = []
        self.store = Store()
        self.database = Database()
        self.unwritten: set[str] = set()
        self.locations = Locations()
        self.transactions = TransactionTable(lambda data, hop: self.wire.append((data, hop)))
        self.metrics = Metrics()
        self.tracer = Tracer()
        service = LocationService(self.locations, self.store)
        self.box = Box(
            settings=settings,
            metrics=self.metrics,
            service=service,
            targets=TargetSet(service, lambda: self.now),
            transactions=self.transactions,
            tracer=self.tracer,
            domains=Domains(["example.org"], [], LISTENERS),
            database=self.database,
            site_prefixes=Prefixes(),
            connections=Connections(),
            listeners=LISTENERS,
            next_hop=next_hop,
            shutdown=lambda: self.told.append("shutdown"),
            arguments=["sipbox", "serve"],
            started=WALL - 3600,
            calls_active=lambda: 3,
            flush=lambda: self.told.append("flush"),
            unwritten=lambda: self.unwritten,
            forget=lambda table, keys: self.told.append((table, keys)),
            reload=lambda: self.told.append("reload"),
            clock=lambda: self.now,
            wall=lambda: self.wall,
        )

    def with_settings(self, **sip: Any) -> Box:
        """The same box under another ``[sip]`` section."""
        import msgspec

        settings = self.box.settings
        changed = msgspec.structs.replace(settings, sip=msgspec.structs.replace(settings.sip, **sip))
        return dataclasses.replace(self.box, settings=changed)

    @property
    def sent(self) -> list[Request | Response]:
        return [parse(data) for data, _ in self.wire]

    def request(self, number: int = -1) -> Request:
        message = self.sent[number]
        assert isinstance(message, Request)
        return message

    def answer(self, request: Request, status: int, reason: str, *headers: str, tag: str = "t1") -> None:
        """The other side's answer to a request that we sent."""
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {value}" for value in request.all("via")),
            f"From: {request.first('from')}",
            f"To: {request.first('to')};tag={tag}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {request.cseq}",
            *headers,
            "Content-Length: 0",
        ]
        response = parse(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert isinstance(response, Response)
        self.transactions.receive_response(response, self.now)


@pytest.fixture
def bench() -> Bench:
    return Bench(Settings())
