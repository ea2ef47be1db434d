"""What can be set, its type, its range, and what holds when the file says nothing.

A section of the TOML file is a class, a key is a field. Ranges that concern one value stand here (msgspec
checks them while it reads); what must hold between values stands in ``checks``. Times are in seconds unless
the name ends with ``_ms``; sizes are in bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct, field, structs

from appliance.config.listener import Listener, split_address, split_name_server

Count = Annotated[int, Meta(ge=1, le=100_000_000)]
Bytes = Annotated[int, Meta(ge=1, le=1 << 30)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
#: What phones can be told; provisioning/phone.py has the same.
Language = Literal[
    "en", "de", "fr", "es", "it", "nl", "pt", "pl", "da", "sv", "no", "fi", "cs", "tr", "ru"
]  # fmt: skip
NAT_TESTS = ("contact", "via", "port", "maddr")
CODECS = ("pcma", "pcmu", "g722", "g729", "opus", "ilbc")
Milliseconds = Annotated[int, Meta(ge=10, le=600_000)]


WalledGarden = Literal["off", "inbound", "both"]


class NamedDomain(NamedTuple):
    """A domain of the settings: its name, its other names, what is set for it; names in lower case."""

    name: str
    hosts: tuple[str, ...] = ()
    attributes: Mapping[str, str] = MappingProxyType({})


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One section: values that never change, built by keyword; a key that it does not know is refused."""


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
    max_branches: Annotated[int, Meta(ge=1, le=100)] = 12  # RFC 5393 §5
    max_in_progress: Count = 20_000  # requests that wait for a commit or a lookup; beyond: 503
    max_greenlets: Count = 5000
    receive_buffer: Bytes = 4_194_304  # holds what arrives while the service restarts
    tcp_idle_seconds: Seconds = 3600
    max_connections: Count = 2048
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


class LimitSettings(Section, frozen=True, kw_only=True):
    """``[limits]``: what a message may be at most; beyond it there is a 400, a 513, or a closed stream."""

    message_bytes: Annotated[int, Meta(ge=1300, le=65_535)] = 65_535
    header_bytes: Annotated[int, Meta(ge=256, le=65_535)] = 16_384  # one header with its folds
    headers: Annotated[int, Meta(ge=16, le=10_000)] = 200
    uri_bytes: Annotated[int, Meta(ge=128, le=65_535)] = 2048
    nesting: Annotated[int, Meta(ge=2, le=1000)] = 10  # quotes, comments and comma lists in one header


class AuthSettings(Section, frozen=True, kw_only=True):
    """``[auth]``: digest (RFC 2617, 7616)."""

    qop: bool = True  # the profile openser12 has it off
    nonce_seconds: Annotated[int, Meta(ge=5, le=86_400)] = 300
    credentials_cached: Count = 1_000_000  # subscribers kept resident, least recently used goes first
    nonces_tracked: Count = 262_144  # nonces whose nonce-count is remembered (RFC 7616 §3.4)


class RegistrarSettings(Section, frozen=True, kw_only=True):
    """``[registrar]``: bindings, RFC 3261 §10."""

    location_mode: Literal["memory", "write-through", "write-back", "database"] = "write-through"
    default_expires: Seconds = 3600
    min_expires: Annotated[int, Meta(ge=0, le=31_536_000)] = 60
    max_expires: Annotated[int, Meta(ge=0, le=31_536_000)] = 7200  # 0: no limit
    max_contacts: Annotated[int, Meta(ge=0, le=1000)] = 10  # for one address of record; 0: no limit
    case_sensitive: bool = True  # RFC 3261 §19.1.4: the user part is
    write_back_seconds: Seconds = 60


class GatewaySettings(Section, frozen=True, kw_only=True):
    """``[gateway]``: calls to the telephone network; the gateways themselves are rows of ``gw``."""

    #: PREFIX=GROUP, NUMBER$=GROUP for one number as a whole: who may call it; no GROUP: everybody here.
    permissions: tuple[str, ...] = ("+=int", "00=int", "0=ld", "=local", "112$=", "911$=")
    least_digits: Annotated[int, Meta(ge=1, le=30)] = 3  # fewer are an extension
    most_digits: Annotated[int, Meta(ge=1, le=30)] = 18
    credentials_file: str = ""  # our passwords at gateways that ask for one, by realm; "": none
    identity: Literal["both", "pai", "rpid", "none"] = "both"  # which header tells a gateway who is calling
    next_on: tuple[Annotated[int, Meta(ge=400, le=599)], ...] = (500, 502, 503, 504)  # the next one is tried
    answer_seconds: Annotated[int, Meta(ge=1, le=32)] = 4  # of silence, and the next one is tried
    rest_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60  # one that failed is tried last
    address_group: Annotated[int, Meta(ge=0, le=65_535)] = 1  # rows of `address` that are trusted; 0: none


