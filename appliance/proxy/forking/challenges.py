"""Challenges that come back from where a request was sent (RFC 3261 §16.7, §22.3): whose are passed on.

A phone answers a challenge for its realm with a digest of its password, and whoever gets that may try
passwords at his leisure. So a phone that is registered here must not challenge another one: its 401 or 407
becomes a 403. Foreign domains have users of their own and may ask for their password; but nobody else asks
for our realms. Must not know how a response is sent.
"""

from __future__ import annotations

from appliance.errors import MalformedMessage
from appliance.proxy.domains import Domains
from appliance.proxy.target import Target
from appliance.sip.grammar import parse_auth_params
from appliance.sip.message import Request, Response

CHALLENGES = ("www-authenticate", "proxy-authenticate")


class Challenges:
    """Judges responses with 401 or 407; all others need no judgement."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    def may_pass(self, response: Response, request: Request, target: Target) -> bool:
        """Whether the sender of ``request`` may see what ``target`` has answered it with."""
        if target.looped:
            return True  # we have asked ourselves
        if target.aor is not None or self._is_for_a_phone(request):
            return False
        return not self._names_our_realm(response)

    def may_pass_late(self, response: Response) -> bool:
        """The same where nothing is known of the request any more; in doubt it is one of our phones."""
        return not self._domains.serves(response.to.uri.host) and not self._names_our_realm(response)

    def _is_for_a_phone(self, request: Request) -> bool:
        """Within a dialog: whether it goes straight to somebody of ours, and not by another proxy."""
        return (
            request.to_tag is not None
            and not request.has("route")
            and self._domains.serves(request.to.uri.host)
        )

    def _names_our_realm(self, response: Response) -> bool:
        realms = self._domains.realms()
        for key in CHALLENGES:
            for value in response.all(key):
                try:
                    realm = parse_auth_params(value)[1].get("realm")
                except MalformedMessage:
                    return True  # another element may read it as ours
                if realm in realms:
                    return True
        return False
