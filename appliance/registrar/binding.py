"""A binding: one contact under which a user can be reached, and until when (RFC 3261 §10, §6 'Binding').

A binding is a value: a refresh makes a new one, so that the old one can be put back when the new one cannot
be made durable. Must not know how bindings are found or stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord, Uri

# The deadline of a contact that an administrator set for good.
PERMANENT = math.inf

# The bits of the column ``methods``, as OpenSER 1.2 numbers them.
METHOD_BITS = {
    "INVITE": 1,
    "CANCEL": 2,
    "ACK": 4,
    "BYE": 8,
    "INFO": 16,
    "REGISTER": 32,
    "SUBSCRIBE": 64,
    "NOTIFY": 128,
    "MESSAGE": 256,
    "OPTIONS": 512,
    "PRACK": 1024,
    "UPDATE": 2048,
    "REFER": 4096,
    "PUBLISH": 8192,
}


# The bit of the column ``cflags`` that OpenSER's scripts set for a phone behind a NAT (``nat_bflag`` 6).
NATED = 1 << 6

# What the Path of a binding has that another node of ours owns, before its name there; no phone's Path may.
OWNED_ELSEWHERE: Final = ";lr;nb="


@dataclass(slots=True, eq=False)
class Binding:
    """One contact of an address of record. Not to be changed once it is in ``Locations``.

    ``contact`` is the URI as the phone wrote it, ``deadline`` monotonic seconds (``PERMANENT``: never),
    ``modified`` wall seconds. ``received`` is the URI of the source of a phone behind a NAT, ``socket`` our
    listener as text (``udp:192.0.2.1:5060``), ``hop`` the way back to the phone, None when its contact URI is
    the way. ``path`` is the Route for requests to it (RFC 3327), ``instance`` and ``reg_id`` are of RFC 5626.
    ``ruid`` names the binding for as long as it lives, in every table and on every node.
    """

    aor: AddressOfRecord
    contact: str
    deadline: float
    call_id: str
    cseq: int
    q: float | None = None
    user_agent: str = ""
    received: str | None = None
    path: str | None = None
    socket: str | None = None
    hop: Hop | None = None
    methods: int | None = None
    instance: str | None = None
    reg_id: int | None = None
    flags: int = 0
    cflags: int = 0
    ruid: str = ""
    modified: float = 0.0

    @property
    def preference(self) -> float:
        """``q``, or 1 for a phone that said none (RFC 3841 §7.2.4)."""
        return 1.0 if self.q is None else self.q

    @property
    def nated(self) -> bool:
        """Whether the phone is behind a NAT, so that only its own flow leads to it."""
        return self.cflags & NATED != 0

    @property
    def transport(self) -> str:
        """How the phone is reached, for statistics: ``udp``, ``tcp`` …"""
        if self.socket is not None:
            return self.socket.partition(":")[0]
        return "udp" if self.hop is None else self.hop.transport

    @property
    def source(self) -> str:
        """The host that the phone sends from: of its flow, here or at another node, or of its contact."""
        if self.hop is not None:
            return self.hop.host
        uri = self.received or self.contact
        host = uri[uri.find("@") + 1 or uri.find(":") + 1 :]
        if host.startswith("["):
            return host[1:].partition("]")[0]
        for mark in (":", ";", "?"):
            host = host.partition(mark)[0]
        return host

    def expires_in(self, now: float) -> int:
        """Whole seconds that are left, at least 1 while it lives; 2**32 - 1 for a permanent one."""
        if self.deadline == PERMANENT:
            return 0xFFFF_FFFF
        return max(1, round(self.deadline - now))


def ruid_of(
    aor: AddressOfRecord, contact: str, instance: str | None = None, reg_id: int | None = None
) -> str:
    """The name of a binding: of the flow where the phone numbers its flows (RFC 5626 §6), else of the
    contact.

    Contacts that differ in writing only have the same one. Raises BadUri.
    """
    if instance is not None and reg_id is not None:
        what = f"{aor}\n{reg_id}\n{instance}"
    else:
        what = f"{aor}\n{Uri.parse(contact).key}"
    return blake2b(what.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


@lru_cache(maxsize=512)
def methods_in(allow: str) -> int:
    """The bits for the methods in an Allow header (RFC 3261 §20.5); names that have none are passed over.

    Phones of one make all send the same, so it is read once.
    """
    bits = 0
    for method in allow.split(","):
        bits |= METHOD_BITS.get(method.strip(" \t").upper(), 0)
    return bits
