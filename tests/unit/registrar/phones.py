"""What the registrar's tests share: REGISTERs as phones send them, and a database that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.registrar.register import Outcome, Registrar
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord

TEN = AddressOfRecord("10", "example.org")
SOURCE = Hop("udp", "192.0.2.1", 5060)
SOCKET = "udp:192.0.2.9:5060"
WALL = 1_177_260_369.0  # Sun, 22 Apr 2007 16:46:09 GMT


class Settings(NamedTuple):
    """The settings' defaults."""

    default_expires: int = 3600
    min_expires: int = 60
    max_expires: int = 7200
    max_contacts: int = 10
    location_mode: str = "write-through"
    path: str = "supported"
    outbound: bool = True
    flow_timer_seconds: int = 0
    service_route: tuple[str, ...] = ()


class Store:
    """Keeps what is committed. ``before`` is called in each commit, and may raise."""

    def __init__(self) -> None:
        self.rows: dict[str, Binding] = {}
        self.commits: list[tuple[list[Binding], list[Binding]]] = []
        self.fetches: list[AddressOfRecord] = []
        self.before: Callable[[], None] = lambda: None
        self.before_fetch: Callable[[], None] = lambda: None

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        self.before()
        self.commits.append((list(upserts), list(deletes)))
        for binding in deletes:
            self.rows.pop(binding.ruid, None)
        for binding in upserts:
            self.rows[binding.ruid] = binding

    def fetch(self, aor: AddressOfRecord) -> Iterable[Binding]:
        self.before_fetch()
        self.fetches.append(aor)
        return [row for row in self.rows.values() if row.aor == aor]


class Desk:
    """A registrar with its locations and store, and a phone that sends it REGISTERs."""

    def __init__(self, *, profile: str = "rfc3261", case_sensitive: bool = True, **settings: object) -> None:
        self.locations = Locations(case_sensitive=case_sensitive)
        self.store = Store()
        self.registrar = Registrar(
            self.locations,
            self.store,
            Settings(**settings),
            profile=profile,
            wall=lambda: WALL,
        )
        self.now = 1000.0

    def register(
        self,
        *contacts: str,
        cseq: int = 1,
        call_id: str = "call-1",
        aor: AddressOfRecord = TEN,
        hop: Hop = SOURCE,
        nated: bool = False,
        edge: bool = False,
        vias: Sequence[str] = (),
        **headers: str,
    ) -> Outcome:
        """Sends one REGISTER; further headers by name, ``user_agent="…"`` for User-Agent."""
        lines = [("Call-ID", call_id), ("CSeq", f"{cseq} REGISTER")]
        lines += [("Via", via) for via in vias]
        lines += [("Contact", contact) for contact in contacts]
        lines += [(name.replace("_", "-"), value) for name, value in headers.items()]
        request = Request.create("REGISTER", "sip:example.org", lines)
        return self.registrar.register(request, aor, hop, SOCKET, self.now, nated=nated, edge=edge)

    def bound(self, aor: AddressOfRecord = TEN) -> dict[str, int]:
        """The contacts of a user, best first, with the seconds that they have left."""
        return {one.contact: one.expires_in(self.now) for one in self.locations.lookup(aor, self.now)}

    def one(self, aor: AddressOfRecord = TEN) -> Binding:
        """The only binding of a user."""
        (binding,) = self.locations.lookup(aor, self.now)
        return binding


def contacts_of(outcome: Outcome) -> list[str]:
    """The Contact values of an answer."""
    return [line.removeprefix("Contact: ") for line in outcome.headers if line.startswith("Contact: ")]


def kinds_of(outcome: Outcome) -> list[tuple[str, str]]:
    """What changed, as (kind, contact)."""
    return [(kind, binding.contact) for kind, binding in outcome.changes]
