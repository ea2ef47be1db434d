"""Who gets in, and where he is then: ``[protection]``, ``[auth]``, ``[registrar]`` and ``[domains]``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, field, structs

from appliance.config.sections.section import Count, Seconds, Section

#: How the User-Agents of programs begin that look for servers to attack.
SCANNERS = (
    "friendly-scanner", "friendly-request", "sipvicious", "sipcli", "sip-scan", "sipscan", "sundayddr",
    "pplsip", "vaxsipuseragent", "vaxasip", "iwar", "sivus", "smap", "siparmyknife",
)  # fmt: skip


class NamedDomain(NamedTuple):
    """A domain of the settings: its name, its other names, what is set for it; names in lower case."""

    name: str
    hosts: tuple[str, ...] = ()
    attributes: Mapping[str, str] = MappingProxyType({})


class ProtectionSettings(Section, frozen=True, kw_only=True):
    """``[protection]``: floods, scanners and guessers. Who is registered or trusted is not limited."""

    enabled: bool = True
    requests_per_second: Annotated[int, Meta(ge=1, le=1_000_000)] = 50  # of one address (IPv6: of one /64)
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 300  # so many at once: an office after an outage
    strangers_per_second: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000  # of all of them together
    failures: Annotated[int, Meta(ge=1, le=100_000)] = 10  # wrong passwords of one address at once
    failures_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 2  # and from then on; beyond: a ban
    ban_seconds: Seconds = 300  # the first one of an address; each is four times as long as the last
    longest_ban_seconds: Seconds = 86_400
    exempt: tuple[str, ...] = ()  # networks and addresses
    answer_options: bool = False  # OPTIONS of strangers
    scanners: tuple[str, ...] = SCANNERS  # how the User-Agents begin that get no answer


class AuthSettings(Section, frozen=True, kw_only=True):
    """``[auth]``: digest (RFC 2617, 7616, 8760)."""

    algorithms: tuple[Literal["MD5", "SHA-256", "SHA-512-256"], ...] = ("MD5",)  # asked for, the best first
    md5_agents: tuple[str, ...] = ()  # whose User-Agent begins so is asked for MD5 alone
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
    path: Literal["supported", "trusted", "off"] = "supported"  # whose Path is believed (RFC 3327)
    edge_proxies: tuple[str, ...] = ()  # addresses, networks: their Path is believed for every phone
    outbound: bool = True  # several flows of one phone (RFC 5626)
    flow_timer_seconds: Annotated[int, Meta(ge=0, le=3600)] = 0  # keep-alives on connections; 0: not told
    gruu: bool = False  # URIs that reach one phone of a user (RFC 5627)
    service_route: tuple[str, ...] = ()  # what phones' requests go along, <sip:HOST;lr> (RFC 3608)


class DomainSettings(Section, frozen=True, kw_only=True):
    """``[domains."example.org"]``: what is said about one of ``[sip] domains``."""

    hosts: tuple[str, ...] = ()  # further names of this domain
    certificate: str = ""  # a PEM file with its chain, for whoever asks for one of its names by TLS
    certificate_key: str = ""
    attributes: dict[str, str] = field(default_factory=dict)  # as in the table `domain_attrs`

    def __post_init__(self) -> None:
        structs.force_setattr(self, "hosts", tuple(name.lower().rstrip(".") for name in self.hosts))
