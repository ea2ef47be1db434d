"""SIPS, as RFC 5630 means it: what is asked for by a SIPS URI goes by TLS all the way, or not at all.

A user is the same by ``sip:10@example.org`` and ``sips:10@example.org`` (§5.3), but a call by the second one
reaches those of his phones only that have registered a SIPS contact. A call by the first one reaches such a
phone too, by TLS, with ``sip:`` in its Request-URI: nobody is promised what was not asked for. Must not know
sockets.
"""

from __future__ import annotations

from appliance.proxy.target import Target
from appliance.sip.message import Request


def is_sips(uri: str) -> bool:
    """Whether a URI's text is that of a SIPS URI."""
    return uri[:5].lower() == "sips:"


def heed_sips(request: Request, target: Target) -> str | None:
    """The Request-URI with which the request may go to ``target``, None when it must not (§5.3)."""
    uri = target.uri
    if is_sips(request.uri_text):
        return uri if is_sips(uri) else None
    return f"sip:{uri[5:]}" if is_sips(uri) else uri
