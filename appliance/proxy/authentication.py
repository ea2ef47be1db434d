"""Who is asking: the policy around digest (RFC 3261 §22, RFC 7616 §3.3, §3.4).

``www_authorize`` is for the registrar, whose user stands in To; ``proxy_authorize`` for everything else,
whose user stands in From. Both return a value: ``Verified``, or a ``Challenge`` to send, or ``Refused``. The
realm is that of the domain we serve, never a name that the caller chose.

A user whom we do not know is challenged exactly as one whose password is wrong, after the same work, so that
nobody can list our users. ``stale=true`` is said only to those who know the password, and where another
algorithm is asked for than the one that was answered by (``auth.offers``): a phone then tries again without
asking its owner, and one with a wrong password does not try for ever.

Must not know how challenges are sent, where credentials are stored, or what the request is let in to do.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple, Protocol

from appliance.auth.digest import Credentials, challenge, uri_fits, verify
from appliance.auth.nonce import NonceSource, NonceVerdict
from appliance.auth.offers import Offers
from appliance.errors import MalformedMessage
from appliance.sip.grammar import parse_auth_params
from appliance.sip.header_lines import value_of
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord, Uri

AUTHORIZATION = "authorization"
PROXY_AUTHORIZATION = "proxy-authorization"

_CARRIERS = frozenset({AUTHORIZATION, PROXY_AUTHORIZATION})

_MD5 = ("MD5", "MD5-SESS")

# How often a user's row may be read again because a check failed, in seconds, and for how many users that is
# noted.
_REREAD_AFTER = 1.0
_REREADS_NOTED = 65_536


class Subscriber(Protocol):
    """As much of a subscriber's row as authentication needs: hashes in lower-case hex, those for SHA None
    where the row has none, ``ha1b`` for ``user@domain``; ``rpid`` is as whom a gateway is told that he calls.
    """

    @property
    def username(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def ha1(self) -> str: ...
    @property
    def ha1b(self) -> str | None: ...
    @property
    def ha1_sha256(self) -> str | None: ...
    @property
    def ha1_sha512_256(self) -> str | None: ...
    @property
    def rpid(self) -> str | None: ...


class CredentialsSource(Protocol):
    """Where subscribers are found. Both may block, and raise DatabaseUnavailable when nobody can know."""

    def find(self, username: str, domain: str, realm: str) -> Subscriber | None:
        """The subscriber, from memory where it is there."""

    def refetch(self, username: str, domain: str, realm: str) -> Subscriber | None:
        """The subscriber as the row is now."""


class Tries(Protocol):
    """Who watches how often somebody tries."""

    def may_try(self, username: str, domain: str, nonce: str, hop: Hop) -> bool:
        """Whether the credentials are looked at; if not, they are answered as wrong ones are."""

    def failed(self, username: str, domain: str, nonce: str, hop: Hop) -> None:
        """They were wrong, or nobody's."""

    def succeeded(self, username: str, domain: str, hop: Hop) -> None:
        """They were right."""


class Verified(NamedTuple):
    """The request comes from ``username`` at ``domain``, as the credentials name them."""

    subscriber: Subscriber
    username: str
    domain: str
    realm: str


class Challenge(NamedTuple):
    """The request has to come again with credentials for ``realm``; ``nonce`` is one that is still good,
    ``algorithms`` what is asked for (empty: all that the settings name)."""

    realm: str
    stale: bool = False
    nonce: str | None = None
    algorithms: tuple[str, ...] = ()


class Elsewhere(NamedTuple):
    """Another living worker has issued the nonce, and judges it; ``otherwise`` is what to say without it."""

    worker: int
    otherwise: Challenge


class Refused(NamedTuple):
    """The request is answered with this; coming again does not help."""

    status: int
    reason: str


Verdict = Verified | Challenge | Refused | Elsewhere


def _nothing(*_: object) -> None:
    """Whom nobody asked to be told."""


