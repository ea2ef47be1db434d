"""What is accounted (``setflag`` of an OpenSER script, and its module acc): the INVITE that begins a call,
once it is let in, and the BYE that ends one, each with its final response.

A call has one final response, however many phones it was forked to. It is missed when it failed and was for
one of our own users. The caller is charged, or the user who has forwarded the call. A challenge (401, 407) is
no end: the same call comes again. What is in between (ACK, CANCEL, re-INVITE) tells nothing about who owes
what, and is not accounted.

Nothing is remembered from one request to the next: the name of a dialog can be computed from each of its
requests (RFC 3261 §12), so a call is accounted by whichever process sees its requests. Must not know rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from appliance.errors import MalformedMessage
from appliance.proxy.calls import result_of
from appliance.proxy.incoming import Incoming
from appliance.sip.headers import NameAddr
from appliance.sip.uri import Uri
from appliance.telemetry.accounted import Accounted, Ledger


class OurDomains(Protocol):
    """Whether a request to this URI has arrived."""

    def is_me(self, uri: Uri) -> bool: ...


class Accounting:
    """Tells ``ledger`` of each accounted request. ``clock`` is monotonic seconds, ``wall`` UTC."""

    def __init__(
        self, ledger: Ledger, domains: OurDomains, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._put = ledger.put
        self._domains = domains
        self._clock = clock
        self._wall = wall

    def begin(self, incoming: Incoming) -> None:
        """From here on the request is accounted, if it is one of those that are."""
        request = incoming.request
        # An INVITE with a To tag changes a call that is there; a BYE without one ends none.
        if request.method == ("INVITE" if request.to_tag is None else "BYE"):
            incoming.accountant = self
            verified = incoming.verified
            if verified is not None:
                incoming.account = (
                    f"{verified.subscriber.username}@{verified.subscriber.domain or verified.domain}"
                )

    def decided(self, incoming: Incoming, status: int, reason: str, to_tag: str) -> None:
        """The request has its final response; called once for each."""
        if status == 401 or status == 407:
            return
        request = incoming.request
        ended = self._wall()
        from_, to = request.from_, request.to
        from_tag = from_.tag or ""
        src_user, src_domain = _party(from_)
        missed = False
        if request.method == "BYE":
            result = ""
            to_tag = to.tag or ""  # a BYE that nobody answered has one all the same
            dst_user, dst_domain = _party(to)
            dst_ouser = dst_user
        else:
            result = result_of(status)
            dst_user, dst_domain = _named(request.uri_text)
            dialed = incoming.came_as[0]
            dst_ouser = dst_user if dialed == request.uri_text else _named(dialed)[0]
            # Whoever has forwarded it outside has missed it, if nobody has taken it there.
            if status >= 400 and (not incoming.outside or incoming.forwarded is not None):
                missed = self._is_ours(dialed)
        call_id = request.call_id
        self._put(
            Accounted(
                dialog_name(call_id, from_tag, to_tag),
                request.method,
                request.cseq.number,
                from_tag,
                to_tag,
                call_id,
                status,
                reason,
                ended - (self._clock() - incoming.now),
                ended,
                src_user,
                src_domain,
                incoming.hop.host,
                dst_ouser,
                dst_user,
                dst_domain,
                result,
                missed,
                incoming.account if incoming.payer is None else str(incoming.payer),
            )
        )

    def _is_ours(self, dialed: str) -> bool:
        try:
            return self._domains.is_me(Uri.parse(dialed))
        except MalformedMessage:
            return False


def dialog_name(call_id: str, tag: str, other_tag: str) -> str:
    """24 hexadecimal digits for a dialog; which of the tags is whose does not matter."""
    tags = f"{tag}\n{other_tag}" if tag < other_tag else f"{other_tag}\n{tag}"
    text = f"{call_id}\n{tags}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _party(address: NameAddr) -> tuple[str, str]:
    return _named(address.uri_text)


def _named(text: str) -> tuple[str, str]:
    """User and host of a URI; a telephone number, or what cannot be read, is a user without a host."""
    try:
        uri = Uri.parse(text)
    except MalformedMessage:
        return text, ""
    return (uri.username, uri.host) if uri.host else (uri.opaque, "")
