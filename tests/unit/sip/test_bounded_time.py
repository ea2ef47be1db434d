"""No message takes longer than its length deserves.

Each filling would make a careless pattern or loop begin again at every character. At these lengths that is
some hundred million steps, more than half a second; what is done once for each character takes milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from appliance.errors import SipError
from appliance.sip.auth_params import parse_auth_params
from appliance.sip.framing import StreamFramer
from appliance.sip.message import Limits
from appliance.sip.parser import parse
from tests.unit.sip.test_parser import everything_is_asked_for

_SIZE = 32000
_SECONDS = 0.4
# Wide open, so that the work is done and not refused.
_LIMITS = Limits(message_bytes=900000, header_bytes=900000, headers=90000, uri_bytes=900000, nesting=900000)

_FILLINGS = [
    *(" ", "\t ", "\r\n ", "\n ", "\r", "a", "0", "a ", "a,", ", ", ":", "/", "\udcff", "ü"),
    *('"', '""', '\\"', '"\\', "\\", '"",', "<", "<>", "<,", "(", "()", "(\\", "[", "[::"),
    *(";", ";a", ";a=b", ";;=", "a=", 'a="",', "%", "%4", "%00", "%41", "@", "a=b&", "?"),
]
_PLACES = [
    *(("Via: SIP/2.0/UDP h", ""), ("Via: SIP/2.0/UDP ", "h"), ("Via: ", "SIP/2.0/UDP h")),
    *(("From: <sip:a@b>", ";tag=x"), ("From: ", "<sip:a@b>"), ("From: sip:a", "@b")),
    *(("To: <sip:", "@b>"), ("To: <sip:a@b;", ">"), ("To: <tel:", ">"), ("To: <sip:a@b?", ">")),
    *(("CSeq: 1", "INVITE"), ("Contact: ", "<sip:a>"), ("Call-ID", ": x"), ("User-Agent: ", "")),
    *(("Content-Length: ", "0"), ("", "Max-Forwards: 1")),
]


def seconds(work: Callable[[], object]) -> float:
    """The processor time that the work takes, whatever else the machine does."""
    began = time.process_time()
    try:
        work()
    except SipError:
        pass
    return time.process_time() - began


def read_all(data: bytes) -> None:
    try:
        message = parse(data, _LIMITS)
    except SipError as error:
        if error.partial is None:
            return
        message = error.partial
    everything_is_asked_for(message)


@pytest.mark.parametrize("filling", _FILLINGS, ids=repr)
def test_any_header(filling: str) -> None:
    junk = filling * (_SIZE // len(filling))
    for before, after in _PLACES:
        text = f"INVITE sip:{junk[:50]} SIP/2.0\r\n{before}{junk}{after}\r\nX: y\r\n\r\n"
        data = text.encode("utf-8", "surrogateescape")
        assert seconds(lambda data=data: read_all(data)) < _SECONDS, (before, after)


@pytest.mark.parametrize("filling", _FILLINGS, ids=repr)
def test_credentials(filling: str) -> None:
    junk = filling * (_SIZE // len(filling))
    for text in (junk, f'"{junk}', f'a="1", {junk}', f'a="\\"", {junk}', f'a="{junk}', f'{junk}="'):
        assert seconds(lambda text=text: parse_auth_params("Digest " + text)) < _SECONDS, text[:10]


@pytest.mark.parametrize("filling", [b"a", b"\n", b"\r\n", b"\nl:0 ", b"X: y\r\n"])
@pytest.mark.parametrize("beginning", [b"", b"INVITE sip:h SIP/2.0\r\nX: "])
def test_a_stream_byte_by_byte(beginning: bytes, filling: bytes) -> None:
    data = filling * (4 * _SIZE // len(filling))
    framer = StreamFramer(_LIMITS)

    def drip() -> None:
        framer.feed(beginning)
        for index in range(len(data)):
            framer.feed(data[index : index + 1])
            framer.next_message()

    # To look through the whole buffer each time would take more than ten seconds.
    assert seconds(drip) < 5 * _SECONDS
