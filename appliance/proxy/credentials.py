"""Credentials as the routing script sees them: a step that lets a request pass, or has answered it.

What proves what stands in ``authentication``; here its verdicts become replies (RFC 3261 §22).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.auth.nonce import NonceSource
from appliance.proxy.authentication import (
    Authenticator,
    Challenge,
    CredentialsSource,
    Elsewhere,
    Tries,
    Verified,
)
from appliance.proxy.domains import Domains
from appliance.proxy.incoming import Incoming
from appliance.proxy.other_workers import OtherWorkers
from appliance.proxy.replies import Answer
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.metrics import Metrics

_UNAUTHORIZED = Answer(401, "Unauthorized")
_PROXY_AUTHENTICATION_REQUIRED = Answer(407, "Proxy Authentication Required")
# What happens to honest phones, and is nobody's attempt at a password.
_NO_GUESS = ("stale", "no_hash")


class FailureJournal(Protocol):
    """Who is told of credentials that were not accepted."""

    def not_verified(self, request: Request, hop: Hop, reason: str) -> None: ...


class CredentialCheck:
    """``www_authorize`` to ``consume_credentials`` of an OpenSER script. ``wall`` is UTC seconds.

    Phones whose User-Agent begins with one of ``md5_agents`` are asked for MD5 alone: there are some that
    give up when they see two challenges.
    """

    def __init__(
        self,
        nonces: NonceSource,
        source: CredentialsSource,
        domains: Domains,
        metrics: Metrics,
        wall: Callable[[], float],
        journal: FailureJournal,
        *,
        qop: bool,
        case_sensitive: bool = True,
        may_be: Callable[[AddressOfRecord, str], bool] | None = None,
        others: OtherWorkers | None = None,
        algorithms: Sequence[str] = ("MD5",),
        md5_agents: Sequence[str] = (),
        tries: Tries | None = None,
    ) -> None:
        self._md5_agents = tuple(name.lower() for name in md5_agents) if len(algorithms) > 1 else ()
        self._others = others
        self._metrics = metrics
        self._wall = wall
        self._journal = journal
        self._failure: str | None = None
        self._authenticator = Authenticator(
            nonces,
            source,
            domains.realm,
            qop=qop,
            case_sensitive=case_sensitive,
            canonical=domains.canonical,
            may_be=may_be,
            realms=domains.realms,
            on_challenge=self._count_challenge,
            on_failure=self._count_failure,
            issued_elsewhere=None if others is None else others.has_issued,
            algorithms=algorithms,
            tries=tries,
        )

    def www_authorize(self, incoming: Incoming) -> bool:
        """True when a REGISTER proves whose it is; otherwise it has been answered, usually with 401."""
        now = self._wall()
        verdict = self._authenticator.www_authorize(incoming.request, now, incoming.hop)
        self._tell_failure(incoming)
        if isinstance(verdict, Verified):
            incoming.verified = verdict
            return True
        if isinstance(verdict, Elsewhere):
            if self._hand_over(verdict, incoming):
                return False
            verdict = verdict.otherwise
        if isinstance(verdict, Challenge):
            incoming.explain("Asked for a password")
            self._metrics.registrations["challenged"] += 1
            lines = self._authenticator.www_challenge(
                self._for_old(verdict, incoming), now, incoming.hop.host
            )
            incoming.reply(_UNAUTHORIZED, lines)
        else:
            incoming.reply(Answer(verdict.status, verdict.reason))
        return False

    def proxy_authorize(self, incoming: Incoming) -> bool:
        """True when any other request proves whose it is; otherwise it has been answered, mostly with 407."""
        now = self._wall()
        verdict = self._authenticator.proxy_authorize(incoming.request, now, incoming.hop, incoming.prefers)
        self._tell_failure(incoming)
        if isinstance(verdict, Verified):
            incoming.verified = verdict
            return True
        if isinstance(verdict, Elsewhere):
            if self._hand_over(verdict, incoming):
                return False
            verdict = verdict.otherwise
        if isinstance(verdict, Challenge):
            incoming.explain("Asked for a password")
            lines = self._authenticator.proxy_challenge(
                self._for_old(verdict, incoming), now, incoming.hop.host
            )
            incoming.reply(_PROXY_AUTHENTICATION_REQUIRED, lines)
        else:
            incoming.reply(Answer(verdict.status, verdict.reason))
        return False

    def check_to(self, incoming: Incoming) -> bool:
        """True when To names the user whose credentials were verified."""
        verified = incoming.verified
        return verified is not None and self._authenticator.check_to(incoming.request, verified)

    def check_from(self, incoming: Incoming) -> bool:
        """True when From names the user whose credentials were verified, or he that an anonymous one wants to
        be known as."""
        verified = incoming.verified
        if verified is None:
            return False
        return self._authenticator.check_from(incoming.request, verified, incoming.prefers)

    def consume(self, request: Request) -> None:
        """Takes the credentials for our realms out of a request that goes on."""
        self._authenticator.consume_credentials(request)

    def _for_old(self, asked: Challenge, incoming: Incoming) -> Challenge:
        """The same challenge, for a phone that understands no other algorithm than MD5."""
        if not self._md5_agents:
            return asked
        agent = (incoming.request.first("user-agent") or "").lower()
        return asked._replace(algorithms=("MD5",)) if agent.startswith(self._md5_agents) else asked

    def _hand_over(self, verdict: Elsewhere, incoming: Incoming) -> bool:
        """Whether the worker that issued the nonce has taken the request."""
        others, raw = self._others, incoming.raw
        if others is None or not raw or not others.hand_over(verdict.worker, raw, incoming.hop):
            return False
        if incoming.watched:
            incoming.explain(f"Handed over to worker {verdict.worker}, which has asked for the password")
        return True

    def _count_challenge(self) -> None:
        self._metrics.auth_challenges += 1

    def _count_failure(self, reason: str) -> None:
        # Told right before the verdict is returned: nobody else can come in between.
        self._failure = reason
        self._metrics.auth_failures[reason] += 1

    def _tell_failure(self, incoming: Incoming) -> None:
        if self._failure is not None:
            reason, self._failure = self._failure, None
            if incoming.watched:
                incoming.explain(f"Not verified ({reason.replace('_', ' ')})", "red")
            if reason not in _NO_GUESS:
                self._journal.not_verified(incoming.request, incoming.hop, reason)
