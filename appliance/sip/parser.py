"""From bytes to a message: lines, folds, start line, limits, mandatory headers (RFC 3261 §7, §16.3, §18.3).

``parse`` splits only; values are read when somebody asks. Messages written as every phone writes them take
the short way; whatever is unusual about one (folds, bare line feeds, an excess of something) sends it from
the start down the long way, which also finds out what to complain about.
"""

from __future__ import annotations

import re

from appliance.errors import MalformedMessage, MessageTooLarge, SipError, UnsupportedVersion, UriTooLong
from appliance.sip.grammar import is_token
from appliance.sip.message import DEFAULT_LIMITS, Limits, Message, Request, Response
from appliance.sip.names import KEYS, display_of, key_of

_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_LINE_END_BYTES = frozenset(b"\r\n")
_LINE_END = re.compile(r"\r?\n")
_VERSION = re.compile(r"SIP/[0-9]{1,9}\.[0-9]{1,9}", re.IGNORECASE).fullmatch

# Recognised at once; any other token is a method too.
_METHODS = frozenset({"ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS"})
_METHODS |= {"PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"}
_STATUSES = {str(status): status for status in range(100, 700)}
# These must not come twice: two elements could each take another one for the true one.
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires")
# The headers that we meet whose grammar has comments, which may stand within comments (§25.1).
_COMMENTED = frozenset({"user-agent", "server", "retry-after"})


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Read one message: a datagram, or what StreamFramer cut out of a stream.

    Generous (§16.3 step 1: what does not matter to a proxy must not stop it): empty lines in front, bare line
    feeds, blanks before the colon, any case. A body beyond Content-Length is cut off (§18.3).

    Raises MalformedMessage, MessageTooLarge, UriTooLong or UnsupportedVersion; ``partial`` is set when enough
    could be read to answer it.
    """
    if not data or data[0] in _LINE_END_BYTES:
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    lines = data[:end].decode("utf-8", "surrogateescape").split("\r\n")
    # One search over the joined lines finds what is part of no line end in a tenth of the time of counting.
    text = "".join(lines)
    start = lines[0]
    del lines[0]
    if (
        end < 0
        or "\n" in text
        or "\r" in text
        or len(data) > limits.message_bytes
        or len(text) > limits.header_bytes
        or len(lines) > limits.headers
        or len(start) > limits.uri_bytes
        or ("(" in text and text.count("(") > limits.nesting)
    ):
        return _parse_unusual(data, limits)
    try:
        keys = _keys(lines)
    except MalformedMessage:
        # A line that is no header: most likely the second line of a folded one.
        return _parse_unusual(data, limits)
    return _finish(_message(start, keys, lines), data, end + 4)


def _keys(lines: list[str]) -> list[str]:
    """The key of each header line; MalformedMessage when one has no name or no colon."""
    keys = []
    for line in lines:
        end = line.find(":")
        if end < 0:
            raise MalformedMessage(f"a header line without a colon: {line[:40]!r}")
        name = line[:end]
        keys.append(KEYS.get(name) or key_of(name))
    return keys


def _parse_unusual(data: bytes, limits: Limits) -> Request | Response:
    """The long way: the same result for every message that the short way can read."""
    empty_line = _EMPTY_LINE.search(data, 0, limits.message_bytes)
    end = empty_line.start() if empty_line else min(len(data), limits.message_bytes)
    head = data[:end].decode("utf-8", "surrogateescape")
    start, *physical = _LINE_END.split(head)
    if "\r" in start:
        raise MalformedMessage("a carriage return within the start line")
    problem: SipError | None = None
    if len(data) > limits.message_bytes:
        problem = MessageTooLarge(f"a message of {len(data)} bytes; the limit is {limits.message_bytes}")
    elif empty_line is None:
        problem = MalformedMessage("no empty line after the headers")

    whole = _join_folds(physical)
    if len(whole) > limits.headers:
        problem = problem or MessageTooLarge(f"{len(whole)} headers; the limit is {limits.headers}")
        del whole[limits.headers :]
    keys: list[str] = []
    lines: list[str] = []
    for line in whole:
        try:
            key = _check_line(line, limits)
        except SipError as error:
            problem = problem or error
        else:
            keys.append(key)
            lines.append(line)
    message = _message(start, keys, lines)
    if isinstance(message, Request) and len(message.uri_text) > limits.uri_bytes:
        problem = problem or UriTooLong(f"a Request-URI of {len(message.uri_text)} characters")
    if problem is not None:
        problem.partial = message
        raise problem
    return _finish(message, data, empty_line.end() if empty_line else len(data))


def _join_folds(physical: list[str]) -> list[str]:
    """Header lines with their continuation lines (§7.3.1), which are kept as such."""
    groups: list[list[str]] = []
    for line in physical:
        if groups and line[:1] in {" ", "\t"}:
            groups[-1].append(line)
        else:
            groups.append([line])
    return ["\r\n".join(group) for group in groups]


def _check_line(line: str, limits: Limits) -> str:
    """The key of a header line that keeps to the grammar and the limits."""
    (key,) = _keys([line])
    if len(line) > limits.header_bytes:
        raise MessageTooLarge(f"a {display_of(key)} header of {len(line)} characters")
    if line.count("\r") != line.count("\n"):
        # Some elements take it for a line end: they would see another message than we do.
        raise MalformedMessage(f"a carriage return within the {display_of(key)} header")
    if key in _COMMENTED and line.count("(") > limits.nesting and _comment_depth(line) > limits.nesting:
        raise MalformedMessage(
            f"comments nested deeper than {limits.nesting} in the {display_of(key)} header"
        )
    return key


def _comment_depth(text: str) -> int:
    """How deep comments stand within one another (§25.1 comment); escaped parentheses do not count."""
    deepest = depth = 0
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")" and depth:
            depth -= 1
    return deepest


def _message(start: str, keys: list[str], lines: list[str]) -> Request | Response:
    """The start line with the headers, no body yet; MalformedMessage or UnsupportedVersion."""
    words = start.split(" ", 2)
    if len(words) == 3:
        first, second, third = words
        if third == "SIP/2.0" and first in _METHODS:
            return Request(first, second, keys, lines)
        if first == "SIP/2.0" and second in _STATUSES:
            return Response(_STATUSES[second], third, keys, lines)
    return _unusual_start(start, words, keys, lines)


def _unusual_start(start: str, words: list[str], keys: list[str], lines: list[str]) -> Request | Response:
    if _VERSION(words[0]):
        if words[0].upper() != "SIP/2.0":
            raise UnsupportedVersion(f"a response of {words[0]}")
        # §7.2: the reason phrase may be empty; then many leave out the blank before it as well.
        status = words[1] if len(words) > 1 else ""
        if status not in _STATUSES:
            raise MalformedMessage(f"not a status line: {start[:60]!r}")
        return Response(_STATUSES[status], words[2] if len(words) == 3 else "", keys, lines)
    if len(words) < 3 or not is_token(words[0]):
        raise MalformedMessage(f"not a start line: {start[:60]!r}")
    method, uri_text, version = words
    message = Request(method, uri_text, keys, lines)
    if not uri_text:
        raise MalformedMessage(f"more than one blank in a row: {start[:60]!r}", partial=message)
    if version.upper() == "SIP/2.0":
        return message
    if _VERSION(version):
        raise UnsupportedVersion(f"a request of {version}", partial=message)
    raise MalformedMessage(f"not a request line: {start[:60]!r}", partial=message)


def _finish(message: Request | Response, data: bytes, start: int) -> Request | Response:
    """Give the message its body (§18.3)."""
    if message.firsts.get("content-length") == "Content-Length: 0":
        return message
    try:
        length = message.content_length
    except MalformedMessage as error:
        error.partial = message
        raise
    if length is None:
        message.body = data[start:]
    elif length > 0:
        message.body = data[start : start + length]
        if len(message.body) < length:
            raise MalformedMessage(
                f"Content-Length is {length}, and only {len(message.body)} bytes follow", partial=message
            )
    return message


def check_mandatory(message: Message) -> None:
    """§16.3 step 1 and §8.1.1: MalformedMessage names the header which is missing, double or wrong.

    Via, From, To, Call-ID and CSeq must be there, once and readable; a request's CSeq must carry its method,
    and Max-Forwards, when it is there, a number up to 255.
    """
    keys = message.keys
    if len(message.firsts) != len(keys):
        for key in _SINGLE:
            if keys.count(key) > 1:
                raise MalformedMessage(f"more than one {display_of(key)} header", partial=message)
    try:
        message.read()
        if isinstance(message, Request):
            method = message.cseq.method
            if method != message.method:
                raise MalformedMessage(f"the CSeq says {method}, the request is {message.method}")
            message.max_forwards  # noqa: B018
    except SipError as error:
        error.partial = message
        raise
