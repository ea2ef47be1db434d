from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import FrameError, MalformedMessage, MessageTooLarge
from appliance.sip.framing import StreamFramer
from appliance.sip.message import Limits
from appliance.sip.parser import check_mandatory, parse
from tests.unit.sip.samples import INVITE, REGISTER, RINGING, wire


def frames(framer: StreamFramer, *chunks: bytes) -> list[bytes]:
    found = []
    for chunk in chunks:
        framer.feed(chunk)
        while (message := framer.next_message()) is not None:
            found.append(message)
    return found


def options(*headers: str, body: bytes = b"") -> bytes:
    return wire("\n".join(["OPTIONS sip:h SIP/2.0", "Via: SIP/2.0/TCP h;branch=z", *headers]), body)


def test_messages_one_after_another() -> None:
    framer = StreamFramer()
    assert frames(framer, INVITE + REGISTER + RINGING) == [INVITE, REGISTER, RINGING]
    assert framer.next_message() is None
    assert len(framer) == 0
    assert framer.pings == 0


def test_a_message_comes_when_its_last_byte_has_come() -> None:
    framer = StreamFramer()
    for index in range(len(INVITE) - 1):
        framer.feed(INVITE[index : index + 1])
        assert framer.next_message() is None
    framer.feed(INVITE[-1:])
    assert framer.next_message() == INVITE


@pytest.mark.parametrize(
    "message",
    [
        options("l: 3", body=b"abc"),
        options("CONTENT-LENGTH\t :  003 \t", body=b"abc"),
        options("Content-Length:\r\n 3", body=b"abc"),
        options("Content-Length: 3\r\n ", body=b"abc"),
        options("Content-Length: 0"),
        options("X: Content-Length: 9", "Content-Length: 3", body=b"abc"),
        options("X: y\r\n Content-Length: 9", "Content-Length: 3", body=b"abc"),
        options("Content-Length: 4", body=b"\r\n\r\n"),
        options("l: 3", body=b"abc").replace(b"\r\n", b"\n"),
        # The first line end of its body makes the end of its headers look like the usual one.
        options("l: 2", body=b"\r\n").replace(b"\r\n", b"\n")[:-1] + b"\r\n",
    ],
)
def test_the_ways_to_write_content_length(message: bytes) -> None:
    assert frames(StreamFramer(), message + INVITE) == [message, INVITE]


@pytest.mark.parametrize(
    "message",
    [
        options(),
        options("Content-Length: 3", "Content-Length: 3", body=b"abc"),
        options("Content-Length: 3", "l: 4", body=b"abcd"),
        options("Content-Length: -1"),
        options("Content-Length: 3x", body=b"abc"),
        options("Content-Length: 9999999999999999999999"),
        options("Content-Length:"),
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01 not text \r\n\r\n",
        b"\x00\r\n\r\n",
    ],
)
def test_nobody_can_tell_where_it_ends(message: bytes) -> None:
    framer = StreamFramer()
    framer.feed(message + INVITE)
    with pytest.raises(FrameError):
        framer.next_message()


def test_a_frame_error_holds_what_a_reply_needs() -> None:
    framer = StreamFramer()
    framer.feed(options())
    with pytest.raises(FrameError, match="Content-Length") as caught:
        framer.next_message()
    assert caught.value.status == 400
    assert caught.value.partial is not None
    assert caught.value.partial.via.branch == "z"


@pytest.mark.parametrize("lengths", [(), ("Content-Length: 1", "l: 2"), ("Content-Length: -5",)])
def test_whoever_reads_what_cannot_be_framed_finds_that_out_and_can_answer(lengths: tuple[str, ...]) -> None:
    framer = StreamFramer()
    framer.feed(options(*lengths) + INVITE)
    with pytest.raises(FrameError):
        framer.next_message()
    with pytest.raises(MalformedMessage) as caught:
        check_mandatory(parse(framer.unframed))
    assert caught.value.partial is not None
    assert caught.value.partial.via.branch == "z"


def test_a_message_that_will_be_too_large_is_refused_before_it_comes() -> None:
    framer = StreamFramer(Limits(message_bytes=1000))
    framer.feed(options("Content-Length: 2000"))
    with pytest.raises(MessageTooLarge) as caught:
        framer.next_message()
    assert caught.value.status == 513
    assert caught.value.partial is not None
    assert caught.value.partial.via.branch == "z"
    # What has come of it is read as it would be from a datagram: too large, and answered.
    with pytest.raises(MessageTooLarge) as read:
        parse(framer.too_large, Limits(message_bytes=1000))
    assert read.value.partial is not None
    assert read.value.partial.via.branch == "z"


def test_headers_without_end() -> None:
    framer = StreamFramer(Limits(message_bytes=1000))
    framer.feed(b"OPTIONS sip:h SIP/2.0\r\n" + b"X: y\r\n" * 160)
    assert framer.next_message() is None
    framer.feed(b"X: y\r\n" * 10)
    with pytest.raises(MessageTooLarge):
        framer.next_message()


@pytest.mark.parametrize(
    ("stream", "pings", "messages"),
    [
        (b"\r\n\r\n", 1, 0),
        (b"\r\n", 0, 0),
        (b"\r\n" * 7, 3, 0),
        (b"\r\n\r\n" + INVITE, 1, 1),
        (b"\r\n" + INVITE + b"\r\n" + INVITE, 0, 2),
        (INVITE + b"\r\n\r\n" + INVITE + b"\r\n\r\n", 2, 2),
    ],
)
def test_keep_alives_are_counted(stream: bytes, pings: int, messages: int) -> None:
    framer = StreamFramer()
    assert frames(framer, stream) == [INVITE] * messages
    assert framer.pings == pings
    assert len(framer) == 0
    one_by_one = StreamFramer()
    assert frames(one_by_one, *(stream[i : i + 1] for i in range(len(stream)))) == [INVITE] * messages
    assert one_by_one.pings == pings


_PIECES = st.sampled_from(
    [INVITE, REGISTER, RINGING, b"\r\n", b"\r\n\r\n", options("l: 4", body=b"\r\n\r\n")]
)


@given(st.lists(_PIECES, max_size=6), st.data())
def test_where_the_stream_is_cut_makes_no_difference(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole, cut = StreamFramer(), StreamFramer()
    expected = [piece for piece in pieces if piece.strip()]
    assert frames(whole, stream) == frames(cut, *chunks) == expected
    assert whole.pings == cut.pings
    assert len(whole) == len(cut) == 0


@given(
    st.lists(
        st.binary() | st.sampled_from([b"\r\n\r\n", b"SIP/2.0 200\r\n", b"l: 1\r\n", INVITE]), max_size=8
    )
)
def test_only_two_kinds_of_error(chunks: list[bytes]) -> None:
    framer = StreamFramer(Limits(message_bytes=1500))
    try:
        taken = frames(framer, *chunks)
    except (FrameError, MessageTooLarge):
        return
    assert sum(map(len, taken)) + len(framer) <= sum(map(len, chunks))
