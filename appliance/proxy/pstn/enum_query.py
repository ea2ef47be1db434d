"""ENUM (RFC 6116; the seed's ``enum_query``): a number with a + that somebody has written into the DNS, under
a suffix that the settings name, is called at the SIP address that stands there.

It is asked for users of ours and for trusted peers only: a stranger would have a way through us. A number of
one of our own users is not looked up, whether he is registered or not. Each request is looked up once, so no
two numbers lead to one another for ever. Must not know the DNS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from appliance.errors import MalformedMessage, StorageError
from appliance.proxy.authentication import CredentialsSource
from appliance.proxy.domains import Domains
from appliance.proxy.incoming import Incoming
from appliance.proxy.pstn.gateway import payer_of
from appliance.sip.naptr import Naptr, number_name, sip_addresses
from appliance.sip.uri import Uri

_METHODS = frozenset({"INVITE", "MESSAGE"})
_SEPARATORS = str.maketrans("", "", "-.()")
_MOST_DIGITS = 15  # E.164


class NumberLookup(Protocol):
    """Who asks the DNS."""

    def naptr(self, name: str) -> Sequence[Naptr]:
        """The records of a name, empty when it has none or nobody answers in time. May block."""
        ...


class EnumQuery:
    """``suffix`` is the domain that numbers are looked up in, as ``e164.arpa``."""

    def __init__(self, suffix: str, lookup: NumberLookup, domains: Domains, users: CredentialsSource) -> None:
        self._suffix = suffix
        self._lookup = lookup
        self._domains = domains
        self._users = users

    def target(self, incoming: Incoming) -> str | None:
        """The URI that the dialled number has in the DNS; None: none. May block."""
        number = self._number_of(incoming)
        if not number or incoming.looked_up:
            return None
        incoming.looked_up = True
        for uri in sip_addresses(self._lookup.naptr(number_name(number, self._suffix)), number):
            try:
                parsed = Uri.parse(uri)
            except MalformedMessage:
                continue  # what somebody has written into the DNS
            if parsed.scheme == "sip":
                return uri
        return None

    def _number_of(self, incoming: Incoming) -> str:
        """The number with its + that this request is for, if it is to be asked for; else ""."""
        request = incoming.request
        user = request.uri.username
        if not user.startswith("+") or request.method not in _METHODS:
            return ""
        number = user.translate(_SEPARATORS)
        digits = number[1:]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
            return ""
        peer = incoming.peer
        if payer_of(incoming) is None and (peer is None or not peer.trusted):
            return ""
        aor = self._domains.aor(request.uri)
        try:
            known = self._users.find(aor.username, aor.domain, self._domains.realm(aor.domain) or aor.domain)
        except StorageError:
            return number  # nobody knows; a number is rather one outside
        return number if known is None else ""
