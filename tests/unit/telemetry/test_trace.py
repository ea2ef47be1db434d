from __future__ import annotations

from appliance.sip.hop import Hop
from appliance.telemetry.trace import Entry, Filter, Mailbox, Tracer

PHONE = Hop("udp", "192.0.2.10", 5060)
REGISTER = (
    b"REGISTER sip:example.org SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1\r\n"
    b'From: "Ten" <sip:10@example.org>;tag=a\r\n'
    b"To: <sip:10@Example.org:5060;transport=udp>\r\n"
    b"Call-ID: c@192.0.2.10\r\n"
    b"CSeq: 100 REGISTER\r\n\r\n"
)
UNAUTHORIZED = (
    b"SIP/2.0 401 Unauthorized\r\nf: sip:10@example.org;tag=a\r\nt: <sip:10@example.org>;tag=b\r\n"
    b"Cseq : 100 REGISTER\r\n\r\n"
)
INVITE = (
    b"INVITE sip:11@example.org SIP/2.0\r\nFrom: <sip:10@example.org>;tag=a\r\nTo: <tel:+4912>\r\n"
    b"CSeq: 1 INVITE\r\n\r\n"
)


class Text:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return self.data


def watched(wanted: Filter | None = None) -> tuple[Tracer, list[Entry]]:
    tracer, entries = Tracer(), list[Entry]()
    tracer.subscribe(wanted or Filter(), entries.append)
    return tracer, entries


def test_nobody_watches() -> None:
    tracer = Tracer()
    assert tracer.active is False
    tracer.message("received", REGISTER, PHONE)
    tracer.note("User is not found", "red", Text(INVITE))


def test_it_is_active_while_somebody_watches() -> None:
    tracer = Tracer()
    first = tracer.subscribe(Filter(), lambda entry: None)
    second = tracer.subscribe(Filter(), lambda entry: None)
    first.close()
    first.close()
    assert tracer.active is True
    second.close()
    assert tracer.active is False


def test_a_request() -> None:
    tracer, entries = watched()
    tracer.message("received", REGISTER, PHONE, "udp:192.0.2.1:5060", 12.5)
    (entry,) = entries
    assert entry.headline == entry.method == "REGISTER"
    assert entry.users == ["10@example.org", "10@Example.org"]
    assert (entry.peer, entry.local, entry.time) == ("udp:192.0.2.10:5060", "udp:192.0.2.1:5060", 12.5)
    assert entry.text.encode() == REGISTER
    assert entry.colour == "green"


def test_our_side_is_the_listener_of_the_hop() -> None:
    tracer, entries = Tracer(listeners=["udp:192.0.2.1:5060", "tcp:192.0.2.1:5060"]), list[Entry]()
    tracer.subscribe(Filter(), entries.append)
    for listener in (1, -1, 2):
        tracer.message("sent", REGISTER, PHONE._replace(listener=listener))
    assert [entry.local for entry in entries] == ["tcp:192.0.2.1:5060", "", ""]


def test_a_reply() -> None:
    tracer, entries = watched()
    tracer.message("sent", UNAUTHORIZED, PHONE)
    (entry,) = entries
    assert entry.headline == "401 (Unauthorized) concerning REGISTER"
    assert entry.method == "REGISTER"
    assert entry.users == ["10@example.org"]
    assert entry.colour == "cyan"


def test_a_note_belongs_to_the_request_that_it_is_about() -> None:
    tracer, entries = watched(Filter(user="11", method="INVITE"))
    tracer.note("User is not found", "red", Text(INVITE))
    tracer.note("Unable to verify the credentials", "red", Text(REGISTER))
    assert [(entry.headline, entry.colour, entry.text) for entry in entries] == [
        ("User is not found", "red", "")
    ]


def test_a_message_that_cannot_be_read_is_shown_too() -> None:
    tracer, entries = watched()
    tracer.message("received", b"\x00\xff nonsense", PHONE)
    assert entries[0].headline == "a message that cannot be read"
    assert entries[0].text.encode("utf-8", "surrogateescape") == b"\x00\xff nonsense"


def lets_through(wanted: Filter, data: bytes) -> bool:
    tracer, entries = watched(wanted)
    tracer.message("received", data, PHONE)
    return bool(entries)


def test_a_filter_on_a_user_looks_at_from_to_and_request_uri() -> None:
    assert lets_through(Filter(user="10"), INVITE)
    assert lets_through(Filter(user="11"), INVITE)
    assert lets_through(Filter(user="+4912"), INVITE)
    assert lets_through(Filter(user="sip:10@EXAMPLE.org"), INVITE)
    assert lets_through(Filter(user="10"), UNAUTHORIZED)
    assert not lets_through(Filter(user="10@example.com"), INVITE)
    assert not lets_through(Filter(user="1"), INVITE)


