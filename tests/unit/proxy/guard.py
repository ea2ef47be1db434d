"""What the tests of authentication share: subscribers, a guard, and phones that answer its challenges."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from appliance.auth.digest import ha1, ha1b
from appliance.auth.nonce import NonceSource
from appliance.proxy.authentication import Authenticator, Challenge
from appliance.sip.message import Request
from tests.harness.digest import credentials as answer

NOW = 1_700_000_000.0
REALMS = {"example.org": "example.org", "192.0.2.15": "example.org", "example.net": "Second Realm"}
CALL = "sip:11@example.org"


class Row(NamedTuple):
    username: str
    domain: str
    ha1: str
    ha1b: str | None
    ha1_sha256: str | None = None
    ha1_sha512_256: str | None = None
    rpid: str | None = None


def row(username: str, password: str, domain: str = "example.org") -> Row:
    realm = REALMS[domain]
    return Row(username, domain, ha1(username, realm, password), ha1b(username, domain, realm, password))


class Source:
    """Subscribers in a cache that may be behind the table."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], Row] = {("10", "example.org"): row("10", "abc10")}
        self.cache: dict[tuple[str, str], Row] = {}
        self.asked: list[tuple[str, str, str, str]] = []

    def find(self, username: str, domain: str, realm: str) -> Row | None:
        self.asked.append(("find", username, domain, realm))
        return self.cache.get((username, domain)) or self.table.get((username, domain))

    def refetch(self, username: str, domain: str, realm: str) -> Row | None:
        self.asked.append(("refetch", username, domain, realm))
        self.cache.pop((username, domain), None)
        return self.table.get((username, domain))


class Guard:
    """An authenticator, and phones that answer its challenges."""

    def __init__(self, *, qop: bool = True, **options: object) -> None:
        self.source = Source()
        self.failures: Counter[str] = Counter()
        self.challenges = 0
        self.nonces = NonceSource(b"k" * 32, 300, 1, 1, 1000)
        self.guard = Authenticator(
            self.nonces,
            self.source,
            REALMS.get,
            qop=qop,
            realms=lambda: set(REALMS.values()),
            on_challenge=self._count,
            on_failure=lambda reason: self.failures.update([reason]),
            **options,
        )

    def _count(self) -> None:
        self.challenges += 1

    def challenge(self, realm: str = "example.org", *, now: float = NOW) -> str:
        (line,) = self.guard.www_challenge(Challenge(realm), now)
        return line.removeprefix("WWW-Authenticate: ")

    def proof(self, challenge: str | None = None, password: str = "abc10", **fields: object) -> str:
        """Credentials for a new challenge, or the given one."""
        parameters = {"method": "REGISTER", "uri": "sip:example.org", "username": "10", "password": password}
        return answer(challenge or self.challenge(), **(parameters | fields))

    def register(
        self, *proofs: str, user: str = "10", domain: str = "example.org", now: float = NOW
    ) -> object:
        return self.guard.www_authorize(register(*proofs, user=user, domain=domain), now)

    def call(self, *proofs: str, uri: str = CALL, domain: str = "example.org", now: float = NOW) -> object:
        return self.guard.proxy_authorize(invite(*proofs, uri=uri, domain=domain), now)


def register(*proofs: str, user: str = "10", domain: str = "example.org") -> Request:
    headers = [("From", f"<sip:{user}@{domain}>;tag=1"), ("To", f"<sip:{user}@{domain}>")]
    headers += [("Authorization", proof) for proof in proofs]
    return Request.create("REGISTER", f"sip:{domain}", headers)


def invite(*proofs: str, uri: str = CALL, domain: str = "example.org", caller: str = "10") -> Request:
    headers = [("From", f"<sip:{caller}@{domain}>;tag=1"), ("To", f"<{uri}>")]
    headers += [("Proxy-Authorization", proof) for proof in proofs]
    return Request.create("INVITE", uri, headers)
