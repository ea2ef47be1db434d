"""What reading and answering a message costs, in microseconds of processor time for each.

    python -m benchmarks.message_parsing [--profile]

Each figure is the least of many short rounds: what else the machine does lengthens a round, and nothing
shortens one. "read" is what a server does to each request before it decides anything: parse it, check that it
is complete, and look at Via, From, To, Call-ID, CSeq and Request-URI. Every round gets bytes of its own
(branch, tag and Call-ID differ), so that no memory of whole values makes the figures better than they are.
With --profile it shows where the time of reading goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable, Iterator
from itertools import cycle

from appliance.sip.auth_params import parse_auth_params
from appliance.sip.framing import StreamFramer
from appliance.sip.headers import NameAddr, Via
from appliance.sip.message import Request
from appliance.sip.parser import check_mandatory, parse
from appliance.sip.reply import reply
from appliance.sip.uri import Uri
from benchmarks import as_on_a_box

_CREDENTIALS = (
    'Digest username="{user}", realm="192.0.2.1", nonce="65f0c1d2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7{user}", '
    'uri="sip:192.0.2.1", response="be9e8d46b8dcd522f22301e1f2b3287c", algorithm=MD5, cnonce="0a4f113b", '
    "qop=auth, nc=00000001"
)

_REGISTER = """REGISTER sip:192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKa468c8b72fe7{user};rport
From: <sip:{user}@192.0.2.1>;tag=20321951e065{user}
To: <sip:{user}@192.0.2.1>
Contact: <sip:{user}@192.0.2.10:5060;transport=udp>
Authorization: {credentials}
Call-ID: 33706713ea3b{user}@192.0.2.10
CSeq: 101 REGISTER
Expires: 3600
User-Agent: Grandstream BT110 1.0.8.33
Max-Forwards: 70
Content-Length: 0

"""

_INVITE = """INVITE sip:11@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKff1baf3cb8b8{user};rport
From: "Ten" <sip:{user}@192.0.2.1>;tag=219e32bf2a2e{user}
To: <sip:11@192.0.2.1>
Contact: <sip:{user}@192.0.2.10:5060;transport=udp>
Supported: replaces, timer
Call-ID: 3357af1c8ac6{user}@192.0.2.10
CSeq: 100 INVITE
User-Agent: Grandstream BT110 1.0.8.33
Max-Forwards: 70
Allow: INVITE,ACK,CANCEL,BYE,NOTIFY,REFER,OPTIONS,INFO,SUBSCRIBE
Content-Type: application/sdp
Content-Length: 131

"""

_USERS = range(1000, 2000)


def messages(template: str, body: bytes = b"") -> list[bytes]:
    """One message for each user."""
    return [
        template.format(user=user, credentials=_CREDENTIALS.format(user=user)).replace("\n", "\r\n").encode()
        + body
        for user in _USERS
    ]


def microseconds(work: Callable[[], object], rounds: int = 300, each: int = 100) -> float:
    """The least processor time that one call took in any round."""
    least = float("inf")
    for _ in range(rounds):
        began = time.process_time_ns()
        for _ in range(each):
            work()
        least = min(least, time.process_time_ns() - began)
    return least / each / 1000


def read(data: bytes) -> Request:
    """What is asked of each request before anything is decided."""
    request = parse(data)
    check_mandatory(request)
    assert isinstance(request, Request)
    _ = request.via.branch, request.from_tag, request.to_tag, request.call_id, request.cseq, request.uri
    return request


def forwarded(request: Request) -> bytes:
    """What a proxy changes on the way through (RFC 3261 §16.6)."""
    copy = request.copy()
    copy.uri_text = "sip:11@192.0.2.11:5060"
    copy.set_top_via_params("192.0.2.10", 5060)
    copy.replace("max-forwards", "69")
    copy.prepend("Record-Route", "<sip:192.0.2.1;lr=on>")
    copy.prepend("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKc696fa286516")
    return copy.encode()


def framed(data: bytes) -> bytes | None:
    framer = StreamFramer()
    framer.feed(data)
    return framer.next_message()


def measurements() -> Iterator[tuple[str, Callable[[], object]]]:
    registers, invites = messages(_REGISTER), messages(_INVITE, b"x" * 131)
    for name, datas in (("REGISTER", registers), ("INVITE", invites)):
        following = cycle(datas).__next__
        yield f"{name}: parse", lambda following=following: parse(following())
        yield f"{name}: read", lambda following=following: read(following())
    register, invite = read(registers[0]), read(invites[0])
    yield (
        "REGISTER: reply 401",
        lambda: reply(
            register,
            401,
            to_tag="4f4b3fc66ce18486",
            headers=['WWW-Authenticate: Digest realm="h", nonce="n"'],
        ),
    )
    yield "INVITE: reply 100", lambda: reply(invite, 100)
    yield "INVITE: copy, change, encode", lambda: forwarded(invite)
    yield "INVITE: cut out of a stream", lambda: framed(invites[0])
    credentials = cycle([_CREDENTIALS.format(user=user) for user in _USERS]).__next__
    yield "credentials", lambda: parse_auth_params(credentials())
    vias = cycle(
        [f"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKff1baf3cb8b8{user};rport" for user in _USERS]
    ).__next__
    yield "Via", lambda: Via.parse(vias())
    froms = cycle([f'"Ten" <sip:{user}@192.0.2.1>;tag=219e32bf2a2e{user}' for user in _USERS]).__next__
    yield "From", lambda: NameAddr.parse(froms())
    uris = cycle([f"sip:{user}@192.0.2.10:5060;transport=udp" for user in range(100000)]).__next__
    yield "URI, never met before", lambda: Uri.parse(uris())
    yield "URI, met before", lambda: Uri.parse("sip:10@192.0.2.1")


def main() -> None:
    """Print a line for each measurement."""
    arguments = argparse.ArgumentParser(description="What reading and answering a message costs.")
    arguments.add_argument("--profile", action="store_true", help="show where the time of reading goes")
    as_on_a_box.add_options(arguments)
    given = arguments.parse_args()
    as_on_a_box.begin(given, within=True)
    if given.profile:
        datas = messages(_INVITE, b"x" * 131) * 20
        with cProfile.Profile() as profile:
            for data in datas:
                read(data)
        pstats.Stats(profile).sort_stats("tottime").print_stats(15)
        return
    print("microseconds for each")
    for name, work in measurements():
        print(f"{name:32}{microseconds(work):8.2f}")


if __name__ == "__main__":
    main()
