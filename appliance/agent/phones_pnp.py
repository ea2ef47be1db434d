"""SIP PnP: phones ask by multicast where their configuration is, and those that are ours are told.

The URL that is told holds the phone's secret, and a SUBSCRIBE proves nothing: whoever knows a MAC of ours
can ask in its place. So this is off unless it is switched on, only local networks are answered, seldom, and
always at the address that the request came from, never where it says. Who is unknown or disabled hears
nothing.

The socket is bound to the group's own address, so it gets nothing that is sent to the SIP server, and takes
nothing away from it. ``PnpDesk`` decides without sockets; time is an argument.
"""

from __future__ import annotations

import logging
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple, Protocol

import gevent
from gevent import socket
from gevent.pool import Pool

from appliance.agent.phones_app import Notes
from appliance.agent.throttle import Throttle
from appliance.errors import PhoneRefused, SipError, StorageError
from appliance.provisioning.discovery import GROUP, PORT, accept, asker, notify
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.storage.phones import StoredPhone
from appliance.telemetry.journal import event

PER_MINUTE = 12.0  # answers for one address, and requests in the name of one phone
_REMEMBERED = 1000
_AT_ONCE = 16
_LARGEST = 4000
_RETRY_SECONDS = 30.0
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # RFC 3261 §17.1.2: T1, doubled up to T2

log = logging.getLogger("sipbox.phones")


class Rows(Protocol):
    """Where phones are looked up (``storage.phones.PhoneRows``)."""

    def by_mac(self, mac: str) -> StoredPhone | None: ...


class Answer(NamedTuple):
    """What a phone is told: the URL, and whether that is said for the first time."""

    request: Request
    phone: StoredPhone
    url: str
    tag: str
    again: bool


class PnpDesk:
    """Decides who is answered. ``folder`` makes a phone's URL of its token."""

    def __init__(
        self, rows: Rows, notes: Notes, networks: Sequence[str], folder: Callable[[str], str]
    ) -> None:
        self._rows = rows
        self._notes = notes
        self._networks = [ip_network(text) for text in networks]
        self._folder = folder
        self._addresses = Throttle(PER_MINUTE)
        self._phones = Throttle(PER_MINUTE)
        self._answered: OrderedDict[tuple[str, str], str] = OrderedDict()  # address, Call-ID -> tag

    def receive(self, data: bytes, address: str, now: float) -> Answer | None:
        """What to say to a datagram from ``address``, or None: nothing."""
        if not any(ip_address(address) in network for network in self._networks):
            return None
        try:
            request = parse(data)
            who = asker(request) if isinstance(request, Request) else None
            if who is None or not isinstance(request, Request):
                return None
            key = (address, request.call_id)
        except SipError:
            return None
        if not self._addresses.take(address, now):
            return None
        try:
            phone = self._rows.by_mac(who.mac)
            if phone is None:
                self._notes.unknown(who.mac, "pnp", address, request.first("user-agent") or "", now)
        except StorageError:
            return None
        if phone is None or not phone.enabled or not self._phones.take(phone.mac, now):
            return None
        again = key in self._answered
        tag = self._answered.setdefault(key, secrets.token_hex(8))
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        return Answer(request, phone, self._folder(phone.token), tag, again)


class PnpListener:
    """Joins the group on the interface with the address ``interface`` ("": the system's choice)."""

    def __init__(self, desk: PnpDesk, interface: str = "") -> None:
        self._desk = desk
        self._interface = interface
        self._pool = Pool(_AT_ONCE)
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        """Answer from now on; when the group cannot be joined yet, it is tried again."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Answer no more."""
        if self._greenlet is not None:
            self._greenlet.kill()
        self._pool.kill()

    def _run(self) -> None:
        while True:
            try:
                with _joined(self._interface) as group:
                    self._serve(group)
            except OSError as error:
                log.warning("phones are not answered by multicast: %s", error.strerror or error)
            gevent.sleep(_RETRY_SECONDS)

    def _serve(self, group: socket.socket) -> None:
        while True:
            data, (address, port) = group.recvfrom(65_535)
            if len(data) <= _LARGEST and not self._pool.full():
                self._pool.spawn(self._answer, group, data, address, port)

    def _answer(self, group: socket.socket, data: bytes, address: str, port: int) -> None:
        answer = self._desk.receive(data, address, time.monotonic())
        if answer is None:
            return
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                own.connect((address, _port_of(answer.request, address, port)))
                host, local = own.getsockname()
                contact = f"sip:{host}:{local}"
                group.sendto(accept(answer.request, contact, answer.tag), (address, port))
                if not answer.again:
                    via = f"SIP/2.0/UDP {host}:{local};branch=z9hG4bK{secrets.token_hex(8)};rport"
                    told = notify(answer.request, answer.url, via=via, contact=contact, tag=answer.tag)
                    mac = answer.phone.mac
                    event("phone-told", f"{mac} at {address} was told where to ask", phone_mac=mac)
                    _until_answered(own, told.encode())
        except (OSError, SipError, PhoneRefused) as error:
            log.info("%s was not told where to ask: %s", answer.phone.mac, error)


def _until_answered(own: socket.socket, data: bytes) -> None:
    """Send it again until something comes back; what comes back, and whether, is the phone's matter."""
    for pause in _PAUSES:
        own.send(data)
        own.settimeout(pause)
        try:
            own.recv(65_535)
        except TimeoutError:
            continue
        return


def _port_of(request: Request, address: str, port: int) -> int:
    """Where the phone listens: what Contact says, if it is the address that the request came from."""
    named = request.first("contact")
    uri = NameAddr.parse(named).uri if named else None
    return uri.port or PORT if uri is not None and uri.host == address else port


def _joined(interface: str) -> socket.socket:
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        group.bind((GROUP, PORT))
        member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(interface or "0.0.0.0"))  # noqa: S104
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except BaseException:
        group.close()
        raise
    return group
