"""The headers that a proxy and a registrar take apart (RFC 3261 §20): Via, From and its kin, CSeq.

Values with ``parse`` and ``__str__``, never changed once they are made. Their text is one unfolded value;
comma lists are split before. They are plain classes with slots, which are made and read in a fraction of the
time that a named tuple takes: every message makes several of them.
"""

from __future__ import annotations

from functools import lru_cache

from appliance.errors import MalformedMessage
from appliance.sip.grammar import (
    Params,
    end_of_quoted,
    find_outside,
    find_param,
    format_params,
    has_param,
    is_token,
    parse_host_port,
    parse_params,
    quote,
    read_params,
    split_params,
    unquote,
)
from appliance.sip.hosts import without_brackets
from appliance.sip.uri import Uri


class Via:
    """One hop of the way back: ``SIP/2.0/UDP host:port;branch=…`` (§20.42).

    ``transport`` is in upper case as it is written there, ``host`` in lower case (IPv6 in brackets), ``port``
    None when it is not written. ``branch`` identifies the transaction (§8.1.1.7), None when it is absent.
    """

    __slots__ = ("branch", "host", "params", "port", "transport")

    def __init__(self, transport: str, host: str, port: int | None, params: Params) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.params = params
        self.branch = find_param(params, "branch")

    @staticmethod
    def parse(text: str) -> Via:
        """Read one Via value; MalformedMessage when it is none."""
        pieces = split_params(text)
        transport, host, port = _sent(pieces.pop(0))
        return Via(transport, host, port, read_params(pieces))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Via) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def address(self) -> str:
        """The host as a socket wants it: an IPv6 address without brackets."""
        return without_brackets(self.host)

    @property
    def received(self) -> str | None:
        """The address that the message came from, when it differs from the host (§18.2.1)."""
        return find_param(self.params, "received")

    @property
    def rport(self) -> int | None:
        """The port that the message came from (RFC 3581); None when absent or not filled in yet."""
        value = find_param(self.params, "rport")
        if not value or len(value) > 5 or not (value.isascii() and value.isdigit()):
            return None
        return int(value) if int(value) <= 65535 else None

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host and port, the port by default 5060 or, for TLS, 5061 (§18.2.2)."""
        if self.port is not None:
            return self.host, self.port
        return self.host, 5061 if self.transport in {"TLS", "WSS"} else 5060

    def param(self, name: str, default: str | None = None) -> str | None:
        """A parameter's value, "" when it has none, ``default`` when it is absent."""
        return find_param(self.params, name, default)

    def has_param(self, name: str) -> bool:
        """True when the parameter is there, with a value or without."""
        return has_param(self.params, name)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


# The same phones send again and again, so few different texts are met.
@lru_cache(maxsize=8192)
def _sent(text: str) -> tuple[str, str, int | None]:
    """``SIP/2.0/UDP host:port`` -> transport, host and port; blanks may stand around each sign."""
    if len(text) > 400:
        # What raises is not remembered, so this also bounds the memory.
        raise MalformedMessage(f"not a Via: {text[:60]!r}")
    name, _, rest = text.replace("\t", " ").partition("/")
    version, _, rest = rest.partition("/")
    transport, _, sent_by = rest.strip(" ").partition(" ")
    # Of another version it is the way back of a request that is refused for its version (505).
    if name.strip(" ").upper() != "SIP" or not is_token(version.strip(" ")) or not is_token(transport):
        raise MalformedMessage(f"not a Via: {text[:60]!r}")
    return (transport.upper(), *parse_host_port(sent_by))


