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
from sys import intern
from typing import NamedTuple, Protocol

from appliance.errors import MalformedMessage, StorageError
from appliance.registrar.answer import Answers, Outcome
from appliance.registrar.binding import NATED, Binding, methods_in
from appliance.registrar.changes import Order, Plan, is_same, plan_contacts, plan_removal
from appliance.registrar.contact import (
    LONGEST_CALL_ID,
    WILDCARD,
    Contact,
    read_contacts,
    read_expires,
    read_path,
)
from appliance.registrar.extensions import Extensions, ExtensionSettings, Refusal
from appliance.registrar.gruu import Gruus
from appliance.registrar.location_service import BindingStore, LocationService, in_order
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord

# RFC 3261 §20.33: how long a phone waits when its binding could not be made durable.
_RETRY_AFTER = "Retry-After: 5"
# To come back later than that is said to nobody: it is as good as never.
_LONGEST_RETRY = 86_400

# A User-Agent is for people to read; longer ones are cut to the column.
_LONGEST_USER_AGENT = 255


class RegistrarSettings(ExtensionSettings, Protocol):
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


class Registrar:
    """Processes the REGISTERs of the domains that we serve.

    ``wall`` gives the time of day, for the column ``last_modified`` and the Date header only. ``gruus`` is
    None where phones get none.
    """

    def __init__(
        self,
        locations: Locations,
        store: BindingStore,
        settings: RegistrarSettings,
        *,
        profile: str = "rfc3261",
        wall: Callable[[], float] = time.time,
        gruus: Gruus | None = None,
    ) -> None:
        self.service = LocationService(locations, store, in_memory=settings.location_mode != "database")
        self._locations = locations
        self._default_expires = settings.default_expires
        # §10.3 step 7: what lasts an hour is never too brief.
        self._min_expires = min(settings.min_expires, 3600)
        self._max_expires = settings.max_expires or 0xFFFF_FFFF
        self._max_contacts = settings.max_contacts
        self._as_openser = profile == "openser12"
        self._answers = Answers(wall, as_openser=self._as_openser, gruus=gruus)
        self.extensions = Extensions(settings, as_openser=self._as_openser, gruu=gruus is not None)
        self._adds_headers = bool(settings.service_route)
        self._wall = wall

    def register(
        self,
        request: Request,
        aor: AddressOfRecord,
        hop: Hop,
        socket: str | None,
        now: float,
        *,
        nated: bool = False,
        edge: bool = False,
    ) -> Outcome:
        """Do what the request asks for the bindings of ``aor``; return the answer when it is durable.

        ``hop`` is where the request came from, ``socket`` the listener that took it in. ``nated`` says that
        the phone sits behind a NAT, so that requests must go back to where it came from whatever its Contact
        says. ``edge``: it came by a proxy that is known by its address.
        """
        if request.has("require") and (refusal := self._refuse_extensions(request)):
            return refusal
        try:
            contacts = read_contacts(request)
            granted, too_brief = self._grant(request, contacts)
            call_id, cseq = request.call_id, request.cseq.number
            if len(call_id) > LONGEST_CALL_ID:
                raise MalformedMessage("a Call-ID beyond the limit", reason="Call-ID Too Long")
            path = read_path(request) if request.has("path") else None
            refused: Refusal | None = None
            if path is not None or (contacts and contacts[0].reg_id is not None):
                refused = self._refuse(request, contacts, path, edge=edge)
        except MalformedMessage as error:
            return self._answers.refused(400, error.reason or "Bad Request")
        if refused is not None:
            status, reason, header = refused
            return self._answers.refused(status, reason, *([header] if header else ()))
        if too_brief:
            return Outcome(423, "Interval Too Brief", (f"Min-Expires: {self._min_expires}",))
        if not self._locations.case_sensitive:
            aor = self._locations.key(aor)
        turns = self.service.turns
        turns.take(aor)
        try:
            current = self.service.lookup(aor, now)
            if not contacts:
                return self._answers.ok(request, current, now)
            arrival = _Arrival(request, aor, hop, socket, nated, path, call_id, cseq, now, self._wall())
            outcome = self._bind(arrival, contacts, granted, current)
            if (self._adds_headers or contacts[0].reg_id is not None) and outcome.status == 200:
                more = self.extensions.headers(request, contacts, reliable=hop.reliable)
                outcome = outcome._replace(headers=[*outcome.headers, *more])
            return outcome
        except StorageError as lost:
            return self._answers.refused(503, "Service Unavailable", _RETRY_AFTER)._replace(error=lost)
        finally:
            turns.end(aor)

    # ---------------------------------------------------------------------------------------------- the steps

    def _bind(
        self,
        arrival: _Arrival,
        contacts: Sequence[Contact],
        granted: Sequence[int],
        current: Sequence[Binding],
    ) -> Outcome:
        """Steps 6 and 7 for a user whose turn it is."""
        request, aor, _, _, _, _, call_id, cseq, now, _ = arrival
        if len(contacts) == len(current) == 1 and granted[0]:
            # What nearly every REGISTER is: one phone says the same again, to be kept for another hour.
            contact, former = contacts[0], current[0]
            if is_same(former, contact) and (former.call_id != call_id or cseq > former.cseq):
                binding = arrival.binding(contact, granted[0], former.ruid)
                self.service.refresh(binding, former)
                return self._answers.ok(request, (binding,), now, (("refreshed", binding),))
        if contacts[0] is WILDCARD:
            plan = plan_removal(current, call_id, cseq)
        else:
            plan = plan_contacts(contacts, granted, current, aor, call_id, cseq, arrival.binding)
        if plan is Order.REPEATED or (plan is Order.LATE and self._as_openser):
            return self._answers.ok(request, current, now)
        if not isinstance(plan, Plan):
            return self._answers.refused(500, "CSeq Out of Order")
        after = _after(current, plan)
        if self._max_contacts and len(after) > max(self._max_contacts, len(current)):
            return self._answers.refused(503, "Too Many Contacts", *self._when_room(current, now))
        if plan.changes:
            self.service.change(plan.puts.values(), plan.drops.values())
        return self._answers.ok(request, after, now, plan.changes)

    def _when_room(self, current: Sequence[Binding], now: float) -> tuple[str, ...]:
        """When to come back: a contact goes when it expires. OpenSER did not say it, nor does it help a phone
        that would have to wait for an administrator."""
        soonest = min((binding.expires_in(now) for binding in current), default=_LONGEST_RETRY)
        if self._as_openser or soonest >= _LONGEST_RETRY:
            return ()
        return (f"Retry-After: {soonest}",)

    def _refuse(
        self, request: Request, contacts: Sequence[Contact], path: str | None, *, edge: bool
    ) -> Refusal | None:
        """Whether its Path, or its flows, are none that we take."""
        refusal: Refusal | None = None
        if path is not None:
            refusal = self.extensions.refuses_path(request, edge=edge)
        if refusal is None and contacts and contacts[0].reg_id is not None:
            refusal = self.extensions.refuses_flows(request, contacts, path)
        return refusal

    def _refuse_extensions(self, request: Request) -> Outcome | None:
        """§10.3 step 2: an extension that is required and not known."""
        unknown = [
            option for option in request.items("require") if option.lower() not in self.extensions.supported
        ]
        if not unknown:
            return None
        return self._answers.refused(420, "Bad Extension", f"Unsupported: {', '.join(unknown)}")

    def _grant(self, request: Request, contacts: Sequence[Contact]) -> tuple[list[int], bool]:
        """How long each contact is granted (§10.3 step 7), and whether one asked for too little."""
        granted: list[int] = []
        otherwise = -1
        too_brief = False
        for contact in contacts:
            seconds = contact.expires
            if seconds is None:
                if otherwise < 0:
                    header = read_expires(request)
                    otherwise = self._default_expires if header is None else header
                seconds = otherwise
            if 0 < seconds < self._min_expires:
                seconds = self._min_expires
                too_brief = not self._as_openser
            granted.append(min(seconds, self._max_expires))
        return granted, too_brief


