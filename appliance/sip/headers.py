"""The headers that a proxy and a registrar take apart: Via, the name-addr family, CSeq (RFC 3261 §20.42, §20.10, §20.16).

Frozen values with ``parse`` and ``__str__``. Their text is one unfolded value; comma lists are split before.
"""

from __future__ import annotations

from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.sip.grammar import (
    Params,
    end_of_quoted,
    format_params,
    is_token,
    parse_host_port,
    parse_params,
    quote,
    unquote,
)
from appliance.sip.uri import Uri


class Via(NamedTuple):
    """One hop of the way back: ``SIP/2.0/UDP host:port;branch=…`` (§20.42).

    ``transport`` is in upper case as it is written there, ``host`` in lower case (IPv6 in brackets), ``port`` None
    when it is not written.
    """

    transport: str
    host: str
    port: int | None
    params: Params

    @staticmethod
    def parse(text: str) -> Via:
        """Read one Via value; MalformedMessage when it is none."""
        sent, semicolon, params = text.partition(";")
        # The usual "SIP/2.0/UDP host:port" first; blanks around the slashes and the colon are legal and rare.
        protocol, _, sent_by = sent.partition(" ")
        if protocol[:8].upper() != "SIP/2.0/" or not sent_by:
            protocol, sent_by = _spaced_protocol(sent)
        transport = protocol[8:].upper()
        if transport not in _TRANSPORTS and not is_token(transport):
            raise MalformedMessage(f"not a Via: {text[:60]!r}")
        host, port = parse_host_port(sent_by.strip(" \t"))
        return Via(transport, host, port, parse_params(semicolon + params) if semicolon else ())

    @property
    def branch(self) -> str | None:
        """The transaction's identifier (§8.1.1.7)."""
        return self.param("branch")

    @property
    def received(self) -> str | None:
        """The address that the message came from, when it differs from the host (§18.2.1)."""
        return self.param("received")

    @property
    def rport(self) -> int | None:
        """The port that the message came from (RFC 3581); None when absent or not filled in yet."""
        value = self.param("rport")
        return int(value) if value and value.isascii() and value.isdigit() and len(value) <= 5 else None

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host and port, the port by default 5060 or, for TLS, 5061 (§18.2.2)."""
        if self.port is not None:
            return self.host, self.port
        return self.host, 5061 if self.transport in {"TLS", "WSS"} else 5060

    def param(self, name: str, default: str | None = None) -> str | None:
        """A parameter's value, "" when it has none, ``default`` when it is absent."""
        for key, value in self.params:
            if key == name:
                return "" if value is None else value
        return default

    def has_param(self, name: str) -> bool:
        """True when the parameter is there, with a value or without."""
        return any(key == name for key, _ in self.params)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


_TRANSPORTS = frozenset({"UDP", "TCP", "TLS", "SCTP", "WS", "WSS"})


def _spaced_protocol(sent: str) -> tuple[str, str]:
    """``SIP / 2.0 / UDP   host`` -> ``SIP/2.0/UDP`` and ``host``."""
    name, _, rest = sent.partition("/")
    version, _, rest = rest.partition("/")
    words = rest.split(None, 1)
    if name.strip(" \t").upper() != "SIP" or version.strip(" \t") != "2.0" or len(words) != 2:
        raise MalformedMessage(f"not a Via: {sent[:60]!r}")
    return f"SIP/2.0/{words[0]}", words[1]


class NameAddr(NamedTuple):
    """From, To, Contact, Route and their like: ``"display" <uri>;params`` (§20.10, §25.1 name-addr).

    ``display`` is unquoted, ``uri_text`` stands as written; values in ``params`` keep their quotes, which ``param``
    takes off.
    """

    display: str
    uri_text: str
    params: Params

    @staticmethod
    def parse(text: str) -> NameAddr:
        """Read one value, with angle brackets or without; MalformedMessage. The URI is read when it is asked for."""
        before, bracket, rest = text.partition("<")
        if '"' in before:
            # A display name may hold an angle bracket of its own: what is quoted is passed over first.
            start = text.index('"')
            end = end_of_quoted(text, start)
            if text[:start].strip(" \t"):
                raise MalformedMessage(f"text before a quoted name: {text[:60]!r}")
            before, bracket, rest = text[end:].partition("<")
            if before.strip(" \t") or not bracket:
                raise MalformedMessage(f"no address after a quoted name: {text[:60]!r}")
            display = unquote(text[start:end])
        elif bracket:
            display = before.strip(" \t")
        else:
            # Without brackets, what follows a semicolon belongs to the header and not to the URI (§20).
            uri_text, semicolon, params = text.partition(";")
            uri_text = uri_text.strip(" \t")
            if not uri_text or " " in uri_text:
                raise MalformedMessage(f"not an address: {text[:60]!r}")
            return NameAddr("", uri_text, parse_params(semicolon + params))
        uri_text, closing, tail = rest.partition(">")
        if not closing:
            raise MalformedMessage(f"an angle bracket is not closed: {text[:60]!r}")
        return NameAddr(display, uri_text.strip(" \t"), parse_params(tail.lstrip(" \t")) if tail else ())

    @property
    def uri(self) -> Uri:
        """The URI; BadUri when it is none."""
        return Uri.parse(self.uri_text)

    @property
    def tag(self) -> str | None:
        """The dialog's tag (§19.3); None when there is none."""
        for key, value in self.params:
            if key == "tag":
                return value or None
        return None

    def param(self, name: str, default: str | None = None) -> str | None:
        """A parameter's unquoted value, "" when it has none, ``default`` when it is absent."""
        for key, value in self.params:
            if key == name:
                return "" if value is None else unquote(value)
        return default

    def has_param(self, name: str) -> bool:
        """True when the parameter is there, with a value or without."""
        return any(key == name for key, _ in self.params)

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri_text}>{format_params(self.params)}"


class CSeq(NamedTuple):
    """The number and method of a request within its dialog (§20.16)."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> CSeq:
        """Read ``314159 INVITE``; the number is below 2**31 (§8.1.1.5). MalformedMessage."""
        number, _, method = text.partition(" ")
        if not (
            number.isascii()
            and number.isdigit()
            and len(number) <= 10
            and method.isascii()
            and method.isalpha()
        ):
            # Several blanks, a tab, or a method with a hyphen: legal, and not worth a check in the usual case.
            words = text.replace("\t", " ").split(" ")
            number, method = words[0], words[-1]
            if any(words[1:-1]) or not (
                number.isascii() and number.isdigit() and is_token(method) and len(words) > 1
            ):
                raise MalformedMessage(f"not a CSeq: {text[:60]!r}")
            number = number.lstrip("0") or "0"
            if len(number) > 10:
                raise MalformedMessage(f"a CSeq number beyond 2**31: {text[:60]!r}")
        value = int(number)
        if value >= 0x80000000:
            raise MalformedMessage(f"a CSeq number beyond 2**31: {text[:60]!r}")
        return CSeq(value, method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