class ForwardingSettings(Section, frozen=True, kw_only=True):
    """``[forwarding]``: calls that our users have forwarded; who does so are rows of ``usr_preferences``."""

    most: Annotated[int, Meta(ge=0, le=20)] = 5  # how often a call is forwarded; 0: nobody forwards
    voicemail: str = ""  # the SIP URI of the mailboxes, {user} in it is whose; "": there are none
    on_failure: Literal["relay", "redirect"] = "relay"  # busy, no answer: it goes on from here, or 302
    speed_dial: Literal["redirect", "relay", "off"] = "redirect"  # two digits: 302, or the call goes there


class MessageSettings(Section, frozen=True, kw_only=True):
    """``[messages]``: what is sent to users who are away."""

    kept: Annotated[int, Meta(ge=0, le=10_000)] = 20  # for one user, until he registers; 0: none
    kept_seconds: Seconds = 259_200


class PresenceSettings(Section, frozen=True, kw_only=True):
    """``[presence]``: who is asked about presence, busy lamps and waiting messages."""

    server: str = ""  # HOST or HOST:PORT, perhaps with ;transport=tcp; "": the user's own phones
    packages: tuple[str, ...] = ("presence", "presence.winfo", "dialog", "message-summary")


class EnumSettings(Section, frozen=True, kw_only=True):
    """``[enum]``: telephone numbers that have a SIP address in the DNS (RFC 6116). Off without a suffix."""

    suffix: str = ""  # as in "e164.arpa"
    name_servers: tuple[str, ...] = ()  # ADDRESS or ADDRESS:PORT; none: those of /etc/resolv.conf
    seconds: Annotated[float, Meta(ge=0.1, le=10)] = 2.0  # a call waits so long for all of them

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """``name_servers`` as values: addresses without brackets, and ports."""
        return [split_name_server(text) for text in self.name_servers]


class DatabaseSettings(Section, frozen=True, kw_only=True):
    """``[database]``: where the rows are. ``url`` may hold a password: never print it as it is."""

    url: str = "sqlite:////var/lib/sipbox/sipbox.db"
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 4
    connect_timeout_seconds: Annotated[int, Meta(ge=1, le=600)] = 5
    query_timeout_seconds: Annotated[int, Meta(ge=1, le=600)] = 10
    change_poll_seconds: Annotated[float, Meta(ge=0.05, le=3600)] = 1.0  # how often the change log is read
    commit_gather_ms: Annotated[int, Meta(ge=0, le=1000)] = 0  # wait for more bindings before a commit

    @property
    def embedded(self) -> bool:
        """Whether it is SQLite, which serves one worker only."""
        return self.url.startswith("sqlite:")


class AccountingSettings(Section, frozen=True, kw_only=True):
    """``[accounting]``: rows of ``acc``, ``missed_calls`` and ``cdrs``."""

    enabled: bool = True
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0  # older rows are removed; 0: they stay
    gather_ms: Annotated[int, Meta(ge=10, le=10_000)] = 250  # one transaction; a crash loses so much
    queue: Count = 20_000  # requests in memory that neither the database nor the disk has taken


class AgentSettings(Section, frozen=True, kw_only=True):
    """``[agent]``: the management agent, a process of its own."""

    fifo: str = "/run/sipbox/fifo"  # "" for none
    reply_dir: str = "/run/sipbox/replies"
    fifo_mode: Annotated[str, Meta(pattern="^0?[0-7]{3}$")] = "0660"
    http: str = "127.0.0.1:8080"  # metrics, health, status page; "" for none
    socket: str = "/run/sipbox/agent.sock"

    @property
    def fifo_mode_bits(self) -> int:
        """``fifo_mode`` as a number."""
        return int(self.fifo_mode, 8)


class PhoneSettings(Section, frozen=True, kw_only=True):
    """``[phones]``: desk phones that get their configuration from the agent."""

    http: str = ""  # where the agent listens for phones; "" for nowhere
    url: str = (
        ""  # what phones are told, without the secret; "": http://, the first listener's host, the port
    )
    certificate: str = ""  # a PEM file with its chain makes it HTTPS
    certificate_key: str = ""
    key_file: str = "/etc/sipbox/credentials/phones.key"  # unless systemd hands over a credential phones.key
    requests_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 600  # of one address; beyond: 429
    pnp: bool = False  # answer phones that ask by multicast (SUBSCRIBE, Event: ua-profile)
    pnp_networks: tuple[str, ...] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
    )  # who is answered
    pnp_interface: str = ""  # the address of the interface that joins the group; "": the system chooses
    sip_server: str = ""  # HOST or HOST:PORT where phones reach this server; "": the first listener
    outbound_proxy: str = ""  # HOST or HOST:PORT; "": none
    transport: Literal["udp", "tcp"] = "udp"
    expires: Annotated[int, Meta(ge=60, le=86_400)] = 3600  # how long a registration of a phone lasts
    time_zone: str = "Etc/UTC"  # a name of the IANA database
    language: Language = "en"
    codecs: tuple[str, ...] = ("g722", "pcma", "pcmu")  # the best first
    ntp: str = ""  # "": the phone's own choice
    voicemail: str = ""  # the number that calls the mailbox; "": none
    templates: str = ""  # a directory whose templates come before ours


