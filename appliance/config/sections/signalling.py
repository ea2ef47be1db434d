"""The server on the wire: ``[sip]``, ``[tls]``, ``[websocket]``, ``[limits]``, ``[nat]`` and ``[dns]``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, structs

from appliance.config.listener import Listener, split_name_server
from appliance.config.sections.section import Bytes, Count, Milliseconds, Seconds, Section

NAT_TESTS = ("contact", "via", "port", "maddr")

WalledGarden = Literal["off", "inbound", "both"]


class CertificateFiles(NamedTuple):
    """A certificate and its key as the settings name them.

    ``name`` is "default" or a domain, ``names`` are the names that a phone may ask for it by (SNI) beside
    those that it is made out for; ``path`` is where in the settings it stands.
    """

    name: str
    certificate: str
    key: str
    names: tuple[str, ...] = ()
    path: str = "tls.certificate"


class SipSettings(Section, frozen=True, kw_only=True):
    """``[sip]``: who this server is and how it behaves on the wire."""

    listen: tuple[str, ...] = ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060")
    domains: tuple[str, ...] = ("127.0.0.1",)  # served besides the rows of the table `domain`
    walled_garden: WalledGarden = "off"  # strangers and our users do not meet
    aliases: tuple[str, ...] = ()  # further host[:port] that mean this server itself
    advertise: tuple[str, ...] = ()  # [listener=]host[:port] in Via and Record-Route, behind a 1:1 NAT
    profile: Literal["rfc3261", "openser12"] = "rfc3261"  # which of the two sets of replies
    server_header: str = "sipbox"  # Server and User-Agent; "" leaves it out
    state_dir: str = "/var/lib/sipbox"  # keys and the spool
    control: str = "/run/sipbox/control.sock"
    self_loop: tuple[str, ...] = ()  # methods that pass once through ourselves, to watch our own replies
    ring_seconds: Seconds = 120  # no answer: CANCEL and 408
    min_session_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0  # briefer session timers: 422; 0: none are
    flow_patience_seconds: Annotated[int, Meta(ge=0, le=30)] = 5  # a call waits for a phone to connect again
    failed_destination_seconds: Annotated[int, Meta(ge=0, le=86_400)] = (
        60  # other addresses of a name come first
    )
    timer_c_seconds: Annotated[int, Meta(ge=181, le=31_536_000)] = 181  # RFC 3261 §16.6 (11)
    t1_ms: Milliseconds = 500  # RFC 3261 §17.1.1.1
    t2_ms: Milliseconds = 4000
    t4_ms: Milliseconds = 5000
    send_to_private: bool = True  # False: no request is sent on into a private network
    max_forwards: Annotated[int, Meta(ge=1, le=255)] = 70  # RFC 3261 §8.1.1.6
    udp_bytes: Annotated[int, Meta(ge=0, le=65_535)] = 1300  # larger requests go by TCP (RFC 3261 §18.1.1)
    max_branches: Annotated[int, Meta(ge=1, le=100)] = 12  # RFC 5393 §5
    max_in_progress: Count = 20_000  # requests that wait for a commit or a lookup; beyond: 503
    max_greenlets: Count = 5000
    receive_buffer: Bytes = 4_194_304  # holds what arrives while the service restarts
    tcp_idle_seconds: Seconds = 3600
    max_connections: Count = 2048
    max_connections_of_one: Count = 512  # of one address (IPv6: of one /64): an office behind one NAT
    workers: Annotated[int, Meta(ge=0, le=64)] = 1  # processes that share the addresses; 0: one for each core

    def __post_init__(self) -> None:
        structs.force_setattr(self, "domains", tuple(name.lower().rstrip(".") for name in self.domains))
        structs.force_setattr(self, "aliases", tuple(name.lower() for name in self.aliases))
        structs.force_setattr(self, "self_loop", tuple(method.upper() for method in self.self_loop))

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """``listen`` as values, in the same order."""
        return tuple(Listener.parse(text) for text in self.listen)

    @property
    def worker_count(self) -> int:
        """How many workers there are to be."""
        return self.workers or min(len(os.sched_getaffinity(0)), 64)

    def control_of(self, worker: int) -> str:
        """The control socket of a worker: ``control`` itself is that of the first one."""
        return self.control if worker == 1 else _beside(self.control, f"-{worker}")

    @property
    def controls(self) -> list[str]:
        """The control sockets of all workers."""
        return [self.control_of(worker) for worker in range(1, self.worker_count + 1)]

    def link_of(self, worker: int) -> str:
        """Where a worker hears the others."""
        return _beside(self.control, f"-link-{worker}")


class TlsSettings(Section, frozen=True, kw_only=True):
    """``[tls]``: certificates of the listeners ``tls:`` and ``wss:``, and of connections by TLS to others.

    Those of single domains stand with them, in ``[domains]``.
    """

    certificate: str = ""  # a PEM file with its chain, for whoever asks for no other name
    certificate_key: str = ""
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    client_certificates: Literal["off", "request", "require"] = "off"  # of phones
    client_authorities: str = ""  # a PEM file: who signs the phones' certificates
    verify_servers: bool = True  # those that we connect to by TLS
    server_authorities: str = ""  # a PEM file: who signs theirs; "": whom the system believes
    handshake_seconds: Annotated[int, Meta(ge=1, le=60)] = 10  # of TLS and of WebSocket


class WebSocketSettings(Section, frozen=True, kw_only=True):
    """``[websocket]``: the listeners ``ws:`` and ``wss:`` (RFC 7118)."""

    origins: tuple[str, ...] = ()  # pages that may connect, https://HOST; "" no page at all; none: everybody


class LimitSettings(Section, frozen=True, kw_only=True):
    """``[limits]``: what a message may be at most; beyond it there is a 400, a 513, or a closed stream."""

    message_bytes: Annotated[int, Meta(ge=1300, le=65_535)] = 65_535
    header_bytes: Annotated[int, Meta(ge=256, le=65_535)] = 16_384  # one header with its folds
    headers: Annotated[int, Meta(ge=16, le=10_000)] = 200
    uri_bytes: Annotated[int, Meta(ge=128, le=65_535)] = 2048
    nesting: Annotated[int, Meta(ge=2, le=1000)] = 10  # quotes, comments and comma lists in one header


class NatSettings(Section, frozen=True, kw_only=True):
    """``[nat]``: phones behind a NAT, and how they stay reachable."""

    detect: bool = True
    tests: tuple[str, ...] = NAT_TESTS  # by what they are told
    keepalive: Literal["options", "crlf", "off"] = "options"  # what is sent to phones behind a NAT
    keepalive_seconds: Annotated[int, Meta(ge=1, le=3600)] = 20  # how often to each of them
    keepalives_per_second: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000  # beyond, each waits longer
    remove_after_misses: Annotated[int, Meta(ge=0, le=1000)] = 0  # unanswered ones in a row; 0: never


class DnsSettings(Section, frozen=True, kw_only=True):
    """``[dns]``: how the servers of other domains are found (RFC 3263)."""

    name_servers: tuple[str, ...] = ()  # ADDRESS or ADDRESS:PORT; none: those of /etc/resolv.conf
    seconds: Annotated[float, Meta(ge=0.1, le=10)] = 2.0  # an answer is waited for so long
    records: bool = True  # whether NAPTR and SRV records are asked for
    answer_seconds: Annotated[float, Meta(ge=0.5, le=32)] = (
        4.0  # one of several servers may be silent so long
    )

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """``name_servers`` as values: addresses without brackets, and ports."""
        return [split_name_server(text) for text in self.name_servers]


def _beside(path: str, mark: str) -> str:
    """``/run/sipbox/control-2.sock`` for ``/run/sipbox/control.sock``."""
    place = Path(path)
    return str(place.with_name(f"{place.stem}{mark}{place.suffix}"))
