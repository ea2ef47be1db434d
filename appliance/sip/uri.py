"""SIP and SIPS URIs, and the text of all others (RFC 3261 §19.1), with their comparison (§19.1.4).

A ``Uri`` keeps the text it was read from and gives that text back. What it cannot hold: blanks, control
characters, quotes and angle brackets, so that a URI can be put into any header without breaking it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from appliance.errors import BadUri, MalformedMessage
from appliance.sip.escapes import normalize_escapes, unescape
from appliance.sip.grammar import Params, find_param, format_params, has_param, read_params
from appliance.sip.hosts import parse_host_port, without_brackets

_SCHEME = re.compile(r"[a-z][a-z0-9+\-.]*+").fullmatch
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})").search
_VISUAL_SEPARATORS = str.maketrans("", "", "-.()")

# §19.1.4: these count as different when only one of two URIs has them; any other parameter is then passed
# over.
_DECISIVE = ("user", "ttl", "method", "maddr", "transport")

# What NamedTuple's own constructor does, in half its time.
_new = tuple.__new__

# Longer ones are read each time: with all their parameters, they could make the memory of URIs a large one.
_REMEMBERED_LENGTH = 192


class AddressOfRecord(NamedTuple):
    """Whom a URI names: the unescaped user and the host in lower case, nothing else (§10.3 step 5)."""

    username: str
    domain: str

    def __str__(self) -> str:
        return f"{self.username}@{self.domain}"


class Uri(NamedTuple):
    """One URI, as ``Uri.parse`` reads it. ``==`` compares the text too; ``equals`` compares as §19.1.4 does.

    ``host`` is in lower case, an IPv6 address in brackets; names in ``params`` are in lower case, values as
    written. For schemes other than sip and sips ``opaque`` is all that follows the colon, and ``host`` is
    empty.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: Params
    headers: str
    opaque: str
    text: str

    @staticmethod
    def parse(text: str) -> Uri:
        """Read a URI without the angle brackets around it; BadUri when it is none."""
        return _remembered(text) if len(text) <= _REMEMBERED_LENGTH else _parse(text)

    @property
    def username(self) -> str:
        """The user without escapes, and "" when there is none."""
        user = self.user
        if user is None:
            return ""
        return unescape(user) if "%" in user else user

    @property
    def aor(self) -> AddressOfRecord:
        """The address of record that this URI names."""
        return AddressOfRecord(self.username, self.host)

    @property
    def address(self) -> str:
        """The host as a socket wants it: an IPv6 address without brackets."""
        return without_brackets(self.host)

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.param("transport")
        return value.lower() if value else None

    def param(self, name: str, default: str | None = None) -> str | None:
        """The first value of the parameter (lower case); "" when it has none, ``default`` when absent."""
        return find_param(self.params, name, default)

    def has_param(self, name: str) -> bool:
        """True when the parameter is there, with a value or without."""
        return has_param(self.params, name)

    def replace(self, **changes: Any) -> Uri:
        """The URI with other fields, for instance ``replace(host="192.0.2.1", port=None, params=())``."""
        changed = self._replace(**changes)
        return Uri.parse(_compose(changed))

    def equals(self, other: Uri) -> bool:
        """§19.1.4: whether both name the same resource. No equivalence: a ~ b and b ~ c may leave a !~ c."""
        if self.text == other.text:
            return True
        if self._identity != other._identity:
            return False
        mine, theirs = _param_values(self), _param_values(other)
        for name in mine.keys() & theirs.keys():
            if mine[name] != theirs[name]:
                return False
        return all((name in mine) == (name in theirs) for name in _DECISIVE)

    @property
    def key(self) -> str:
        """A text that is the same for two URIs which differ in writing only; by it bindings are told apart.

        Equal keys mean equal URIs. Where §19.1.4 passes over a parameter that only one of two URIs has, the
        keys differ: a phone that registers ``;line=1`` and ``;line=2`` wants two bindings.
        """
        params = "".join(f";{name}={value}" for name, value in sorted(_param_values(self).items()))
        return "|".join((*self._identity, params)) if self.host else f"{self.scheme}:{_tel_key(self.opaque)}"

    @property
    def _identity(self) -> tuple[str, ...]:
        """What must be the same in all equal URIs, in one writing."""
        if not self.host:
            return (self.scheme, _tel_key(self.opaque))
        user = "" if self.user is None else f"{normalize_escapes(self.user)}@"
        password = "" if self.password is None else f":{normalize_escapes(self.password)}"
        port = "" if self.port is None else f":{self.port}"
        headers = sorted(
            f"{normalize_escapes(name).lower()}={normalize_escapes(value)}"
            for name, _, value in (header.partition("=") for header in self.headers.split("&"))
        )
        return (self.scheme, user, password, self.host, port, "&".join(headers))

    def __str__(self) -> str:
        return self.text


def _parse(text: str) -> Uri:
    # isprintable() is false for controls and for bytes that are no UTF-8, and takes a fraction of a pattern's
    # time.
    if not text.isprintable() or " " in text or '"' in text or "<" in text or ">" in text:
        raise BadUri(f"a character that no URI may hold: {text[:60]!r}")
    if "%" in text and _STRAY_PERCENT(text):
        raise BadUri(f"a percent sign without two hexadecimal digits: {text[:60]!r}")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme != "sip" and scheme != "sips":
        if not colon or not rest or not _SCHEME(scheme):
            raise BadUri(f"not a URI: {text[:60]!r}")
        return _new(Uri, (scheme, None, None, "", None, (), "", rest, text))
    # The user may hold ; and ? (§25.1 user-unreserved), so the @ is looked for first. There can be one only:
    # with two, another element might take the other one and see another host than we do.
    userinfo, at, hostpart = rest.partition("@")
    user: str | None
    password: str | None
    if at:
        user, colon, password = userinfo.partition(":")
        if not colon:
            password = None
        if not user or "@" in hostpart:
            raise BadUri(f"not one user and one host: {text[:60]!r}")
    else:
        user = password = None
        hostpart = rest
    hostpart, _, headers = hostpart.partition("?")
    hostport, *params = hostpart.split(";")
    try:
        host, port = parse_host_port(hostport)
        pairs = read_params(params) if params else ()
    except MalformedMessage as error:
        raise BadUri(f"{error} in {text[:60]!r}") from None
    return _new(Uri, (scheme, user, password, host, port, pairs, headers, "", text))


_remembered = lru_cache(maxsize=4096)(_parse)


def _compose(uri: Uri) -> str:
    if not uri.host:
        return f"{uri.scheme}:{uri.opaque}"
    user = "" if uri.user is None else uri.user + ("@" if uri.password is None else f":{uri.password}@")
    port = "" if uri.port is None else f":{uri.port}"
    headers = f"?{uri.headers}" if uri.headers else ""
    return f"{uri.scheme}:{user}{uri.host}{port}{format_params(uri.params)}{headers}"


def _param_values(uri: Uri) -> dict[str, str]:
    # §19.1.4 compares without case, and %-escapes of what needs none with the plain character.
    values: dict[str, str] = {}
    for name, value in uri.params:
        values.setdefault(name, normalize_escapes(value or "").lower())
    return values


def _tel_key(opaque: str) -> str:
    """RFC 3966 §4: numbers compare without visual separators, parameters without order and case."""
    number, *params = opaque.split(";")
    return ";".join(
        [number.translate(_VISUAL_SEPARATORS).lower(), *sorted(param.lower() for param in params)]
    )
