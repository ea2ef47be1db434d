"""Cutting a stream into messages by Content-Length (RFC 3261 §18.3), with keep-alives between (RFC 5626)."""

from __future__ import annotations

import re

from appliance.errors import FrameError, MessageTooLarge, SipError
from appliance.sip.message import DEFAULT_LIMITS, Limits, Message
from appliance.sip.parser import parse

_LINE_ENDS = re.compile(rb"(?:\r\n)*+")
# The one way that everybody writes it. More than one of them, or a fold behind it, is looked at the long way.
_CONTENT_LENGTH = re.compile(
    rb"\n(?:content-length|l)[ \t]*+:[ \t]*+([0-9]{1,9})[ \t]*+(?=\r?\n(?![ \t]))", re.IGNORECASE
)


class StreamFramer:
    """Feed it what arrives, then take messages until there is none; where the bytes were cut does not matter.

    ``pings`` counts the double line ends that came between messages: each is to be answered by one CRLF
    (RFC 5626 §3.5.1); whoever answers takes them off.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.pings = 0
        self._limits = limits
        self._buffer = bytearray()
        # How far the buffer was searched for the end of the headers: nothing is looked at twice.
        self._searched = 0
        # Where the headers and where the message end, once that is known.
        self._needed = 0
        self._half_ping = 0

    def __len__(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what has arrived."""
        self._buffer += data

    @property
    def first_line(self) -> bytes | None:
        """The first line of what waits, with its end; None while it is not complete."""
        self._skip_line_ends()
        end = self._buffer.find(b"\n", 0, self._limits.message_bytes)
        return bytes(self._buffer[: end + 1]) if end >= 0 else None

    def next_message(self) -> bytes | None:
        """The next whole message, or None when more bytes are needed.

        MessageTooLarge when the message is, or will be, larger than the limits; FrameError when nobody can
        tell where it ends. After either the stream is of no further use; ``partial`` is what a reply can be
        built from.
        """
        if not self._needed:
            self._skip_line_ends()
            self._needed = self._find_end()
        needed = self._needed
        if not needed or len(self._buffer) < needed:
            return None
        message = bytes(self._buffer[:needed])
        del self._buffer[:needed]
        self._needed = self._searched = 0
        return message

    @property
    def unframed(self) -> bytes:
        """The headers of a message whose end nobody can tell, with one more Content-Length that is none:
        whoever reads them finds that out as well, and can answer (RFC 3261 §21.4.1)."""
        end = self._find_empty_line(0)
        return bytes(self._buffer[:end]).rstrip(b"\r\n") + b"\r\nContent-Length: unknown\r\n\r\n"

    @property
    def too_large(self) -> bytes:
        """What has come of a message that is too large, drawn out beyond the limit: whoever reads it finds
        out the same, and can answer (RFC 3261 §21.5.7)."""
        return bytes(self._buffer).ljust(self._limits.message_bytes + 1, b"\0")

    def _skip_line_ends(self) -> None:
        """Pass over line ends between messages (§7.5), counting two in a row as a ping."""
        match = _LINE_ENDS.match(self._buffer)
        if match is not None and match.end():
            pings, half = divmod(self._half_ping + match.end() // 2, 2)
            self.pings += pings
            self._half_ping = half
            del self._buffer[: match.end()]
        if self._buffer and self._buffer != b"\r":
            self._half_ping = 0

    def _find_end(self) -> int:
        """Where the message ends, counted from its beginning; 0 while its headers are not complete."""
        buffer = self._buffer
        end = self._find_empty_line(self._searched)
        self._searched = len(buffer)
        if not end:
            if len(buffer) > self._limits.message_bytes:
                raise MessageTooLarge(f"headers of more than {self._limits.message_bytes} bytes")
            return 0
        head = bytes(buffer[:end])
        size = end + self._content_length(head)
        if size > self._limits.message_bytes:
            partial: Message | None = None
            try:
                partial = parse(head, self._limits)
            except SipError as error:
                partial = error.partial
            raise MessageTooLarge(
                f"a message of {size} bytes; the limit is {self._limits.message_bytes}", partial=partial
            )
        return size

    def _find_empty_line(self, searched: int) -> int:
        """The index behind the empty line, with or without carriage returns; 0 when it has not come yet."""
        buffer = self._buffer
        # It may have begun in what was searched before: \n\r\n less its last byte.
        start = max(0, searched - 2)
        usual = buffer.find(b"\n\r\n", start)
        # The first line end of the usual one may be the second of a bare one.
        bare = buffer.find(b"\n\n", start, usual + 1 if usual >= 0 else len(buffer))
        if bare >= 0:
            return bare + 2
        return usual + 3 if usual >= 0 else 0

    def _content_length(self, head: bytes) -> int:
        lengths = _CONTENT_LENGTH.findall(head)
        if len(lengths) == 1:
            return int(lengths[0])
        # None, several, or written in a way that the pattern does not know.
        message: Message
        try:
            message = parse(head, self._limits)
        except SipError as error:
            if error.partial is None:
                raise FrameError(error.problem) from None
            message = error.partial
        try:
            values = {message.content_length} if message.keys.count("content-length") == 1 else set()
        except SipError as error:
            raise FrameError(error.problem, partial=message) from None
        if len(values) != 1:
            raise FrameError("not one Content-Length, which a stream needs", partial=message)
        return values.pop() or 0
