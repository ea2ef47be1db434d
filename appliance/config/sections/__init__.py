"""What can be set, its type, its range, and what holds when the file says nothing.

A section of the TOML file is a class, a key is a field; sections that belong together share a file. Ranges
that concern one value stand with it (msgspec checks them while it reads); what must hold between values
stands in ``checks``.
"""

from __future__ import annotations

from msgspec import field

from appliance.config.sections.admittance import (
    AuthSettings,
    DomainSettings,
    NamedDomain,
    ProtectionSettings,
    RegistrarSettings,
)
from appliance.config.sections.calls import (
    EnumSettings,
    ForwardingSettings,
    GatewaySettings,
    MediaSettings,
    MessageSettings,
    PresenceSettings,
)
from appliance.config.sections.management import (
    CODECS,
    AgentSettings,
    Language,
    LogSettings,
    PhoneSettings,
)
from appliance.config.sections.nodes import (
    ClusterSettings,
    ReplicationSettings,
)
from appliance.config.sections.section import Section
from appliance.config.sections.signalling import (
    NAT_TESTS,
    CertificateFiles,
    DnsSettings,
    LimitSettings,
    NatSettings,
    SipSettings,
    TlsSettings,
    WalledGarden,
    WebSocketSettings,
)
from appliance.config.sections.storage import (
    AccountingSettings,
    DatabaseSettings,
)

__all__ = [
    "CODECS",
    "NAT_TESTS",
    "AccountingSettings",
    "AgentSettings",
    "AuthSettings",
    "CertificateFiles",
    "ClusterSettings",
    "DatabaseSettings",
    "DnsSettings",
    "DomainSettings",
    "EnumSettings",
    "ForwardingSettings",
    "GatewaySettings",
    "Language",
    "LimitSettings",
    "LogSettings",
    "MediaSettings",
    "MessageSettings",
    "NamedDomain",
    "NatSettings",
    "PhoneSettings",
    "PresenceSettings",
    "ProtectionSettings",
    "RegistrarSettings",
    "ReplicationSettings",
    "Settings",
    "SipSettings",
    "TlsSettings",
    "WalledGarden",
    "WebSocketSettings",
]


class Settings(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    sip: SipSettings = field(default_factory=SipSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    protection: ProtectionSettings = field(default_factory=ProtectionSettings)
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
    dns: DnsSettings = field(default_factory=DnsSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    replication: ReplicationSettings = field(default_factory=ReplicationSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    log: LogSettings = field(default_factory=LogSettings)
    domains: dict[str, DomainSettings] = field(default_factory=dict)

    @property
    def node_key_file(self) -> str:
        """What neighbour nodes sign with: a key of their own, or the cluster's."""
        return self.replication.key_file or self.cluster.key_file

    @property
    def certificates(self) -> list[CertificateFiles]:
        """The certificates for TLS, the default one first; none when there is no default one."""
        tls = self.tls
        if not tls.certificate:
            return []
        found = [CertificateFiles("default", tls.certificate, tls.certificate_key)]
        for name, said in self.domains.items():
            if said.certificate:
                name = name.lower().rstrip(".")
                path = f"domains.{name}.certificate"
                files = CertificateFiles(
                    name, said.certificate, said.certificate_key, (name, *said.hosts), path
                )
                found.append(files)
        return found

    @property
    def named_domains(self) -> list[NamedDomain]:
        """The domains of ``[sip] domains``, with what ``[domains]`` says about them."""
        said = {name.lower().rstrip("."): section for name, section in self.domains.items()}
        nothing = DomainSettings()
        return [
            NamedDomain(name, said.get(name, nothing).hosts, said.get(name, nothing).attributes)
            for name in self.sip.domains
        ]
