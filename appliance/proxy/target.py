"""A target (RFC 3261 §16.5): one place that a request may be sent to.

A value that is also written down for the next process (``unfinished``). Must not know how it was found, nor
how a request is sent.
"""

from __future__ import annotations

from typing import NamedTuple

from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord


class Target(NamedTuple):
    """One place to send a request to: its Request-URI, the way there if that is known, its preference;
    ``looped`` when that is this server itself, so that it is not yet on its way. ``aor`` is whose
    phone it is, ``nated`` says that the phone is behind a NAT, ``listener`` by which of our sockets it is
    known to be reached (-1: any that fits). ``gateway`` is the number of the gateway that it is, which the
    caller has the right to use; 0: it is none. ``speech`` is how its sound is spoken where a call rings at
    phones of several kinds, and ``body`` what it is offered then ("" and None: as everybody). ``flows`` are
    the ruids of the bindings that lead to the same phone, which are tried one after the other (RFC 5626);
    ``by_flow``: the phone has to be reached by ``hop`` and no other way. ``named``: an administrator has
    named it, so that it may be on this machine's loopback.
    """

    uri: str
    hop: Hop | None = None
    path: str | None = None
    q: float = 1.0
    looped: bool = False
    aor: AddressOfRecord | None = None
    nated: bool = False
    listener: int = -1
    gateway: int = 0
    speech: str = ""
    body: bytes | None = None
    flows: tuple[str, ...] = ()
    by_flow: bool = False
    named: bool = False
