"""What a REGISTER does, from its Contact headers to the answer (RFC 3261 §10.3, RFC 3327, RFC 5626 §6).

The order: everything in the request is checked before anything is changed; then the user's turn is waited
for; then the change is planned, made, and made durable; then the answer lists what is bound. The request has
been authenticated and its address of record is known. Every answer is a value, an ``Outcome``; nobody here
sends anything.

Two profiles: ``rfc3261``, and ``openser12`` for what the registrar of 2007 did (a short expiry is raised and
not refused, an old CSeq is answered with 200, refusals carry P-Registrar-Error).

Must not know sockets, SQL or digest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import NamedTuple, Protocol

from appliance.errors import MalformedMessage, StorageError
from appliance.registrar.binding import Binding, methods_in
from appliance.registrar.changes import Asked, Kind, Order, Plan, plan_contacts, plan_removal
from appliance.registrar.contact import (
    LONGEST_CALL_ID,
    WILDCARD,
    Contact,
    read_contacts,
    read_expires,
    read_path,
)
from appliance.registrar.location_service import BindingStore, LocationService, in_order
from appliance.registrar.locations import Locations
from appliance.sip.grammar import quote
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord

# Extensions that a Require may ask for (§8.2.2.3).
SUPPORTED = frozenset({"path"})

# RFC 3261 §20.33: how long a phone waits when its binding could not be made durable.
_RETRY_AFTER = "Retry-After: 5"

# A User-Agent is for people to read; longer ones are cut to the column.
_LONGEST_USER_AGENT = 255


class RegistrarSettings(Protocol):
    """The settings that matter here, in seconds; 0 is 'no limit' for the two ``max``."""

    @property
    def default_expires(self) -> int: ...
    @property
    def min_expires(self) -> int: ...
    @property
    def max_expires(self) -> int: ...
    @property
    def max_contacts(self) -> int: ...
    @property
    def location_mode(self) -> str: ...


class Outcome(NamedTuple):
    """The answer: status, reason phrase, header lines, and what has changed, for the journal.

    ``error`` is what kept the change from being durable, when the status is 503 for that.
    """

    status: int
    reason: str
    headers: Sequence[str] = ()
    changes: Sequence[tuple[Kind, Binding]] = ()
    error: StorageError | None = None


class Registrar:
    """Processes the REGISTERs of the domains that we serve.

    ``wall`` gives the time of day, for the column ``last_modified`` and the Date header only.
    """

    def __init__(
        self,
        locations: Locations,
        store: BindingStore,
        settings: RegistrarSettings,
        *,
        profile: str = "rfc3261",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.service = LocationService(locations, store, in_memory=settings.location_mode != "database")
        self._locations = locations
        self._default_expires = settings.default_expires
        self._min_expires = settings.min_expires
        self._max_expires = settings.max_expires or 0xFFFF_FFFF
        self._max_contacts = settings.max_contacts
        self._as_openser = profile == "openser12"
        self._wall = wall
        self._date = (0, "")

    def register(
        self,
        request: Request,
        aor: AddressOfRecord,
        hop: Hop,
        socket: str | None,
        now: float,
        *,
        nated: bool = False,
    ) -> Outcome:
        """Do what the request asks for the bindings of ``aor``; return the answer when it is durable.

        ``hop`` is where the request came from, ``socket`` the listener that took it in. ``nated`` says that
        the phone sits behind a NAT, so that requests must go back to where it came from whatever its Contact
        says.
        """
        if "require" in request.keys and (refusal := self._refuse_extensions(request)):
            return refusal
        try:
            contacts = read_contacts(request)
            asked, too_brief = self._grant(request, contacts)
            path = read_path(request) if asked else None
            call_id, cseq = request.call_id, request.cseq.number
        except MalformedMessage as error:
            return self._refuse(400, error.reason or "Bad Request")
        if too_brief:
            return Outcome(423, "Interval Too Brief", (f"Min-Expires: {self._min_expires}",))
        if len(call_id) > LONGEST_CALL_ID:
            return self._refuse(400, "Call-ID Too Long")
        source = _Source(request, hop, socket, path, nated, call_id, cseq)
        if not self._locations.case_sensitive:
            aor = self._locations.key(aor)
        turns = self.service.turns
        turns.take(aor)
        try:
            return self._process(request, contacts, asked, aor, source, now)
        except StorageError as error:
            return self._refuse(503, "Service Unavailable", _RETRY_AFTER)._replace(error=error)
        finally:
            turns.end(aor)

    # ---------------------------------------------------------------------------------------------- the steps

    def _process(
        self,
        request: Request,
        contacts: Sequence[Contact],
        asked: Sequence[Asked],
        aor: AddressOfRecord,
        source: _Source,
        now: float,
    ) -> Outcome:
        current = self.service.lookup(aor, now)
        if not contacts:
            return self._answer(request, current, now)
        call_id, cseq = source.call_id, source.cseq
        if contacts[0] is WILDCARD:
            plan = plan_removal(current, call_id, cseq)
        else:
            wall_now = self._wall()

            def make(one: Asked, ruid: str) -> Binding:
                return source.binding(aor, one, ruid, now, wall_now)

            plan = plan_contacts(asked, current, aor, call_id, cseq, make)
        if plan is Order.REPEATED or (plan is Order.LATE and self._as_openser):
            return self._answer(request, current, now)
        if not isinstance(plan, Plan):
            return self._refuse(500, "CSeq Out of Order")
        puts, drops, changes = plan
        if not changes:
            return self._answer(request, current, now)
        after = current
        if len(puts) > 1 or drops or len(current) != 1 or current[0].ruid not in puts:
            after = _after(current, plan)
            if self._max_contacts and len(after) > self._max_contacts and len(after) > len(current):
                return self._refuse(503, "Too Many Contacts")
        else:
            after = list(puts.values())
        self.service.change(puts.values(), drops.values())
        return self._answer(request, after, now, changes)

    def _refuse_extensions(self, request: Request) -> Outcome | None:
        """§10.3 step 2: an extension that is required and not known."""
        unknown = [option for option in request.items("require") if option.lower() not in SUPPORTED]
        return self._refuse(420, "Bad Extension", f"Unsupported: {', '.join(unknown)}") if unknown else None

    def _grant(self, request: Request, contacts: Sequence[Contact]) -> tuple[list[Asked], bool]:
        """How long each contact is granted (§10.3 step 7), and whether one asked for too little."""
        asked: list[Asked] = []
        otherwise: int | None = None
        too_brief = False
        for contact in contacts:
            granted = contact.expires
            if granted is None:
                if otherwise is None:
                    header = read_expires(request)
                    otherwise = self._default_expires if header is None else header
                granted = otherwise
            if 0 < granted < self._min_expires:
                granted = self._min_expires
                too_brief = not self._as_openser
            asked.append(Asked(contact, min(granted, self._max_expires)))
        return asked, too_brief

    # --------------------------------------------------------------------------------------------- the answer

    def _answer(
        self,
        request: Request,
        bindings: Sequence[Binding],
        now: float,
        changes: Sequence[tuple[Kind, Binding]] = (),
    ) -> Outcome:
        """200 with everything that is bound (§10.3 step 8)."""
        headers = [_contact_line(binding, now) for binding in bindings]
        if "path" in request.keys and any(o.lower() == "path" for o in request.items("supported")):
            headers += [f"Path: {value}" for value in request.all("path")]
        if not self._as_openser:
            headers.append(self._date_line())
        return Outcome(200, "OK", headers, changes)

    def _refuse(self, status: int, reason: str, *headers: str) -> Outcome:
        if self._as_openser:
            headers = (f"P-Registrar-Error: {reason}", *headers)
        return Outcome(status, reason, headers)

    def _date_line(self) -> str:
        second = int(self._wall())
        if second != self._date[0]:
            self._date = (second, f"Date: {formatdate(second, usegmt=True)}")
        return self._date[1]


class _Source(NamedTuple):
    """What is the same for all bindings that one REGISTER makes."""

    request: Request
    hop: Hop
    socket: str | None
    path: str | None
    nated: bool
    call_id: str
    cseq: int

    def binding(self, aor: AddressOfRecord, asked: Asked, ruid: str, now: float, wall_now: float) -> Binding:
        """One binding, as long as was granted."""
        uri, _, q, instance, reg_id = asked.contact
        request, hop, socket, path, nated, call_id, cseq = self
        if path is not None:
            # Behind another proxy: it is the way back, and the source is its address and not the phone's.
            way: Hop | None = None
            nated = False
        else:
            way = hop if nated or hop.transport != "udp" else None
        allow = request.first("allow")
        user_agent = request.first("user-agent")
        return Binding(
            aor,
            uri,
            now + asked.granted,
            call_id,
            cseq,
            q,
            "" if user_agent is None else user_agent[:_LONGEST_USER_AGENT],
            _received(hop) if nated else None,
            path,
            socket,
            way,
            None if allow is None else methods_in(allow),
            instance,
            reg_id,
            0,
            0,
            ruid,
            wall_now,
        )


def _after(current: Sequence[Binding], plan: Plan) -> list[Binding]:
    """What will be bound, best first."""
    puts, drops, _ = plan
    kept = [b for b in current if b.ruid not in puts and b.ruid not in drops]
    return in_order([*puts.values(), *kept])


def _received(hop: Hop) -> str:
    host = f"[{hop.host}]" if ":" in hop.host else hop.host
    transport = "" if hop.transport == "udp" else f";transport={hop.transport}"
    return f"sip:{host}:{hop.port}{transport}"


def _contact_line(binding: Binding, now: float) -> str:
    text = f"Contact: <{binding.contact}>"
    if binding.q is not None:
        text += f";q={binding.q:g}"
    if binding.instance is not None:
        text += f";+sip.instance={quote(binding.instance)}"
        if binding.reg_id is not None:
            text += f";reg-id={binding.reg_id}"
    return f"{text};expires={binding.expires_in(now)}"
