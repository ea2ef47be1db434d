"""Speed dials (SER's ``SPEEDDIAL``): two digits that a user of ours has given a meaning.

Only whoever has proved who he is has any, so nobody reads another's. Must not know rows, nor how a call
goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.errors import MalformedMessage
from appliance.proxy.domains import Domains
from appliance.proxy.incoming import Incoming
from appliance.sip.uri import AddressOfRecord, Uri


class SpeedDials:
    """``dials(aor)`` gives the URIs by the digits that a user calls them by, None when he has none;
    ``redirects``: the caller is told the URI, in place of a call that goes there at once."""

    def __init__(
        self,
        dials: Callable[[AddressOfRecord], Mapping[str, str] | None],
        domains: Domains,
        *,
        redirects: bool,
    ) -> None:
        self._dials = dials
        self._domains = domains
        self.redirects = redirects

    def target(self, incoming: Incoming) -> str | None:
        """The URI that the caller means; None when he has dialled nothing of the kind."""
        request, verified = incoming.request, incoming.verified
        digits = request.uri.user or ""
        if len(digits) != 2 or not (digits.isascii() and digits.isdigit()):
            return None
        if verified is None or request.method != "INVITE":
            return None
        subscriber = verified.subscriber
        domain = self._domains.canonical(subscriber.domain or verified.domain)
        target = (self._dials(AddressOfRecord(subscriber.username, domain)) or {}).get(digits)
        if target is None:
            return None
        try:
            Uri.parse(target)
        except MalformedMessage:
            return None  # what somebody has written into his row
        return target
