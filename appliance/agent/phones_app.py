"""HTTP for phones: each gets its own configuration, and nobody else gets anything.

``GET /TOKEN/FILE``, or ``GET /FILE`` with digest. Unknown, disabled, a wrong secret, another's file: the same
404. What a phone of ours asks for and we do not make (firmware, ring tones) is a 404 too, without a line in
the journal. A denial is one line that begins with the address from the socket::

    192.0.2.7 refused "wrong secret" mac=000b82123456

What phones send with PUT or POST (logs, their own settings) is taken and thrown away.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from appliance.agent.phones_door import Admitted, Asked, Challenged, Door, Refused
from appliance.agent.throttle import Throttle, plain_address
from appliance.errors import PhoneRefused, SealBroken, StorageError
from appliance.provisioning.files import Served
from appliance.storage.phones import StoredPhone
from appliance.telemetry.journal import event

#: A guess costs as much as so many proper requests.
DENIAL_TOKENS = 20.0
_NOTED_EVERY = 60.0
_REMEMBERED = 10_000
_NOT_FOUND = b"Not found\n"
_METHODS = ("GET", "HEAD", "PUT", "POST")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = logging.getLogger("sipbox.phones")


class Rows(Protocol):
    """Where it is written down who asked (``storage.phones.PhoneRows``)."""

    def asked(self, mac: str, address: str, user_agent: str, served: int | None = None) -> None: ...
    def unknown(self, mac: str, vendor: str, how: str, address: str, user_agent: str) -> None: ...
    def by_mac(self, mac: str) -> StoredPhone | None: ...


class Notes:
    """Writes down that a phone asked: at most once a minute for each, unless it got something new."""

    def __init__(self, rows: Rows, vendor_of: Callable[[str], str | None]) -> None:
        self._rows = rows
        self._vendor_of = vendor_of
        self._noted: OrderedDict[str, tuple[float, int | None]] = OrderedDict()

    def asked(self, mac: str, address: str, user_agent: str, served: int | None, now: float) -> None:
        """A phone of ours was here; ``served`` is the serial of the configuration that it got."""
        if self._due(mac, served, now):
            self._rows.asked(mac, address, _clean(user_agent), served)

    def unknown(self, mac: str, how: str, address: str, user_agent: str, now: float) -> bool:
        """Somebody asked in the name of a phone; when it is none of ours, it is written down, and True."""
        if not self._due(f"?{mac}", None, now) or self._rows.by_mac(mac) is not None:
            return False
        self._rows.unknown(mac, self._vendor_of(mac) or "", how, address, _clean(user_agent))
        return True

    def _due(self, key: str, served: int | None, now: float) -> bool:
        last, known = self._noted.get(key, (now - _NOTED_EVERY, None))
        if now - last < _NOTED_EVERY and served in (None, known):
            return False
        self._noted[key] = (now, known if served is None else served)
        self._noted.move_to_end(key)
        if len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)
        return True


def create_app(
    door: Door,
    notes: Notes,
    document: Callable[[StoredPhone, str], Served | None],
    throttle: Throttle,
    clock: Callable[[], float] = time.monotonic,
) -> Flask:
    """The WSGI application. ``document(phone, file)`` is what a phone gets, None for what we do not make."""
    app = Flask(__name__, static_folder=None)

    @app.before_request  # and no route: what a path may hold is not the framework's to say
    def serve() -> Response:
        address, now = plain_address(request.remote_addr or ""), clock()
        if not throttle.take(address, now):
            return _plain(b"Too many requests\n", 429, {"Retry-After": f"{throttle.wait(address, now):.0f}"})
        if request.method not in _METHODS:
            return _plain(_NOT_FOUND, 404)
        agent = request.headers.get("User-Agent", "")
        asked = Asked(request.method, request.path, request.headers.get("Authorization"), agent)
        try:
            answer = door.ask(asked)
            if isinstance(answer, Admitted):
                return _admitted(answer, address, agent, now)
            if answer.mac is not None and notes.unknown(answer.mac, "http", address, agent, now):
                throttle.charge(address, now, DENIAL_TOKENS)  # else the list is soon full of nothing
        except StorageError:
            return _plain(b"Try again later\n", 503, {"Retry-After": "30"})
        if isinstance(answer, Challenged):
            return _plain(b"Who asks?\n", 401, {"WWW-Authenticate": answer.header})
        throttle.charge(address, now, DENIAL_TOKENS - 1)
        _deny(address, answer)
        return _plain(_NOT_FOUND, 404)

    def _admitted(answer: Admitted, address: str, agent: str, now: float) -> Response:
        phone, file = answer
        if request.method in ("PUT", "POST"):
            notes.asked(phone.mac, address, agent, None, now)
            return _plain(b"", 200)
        try:
            made = document(phone, file)
        except (PhoneRefused, SealBroken) as error:
            event("phone-failed", f"{phone.mac}: {error}", phone_mac=phone.mac)
            return _plain(b"Try again later\n", 503, {"Retry-After": "300"})
        got = made is not None and made.whole and request.method == "GET"
        notes.asked(phone.mac, address, agent, phone.serial if got else None, now)
        if made is None:
            return _plain(_NOT_FOUND, 404)
        if got:
            event("phone-configured", f"{phone.mac} at {address} got {file}", phone_mac=phone.mac)
        response = _plain(made.content, 200, {"Content-Type": made.content_type})
        response.make_conditional(request, accept_ranges=True, complete_length=len(made.content))
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        """What nobody foresaw; Flask itself would write the path, which is a phone's secret, into the log."""
        if isinstance(error, HTTPException):
            return _plain(b"No such part\n", error.code or 400)
        log.error("a request of a phone failed", exc_info=error)
        return _plain(b"Try again later\n", 503, {"Retry-After": "300"})

    return app


def _deny(address: str, answer: Refused) -> None:
    """The line that fail2ban reads: all in it is the socket's or ours, or twelve hexadecimal digits."""
    whose = f" mac={answer.mac}" if answer.mac else ""
    event("phone-denied", f'{address} refused "{answer.reason}"{whose}', phone_mac=answer.mac)


def _plain(body: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    response = Response(body, status, content_type="text/plain; charset=utf-8")
    response.headers.update(_HEADERS | (headers or {}))
    return response


def _clean(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:255]
