"""Which domains may meet here: ``DOMAIN_POLICY`` and ``OUTBOUND`` of SER's out-of-box configuration.

Callers of our domains prove who they are, and may call everywhere. Callers of other domains reach our users,
and nobody else through us. A walled garden has less: the settings say how much, or an attribute of the
domain. Must not know how anybody is authenticated, nor where a request goes.
"""

from __future__ import annotations

from appliance.errors import DatabaseUnavailable
from appliance.proxy.domains import Domains
from appliance.proxy.replies import Answer, Replies
from appliance.registrar.served import WALLED_GARDEN
from appliance.sip.message import Request

GARDENS = ("off", "inbound", "both")


class DomainPolicy:
    """The policy of one server. ``garden`` is the setting ``walled_garden``: one of ``GARDENS``."""

    def __init__(self, domains: Domains, replies: Replies, garden: str = "off") -> None:
        self._domains = domains
        self._replies = replies
        self._garden = garden

    def refuses_stranger(self, request: Request) -> Answer | None:
        """What the request of a caller whose domain is not ours is refused with; None: it is let in.

        Raises DatabaseUnavailable while nobody can know whose domain it is, as the others do. A BYE of
        somebody to whom a call was forwarded names two foreign domains too, so SER lets what has a To tag
        pass here, and finds no route for it; such a BYE of ours has our signed Route.
        """
        here = self._domains.is_me(request.uri)
        if here and self._garden_of(request.uri.host) == "off":
            return None
        self._assert_known()
        if here:
            return self._replies.walled_garden
        return self._replies.relaying if request.to_tag is None else self._replies.no_route

    def refuses_outbound(self, host: str) -> Answer | None:
        """What a call to another domain is refused with, when ``host``, the domain of whoever makes it go
        there, is one of ours; None: it goes out."""
        if self._domains.serves(host) and self._garden_of(host) == "both":
            return self._replies.relaying
        return None

    def refuses_registrar(self, request: Request) -> Answer:
        """What a REGISTER for another domain's registrar is refused with."""
        self._assert_known()
        foreign = not self._domains.serves(request.from_.uri.host)
        return self._replies.relaying if foreign else self._replies.register_elsewhere

    def refuses_address(self, request: Request) -> Answer:
        """What a REGISTER of an address in a domain that is not ours is refused with, or of one that has
        none: an address of record is a SIP URI (RFC 3261 §10.3 step 5)."""
        if not request.to.uri.host:
            return self._replies.no_address
        self._assert_known()
        return self._replies.unknown_domain

    def _garden_of(self, host: str) -> str:
        """Which garden the domain of ``host`` is; our own address, without a domain, means the first one."""
        domain = self._domains.find(host) or self._domains.find(self._domains.first() or "")
        said = None if domain is None else domain.attributes.get(WALLED_GARDEN)
        return said if said in GARDENS else self._garden

    def _assert_known(self) -> None:
        """A domain that is not among those that we know may stand in a row that was never read: 'not ours'
        would be a lie, so there is a 503 with Retry-After."""
        if not self._domains.complete:
            raise DatabaseUnavailable("the served domains have not been read since the start")
