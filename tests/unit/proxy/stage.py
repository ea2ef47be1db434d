"""A stage for the proxy core: no sockets, no database, a clock that stands still until it is told.

The messages are built and read by the tests' own code (``tests.harness.message``), never by the program's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from appliance.auth.digest import ha1, ha1b
from appliance.auth.keys import Keys
from appliance.config import Settings
from appliance.config.gateway_logins import GatewayLogin
from appliance.errors import DatabaseUnavailable
from appliance.protection.bans import Ban
from appliance.protection.door import Door
from appliance.protection.making import make_door
from appliance.proxy.core import ProxyCore
from appliance.proxy.nat.asked import MediaNodes
from appliance.proxy.other_workers import OtherWorkers
from appliance.proxy.outside import Clock, Watchers
from appliance.registrar.binding import Binding
from appliance.registrar.offline import OfflineMessage
from appliance.registrar.preferences import Preferences
from appliance.registrar.served import ServedDomain, gather
from appliance.sip.hop import Hop
from appliance.sip.naptr import Naptr
from appliance.sip.srv import Srv
from appliance.sip.uri import AddressOfRecord
from appliance.storage.peers import Rows as PeerRows
from appliance.telemetry.accounted import Ledger
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from tests.harness.digest import credentials
from tests.harness.message import Message

DOMAIN = "example.org"
PROXY = "192.0.2.1"
LISTENERS = (("udp", PROXY, 5060), ("tcp", PROXY, 5060))


class User(NamedTuple):
    username: str
    domain: str
    ha1: str
    ha1b: str | None
    rpid: str | None = None


class Sent(NamedTuple):
    """A message that left, and where to."""

    message: Message
    hop: Hop


class Users:
    """Subscribers in a dictionary; ``away`` makes the database unavailable."""

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}
        self.rpids: dict[str, str] = {}
        self.away = False

    def find(self, username: str, domain: str, realm: str) -> User | None:
        if self.away:
            raise DatabaseUnavailable("away")
        password = self.passwords.get((username, domain))
        if password is None:
            return None
        hashes = ha1(username, realm, password), ha1b(username, domain, realm, password)
        return User(username, domain, *hashes, self.rpids.get(username))

    refetch = find


class Rows:
    """Bindings in a list of commits; ``waiting`` is called in the middle of each commit."""

    def __init__(self) -> None:
        self.commits: list[tuple[list[Binding], list[Binding]]] = []
        self.waiting: Callable[[], None] = lambda: None

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        self.commits.append((list(upserts), list(deletes)))
        self.waiting()

    def fetch(self, aor: AddressOfRecord) -> list[Binding]:
        raise DatabaseUnavailable("away")


class Messages:
    """Offline messages in a list."""

    def __init__(self) -> None:
        self.kept: list[tuple[AddressOfRecord, OfflineMessage]] = []
        self.claimed: set[int] = set()
        self.away = False
        self._numbers = count(1)

    def waits_for(self, aor: AddressOfRecord) -> bool:
        return any(whose == aor for whose, _ in self.kept)

    def keep(self, aor: AddressOfRecord, message: OfflineMessage, most: int) -> bool:
        if self.away:
            raise DatabaseUnavailable("away")
        if sum(whose == aor for whose, _ in self.kept) >= most:
            return False
        self.kept.append((aor, message._replace(number=next(self._numbers))))
        return True

    def claim(self, aor: AddressOfRecord, now: int, after: int = 0) -> OfflineMessage | None:
        self.kept = [each for each in self.kept if each[1].expires > now]
        mine = [message for whose, message in self.kept if whose == aor and message.number > after]
        if not mine or mine[0].number in self.claimed:
            return None
        self.claimed.add(mine[0].number)
        return mine[0]

    def delivered(self, aor: AddressOfRecord, number: int) -> None:
        self.kept = [each for each in self.kept if each[1].number != number]

    def released(self, number: int) -> None:
        self.claimed.discard(number)


class Stage:
    """The proxy core with everything around it played."""

    def __init__(
        self,
        *,
        worker: int = 0,
        others: OtherWorkers | None = None,
        ledger: Ledger | None = None,
        media_nodes: MediaNodes | None = None,
        neighbour_key: bytes | None = None,
        guarded: bool = False,
        **sections: dict[str, Any],
    ) -> None:
        self.worker, self.others, self.ledger = worker, others, ledger
        self.media_nodes = media_nodes
        self.neighbour_key = neighbour_key
        self.guarded = guarded
        self.door: Door | None = None
        self.banned: list[Ban] = []
        sip = {"domains": (DOMAIN,)} | sections.pop("sip", {})
        self.settings = _settings(sip=sip, **sections)
        self.now = 1000.0
        self.sent: list[Sent] = []
        self.deferred: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.unreachable: set[tuple[str, int]] = set()
        self.refuses: Callable[[Hop], None] = lambda hop: None
        self.aliased: list[tuple[Hop, int, bool]] = []
        self.hosts: dict[str, list[str]] = {}
        self.lookups: list[str] = []
        self.told: list[str] = []
        self.aliases: dict[str, str] = {}
        self.rights: dict[str, tuple[str, ...]] = {}
        self.gateway_logins: dict[str, GatewayLogin] = {}
        self.asserted: dict[str, str] = {}
        self.wishes: dict[str, Preferences] = {}
        self.dials: dict[str, dict[str, str]] = {}
        self.numbers: dict[str, list[Naptr]] = {}
        self.naptrs: dict[str, list[Naptr]] = {}
        self.srvs: dict[str, list[Srv]] = {}
        self._site_watchers: list[Callable[[Mapping[tuple[str, str], str]], None]] = []
        self._peer_rows = PeerRows()
        self._peer_watchers: list[Callable[[PeerRows], None]] = []
        self.further_names: dict[str, list[str]] = {}
        self.listeners = LISTENERS
        self.credentials = Users()
        self.offline = Messages()
        self.bindings = Rows()
        self.metrics = Metrics()
        self.tracer = Tracer()
        self._numbers = count(1)
        self._boots = count(7)
        self.core = self.restarted()

    def restarted(self) -> ProxyCore:
        """A new process with the old secret: nothing is in its memory."""
        journal = Journal(lambda level, message, fields: self.told.append(message))
        self._peer_watchers.clear()
        if self.guarded:
            dropped = self.metrics.strangers_dropped
            self.door = make_door(self.settings, [PROXY], lambda: self.now, dropped, self.banned.append)
        self.core = ProxyCore(
            self.settings,
            Keys(bytes(32)),
            next(self._boots),
            self,
            self,
            Watchers(self.metrics, self.tracer, journal),
            Clock(lambda: self.now, lambda: 1_800_000_000.0 + self.now, self._defer),
            worker=self.worker,
            others=self.others,
            ledger=self.ledger,
            media_nodes=self.media_nodes,
            gateway_logins=self.gateway_logins,
            neighbour_key=self.neighbour_key,
            numbers=self if self.settings.enum.suffix else None,
            door=self.door,
        )
        return self.core

    def restarted_in_order(self, away: float = 0.0) -> list[Sent]:
        """A new process that was handed what the old one wrote down, ``away`` seconds later; what it sends
        at once."""
        before = len(self.sent)
        locations, data = self.core.locations, self.core.write_down()
        self.now += away
        self.restarted()
        for binding in locations:
            self.core.locations.put(binding)
        self.core.take_up(data)
        self._run_deferred()
        return self.sent[before:]

    # -- the network and the directory, played ---------------------------------------------------------------

    def send(self, data: bytes, hop: Hop) -> None:
        if (hop.host, hop.port) in self.unreachable:
            raise OSError("no way there")
        self.sent.append(Sent(Message.parse(data), hop))

    def local_for(self, hop: Hop) -> Hop:
        return hop._replace(listener=0 if hop.transport == "udp" else 1)

    def connect(self, hop: Hop) -> None:
        self.refuses(hop)
        if hop.reliable and (hop.host, hop.port) in self.unreachable:
            raise OSError("refused")

    @property
    def names(self) -> Stage:
        return self

    def use_again(self, hop: Hop, port: int, *, trusted: bool) -> None:
        self.aliased.append((hop, port, trusted))

    def addresses_of(self, hosts: Sequence[str]) -> list[list[str]]:
        self.lookups += hosts
        return [self.hosts.get(host, []) for host in hosts]

    def services(
        self, host: str, services: Sequence[str], *, naptr: bool
    ) -> tuple[Sequence[Naptr], list[Sequence[Srv]]]:
        found = self.naptrs.get(host, []) if naptr else []
        return found, self.srv([f"{service}.{host}" for service in services])

    def srv(self, names: Sequence[str]) -> list[Sequence[Srv]]:
        return [self.srvs.get(name, []) for name in names]

    def naptr(self, name: str) -> list[Naptr]:
        self.lookups.append(name)
        return self.numbers.get(name, [])

    def watch_domains(self, watcher: Callable[[Mapping[str, ServedDomain], bool], None]) -> None:
        watcher(gather(self.settings.named_domains, (), ()), True)

    def may_be(self, who: AddressOfRecord, name: str) -> bool:
        return name in self.further_names.get(str(who), ())

    def watch_peers(self, watcher: Callable[[PeerRows], None]) -> None:
        self._peer_watchers.append(watcher)
        watcher(self._peer_rows)

    def peers(self, **rows: Sequence[Any]) -> None:
        """From now on these are the rows of ``gw``, ``lcr``, ``trusted`` and ``address``."""
        self._peer_rows = PeerRows(**{name: tuple(each) for name, each in rows.items()})
        for watcher in self._peer_watchers:
            watcher(self._peer_rows)

    def watch_sites(self, watcher: Callable[[Mapping[tuple[str, str], str]], None]) -> None:
        self._site_watchers.append(watcher)

    def sites(self, rows: Mapping[tuple[str, str], str]) -> None:
        """From now on these are the rows of ``pdt``."""
        for watcher in self._site_watchers:
            watcher(rows)

    def groups(self, aor: AddressOfRecord) -> frozenset[str]:
        return frozenset(self.rights.get(aor.username, ()))

    def identity(self, aor: AddressOfRecord) -> str:
        return self.asserted.get(aor.username, "")

    def preferences(self, aor: AddressOfRecord) -> Preferences | None:
        return self.wishes.get(str(aor))

    def speed_dials(self, aor: AddressOfRecord) -> Mapping[str, str] | None:
        return self.dials.get(str(aor))

    def alias(self, aor: AddressOfRecord) -> str | None:
        return self.aliases.get(str(aor))

    def _defer(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.deferred.append((function, arguments))

    # -- what a test does ------------------------------------------------------------------------------------

    def add_user(self, username: str, password: str = "secret", domain: str = DOMAIN) -> None:
        self.credentials.passwords[username, domain] = password

    def bind(self, username: str, *contacts: str, domain: str = DOMAIN, **options: Any) -> None:
        """Bindings that are simply there."""
        aor = AddressOfRecord(username, domain)
        for contact in contacts:
            self.core.locations.put(
                Binding(aor, contact, self.now + 3600, "reg", 1, ruid=f"{username}{contact}", **options)
            )

    def receive(self, message: Message | bytes, hop: Hop | None = None) -> list[Sent]:
        """Takes a message in; what left because of it."""
        before = len(self.sent)
        data = message if isinstance(message, bytes) else message.encode()
        hop = hop or Hop("udp", "192.0.2.10", 5060)
        if self.door is None or self.door.admits(hop.host, hop.reliable):
            self.core.receive(data, hop)
        self._run_deferred()
        return self.sent[before:]

    def advance(self, seconds: float) -> list[Sent]:
        """Lets time pass, tick by tick; what left meanwhile."""
        before = len(self.sent)
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 0.02)
            self.core.wheel.advance(self.now)
            self._run_deferred()
        return self.sent[before:]

    def _run_deferred(self) -> None:
        while self.deferred:
            function, arguments = self.deferred.pop(0)
            function(*arguments)

    def request(
        self,
        method: str,
        uri: str = f"sip:11@{DOMAIN}",
        *,
        caller: str = f"sip:10@{DOMAIN}",
        to: str | None = None,
        to_tag: str | None = None,
        call_id: str | None = None,
        cseq: int = 1,
        source: str = "192.0.2.10",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Message:
        """A request as a phone at ``source`` sends it."""
        number = next(self._numbers)
        lines = [
            ("Via", f"SIP/2.0/UDP {source};branch=z9hG4bKphone{number};rport"),
            ("From", f"<{caller}>;tag=from{call_id or number}"),
            ("To", f"<{to or uri}>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", call_id or f"call{number}"),
            ("CSeq", f"{cseq} {method}"),
            ("Max-Forwards", "70"),
            ("Contact", f"<sip:10@{source}>"),
            *headers,
            ("Content-Length", str(len(body))),
        ]
        return Message(f"{method} {uri} SIP/2.0", tuple(lines), body)

    def answered(
        self, request: Message, challenge: Message, password: str = "secret", username: str = "10"
    ) -> Message:
        """The request again, as the answer to a 401 or 407: new branch, next CSeq."""
        proxy = challenge.status == 407
        value = challenge.get("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        given = credentials(
            value, method=request.method, uri=request.uri, username=username, password=password
        )
        number, method = request.cseq
        via = request.get("Via").replace("branch=z9hG4bK", f"branch=z9hG4bKagain{next(self._numbers)}")
        again = request.with_header("CSeq", f"{number + 1} {method}").with_header("Via", via)
        return again.with_header("Proxy-Authorization" if proxy else "Authorization", given)

    def let_in(self, request: Message, hop: Hop | None = None, **options: str) -> tuple[Message, list[Sent]]:
        """Sends a request and answers its challenge; the request that was let in, and what left for it."""
        (challenge,) = self.receive(request, hop)
        assert challenge.message.status in (401, 407), challenge.message
        again = self.answered(request, challenge.message, **options)
        return again, self.receive(again, hop)


def response_to(
    request: Message,
    status: int,
    reason: str = "",
    *,
    tag: str = "callee",
    headers: Sequence[tuple[str, str]] = (),
) -> Message:
    """What a phone answers to a request that it got."""
    lines = [("Via", via) for via in request.all("Via")]
    lines += [("Record-Route", route) for route in request.all("Record-Route")]
    to = request.get("To")
    lines += [
        ("From", request.get("From")),
        ("To", to if "tag=" in to or status == 100 else f"{to};tag={tag}"),
        ("Call-ID", request.call_id),
        ("CSeq", request.get("CSeq")),
        *headers,
        ("Content-Length", "0"),
    ]
    return Message(f"SIP/2.0 {status} {reason or 'Whatever'}", tuple(lines))


def cancel_of(invite: Message) -> Message:
    """The CANCEL of an INVITE (RFC 3261 §9.1)."""
    kept = [(n, v) for n, v in invite.headers if n in ("From", "To", "Call-ID", "Max-Forwards", "Route")]
    via = ("Via", invite.get("Via"))
    cseq = ("CSeq", f"{invite.cseq[0]} CANCEL")
    return Message(f"CANCEL {invite.uri} SIP/2.0", (via, *kept, cseq, ("Content-Length", "0")))


def ack_of(invite: Message, refusal: Message) -> Message:
    """The ACK of a refusal (RFC 3261 §17.1.1.3)."""
    cancel = cancel_of(invite)
    ack = cancel.with_header("CSeq", f"{invite.cseq[0]} ACK").with_header("To", refusal.get("To"))
    return Message(f"ACK {invite.uri} SIP/2.0", ack.headers)


def _settings(**sections: dict[str, Any]) -> Settings:
    import msgspec

    return msgspec.convert(sections, Settings)
