"""Which bindings of the old server are bindings here: phones need not register again.

What belongs to a connection ended with the old server; those phones come back by themselves. A phone behind a
NAT is reached by UDP where it registered from, yet its NAT lets in whom it has sent to: the old server's
address. Must not know SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from appliance.errors import MalformedMessage
from appliance.registrar.binding import NATED, OWNED_ELSEWHERE, PERMANENT, Binding, ruid_of
from appliance.registrar.contact import LONGEST_CALL_ID, LONGEST_INSTANCE, LONGEST_PATH, read_contact
from appliance.sip.hosts import is_ipv4, is_ipv6_reference
from appliance.sip.uri import AddressOfRecord, Uri
from appliance.storage.importing.left import Left
from appliance.storage.importing.old_database import Row

_USER_AGENT, _RECEIVED = 255, 255
#: Moments before the second day of 1970 are no moments: the contact is for good.
_FOR_GOOD_UNTIL = 86_400
_MOST_METHODS = 0xFFFF_FFFF
_BY_CONNECTION = ("tls", "ws", "wss")


class Phones:
    """Some rows after the other. ``known(username, domain)`` is who that is here, ``listeners`` are ours as
    text, ``now`` is seconds since 1970.

    ``over`` is how many had run out, ``here`` how many are as new here or newer; ``elsewhere`` are phones
    behind NATs, by the old server's listener that is none of ours.
    """

    def __init__(
        self,
        known: Callable[[object, object], AddressOfRecord | None],
        listeners: Collection[str],
        *,
        now: float,
        left: Left,
    ) -> None:
        self._known, self._listeners, self._now, self._left = known, listeners, now, left
        self.over = self.here = 0
        self.elsewhere: dict[str, int] = {}

    def read(self, rows: Iterable[Row]) -> list[Binding]:
        """The bindings that can be; their deadline is in seconds since 1970."""
        found: dict[str, Binding] = {}
        for row in rows:
            expires = float(row["expires"] or 0)
            if _FOR_GOOD_UNTIL <= expires <= self._now:
                self.over += 1
                continue
            who = self._known(row["username"], row.get("domain"))
            what = f"phone {row['contact']} of {row['username']}"
            if who is None:
                why = f"no subscriber is {row['username']}@{row.get('domain') or '(any domain)'}"
                self._left.say("phones", what, why)
                continue
            try:
                binding = _binding(row, who, expires, self._listeners)
            except (MalformedMessage, _Cannot) as error:
                self._left.say("phones", what, str(error))
                continue
            before = found.get(binding.ruid)
            if before is None or before.modified <= binding.modified:
                found[binding.ruid] = binding
            listener = str(row.get("socket") or "an unknown address")
            if binding.nated and listener.lower() not in self._listeners:
                self.elsewhere[listener] = self.elsewhere.get(listener, 0) + 1
        return list(found.values())

    def newer(self, bindings: Sequence[Binding], here: Mapping[str, float]) -> list[Binding]:
        """Those of them that are newer than what is here; ``here`` has the time of change by ruid."""
        found = [each for each in bindings if here.get(each.ruid, -1.0) < each.modified]
        self.here += len(bindings) - len(found)
        return found


class _Cannot(Exception):
    """Why this row is no binding here."""


def _binding(row: Row, who: AddressOfRecord, expires: float, listeners: Collection[str]) -> Binding:
    contact = str(row["contact"])
    read_contact(f"<{contact}>")
    uri = Uri.parse(contact)
    socket = str(row.get("socket") or "").lower()
    received = _source(row, uri)
    transport = (
        (received.transport if received else None) or uri.transport or socket.partition(":")[0] or "udp"
    )
    if transport.lower() in _BY_CONNECTION:
        raise _Cannot(f"its connection by {transport.lower()} ended with the old server; it registers again")
    if received is not None and transport.lower() != "udp":
        raise _Cannot("its connection through a NAT ended with the old server; it registers again")
    path = str(row.get("path") or "") or None
    if path is not None and (len(path) > LONGEST_PATH or OWNED_ELSEWHERE in path):
        raise _Cannot("its Path is none that a phone may have here")
    call_id = str(row["callid"])
    if len(call_id) > LONGEST_CALL_ID:
        raise _Cannot(f"its Call-ID has more than {LONGEST_CALL_ID} characters")
    instance = str(row.get("instance") or "").strip('"') or None
    reg_id = int(row.get("reg_id") or 0) or None
    if instance is not None and len(instance) > LONGEST_INSTANCE:
        instance = reg_id = None
    q, methods = float(row["q"]) if row.get("q") is not None else -1.0, row.get("methods")
    return Binding(
        who,
        contact,
        PERMANENT if expires < _FOR_GOOD_UNTIL else expires,
        call_id,
        int(row["cseq"]),
        q=q if 0 <= q <= 1 else None,
        user_agent=str(row.get("user_agent") or "")[:_USER_AGENT],
        received=None if received is None else str(row["received"]),
        path=path,
        socket=_ours(socket, transport.lower(), listeners),
        methods=int(methods) if methods is not None and 0 < int(methods) < _MOST_METHODS else None,
        instance=instance,
        reg_id=reg_id if instance is not None else None,
        cflags=0 if received is None else NATED,
        ruid=ruid_of(who, contact, instance, reg_id if instance is not None else None),
        modified=float(row["last_modified"] or 0),
    )


def _source(row: Row, contact: Uri) -> Uri | None:
    """Where the phone registered from, when its Contact says another place: it is behind a NAT."""
    said = str(row.get("received") or "")
    if not said:
        return None
    source = Uri.parse(said)
    if len(said) > _RECEIVED or not (is_ipv4(source.host) or is_ipv6_reference(source.host)):
        raise _Cannot("where it registered from is no address")
    same = source.host == contact.host and (source.port or 5060) == (contact.port or 5060)
    return None if same else source


def _ours(socket: str, transport: str, listeners: Collection[str]) -> str | None:
    """Our listener: the old server's own, when we have that address, else one that is like it."""
    if socket in listeners:
        return socket
    six = "[" in socket
    alike = [each for each in listeners if each.startswith(f"{transport}:") and ("[" in each) == six]
    return alike[0] if alike else None


def told(binding: Binding) -> dict[str, Any]:
    """The binding as the running server is told it (``bindings_take``)."""
    return {
        "aor": list(binding.aor),
        "contact": binding.contact,
        "expires": None if binding.deadline == PERMANENT else binding.deadline,
        "call_id": binding.call_id,
        "cseq": binding.cseq,
        "q": binding.q,
        "user_agent": binding.user_agent,
        "received": binding.received,
        "path": binding.path,
        "socket": binding.socket,
        "methods": binding.methods,
        "instance": binding.instance,
        "reg_id": binding.reg_id,
        "cflags": binding.cflags,
        "modified": binding.modified,
    }
