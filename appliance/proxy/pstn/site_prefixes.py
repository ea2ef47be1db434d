"""Prefixes of other sites (SER's ``SITE_SPECIFIC``, OpenSER's module pdt): a number that begins with one
belongs to another domain.

The prefix is taken off, and the domain behind it put in; the longest prefix counts. For users of ours and for
trusted peers only: a stranger would have a way through us, and so would whoever calls in by a gateway. Must
not know rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from appliance.errors import MalformedMessage
from appliance.proxy.domains import Domains
from appliance.proxy.incoming import Incoming
from appliance.sip.uri import Uri

ANY = "*"


class SitePrefixes:
    """``take(rows)`` is told the domain behind each (source domain, prefix); the source ``*`` is any."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains
        self._rows: Mapping[tuple[str, str], str] = {}
        self._longest = 0

    def take(self, rows: Mapping[tuple[str, str], str]) -> None:
        """From now on these count."""
        self._rows = rows
        self._longest = max((len(prefix) for _, prefix in rows), default=0)

    def translate(self, incoming: Incoming) -> bool:
        """Whether the Request-URI, whose domain is ours, is for another site: then it is one there now."""
        verified, peer, payer = incoming.verified, incoming.peer, incoming.payer
        known = payer is not None or verified is not None or (peer is not None and peer.trusted)
        if not self._longest or not known:
            return False
        request = incoming.request
        uri = request.uri
        user = uri.user or ""
        # A trusted peer calls as somebody of the domain that he calls, and whoever forwards as himself.
        caller = uri.host if verified is None else verified.subscriber.domain or verified.domain
        if payer is not None:
            caller = payer.domain
        sources = (self._domains.canonical(caller), ANY)
        for length in range(min(self._longest, len(user) - 1), 0, -1):
            for source in sources:
                domain = self._rows.get((source, user[:length]))
                if domain is None:
                    continue
                text = f"{uri.scheme}:{user[length:]}@{domain}"
                try:
                    Uri.parse(text)
                except MalformedMessage:
                    return False
                request.uri_text = text
                return True
        return False
