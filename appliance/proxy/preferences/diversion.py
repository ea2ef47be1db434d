"""Who has forwarded a request, in its headers: Diversion (RFC 5806) and History-Info (RFC 7044).

Diversion has the newest on top, one entry for each user who has forwarded. A History-Info is kept and goes
on; none is begun, because nobody has asked for it. Must not know why somebody forwards.
"""

from __future__ import annotations

from appliance.errors import MalformedMessage
from appliance.sip.escapes import escape_user
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord, Uri

# What is more is not believed, nor read: nobody has been forwarded so often.
_MOST_ENTRIES = 50
_LONGEST_INDEX = 64


def diverted_by(request: Request) -> list[Uri]:
    """Who has forwarded the request before, the last one first, as far as its Diversions can be read."""
    if not request.has("diversion"):
        return []
    found = []
    for item in request.items("diversion")[:_MOST_ENTRIES]:
        try:
            uri = NameAddr.parse(item).uri
        except MalformedMessage:
            continue
        if uri.host:
            found.append(uri)
    return found


def note_diversion(request: Request, by: AddressOfRecord, reason: str, status: int, target: str) -> None:
    """Writes down that ``by`` has the request forwarded to ``target``; ``reason`` is a word of RFC 5806,
    ``status`` the response that stands for it. To be called while the Request-URI is still the old one."""
    request.prepend("Diversion", f"<sip:{escape_user(by.username)}@{by.domain}>;reason={reason};counter=1")
    if request.has("history-info"):
        _go_on(request, status, target)


def keep_newest_diversions(request: Request, count: int) -> None:
    """Takes out all Diversions but the first ``count``: what is below them is the word of whoever calls."""
    if not request.has("diversion"):
        return
    items = request.items("diversion")
    if len(items) > count:
        request.remove("diversion")
        for item in items[:count]:
            request.add("Diversion", item)


def _go_on(request: Request, status: int, target: str) -> None:
    """The user's entry gets the reason why he has not taken it, and the next one follows (§9.1, §9.2)."""
    items = request.items("history-info")
    if len(items) >= _MOST_ENTRIES:
        return
    try:
        last = NameAddr.parse(items[-1])
        index = last.param("index") or "1"
        if len(index) > _LONGEST_INDEX:
            return
        if not last.uri.replace(headers="").equals(request.uri.replace(headers="")):
            index = f"{index}.1"
            last = NameAddr("", request.uri.replace(headers="").text, (("index", index),))
            items.append("")
        why = "&".join(filter(None, (last.uri.headers, f"Reason=SIP%3Bcause%3D{status}")))
        items[-1] = str(NameAddr(last.display, last.uri.replace(headers=why).text, last.params))
    except MalformedMessage:
        return  # it cannot be read, so it stays as it came
    items.append(f"<{target}>;index={index}.1;mp={index}")
    request.remove("history-info")
    for item in items:
        request.add("History-Info", item)
