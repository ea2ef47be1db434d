"""What one registration costs in the rooms between the socket and the database, in CPU microseconds.

    python -m benchmarks.registration_path [phones]

A registration is two requests: one that is challenged, one with credentials that is verified and refreshes a
binding. Parsing a message, commits and sockets are left out; each request is read anew, as a server does, and
what reading costs is taken off. Each figure is the best of five rounds over all phones, each with its own
address, so no cache is warmer than it would be on a server with as many.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import md5

from appliance.auth.digest import Credentials, challenge, ha1, verify
from appliance.auth.nonce import NonceSource
from appliance.config.sections import RegistrarSettings
from appliance.proxy.authentication import Authenticator, Verified
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.registrar.register import Registrar
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.sip.uri import AddressOfRecord

DOMAIN = "192.0.2.15"
SOCKET = "udp:192.0.2.15:5060"
WALL = 1_700_000_000.0
ROUNDS = 5

REGISTER = (
    "REGISTER sip:{domain} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:{port};branch=z9hG4bK{cseq:08x}{user};rport\r\n"
    "From: <sip:{user}@{domain}>;tag=20321951e0685e4d\r\n"
    "To: <sip:{user}@{domain}>\r\n"
    "Contact: <sip:{user}@192.0.2.10:{port};transport=udp>\r\n"
    "{credentials}"
    "Call-ID: 33706713ea3b83fd-{user}@192.0.2.10\r\n"
    "CSeq: {cseq} REGISTER\r\n"
    "Expires: 3600\r\n"
    "User-Agent: Grandstream BT110 1.0.8.33\r\n"
    "Max-Forwards: 70\r\n"
    "Allow: INVITE,ACK,CANCEL,BYE,NOTIFY,REFER,OPTIONS,INFO,SUBSCRIBE,UPDATE,PRACK,MESSAGE\r\n"
    "Content-Length: 0\r\n\r\n"
)


class NoStore:
    """A database that costs nothing."""

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Nothing to do."""

    def fetch(self, aor: AddressOfRecord) -> Iterable[Binding]:
        """Nobody is stored."""
        return ()


class Resident:
    """Subscribers that are all in memory; every password is the user's name."""

    def __init__(self, phones: int) -> None:
        self.rows = {f"u{n}": _Row(f"u{n}") for n in range(phones)}

    def find(self, username: str, domain: str, realm: str) -> _Row | None:
        """One look into a dictionary."""
        return self.rows.get(username)

    refetch = find


class _Row:
    def __init__(self, username: str) -> None:
        self.username = username
        self.domain = DOMAIN
        self.ha1 = ha1(username, DOMAIN, username)
        self.ha1b = None


def message(number: int, cseq: int, credentials: str = "") -> bytes:
    """One REGISTER of phone ``number``."""
    return REGISTER.format(
        domain=DOMAIN, user=f"u{number}", port=1024 + number % 60000, cseq=cseq, credentials=credentials
    ).encode()


def answer(nonce: str, user: str) -> str:
    """What a phone answers to a challenge."""
    ha2 = md5(f"REGISTER:sip:{DOMAIN}".encode()).hexdigest()
    text = f"{ha1(user, DOMAIN, user)}:{nonce}:00000001:0a4f113b:auth:{ha2}"
    return (
        f'Digest username="{user}", realm="{DOMAIN}", nonce="{nonce}", uri="sip:{DOMAIN}", algorithm=MD5, '
        f'qop=auth, nc=00000001, cnonce="0a4f113b", response="{md5(text.encode()).hexdigest()}"'
    )


def microseconds(
    work: Callable[[int], object], phones: int, before: Callable[[], object] | None = None
) -> float:
    """CPU time of ``work(number)`` for each of the phones, the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        if before is not None:
            before()
        gc.collect()
        start = time.process_time()
        for number in range(phones):
            work(number)
        best = min(best, time.process_time() - start)
    return best / phones * 1e6


def main(phones: int) -> None:
    """Measure and print."""
    nonces = NonceSource(b"k" * 32, 300, worker=0, boot=1, tracked=262_144)
    issued: list[str] = []
    texts: list[str] = []
    datagrams: list[bytes] = []
    sequence = iter(range(1, 1_000_000))

    def issue() -> None:
        nonces_of_round = [nonces.issue(WALL) for _ in range(phones)]
        cseq = next(sequence)
        texts[:] = [answer(nonce, f"u{n}") for n, nonce in enumerate(nonces_of_round)]
        datagrams[:] = [message(n, cseq, f"Authorization: {text}\r\n") for n, text in enumerate(texts)]
        issued[:] = nonces_of_round

    source = Resident(phones)
    hashes = [source.rows[f"u{n}"].ha1 for n in range(phones)]

    def check(number: int) -> None:
        credentials = Credentials.parse(texts[number])
        assert credentials is not None
        nonces.check(credentials.nonce, credentials.nc, WALL)
        assert verify(credentials, "REGISTER", hashes[number])
        nonces.use(credentials.nonce, credentials.nc)

    authenticator = Authenticator(nonces, source, {DOMAIN: DOMAIN}.get)
    registrar = Registrar(Locations(), NoStore(), RegistrarSettings())
    newcomers = [Registrar(Locations(), NoStore(), RegistrarSettings()) for _ in range(ROUNDS)]

    def read(number: int) -> Request:
        request = parse(datagrams[number])
        assert isinstance(request, Request)
        return request

    def authorize(number: int) -> None:
        verified = authenticator.www_authorize(read(number), WALL)
        assert isinstance(verified, Verified), verified

    def enter(number: int, at: Registrar) -> None:
        hop = Hop("udp", "192.0.2.10", 1024 + number % 60000)
        outcome = at.register(read(number), AddressOfRecord(f"u{number}", DOMAIN), hop, SOCKET, 1000.0)
        assert outcome.status == 200, outcome

    def register(number: int) -> None:
        enter(number, registrar)

    def register_anew(number: int) -> None:
        enter(number, newcomers[0])

    issue()
    reading = microseconds(read, phones)
    rows = [
        (
            "challenge() and a nonce",
            microseconds(lambda _: challenge(DOMAIN, nonces.issue(WALL), qop=True), phones),
        ),
        ("Credentials.parse, nonce check, verify, nonce use", microseconds(check, phones, issue)),
        ("Authenticator.www_authorize", microseconds(authorize, phones, issue) - reading),
        (
            "Registrar.register, first time",
            microseconds(register_anew, phones, lambda: newcomers.append(newcomers.pop(0))) - reading,
        ),
        ("Registrar.register, refresh", microseconds(register, phones, issue) - reading),
    ]
    for name, figure in rows:
        print(f"{figure:8.2f} us  {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