def test_a_filter_on_a_method_lets_its_replies_through() -> None:
    assert lets_through(Filter(method="register"), REGISTER)
    assert lets_through(Filter(method="register"), UNAUTHORIZED)
    assert not lets_through(Filter(method="REGISTER"), INVITE)
    assert not lets_through(Filter(method="INVITE"), UNAUTHORIZED)


def test_ack_and_cancel_go_the_way_of_their_invite() -> None:
    for method in (b"ACK", b"CANCEL"):
        data = INVITE.replace(b"INVITE", method)
        assert lets_through(Filter(method="INVITE"), data)
        assert lets_through(Filter(method=method.decode()), data)


def test_an_escaped_user_is_found_by_its_name() -> None:
    assert lets_through(Filter(user="j@ne"), INVITE.replace(b"sip:10@", b"sip:j%40ne:secret@"))


def test_a_header_in_the_body_is_none() -> None:
    assert not lets_through(Filter(user="99"), INVITE + b"From: <sip:99@example.org>\r\n")


def test_a_slow_reader_loses_messages_and_is_told_how_many() -> None:
    wakes = []
    mailbox = Mailbox(limit=2, wake=lambda: wakes.append(1))
    tracer = Tracer()
    tracer.subscribe(Filter(), mailbox.put)
    for _ in range(5):
        tracer.message("received", REGISTER, PHONE)
    assert tracer.dropped == 3
    first, second, third = mailbox.take()
    assert (first.headline, second.headline) == ("REGISTER", "REGISTER")
    assert third.headline.startswith("3 more are not shown")
    assert len(wakes) == 2
    tracer.message("received", REGISTER, PHONE)
    assert [entry.headline for entry in mailbox.take()] == ["REGISTER"]
    assert mailbox.take() == []


def test_entries_can_be_said_in_json() -> None:
    tracer, entries = watched()
    tracer.message("received", REGISTER, PHONE)
    assert Entry(**entries[0]._asdict()) == entries[0]


def test_only_one_call_is_shown() -> None:
    tracer, told = watched(Filter(call_id="c@192.0.2.10"))
    tracer.message("received", REGISTER, PHONE)
    tracer.message("received", REGISTER.replace(b"Call-ID: c@", b"i:\tother@"), PHONE)
    tracer.message("sent", UNAUTHORIZED, PHONE)
    tracer.note("about another", request=Text(INVITE))
    tracer.note("about this one", request=Text(REGISTER))
    assert [(entry.headline, entry.call_id) for entry in told] == [
        ("REGISTER", "c@192.0.2.10"),
        ("about this one", "c@192.0.2.10"),
    ]


def test_who_watches_a_user_sees_the_whole_of_his_calls() -> None:
    """Whoever calls a number or an alias of his has another name in To."""
    tracer, entries = watched(Filter(user="11"))
    head = b"From: <sip:10@a.org>;tag=a\r\nTo: <sip:0891234@a.org>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n\r\n"
    tracer.message("sent", b"INVITE sip:11@192.0.2.7 SIP/2.0\r\n" + head % b"one", PHONE)
    tracer.message("received", b"SIP/2.0 180 Ringing\r\n" + head % b"one", PHONE)
    tracer.note("decided", "green", Text(b"INVITE sip:0891234@a.org SIP/2.0\r\n" + head % b"one"))
    tracer.message("received", b"SIP/2.0 180 Ringing\r\n" + head % b"two", PHONE)
    assert [entry.headline for entry in entries] == ["INVITE", "180 (Ringing) concerning INVITE", "decided"]


def test_calls_are_followed_for_a_while_only() -> None:
    tracer, entries = watched(Filter(user="10", method="BYE"))
    subscription = tracer.subscribe(Filter(user="10"), entries.append)
    for number in range(1500):
        tracer.message("received", INVITE.replace(b"CSeq", b"Call-ID: %d\r\nCSeq" % number), PHONE)
    assert len(entries) == 1500
    assert len(subscription._calls) == 1000


def test_a_number_is_found_however_it_is_written() -> None:
    tel = INVITE.replace(b"tel:+4912", b"tel:+49-89-1234")
    for wanted in ("+49 (89) 1234", "+49891234", "tel:+49-89-1234"):
        tracer, entries = watched(Filter(user=wanted))
        tracer.message("received", tel, PHONE)
        tracer.message("received", INVITE, PHONE)
        assert len(entries) == 1, wanted


def test_keep_alives_are_called_what_they_are() -> None:
    tracer, entries = watched()
    for data in (b"\r\n\r\n", b"\0\0\0\0", b"\r\n"):
        tracer.message("received", data, PHONE)
    assert {entry.headline for entry in entries} == {"a keep-alive"}


def test_decisions_are_told_unless_it_has_to_look_as_openser_did() -> None:
    for explains in (True, False):
        tracer = Tracer(explains=explains)
        assert not tracer.explaining
        subscription = tracer.subscribe(Filter(), lambda entry: None)
        assert tracer.explaining is explains
        subscription.close()
        assert not tracer.explaining