class NameAddr:
    """From, To, Contact, Route and their like: ``"display" <uri>;params`` (§20.10, §25.1 name-addr).

    ``display`` is unquoted, ``uri_text`` stands as written; values in ``params`` keep their quotes, which
    ``param`` takes off.
    """

    __slots__ = ("display", "params", "uri_text")

    def __init__(self, display: str, uri_text: str, params: Params) -> None:
        self.display = display
        self.uri_text = uri_text
        self.params = params

    @staticmethod
    def parse(text: str) -> NameAddr:
        """Read one value, with angle brackets or without; MalformedMessage. The URI is read later."""
        before, bracket, rest = text.partition("<")
        if '"' in before:
            display, closing, between = before[1:].partition('"')
            if before[0] != '"' or not closing or not bracket or between.strip(" \t") or "\\" in display:
                if ";" in before.partition('"')[0]:
                    return _bare_address(text)
                # A quoted name may hold escaped quotes, and angle brackets of its own.
                display, rest = _quoted_name(text)
        elif bracket:
            display = before.strip(" \t")
            if ";" in display or "," in display:
                # Is it the address of this header, or one within a parameter of another? Anybody's guess.
                raise MalformedMessage(f"not an address: {text[:60]!r}")
        else:
            return _bare_address(text)
        uri_text, closing, tail = rest.partition(">")
        if not closing:
            raise MalformedMessage(f"an angle bracket is not closed: {text[:60]!r}")
        if not tail:
            return NameAddr(display, uri_text, ())
        if tail[:5] == ";tag=" and tail[5:].isalnum():
            # The one parameter that nearly every From and To has: no list to take apart.
            return NameAddr(display, uri_text, (("tag", tail[5:]),))
        if "," in tail and find_outside(tail, ",") >= 0:
            raise MalformedMessage(f"more than one address: {text[:60]!r}")
        return NameAddr(display, uri_text, parse_params(tail.lstrip(" \t")))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameAddr) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def uri(self) -> Uri:
        """The URI; BadUri when it is none."""
        return Uri.parse(self.uri_text)

    @property
    def tag(self) -> str | None:
        """The dialog's tag (§19.3); None when there is none."""
        return find_param(self.params, "tag") or None

    def param(self, name: str, default: str | None = None) -> str | None:
        """A parameter's unquoted value, "" when it has none, ``default`` when it is absent."""
        value = find_param(self.params, name)
        return default if value is None else unquote(value)

    def has_param(self, name: str) -> bool:
        """True when the parameter is there, with a value or without."""
        return has_param(self.params, name)

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri_text}>{format_params(self.params)}"


def _quoted_name(text: str) -> tuple[str, str]:
    """``"display" <rest`` -> display and rest, whatever stands between the quotes."""
    text = text.lstrip(" \t")
    if text[0] != '"':
        raise MalformedMessage(f"text before a quoted name: {text[:60]!r}")
    end = end_of_quoted(text, 0)
    between, bracket, rest = text[end:].partition("<")
    if not bracket or between.strip(" \t"):
        raise MalformedMessage(f"no address after a quoted name: {text[:60]!r}")
    return unquote(text[:end]), rest


def _bare_address(text: str) -> NameAddr:
    """``uri;params``: what follows a semicolon belongs to the header, and a comma ends the value (§20)."""
    if "," in text and find_outside(text, ",") >= 0:
        raise MalformedMessage(f"more than one address: {text[:60]!r}")
    uri_text, *params = split_params(text)
    uri_text = uri_text.strip(" \t")
    if not uri_text or " " in uri_text or ">" in uri_text:
        raise MalformedMessage(f"not an address: {text[:60]!r}")
    return NameAddr("", uri_text, read_params(params))


class CSeq:
    """The number and method of a request within its dialog (§20.16)."""

    __slots__ = ("method", "number")

    def __init__(self, number: int, method: str) -> None:
        self.number = number
        self.method = method

    @staticmethod
    def parse(text: str) -> CSeq:
        """Read ``314159 INVITE``; the number is below 2**31 (§8.1.1.5). MalformedMessage."""
        return _cseq(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CSeq) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


# Most requests are the first, second or third of their dialog, so that few different texts are met.
@lru_cache(maxsize=4096)
def _cseq(text: str) -> CSeq:
    # What raises is not remembered, so the limits on the lengths bound the memory too.
    number, _, method = text[:256].replace("\t", " ").partition(" ")
    method = method.lstrip(" ")
    if (
        not (number.isascii() and number.isdigit() and len(number) < 20 and is_token(method))
        or len(text) > 256
    ):
        raise MalformedMessage(f"not a CSeq: {text[:60]!r}")
    if int(number) >= 0x80000000:
        raise MalformedMessage(f"a CSeq number beyond 2**31: {number}")
    return CSeq(int(number), method)