class Authenticator:
    """Decides whether a request proves whose it is.

    ``realm_of(domain)`` gives the realm of a served domain and None for all others; ``realms()`` all of them,
    for ``consume_credentials``. ``canonical(domain)`` is one name for all that a domain has; by it
    subscribers are looked for. ``may_be(who, name)``: a user has a further name in his domain. ``qop`` False
    is the setting of 2007, in which a nonce may be used again until it expires. ``on_challenge()`` and
    ``on_failure(reason)`` count; the reasons are unknown_user, bad_response, too_many, no_hash, stale,
    replayed. Times are wall seconds. ``issued_elsewhere(worker, boot)`` says that another worker judges a
    nonce. ``algorithms`` are those that are asked for, the best first. ``tries`` watches who guesses.
    """

    def __init__(
        self,
        nonces: NonceSource,
        credentials_source: CredentialsSource,
        realm_of: Callable[[str], str | None],
        *,
        qop: bool = True,
        case_sensitive: bool = True,
        check_uri: bool = True,
        canonical: Callable[[str], str] = str,
        may_be: Callable[[AddressOfRecord, str], bool] | None = None,
        realms: Callable[[], Container[str]] | None = None,
        on_challenge: Callable[[], None] = _nothing,
        on_failure: Callable[[str], None] = _nothing,
        issued_elsewhere: Callable[[int, int], bool] | None = None,
        algorithms: Sequence[str] = ("MD5",),
        tries: Tries | None = None,
    ) -> None:
        self._tries = tries
        self._offers = Offers(algorithms)
        self._nonces = nonces
        self._source = credentials_source
        self._realm_of = realm_of
        self._qop = qop
        self._case_sensitive = case_sensitive
        self._check_uri = check_uri
        self._canonical = canonical
        self._may_be = may_be
        self._realms = realms
        self._on_challenge = on_challenge
        self._on_failure = on_failure
        self._issued_elsewhere = issued_elsewhere
        self._nobody = secrets.token_hex(16)  # an HA1 that no password has, as long as MD5's
        self._nobody_sha = secrets.token_hex(32)
        self._reread: dict[tuple[str, str], float] = {}
        # The credentials that were read last and their realm: those that are let in are consumed next.
        self._read_last: tuple[str, str | None] = ("", None)

    # ------------------------------------------------------------------------------------------- the question

    def www_authorize(self, request: Request, wall_now: float, hop: Hop | None = None) -> Verdict:
        """Whether a REGISTER is from a user of To's domain; one that we do not serve is Refused with 404.

        ``hop`` is where it came from, where somebody watches who guesses.

        May block, and raises DatabaseUnavailable and MalformedMessage.
        """
        return self._authorize(request, AUTHORIZATION, request.to.uri.host, wall_now, hop) or Refused(
            404, "Unknown Domain"
        )

    def proxy_authorize(
        self, request: Request, wall_now: float, hop: Hop | None = None, named: Uri | None = None
    ) -> Verdict:
        """Whether a request is from a user of From's domain, or of that of ``named``; otherwise as
        ``www_authorize``, with 403."""
        host = request.from_.uri.host if named is None else named.host
        return self._authorize(request, PROXY_AUTHORIZATION, host, wall_now, hop) or Refused(403, "Forbidden")

    # ------------------------------------------------------------------------------------------ the challenge

    def www_challenge(self, asked: Challenge, wall_now: float, receiver: str = "") -> list[str]:
        """The header lines for a 401 that goes to the address ``receiver``, one for each algorithm."""
        return [f"WWW-Authenticate: {each}" for each in self._challenges(asked, wall_now, receiver)]

    def proxy_challenge(self, asked: Challenge, wall_now: float, receiver: str = "") -> list[str]:
        """The header lines for a 407."""
        return [f"Proxy-Authenticate: {each}" for each in self._challenges(asked, wall_now, receiver)]

    def _challenges(self, asked: Challenge, wall_now: float, receiver: str) -> list[str]:
        self._on_challenge()
        nonce = asked.nonce or self._nonces.issue(wall_now, receiver)
        return [
            challenge(asked.realm, nonce, qop=self._qop, stale=asked.stale, algorithm=algorithm)
            for algorithm in asked.algorithms or self._offers.all
        ]

    # ------------------------------------------------------------------------------------ whose name it gives

    def check_to(self, request: Request, verified: Verified) -> bool:
        """Whether the address to be registered is that of the credentials: nobody registers another's."""
        return self._is_same(request.to.uri, verified)

    def check_from(self, request: Request, verified: Verified, named: Uri | None = None) -> bool:
        """Whether the caller that From names (or ``named``, in its place) is that of the credentials: nobody
        calls in another's name."""
        return self._is_same(request.from_.uri if named is None else named, verified)

    def _is_same(self, uri: Uri, verified: Verified) -> bool:
        mine, theirs, domain = uri.username, verified.username, self._canonical(verified.domain)
        if uri.host != domain and self._canonical(uri.host) != domain:
            return False
        if mine == theirs or (not self._case_sensitive and mine.lower() == theirs.lower()):
            return True
        return self._may_be is not None and self._may_be(AddressOfRecord(theirs, domain), mine)

    def consume_credentials(self, request: Request) -> None:
        """Take the credentials for our realms out of a request; all others stay (RFC 3261 §22.3)."""
        if not request.has(PROXY_AUTHORIZATION) and not request.has(AUTHORIZATION):
            return
        keys = request.keys
        ours = self._realms() if self._realms is not None else self._realms_in(request)
        used = [
            index
            for index, key in enumerate(keys)
            if key in _CARRIERS and self._realm_in(value_of(request.lines[index])) in ours
        ]
        for index in reversed(used):
            request.take_out(index)

    def _realm_in(self, value: str) -> str | None:
        read, realm = self._read_last
        if value == read and realm is not None:
            return realm
        try:
            return parse_auth_params(value)[1].get("realm")
        except MalformedMessage:
            return None  # nobody can tell whose it is, so it is not ours to take out

    def _realms_in(self, request: Request) -> set[str]:
        return {
            realm
            for uri in (request.from_.uri, request.to.uri)
            if (realm := self._realm_of(uri.host)) is not None
        }

    # --------------------------------------------------------------------------------------------- the answer

    def _authorize(
        self, request: Request, key: str, domain: str, wall_now: float, hop: Hop | None
    ) -> Verdict | None:
        """The answer, or None when we do not serve the domain."""
        realm = self._realm_of(domain)
        if realm is None:
            return None
        carried = request.keys.count(key)
        if not carried:
            return Challenge(realm)
        try:
            if carried == 1:
                value = request.first(key) or ""
                credentials = Credentials.parse(value)
                self._read_last = (value, None if credentials is None else credentials.realm)
            else:
                credentials = self._pick(request.all(key), realm, wall_now)
        except MalformedMessage:
            return Refused(400, "Malformed Credentials")
        if credentials is None or credentials.realm != realm:
            return Challenge(realm)
        nc = self._count_of(credentials)
        verdict = self._nonces.check(credentials.nonce, nc, wall_now)
        if verdict is NonceVerdict.STALE and self._issued_elsewhere is not None:
            issuer = self._nonces.issuer_of(credentials.nonce)
            if issuer is not None and self._issued_elsewhere(*issuer):
                return Elsewhere(issuer[0], Challenge(realm, stale=True))
        username, named = credentials.username, domain
        if "@" in username:
            username, _, named = username.rpartition("@")
            named = named.lower()
        domain = self._canonical(named)
        subscriber = self._verify(request, credentials, username, domain, realm, wall_now, hop)
        if subscriber is None:
            if behind := self._offers.behind(credentials.algorithm):
                return Challenge(realm, stale=True, algorithms=behind)
            # Without qop a nonce is used again: by the same one a phone knows that the password is wrong.
            again = verdict is NonceVerdict.VALID and not self._qop
            return Challenge(realm, nonce=credentials.nonce if again else None)
        if self._check_uri and not uri_fits(credentials.uri, request.uri_text, realm, named, domain):
            self._on_failure("bad_response")
            return Refused(400, "Digest URI Mismatch")
        if verdict is NonceVerdict.VALID:
            # Only now, and judged once more: a request with the same count may have come while we waited.
            verdict = self._nonces.use(credentials.nonce, nc)
        if verdict is not NonceVerdict.VALID:
            replayed = verdict is NonceVerdict.REPLAYED and credentials.nc is not None
            self._on_failure("replayed" if replayed else "stale")
            return Challenge(realm, stale=True, algorithms=self._his_algorithms(subscriber, credentials))
        if self._tries is not None and hop is not None:
            self._tries.succeeded(username, domain, hop)
        return Verified(subscriber, username, domain, realm)

    def _pick(self, values: list[str], realm: str, wall_now: float) -> Credentials | None:
        """The credentials for our realm: of several headers, the first whose nonce is still good.

        A phone may carry those for proxies on the way too, and some keep the ones of before. MalformedMessage
        when there are none for us and something that cannot be read.
        """
        found: Credentials | None = None
        problem: MalformedMessage | None = None
        for value in values:
            try:
                credentials = Credentials.parse(value)
            except MalformedMessage as error:
                problem = error
                continue
            if credentials is None or credentials.realm != realm:
                continue
            if (
                self._nonces.check(credentials.nonce, self._count_of(credentials), wall_now)
                is NonceVerdict.VALID
            ):
                return credentials
            found = found or credentials
        if found is None and problem is not None:
            raise problem
        return found

    def _count_of(self, credentials: Credentials) -> int | None:
        """The nonce count to judge. With qop offered, a client that knows none may use its nonce once."""
        if not self._qop:
            return None
        return 1 if credentials.nc is None else credentials.nc

    def _verify(
        self,
        request: Request,
        credentials: Credentials,
        username: str,
        domain: str,
        realm: str,
        wall_now: float,
        hop: Hop | None,
    ) -> Subscriber | None:
        """The subscriber whose password made the response; None, and counted, when there is none, or when
        somebody has guessed too much."""
        tries = self._tries
        if (
            tries is not None
            and hop is not None
            and not tries.may_try(username, domain, credentials.nonce, hop)
        ):
            self._on_failure("too_many")
            tries.failed(username, domain, credentials.nonce, hop)
            return None
        qualified = "@" in credentials.username
        known: Subscriber | None = None
        # The domain of user@domain is the client's word: it counts when it is of the realm that was asked
        # for.
        if not qualified or self._realm_of(domain) == realm:
            known = self._source.find(username, domain, realm)
        if self._fits(request, credentials, known, qualified):
            return known
        # The password may have been changed a moment ago: what is in memory is not the last word. The same is
        # asked about a user whom nobody knows: the time that it takes would tell strangers who is one.
        reason = "unknown_user" if known is None else "bad_response"
        if self._may_reread(username, domain, wall_now):
            known = self._source.refetch(username, domain, realm)
            if self._fits(request, credentials, known, qualified):
                return known
        if known is not None and self._hash_of(known, credentials, qualified) is None:
            reason = "no_hash"  # no guess: he is asked for the next algorithm
        elif tries is not None and hop is not None:
            tries.failed(username, domain, credentials.nonce, hop)
        self._on_failure(reason)
        return None

    def _fits(
        self, request: Request, credentials: Credentials, subscriber: Subscriber | None, qualified: bool
    ) -> bool:
        """Whether the response fits; for nobody the same is computed, and it never does."""
        ha1 = None if subscriber is None else self._hash_of(subscriber, credentials, qualified)
        nobody = self._nobody if credentials.algorithm in _MD5 else self._nobody_sha
        fits = verify(credentials, request.method, ha1 or nobody, request.body)
        return fits and bool(ha1) and credentials.algorithm in self._offers.accepted

    def _hash_of(self, subscriber: Subscriber, credentials: Credentials, qualified: bool) -> str | None:
        """What an answer by this algorithm is checked against; None where the row has nothing for it."""
        algorithm = credentials.algorithm
        if algorithm in _MD5:
            return subscriber.ha1b if qualified else subscriber.ha1
        if qualified or algorithm not in self._offers.accepted:
            return None
        return subscriber.ha1_sha256 if algorithm.startswith("SHA-256") else subscriber.ha1_sha512_256

    def _his_algorithms(self, subscriber: Subscriber, credentials: Credentials) -> tuple[str, ...]:
        """What a user is asked for who has just shown that he knows the password: what his row has a hash
        for. There is none with SHA of ``user@domain``."""
        offers = self._offers
        if len(offers.all) == 1:
            return ()
        has = ["MD5"]
        if "@" not in credentials.username:
            if subscriber.ha1_sha256:
                has.append("SHA-256")
            if subscriber.ha1_sha512_256:
                has.append("SHA-512-256")
        return offers.among(has)

    def _may_reread(self, username: str, domain: str, wall_now: float) -> bool:
        noted = self._reread
        last = noted.get((username, domain))
        # A difference below zero is a clock that was set back.
        if last is not None and 0 <= wall_now - last < _REREAD_AFTER:
            return False
        if len(noted) >= _REREADS_NOTED:
            for user in [user for user, then in noted.items() if not 0 <= wall_now - then < _REREAD_AFTER]:
                del noted[user]
            if len(noted) >= _REREADS_NOTED:
                return False
        noted[username, domain] = wall_now
        return True