class _Arrival(NamedTuple):
    """A REGISTER that was found in order: what all bindings that it makes have in common."""

    request: Request
    aor: AddressOfRecord
    hop: Hop
    socket: str | None
    nated: bool
    path: str | None
    call_id: str
    cseq: int
    now: float
    wall_now: float

    def binding(self, contact: Contact, seconds: int, ruid: str) -> Binding:
        """A binding for as long as was granted."""
        request, aor, hop, socket, nated, path, call_id, cseq, now, wall_now = self
        uri, _, q, instance, reg_id = contact
        # A phone that numbers its flows is called by each as by the one that it is (RFC 5626 §6).
        way, received = _way_back(hop, path, nated or reg_id is not None)
        allow, user_agent = request.first("allow"), request.first("user-agent")
        return Binding(
            aor,
            uri,
            now + seconds,
            call_id,
            cseq,
            q,
            # Phones of one make all say the same: one text for all of them.
            "" if user_agent is None else intern(user_agent[:_LONGEST_USER_AGENT]),
            received,
            path,
            socket,
            way,
            None if allow is None else methods_in(allow),
            instance,
            reg_id,
            0,
            NATED if nated and path is None else 0,
            ruid,
            wall_now,
        )


def _way_back(hop: Hop, path: str | None, by_flow: bool) -> tuple[Hop | None, str | None]:
    """The hop by which a contact is reached, and the same as a URI, where its own URI does not lead to it.

    A stream is used as long as it lasts, which may be longer than our process does. Behind a Path the source
    is another proxy's address and not the phone's.
    """
    if path is not None:
        return None, None
    return (hop, _received(hop)) if by_flow or hop.reliable else (None, None)


def _after(current: Sequence[Binding], plan: Plan) -> Sequence[Binding]:
    """What will be bound, best first."""
    puts, drops, changes = plan
    if not changes:
        return current
    kept = [b for b in current if b.ruid not in puts and b.ruid not in drops]
    return in_order([*puts.values(), *kept])


def _received(hop: Hop) -> str:
    host = f"[{hop.host}]" if ":" in hop.host else hop.host
    if not hop.reliable:
        return f"sip:{host}:{hop.port}"
    # The number of the connection: whoever has the address next may be somebody else's phone.
    flow = f";flow={hop.connection:x}" if hop.connection else ""
    return f"sip:{host}:{hop.port};transport={hop.transport}{flow}"
