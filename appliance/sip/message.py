"""A SIP message: raw header lines that are taken apart when somebody asks, and a body (RFC 3261 §7).

Text is UTF-8 decoded with ``surrogateescape``, which loses nothing: a line that is not touched is sent as the
bytes that came. The five headers that every element reads are parsed at most once and remembered until they
are changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from appliance.errors import MalformedMessage
from appliance.sip.grammar import split_list, split_outside
from appliance.sip.header_lines import HeaderLines, end_of_first_item, first_lines, value_of
from appliance.sip.headers import CSeq, NameAddr, Via
from appliance.sip.names import display_of
from appliance.sip.uri import Uri

# Which slot remembers the value that was read from a header.
_SLOTS = {"via": "_via", "from": "_from", "to": "_to", "cseq": "_cseq", "call-id": "_call_id"}


class Limits(NamedTuple):
    """What a message may cost.

    ``message_bytes`` is all of it, ``header_bytes`` one header line with its folds, ``headers`` their number,
    ``uri_bytes`` the Request-URI, ``nesting`` how deep comments may stand within one another.
    """

    message_bytes: int = 65535
    header_bytes: int = 16384
    headers: int = 200
    uri_bytes: int = 2048
    nesting: int = 10


DEFAULT_LIMITS = Limits()


class Message(HeaderLines):
    """What requests and responses have in common."""

    __slots__ = ("_call_id", "_cseq", "_from", "_to", "_via", "body")

    body: bytes
    _via: Via | None
    _from: NameAddr | None
    _to: NameAddr | None
    _cseq: CSeq | None
    _call_id: str | None

    @property
    def start_line(self) -> str:
        """The first line, without its end."""
        raise NotImplementedError

    @property
    def via(self) -> Via:
        """The topmost Via; MalformedMessage when there is none or it cannot be read."""
        via = self._via
        if via is None:
            value = self._required("via")
            if "," in value:
                value = (split_list(value) or [""])[0]
            via = self._via = Via.parse(value)
        return via

    @property
    def from_(self) -> NameAddr:
        """The From header; MalformedMessage when there is none or it cannot be read."""
        value = self._from
        if value is None:
            value = self._from = NameAddr.parse(self._required("from"))
        return value

    @property
    def to(self) -> NameAddr:
        """The To header; MalformedMessage when there is none or it cannot be read."""
        value = self._to
        if value is None:
            value = self._to = NameAddr.parse(self._required("to"))
        return value

    @property
    def from_tag(self) -> str | None:
        """The From header's tag."""
        return self.from_.tag

    @property
    def to_tag(self) -> str | None:
        """The To header's tag: None in a request outside of dialogs."""
        return self.to.tag

    @property
    def call_id(self) -> str:
        """The Call-ID, which compares byte by byte (§20.8); MalformedMessage when there is none."""
        value = self._call_id
        if value is None:
            value = self._call_id = self._required("call-id")
        return value

    @property
    def cseq(self) -> CSeq:
        """The CSeq header; MalformedMessage when there is none or it cannot be read."""
        value = self._cseq
        if value is None:
            value = self._cseq = CSeq.parse(self._required("cseq"))
        return value

    @property
    def content_length(self) -> int | None:
        """Content-Length in bytes, None when it is absent; MalformedMessage when it is no number."""
        return self.number("content-length", 0xFFFFFFFF)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, None when it is absent; MalformedMessage when it is no number up to 255 (§20.22)."""
        return self.number("max-forwards", 255)

    def read(self) -> None:
        """Read the five headers that every element reads, all at once. MalformedMessage."""
        self._cseq = CSeq.parse(self._required("cseq"))
        value = self._required("via")
        if "," in value:
            first, *others = split_list(value) or [""]
            self._via = Via.parse(first)
            # What stands behind a comma and is no Via makes two elements see two different ways back.
            for other in others:
                Via.parse(other)
        else:
            self._via = Via.parse(value)
        self._from = NameAddr.parse(self._required("from"))
        self._to = NameAddr.parse(self._required("to"))
        self._call_id = self._required("call-id")

    def _required(self, key: str) -> str:
        line = self.firsts.get(key)
        value = "" if line is None else value_of(line)
        if not value:
            raise MalformedMessage(f"no {display_of(key)} header")
        return value

    def set_top_via_params(self, received: str, rport: int) -> None:
        """Note in the topmost Via where the message came from: address (no brackets) and port of its source.

        ``received`` is added when the host says otherwise or the sender asked for the port (§18.2.1, RFC 3581
        §4), ``rport`` is filled in when it was asked for. What a sender claims of either is overwritten.
        Nothing else in the line changes.
        """
        via = self.via
        asked = claimed = False
        for name, _ in via.params:
            if name == "rport":
                asked = True
            elif name == "received":
                claimed = True
        elsewhere = via.host != received and via.address != received
        if not (asked or claimed or elsewhere):
            return
        line = self.firsts["via"]
        end = end_of_first_item(line)
        item = line[:end].rstrip(" \t\r\n")
        pieces = split_outside(item, ";") if '"' in item else item.split(";")
        kept = [pieces[0]]
        for piece in pieces[1:]:
            name = piece.partition("=")[0].strip(" \t\r\n").lower()
            if name == "rport":
                kept.append(f"rport={rport}")
            elif name != "received":
                kept.append(piece)
        if asked or elsewhere:
            kept.append(f"received={received}")
        self._put_first("via", ";".join(kept) + line[end:])

    def force_rport(self, received: str, rport: int) -> None:
        """Note in the topmost Via, where no rport stands, what a sender that asks for it would be told."""
        line = self.firsts["via"]
        end = end_of_first_item(line)
        item = line[:end].rstrip(" \t\r\n")
        if not self.via.has_param("received"):
            item += f";received={received}"
        self._put_first("via", f"{item};rport={rport}{line[end:]}")

    def _changed(self, key: str) -> None:
        slot = _SLOTS.get(key)
        if slot is not None:
            setattr(self, slot, None)

    def encode(self) -> bytes:
        """The message as bytes: what was not changed is as it came."""
        head = "\r\n".join([self.start_line, *self.lines, "", ""]).encode("utf-8", "surrogateescape")
        return head + self.body if self.body else head

    def copy(self) -> Self:
        """A message of its own with the same lines."""
        raise NotImplementedError

    def _lend_values(self, other: Message) -> None:
        # The values are frozen, so both may hold the same ones.
        other._via = self._via
        other._from = self._from
        other._to = self._to
        other._cseq = self._cseq
        other._call_id = self._call_id


class Request(Message):
    """A request; ``uri_text`` is the Request-URI as written and may be set to another."""

    __slots__ = ("method", "uri_text")

    def __init__(
        self,
        method: str,
        uri_text: str,
        keys: list[str],
        lines: list[str],
        body: bytes = b"",
        firsts: dict[str, str] | None = None,
    ) -> None:
        self.method = method
        self.uri_text = uri_text
        self.keys = keys
        self.lines = lines
        self.firsts = first_lines(keys, lines) if firsts is None else firsts
        self.body = body
        self._via = self._from = self._to = self._cseq = self._call_id = None

    @staticmethod
    def create(method: str, uri_text: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Request:
        """A request of our own from ``(name, value)`` pairs; Content-Length is added."""
        request = Request(method, uri_text, [], [], body)
        for name, value in headers:
            request.add(name, value)
        request.replace("content-length", str(len(body)))
        return request

    @property
    def uri(self) -> Uri:
        """The Request-URI; BadUri when it is none."""
        return Uri.parse(self.uri_text)

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri_text} SIP/2.0"

    def copy(self) -> Request:
        lines, firsts = self.lines.copy(), self.firsts.copy()
        other = Request(self.method, self.uri_text, self.keys.copy(), lines, self.body, firsts)
        self._lend_values(other)
        return other

    def __repr__(self) -> str:
        return f"<Request {self.start_line}>"


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        keys: list[str],
        lines: list[str],
        body: bytes = b"",
        firsts: dict[str, str] | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.keys = keys
        self.lines = lines
        self.firsts = first_lines(keys, lines) if firsts is None else firsts
        self.body = body
        self._via = self._from = self._to = self._cseq = self._call_id = None

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def copy(self) -> Response:
        lines, firsts = self.lines.copy(), self.firsts.copy()
        other = Response(self.status, self.reason, self.keys.copy(), lines, self.body, firsts)
        self._lend_values(other)
        return other

    def __repr__(self) -> str:
        return f"<Response {self.start_line}>"
