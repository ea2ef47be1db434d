"""Forwarding: a call for one of our users goes to whom he has named (SER's ``fwd_always_target`` and more).

Always, when he is not registered, when he is busy, when nobody answers; a mailbox takes what is left. Who
forwards answers for the call from then on: his rights count at a gateway, and he is charged
(``incoming.payer``). The request tells whom it was for by Diversion (RFC 5806), and by History-Info (RFC
7044) where it has one.

Nothing goes round: a user forwards a call once and nobody gets it a second time, also when it has been
elsewhere between, as long as its Diversion came along; and there is a limit on how often it is forwarded.
What may not be forwarded any more rings where it is. Must not know how a target is found, nor how a request
is sent.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import MalformedMessage
from appliance.proxy.domains import Domains
from appliance.proxy.incoming import Incoming
from appliance.proxy.preferences.diversion import diverted_by, note_diversion
from appliance.proxy.preferences.forwarded import FailureRoute, Forwarded
from appliance.registrar.preferences import Preferences
from appliance.sip.escapes import escape_user
from appliance.sip.uri import AddressOfRecord, Uri
from appliance.telemetry.metrics import Metrics

ALWAYS, NOT_REGISTERED, BUSY, NO_ANSWER = "always", "not_registered", "busy", "no_answer"
# The reason as Diversion has it, and the status as History-Info has it.
_WHY = {
    ALWAYS: ("unconditional", 302),
    NOT_REGISTERED: ("unavailable", 480),
    BUSY: ("user-busy", 486),
    NO_ANSWER: ("no-answer", 408),
}


def occasion_of(status: int, *, answered: bool) -> str:
    """When a user forwards what has ended with ``status``; "" never. ``answered``: a phone has said so, it is
    no verdict of ours."""
    if status in (486, 600):
        return BUSY
    if status == 480 and not answered:
        return NOT_REGISTERED
    return NO_ANSWER if status in (408, 480) else ""


class Forwarding:
    """``most`` is how often a call is forwarded; ``voicemail`` the URI of the mailboxes, in which ``{user}``
    stands for whose it is, "" for none: it is meant by the target ``default``. ``aliases(aor)`` gives the URI
    that an address stands for."""

    def __init__(
        self,
        most: int,
        voicemail: str,
        domains: Domains,
        aliases: Callable[[AddressOfRecord], str | None],
        metrics: Metrics,
    ) -> None:
        self._most = most
        self._voicemail = voicemail
        self._domains = domains
        self._aliases = aliases
        self._metrics = metrics

    def forward(
        self, incoming: Incoming, callee: AddressOfRecord, wishes: Preferences, occasion: str
    ) -> bool:
        """Whether the callee has such calls forwarded: then the request is for somebody else now."""
        target = self._target(callee, wishes, occasion)
        if not target:
            return False
        forwarded = incoming.forwarded or self._begun(incoming)
        if callee in forwarded.visited or len(forwarded.visited) >= self._most:
            return False
        try:
            uri = Uri.parse(target)
            whose = self._whose(uri)
        except MalformedMessage:
            return False  # what somebody has written into his row
        if whose is not None and (whose == callee or whose in forwarded.visited):
            return False
        reason, status = _WHY[occasion]
        note_diversion(incoming.request, callee, reason, status, target)
        forwarded.visited.append(callee)
        forwarded.noted += 1
        forwarded.callee = None
        forwarded.ring_seconds = 0.0
        incoming.forwarded = forwarded
        incoming.payer = callee
        incoming.request.uri_text = target
        self._metrics.calls_forwarded[occasion] += 1
        return True

    def redirects_to(
        self, incoming: Incoming, callee: AddressOfRecord, wishes: Preferences, occasion: str
    ) -> str:
        """Whom the caller is told to call himself; "" nobody."""
        target = self._target(callee, wishes, occasion)
        try:
            whose = self._whose(Uri.parse(target)) if target else callee
        except MalformedMessage:
            return ""
        visited = () if incoming.forwarded is None else incoming.forwarded.visited
        return "" if whose is not None and (whose == callee or whose in visited) else target

    def watch(
        self, incoming: Incoming, callee: AddressOfRecord, wishes: Preferences, route: FailureRoute
    ) -> None:
        """From here on the callee's phones ring as long as he wants, and ``route`` says what follows."""
        if not wishes.ring_seconds and not wishes.follows_failure:
            return
        forwarded = incoming.forwarded or self._begun(incoming)
        forwarded.ring_seconds = wishes.ring_seconds
        if wishes.follows_failure:
            forwarded.callee, forwarded.failure_route = callee, route
        incoming.forwarded = forwarded

    def _begun(self, incoming: Incoming) -> Forwarded:
        """What has happened to the call before it came here, as its Diversions say."""
        serves, aor = self._domains.serves, self._domains.aor
        diverted = diverted_by(incoming.request)
        return Forwarded([aor(uri) if serves(uri.host) else uri.aor for uri in diverted])

    def _target(self, callee: AddressOfRecord, wishes: Preferences, occasion: str) -> str:
        if occasion == ALWAYS:
            target = wishes.always
        elif occasion == BUSY:
            target = wishes.busy or wishes.voicemail
        elif occasion == NO_ANSWER:
            target = wishes.no_answer or wishes.voicemail
        else:
            target = wishes.not_registered or wishes.voicemail
        if target == "default":
            target = self._voicemail.replace("{user}", escape_user(callee.username))
        if not target or ":" in target.partition("@")[0]:
            return target
        return f"sip:{target}" if "@" in target else f"sip:{target}@{callee.domain}"

    def _whose(self, uri: Uri) -> AddressOfRecord | None:
        """The user of ours that a target is; None when it is none."""
        if not self._domains.is_me(uri):
            return None
        whose = self._domains.aor(uri)
        alias = self._aliases(whose)
        if alias is None:
            return whose
        other = Uri.parse(alias)
        return self._domains.aor(other) if self._domains.is_me(other) else None
