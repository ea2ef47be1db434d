"""Beside the calls: ``[agent]``, ``[phones]`` and ``[log]``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from appliance.config.sections.section import Section

#: What phones can be told; provisioning/phone.py has the same.
Language = Literal[
    "en", "de", "fr", "es", "it", "nl", "pt", "pl", "da", "sv", "no", "fi", "cs", "tr", "ru"
]  # fmt: skip
CODECS = ("pcma", "pcmu", "g722", "g729", "opus", "ilbc")


class AgentSettings(Section, frozen=True, kw_only=True):
    """``[agent]``: the management agent, a process of its own."""

    fifo: str = "/run/sipbox/fifo"  # "" for none
    reply_dir: str = "/run/sipbox/replies"
    fifo_mode: Annotated[str, Meta(pattern="^0?[0-7]{3}$")] = "0660"
    http: str = "127.0.0.1:8080"  # metrics, health, status page; "" for none
    certificate: str = ""  # a PEM file with its chain makes it HTTPS
    certificate_key: str = ""
    password_file: str = ""  # of the status page, unless systemd hands over a credential page.password
    socket: str = "/run/sipbox/agent.sock"
    firewall: bool = False  # the nftables table `inet sipbox` is told who is banned and who is known

    @property
    def url(self) -> str:
        """Where its pages are, without a slash at the end."""
        return f"{'https' if self.certificate else 'http'}://{self.http}"

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
    transport: Literal["udp", "tcp", "tls"] = "udp"
    expires: Annotated[int, Meta(ge=60, le=86_400)] = 3600  # how long a registration of a phone lasts
    time_zone: str = "Etc/UTC"  # a name of the IANA database
    language: Language = "en"
    codecs: tuple[str, ...] = ("g722", "pcma", "pcmu")  # the best first
    ntp: str = ""  # "": the phone's own choice
    voicemail: str = ""  # the number that calls the mailbox; "": none
    authority: str = ""  # a PEM file: who has signed our certificate, when phones do not know him
    templates: str = ""  # a directory whose templates come before ours


class LogSettings(Section, frozen=True, kw_only=True):
    """``[log]``: how much is told, and in what form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "journal", "text"] = "auto"  # auto: the journal when systemd listens