class DomainSettings(Section, frozen=True, kw_only=True):
    """``[domains."example.org"]``: what is said about one of ``[sip] domains``."""

    hosts: tuple[str, ...] = ()  # further names of this domain
    attributes: dict[str, str] = field(default_factory=dict)  # as in the table `domain_attrs`

    def __post_init__(self) -> None:
        structs.force_setattr(self, "hosts", tuple(name.lower().rstrip(".") for name in self.hosts))


class NatSettings(Section, frozen=True, kw_only=True):
    """``[nat]``: phones behind a NAT, and how they stay reachable."""

    detect: bool = True
    tests: tuple[str, ...] = NAT_TESTS  # by what they are told
    keepalive: Literal["options", "crlf", "off"] = "options"  # what is sent to phones behind a NAT
    keepalive_seconds: Annotated[int, Meta(ge=1, le=3600)] = 20  # how often to each of them
    keepalives_per_second: Annotated[int, Meta(ge=1, le=1_000_000)] = 5000  # beyond, each waits longer
    remove_after_misses: Annotated[int, Meta(ge=0, le=1000)] = 0  # unanswered ones in a row; 0: never


class MediaSettings(Section, frozen=True, kw_only=True):
    """``[media]``: whose sound is relayed by rtpengine, and which ones there are."""

    mode: Literal["never", "nated", "always"] = "never"  # nated: calls with a party behind a NAT
    nodes: tuple[str, ...] = ("127.0.0.1:2223",)  # HOST:PORT of their ng protocol
    when_away: Literal["refuse", "pass"] = "refuse"  # no node answers: 503, or the call is not relayed
    timeout_ms: Milliseconds = 1000  # so long one node is waited for
    ping_seconds: Annotated[int, Meta(ge=1, le=3600)] = 5
    inside_networks: tuple[str, ...] = ()  # who is reached by the first of two interfaces
    interfaces: tuple[str, str] = ("inside", "outside")  # their names in rtpengine's own settings

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """``nodes`` as values: addresses without brackets, and ports."""
        return [split_address(text) for text in self.nodes]


class ReplicationSettings(Section, frozen=True, kw_only=True):
    """``[replication]``: neighbour nodes that know of one another's registrations. Off without any."""

    group: str = ""  # multicast group of IPv4
    peers: tuple[str, ...] = ()  # ADDRESS:PORT of neighbours that no multicast reaches
    port: Annotated[int, Meta(ge=1, le=65535)] = 5065
    interface: str = ""  # our address between the nodes
    key_file: str = ""  # what all nodes sign with
    node: str = ""  # our name among them; "": the host's
    sip: str = ""  # ADDRESS:PORT where neighbours send calls for our phones; "": the first UDP listener
    ttl: Annotated[int, Meta(ge=1, le=255)] = 1
    window_seconds: Annotated[int, Meta(ge=5, le=300)] = 30  # so far a packet's time may be off ours
    shared_database: bool = False  # all nodes have one database

    @property
    def enabled(self) -> bool:
        """Whether there may be neighbours."""
        return bool(self.group or self.peers)


class LogSettings(Section, frozen=True, kw_only=True):
    """``[log]``: how much is told, and in what form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "journal", "text"] = "auto"  # auto: the journal when systemd listens


def _beside(path: str, mark: str) -> str:
    """``/run/sipbox/control-2.sock`` for ``/run/sipbox/control.sock``."""
    place = Path(path)
    return str(place.with_name(f"{place.stem}{mark}{place.suffix}"))


class Settings(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    sip: SipSettings = field(default_factory=SipSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    registrar: RegistrarSettings = field(default_factory=RegistrarSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    accounting: AccountingSettings = field(default_factory=AccountingSettings)
    agent: AgentSettings = field(default_factory=AgentSettings)
    phones: PhoneSettings = field(default_factory=PhoneSettings)
    nat: NatSettings = field(default_factory=NatSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    forwarding: ForwardingSettings = field(default_factory=ForwardingSettings)
    messages: MessageSettings = field(default_factory=MessageSettings)
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    enum: EnumSettings = field(default_factory=EnumSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    replication: ReplicationSettings = field(default_factory=ReplicationSettings)
    log: LogSettings = field(default_factory=LogSettings)
    domains: dict[str, DomainSettings] = field(default_factory=dict)

    @property
    def named_domains(self) -> list[NamedDomain]:
        """The domains of ``[sip] domains``, with what ``[domains]`` says about them."""
        said = {name.lower().rstrip("."): section for name, section in self.domains.items()}
        nothing = DomainSettings()
        return [
            NamedDomain(name, said.get(name, nothing).hosts, said.get(name, nothing).attributes)
            for name in self.sip.domains
        ]
