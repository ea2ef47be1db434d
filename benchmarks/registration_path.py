"""What one registration costs in the rooms between the socket and the database, in CPU microseconds.

    python -m benchmarks.registration_path [phones]

A registration is two requests: one that is challenged, one with credentials that is verified and refreshes a
binding. Sockets, parsing and commits are left out; what comes in has been read and checked as a server does
it. Each phone has its own address, so no cache is warmer than it would be with as many.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import md5
from itertools import count
from typing import Any

from appliance.auth.digest import Credentials, challenge, ha1, verify
from appliance.auth.nonce import NonceSource
from appliance.config.sections import RegistrarSettings
from appliance.proxy.authentication import Authenticator, Verified
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.registrar.register import Registrar
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import check_mandatory, parse
from appliance.sip.uri import AddressOfRecord
from benchmarks import as_on_a_box

DOMAIN = "192.0.2.15"
SOCKET = "udp:192.0.2.15:5060"
WALL = 1_700_000_000.0
ROUNDS = 5
BATCH = 32

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


def microseconds(work: Callable[[Any], object], prepare: Callable[[int], Any], phones: int) -> float:
    """CPU time of ``work(prepare(number))`` without the preparation, for all phones, the best of the rounds.

    A few are prepared at a time, as few messages are in hand at a time in a server.
    """
    best = float("inf")
    for _ in range(ROUNDS):
        spent = 0.0
        for first in range(0, phones, BATCH):
            prepared = [prepare(number) for number in range(first, min(first + BATCH, phones))]
            start = time.process_time()
            for one in prepared:
                work(one)
            spent += time.process_time() - start
        best = min(best, spent)
    return best / phones * 1e6


def main(phones: int) -> None:
    """Measure and print."""
    nonces = NonceSource(b"k" * 32, 300, worker=0, boot=1, tracked=262_144)
    source = Resident(phones)
    authenticator = Authenticator(nonces, source, {DOMAIN: DOMAIN}.get)
    registrar = Registrar(Locations(), NoStore(), RegistrarSettings())
    sequence = count(1)

    def request(number: int) -> Request:
        text = answer(nonces.issue(WALL), f"u{number}")
        read = parse(message(number, next(sequence), f"Authorization: {text}\r\n"))
        assert isinstance(read, Request)
        check_mandatory(read)
        return read

    def proof(number: int) -> tuple[str, str]:
        return answer(nonces.issue(WALL), f"u{number}"), source.rows[f"u{number}"].ha1

    def check(given: tuple[str, str]) -> None:
        text, stored = given
        credentials = Credentials.parse(text)
        assert credentials is not None
        nonces.check(credentials.nonce, credentials.nc, WALL)
        assert verify(credentials, "REGISTER", stored)

    def authorize(given: Request) -> None:
        assert isinstance(authenticator.www_authorize(given, WALL), Verified)

    def arrival(number: int) -> tuple[Request, AddressOfRecord, Hop]:
        hop = Hop("udp", "192.0.2.10", 1024 + number % 60000)
        return request(number), AddressOfRecord(f"u{number}", DOMAIN), hop

    def register(given: tuple[Request, AddressOfRecord, Hop]) -> None:
        asked, aor, hop = given
        assert registrar.register(asked, aor, hop, SOCKET, 1000.0).status == 200

    def arrival_of_a_newcomer(number: int) -> tuple[Request, AddressOfRecord, Hop]:
        arrived = arrival(number)
        registrar.service.locations.drop_aor(arrived[1])
        return arrived

    def ask(_: int) -> str:
        return challenge(DOMAIN, nonces.issue(WALL), qop=True)

    rows = [
        ("challenge() and a nonce", microseconds(ask, int, phones)),
        ("Credentials.parse, nonce check, verify", microseconds(check, proof, phones)),
        ("Authenticator.www_authorize, all in all", microseconds(authorize, request, phones)),
        ("Registrar.register, the first time", microseconds(register, arrival_of_a_newcomer, phones)),
        ("Registrar.register, a refresh", microseconds(register, arrival, phones)),
    ]
    for name, figure in rows:
        print(f"{figure:8.2f} us  {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("phones", type=int, nargs="?", default=2000)
    as_on_a_box.add_options(parser)
    options = parser.parse_args()
    as_on_a_box.begin(options, within=True)
    main(options.phones)
