"""The torture messages of RFC 4475 and RFC 5118 at a running server, over UDP and TCP.

The table says of each what its section asks for and what this server does. It sees them from a peer that it
trusts, so that nobody is asked for a password but those who register, and 480 would mean that nobody has a
phone there. After each of them the server answers whoever asks it properly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.torture.scene import (
    FOLDER,
    REGISTERED,
    Heard,
    Scene,
    authorized,
    header_lines,
    mended,
    message,
    user_of,
)

#: What the busy phone says, and what it says to everything that is no call: the message has been forwarded.
CALLED, ASKED = 486, 200
#: What becomes of the connection that it came by.
GOES_ON, CLOSED, WAITS = "goes on", "closed", "waits"


class Case(NamedTuple):
    """``says`` is what the section asks for. ``answer`` is the final one, 0 for none, ``tcp`` the same over
    TCP where it is another, and ``then`` what becomes of the connection."""

    section: str
    says: str
    answer: int
    tcp: int = -1
    then: str = GOES_ON


RFC4475 = {
    # 3.1.1: valid
    "wsinv": Case("3.1.1.1", "well-formed, whatever stands between its words", CALLED),
    "intmeth": Case("3.1.1.2", "forwarded if the odd Request-URI is somebody, 404 otherwise", ASKED),
    "esc01": Case("3.1.1.3", "well-formed; escapes mean what they stand for", CALLED),
    "escnull": Case("3.1.1.4", "registers two contacts of a user whose name has a zero in it", 401),
    "esc02": Case("3.1.1.5", "RE%47IST%45R is no REGISTER; forwarded or refused", 405),
    "lwsdisp": Case("3.1.1.6", "accepted without a blank before <", ASKED),
    "longreq": Case("3.1.1.7", "well-formed, however long", CALLED),
    # The octets behind it are a request of their own on a stream, and there is one more than it has.
    "dblreq": Case("3.1.1.8", "handled; what follows in the datagram is noise", 401, then=CLOSED),
    "semiuri": Case("3.1.1.9", "the user is user;par=u@example.net", ASKED),
    "transports": Case("3.1.1.10", "well-formed, whatever transports other Vias name", ASKED),
    # Its Route leads through us to another host: that is nobody's right.
    "mpart01": Case("3.1.1.11", "well-formed, its body framed in spite of zeros", 403),
    "unreason": Case("3.1.1.12", "well-formed; answers nothing that we asked", 0),
    "noreason": Case("3.1.1.13", "well-formed; answers nothing that we asked", 0),
    # 3.1.2: invalid
    "badinv01": Case("3.1.2.1", "400", 400),
    "clerr": Case("3.1.2.2", "400; more is waited for on a stream", 400, tcp=0, then=WAITS),
    "ncl": Case("3.1.2.3", "an error; a stream is closed", 400, then=CLOSED),
    "scalar02": Case("3.1.2.4", "400 for the CSeq", 400),
    "scalarlg": Case("3.1.2.5", "dropped", 0),
    "quotbal": Case("3.1.2.6", "400", 400),
    "ltgtruri": Case("3.1.2.7", "400, or the brackets are taken off", 400),
    "lwsruri": Case("3.1.2.8", "400", 400),
    "lwsstart": Case("3.1.2.9", "refused, or the blanks are taken out", 400),
    "trws": Case("3.1.2.10", "refused, or the blanks are taken out", 400),
    "escruri": Case("3.1.2.11", "400, or forwarded without the escaped headers", CALLED),
    "baddate": Case("3.1.2.12", "refused by those only who need the date", CALLED),
    "regbadct": Case("3.1.2.13", "400; who may register at all is asked first", 401),
    "badaspec": Case("3.1.2.14", "400, or the blanks are passed over", ASKED),
    "baddn": Case("3.1.2.15", "400; the error is not to be passed on", 400),
    "badvers": Case("3.1.2.16", "505", 505),
    "mismatch01": Case("3.1.2.17", "400", 400),
    "mismatch02": Case("3.1.2.18", "501, or 400", 400),
    "bigcode": Case("3.1.2.19", "dropped", 0),
    # 3.2, 3.3, 3.4
    "badbranch": Case("3.2.1", "400, or recognised as in RFC 2543", ASKED),
    "insuf": Case("3.3.1", "400", 400),
    "unkscm": Case("3.3.2", "416", 416),
    "novelsc": Case("3.3.3", "416", 416),
    "unksm2": Case("3.3.4", "400 of a registrar, since its To is no SIP address", 400),
    "bext01": Case("3.3.5", "420", 420),
    "invut": Case("3.3.6", "forwarded, whatever its body is", CALLED),
    "regaut01": Case("3.3.7", "401 with a scheme that we understand", 401),
    "multi01": Case("3.3.8", "400", 400),
    "mcl01": Case("3.3.9", "an error; a stream is closed", 400, then=CLOSED),
    "bcast": Case("3.3.10", "dropped, and never sent to everybody", 0),
    "zeromf": Case("3.3.11", "483", 483),
    "cparam01": Case("3.3.12", "unknownparam is of the Contact", 401),
    "cparam02": Case("3.3.13", "unknownparam is of the URI", 401),
    "regescrt": Case("3.3.14", "the escaped header stays in the URI", 401),
    "sdp01": Case("3.3.15", "406 or 400 of a phone; no concern of a proxy's", CALLED),
    # Without Content-Length nobody knows where it ends on a stream.
    "inv2543": Case("3.4.1", "accepted, as RFC 2543 had it", CALLED, tcp=400, then=CLOSED),
}
RFC5118 = {
    "ipv6-good": Case("4.1", "valid", 401),
    "ipv6-bad": Case("4.2", "400", 400),
    "port-ambiguous": Case("4.3", "well-formed; 5070 is part of the address, which is not ours", 403),
    "port-unambiguous": Case("4.4", "5070 is the port", 401),
    "via-received-param-with-delim": Case("4.5", "received in brackets is read", 480),
    "via-received-param-no-delim": Case("4.5", "received without brackets is read", 200),
    "ipv6-in-sdp": Case("4.6", "valid", CALLED),
    "mult-ip-in-header": Case("4.7", "valid", ASKED),
    "mult-ip-in-sdp": Case("4.8", "valid", CALLED),
    "ipv4-mapped-ipv6": Case("4.9", "valid", CALLED),
    "ipv6-bug-abnf-3-colons": Case("4.10", "tolerated, as RFC 3261's grammar has it", ASKED),
    "ipv6-correct-abnf-2-colons": Case("4.10", "valid", ASKED),
}
ALL = RFC4475 | RFC5118
#: Answered by the server itself.
OWN = {"via-received-param-no-delim"}


@pytest.fixture(scope="module", params=["udp", "tcp"])
def scene(request: pytest.FixtureRequest) -> Iterator[tuple[Scene, str]]:
    """A server that has seen none of them yet, and the transport that they come by."""
    with Scene() as made:
        yield made, request.param


def version_of(name: str) -> int:
    return 6 if name in RFC5118 else 4


def test_there_is_a_file_for_each_section_and_no_other() -> None:
    assert len(RFC4475) == 49
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_what_its_section_asks_for(scene: tuple[Scene, str], name: str) -> None:
    made, transport = scene
    case = ALL[name]
    expected = case.tcp if transport == "tcp" and case.tcp >= 0 else case.answer
    with made.sender(transport, version=version_of(name)) as sender:
        heard = made.play(sender, mended(name), final=expected != 0)
        if transport == "udp" or case.then == GOES_ON:
            assert made.is_well(sender, heard), "it answers nobody any more"
        elif case.then == CLOSED:
            assert not made.is_well(sender, heard)
            assert sender.closed
        else:
            with made.sender("udp") as other:
                assert made.is_well(other, heard)
            assert not sender.closed
    with made.sender("udp") as other:
        assert made.is_well(other)
    assert heard.final == expected, heard
    forwarded = expected in (CALLED, ASKED) and name not in OWN
    assert len(heard.forwarded) == (1 if forwarded else 0), heard.forwarded
    if forwarded:
        assert_forwarded_unharmed(mended(name), heard)
    made.box.assert_no_accident()


def assert_forwarded_unharmed(sent: bytes, heard: Heard) -> None:
    """A proxy changes nothing but what is its own (RFC 3261 §16.6): the rest is as it came, byte for byte."""
    (received,) = heard.forwarded
    start, _, head = received.partition(b"\r\n\r\n")[0].partition(b"\r\n")
    method, uri, version = start.split(b" ")
    assert (method, version) == (sent.split(b" ")[0], b"SIP/2.0")
    assert b"?" not in uri, "escaped headers do not go on"
    body = sent.partition(b"\r\n\r\n")[2]
    assert received.partition(b"\r\n\r\n")[2] == body
    ours = {"max-forwards", "route", "record-route"}
    before = [line for name, line in header_lines(sent) if name not in ours]
    after = [line for name, line in header_lines(received) if name not in ours]
    # Our own Via is on top; in the next one stands where the message came from.
    vias = [name for name, _ in header_lines(received)].count("via")
    assert vias == [name for name, _ in header_lines(sent)].count("via") + 1
    assert after[0].startswith(b"Via: SIP/2.0/UDP 203.0.113.")
    changed = [line for line in after[1:] if line not in before]
    assert len(changed) <= 1, changed
    assert all(b";received=" in line for line in changed)
    assert b"Max-Forwards: " in head


@pytest.mark.parametrize("name", ALL)
def test_what_it_is_to_a_stranger(scene: tuple[Scene, str], name: str) -> None:
    """A stranger's messages are no worse: nothing hangs, and the server answers whom it knows. What he may
    not do by right, call somebody here, he may do no more by a message that is badly written."""
    made, transport = scene
    with made.sender(transport, place=made.stranger) as sender:
        heard = made.play(sender, message(name), final=False)
    with made.sender("udp") as known:
        assert made.is_well(known, heard)
    if ALL[name].answer not in (CALLED, ASKED):
        assert heard.forwarded == []
    made.box.assert_no_accident()


REGISTERS = {
    "escnull": (b"<sip:%00@host5.example.com>", b"<sip:%00%00@host5.example.com>"),
    "dblreq": (b"<sip:j.user@host.example.com>",),
    "cparam01": (b"<sip:+19725552222@gw1.example.net>;",),
    "cparam02": (b"<sip:+19725552222@gw1.example.net;unknownparam>",),
    "regescrt": (b"<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",),
}


@pytest.mark.parametrize("name", REGISTERS)
def test_who_has_the_password_registers_by_it(scene: tuple[Scene, str], name: str) -> None:
    """The contacts that its section names are there afterwards, written as they were."""
    made, transport = scene
    request = message(name).partition(b"INVITE ")[0]  # on a stream, what follows dblreq is no noise
    user = next((user_of(each) for each in REGISTERED if each.encode() in request), "user")
    with made.sender(transport) as sender:
        (challenge,) = made.play(sender, request).answers
        heard = made.play(sender, authorized(request, challenge, user))
        assert heard.final == 200, heard
    contacts = b"\n".join(
        line for each in heard.answers for name, line in header_lines(each) if name == "contact"
    )
    for contact in REGISTERS[name]:
        assert contact in contacts
    made.box.assert_no_accident()


def test_a_contact_that_is_to_be_guessed_is_refused(scene: tuple[Scene, str]) -> None:
    """regbadct with the password: whose headers the question mark begins cannot be told without brackets."""
    made, transport = scene
    with made.sender(transport) as sender:
        (challenge,) = made.play(sender, message("regbadct")).answers
        assert made.play(sender, authorized(message("regbadct"), challenge, "user")).final == 400


@pytest.mark.parametrize("name", ["ipv6-in-sdp", "baddn"])
def test_what_the_bytes_of_the_rfc_are_taken_for(scene: tuple[Scene, str], name: str) -> None:
    """As it stands there: a body that is shorter than its Content-Length, and a message without an end."""
    made, transport = scene
    if transport == "tcp":
        return  # it is waited for, like clerr
    with made.sender(transport, version=version_of(name)) as sender:
        assert made.play(sender, message(name)).final == 400
