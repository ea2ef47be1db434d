"""Replies, built from the request's own header lines (RFC 3261 §8.2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from appliance.errors import MalformedMessage
from appliance.sip.message import Request

# §21 and the extensions that phones and proxies of today send.
REASONS: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

_STATUS_LINES = {status: f"SIP/2.0 {status} {reason}" for status, reason in REASONS.items()}

# §8.2.6.2 says what is copied; §8.2.6.1 adds the Timestamp for a 100, §12.1.1 the route of a dialog that
# begins.
_COPIED = frozenset({"via", "from", "to", "call-id", "cseq"})
_COPIED_TO_TRYING = _COPIED | {"timestamp"}
_COPIED_TO_DIALOG = _COPIED | {"record-route"}
_BLANKS = " \t\r\n"
_DIALOG_METHODS = frozenset({"INVITE", "SUBSCRIBE", "REFER"})


def reply(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Sequence[str] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> bytes:
    """The bytes of a reply to ``request``.

    ``to_tag`` is added to a To that has no tag, except in a 100 (§8.2.6.2). ``headers`` are whole lines
    without their ends (``"Contact: <sip:10@192.0.2.1>"``). What ``request`` lacks, when it is the part of a
    malformed message that could be read, is missing in the reply too; a To that cannot be read gets no tag.
    """
    lines = [
        _STATUS_LINES[status]
        if reason is None and status in _STATUS_LINES
        else f"SIP/2.0 {status} {_safe(reason or 'Unknown')}"
    ]
    copied = _COPIED
    if status == 100:
        copied = _COPIED_TO_TRYING
        to_tag = None
    elif status < 300 and request.method in _DIALOG_METHODS:
        copied = _COPIED_TO_DIALOG
    # A selection without a loop: each message that is answered comes through here.
    lines += compress(request.lines, map(copied.__contains__, request.keys))
    if to_tag is not None and _lacks_tag(request):
        to = request.firsts.get("to")
        if to is not None:
            # A tag goes to the end whether or not the address stands in brackets (§20.39).
            lines[lines.index(to)] = f"{to.rstrip(_BLANKS)};tag={_safe(to_tag)}"
    for header in headers:
        lines.append(_safe(header))
    if content_type is not None:
        lines.append(f"Content-Type: {_safe(content_type)}")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n" if body else "Content-Length: 0\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def _lacks_tag(request: Request) -> bool:
    try:
        return request.to_tag is None
    except MalformedMessage:
        return False  # nobody can tell where its tag would have to stand


def _safe(text: str) -> str:
    # A line end within it would start a header of somebody else's choice.
    if "\n" in text or "\r" in text:
        raise ValueError("a line end within a header of a reply")
    return text
