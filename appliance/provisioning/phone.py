"""What a phone is told: who it is, its lines, and what holds for the whole site.

The values check themselves: one that exists can be rendered as far as no vendor's own rule is against it.
Whatever is wrong is a PhoneRefused. Must not know where the values come from (inventory, database) or what a
vendor's file looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from appliance.errors import PhoneRefused
from appliance.provisioning import values
from appliance.provisioning.models import Model, find_model
from appliance.provisioning.timezone import find_zone

TRANSPORTS = ("udp", "tcp", "tls")
CODECS = ("pcma", "pcmu", "g722", "g729", "opus", "ilbc")
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "da", "sv", "no", "fi", "cs", "tr", "ru")

#: What an entry in the inventory may say differently from the site.
OPTIONS = (
    "server", "port", "outbound_proxy", "transport", "time_zone", "language", "codecs", "ntp",
    "admin_password", "expires", "keepalive",
)  # fmt: skip
_LINE_KEYS = ("user", "domain", "auth_user", "password", "display_name", "label", "voicemail")
_ENTRY_KEYS = ("mac", "model", "enabled", "accounts", *_LINE_KEYS, *OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all phones of a site have in common.

    ``domain`` is what stands behind the @; ``server`` and ``port`` are where the box is reached ("" and 0:
    the domain itself and the transport's usual port). ``outbound_proxy`` ("", HOST or HOST:PORT) goes first.
    ``time_zone`` is an IANA name, ``language`` one of LANGUAGES, ``codecs`` the best first. ``ntp`` "" and
    ``admin_password`` None leave the phone as it is. ``expires`` (of a registration) and ``keepalive`` (0:
    none) are in seconds. ``url`` is the folder that a phone reads its configuration from, ``authority`` the
    certificate (PEM) of who has signed the box's, "" when phones know it already.
    """

    domain: str
    server: str = ""
    port: int = 0
    outbound_proxy: str = ""
    transport: str = "udp"
    time_zone: str = "Etc/UTC"
    language: str = "en"
    codecs: tuple[str, ...] = ("g722", "pcma", "pcmu")
    ntp: str = ""
    admin_password: str | None = field(default=None, repr=False)
    expires: int = 3600
    keepalive: int = 30
    url: str = field(default="", repr=False)
    authority: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "domain", values.host(self.domain, "domain"))
        keep(self, "server", values.host(self.server, "server") if self.server else self.domain)
        keep(self, "transport", values.choice(self.transport, "transport", TRANSPORTS))
        usual = 5061 if self.transport == "tls" else 5060
        keep(self, "port", values.whole_number(self.port or usual, "port", 1, 65_535))
        if self.outbound_proxy:
            values.host_and_port(self.outbound_proxy, "outbound_proxy")
        keep(self, "language", values.choice(self.language, "language", LANGUAGES))
        keep(self, "codecs", _codecs(self.codecs))
        keep(self, "ntp", values.host(self.ntp, "ntp") if self.ntp else "")
        if self.admin_password is not None:
            values.secret(self.admin_password, "admin_password")
        keep(self, "expires", values.whole_number(self.expires, "expires", 60, 86_400))
        keep(self, "keepalive", values.whole_number(self.keepalive, "keepalive", 0, 3600))
        url = values.web_address(self.url, "url")
        keep(self, "url", url if not url or url.endswith("/") else f"{url}/")
        find_zone(values.printable(self.time_zone, "time_zone"))

    def with_options(self, options: Mapping[str, Any]) -> Site:
        """This site as one phone sees it: what stands in ``options`` (keys of OPTIONS) goes before."""
        for name in options:
            if name not in OPTIONS:
                raise PhoneRefused(f"{name}: is no option of a phone; they are {', '.join(OPTIONS)}")
        changes = dict(options)
        if changes.get("transport", self.transport) != self.transport:
            changes.setdefault("port", 0)  # the other transport's own
        return replace(self, **changes)

    def proxy_for(self, domain: str) -> tuple[str, int] | None:
        """Where requests of an account of ``domain`` are sent, or None: to the domain itself."""
        if self.outbound_proxy:
            host, port = values.host_and_port(self.outbound_proxy, "outbound_proxy")
            return host, port or (5061 if self.transport == "tls" else 5060)
        if self.server == domain:
            return None
        return self.server, self.port

    def proxy_address(self, domain: str) -> str:
        """``proxy_for`` as HOST:PORT, "" for none."""
        proxy = self.proxy_for(domain)
        return f"{proxy[0]}:{proxy[1]}" if proxy else ""

    def registrar(self, domain: str) -> str:
        """The domain, with the port when no proxy names one and it is not the usual one."""
        usual = 5061 if self.transport == "tls" else 5060
        return domain if self.proxy_for(domain) or self.port == usual else f"{domain}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One account on one phone; ``number`` counts from 1.

    ``auth_user``, ``display_name`` and ``label`` are the user when they are empty. ``voicemail`` is what the
    message key dials, "" for none. Without ``password`` a line can be listed, but not rendered.
    """

    number: int = 1
    user: str
    domain: str
    password: str = field(default="", repr=False)
    auth_user: str = ""
    display_name: str = ""
    label: str = ""
    voicemail: str = ""

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "number", values.whole_number(self.number, "line", 1, 48))
        keep(self, "user", values.user_name(self.user, "user"))
        keep(self, "domain", values.host(self.domain, "domain"))
        keep(self, "auth_user", values.user_name(self.auth_user or self.user, "auth_user"))
        keep(self, "display_name", values.printable(self.display_name, "display_name") or self.user)
        keep(self, "label", values.printable(self.label, "label", 64) or self.user)
        keep(self, "voicemail", values.dialled(self.voicemail, "voicemail"))
        values.secret(self.password, "password")


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone: ``site`` as it sees it (``site.url`` is its own folder, secret included)."""

    mac: str
    model: Model
    lines: tuple[Line, ...]
    site: Site

    def __post_init__(self) -> None:
        object.__setattr__(self, "mac", values.mac_address(self.mac))
        if not self.lines:
            raise PhoneRefused("user: is missing; name the subscriber that this phone is for")
        if len(self.lines) > self.model.lines:
            raise PhoneRefused(f"accounts: a {self.model.name} has {self.model.lines}, not {len(self.lines)}")
        if len({line.number for line in self.lines}) < len(self.lines):
            raise PhoneRefused("accounts: two of them are for the same line")
        for line in self.lines:
            if line.number > self.model.lines:
                raise PhoneRefused(f"line: a {self.model.name} has no line {line.number}")

    @property
    def vendor(self) -> str:
        """``grandstream``, ``yealink``, ``snom``, ``polycom`` or ``cisco``."""
        return self.model.vendor

    def line(self, number: int) -> Line | None:
        """The account of the line with this number, or None when it has none."""
        return next((line for line in self.lines if line.number == number), None)


def parse_phone(entry: Mapping[str, Any], site: Site) -> Phone:
    """A phone from an entry of the inventory: ``mac``, ``model``, ``user`` or ``accounts``, and OPTIONS.

    The message of a PhoneRefused names the key; the caller knows where the entry stands.
    """
    for name in entry:
        if name not in _ENTRY_KEYS:
            raise PhoneRefused(f"{name}: is no key of a phone; they are {', '.join(_ENTRY_KEYS)}")
    for name in ("mac", "model"):
        if entry.get(name) in (None, ""):
            raise PhoneRefused(f"{name}: is missing")
    accounts = entry.get("accounts")
    if accounts is None:
        accounts = [{key: entry[key] for key in _LINE_KEYS if key in entry}]
    elif any(key in entry for key in _LINE_KEYS):
        raise PhoneRefused("accounts: what an account says stands in it, not beside it")
    elif not isinstance(accounts, (list, tuple)):
        raise PhoneRefused("accounts: has to be a list, as in [{user: 10}, {user: 12}]")
    own_site = site.with_options({key: entry[key] for key in OPTIONS if key in entry})
    return Phone(
        values.mac_address(entry["mac"]),
        find_model(values.printable(entry["model"], "model")),
        tuple(_line(account, number, site.domain) for number, account in enumerate(accounts, start=1)),
        own_site,
    )


def _line(account: object, number: int, domain: str) -> Line:
    if not isinstance(account, Mapping):
        raise PhoneRefused("accounts: one of them is no account; write {user: 10}")
    for name in account:
        if name not in _LINE_KEYS and name != "line":
            raise PhoneRefused(f"{name}: is no key of an account; they are line, {', '.join(_LINE_KEYS)}")
    if account.get("user") in (None, ""):
        raise PhoneRefused("user: is missing; name the subscriber that this phone is for")
    given = {key: account[key] for key in _LINE_KEYS if account.get(key) is not None}
    return Line(**{"domain": domain, "number": account.get("line", number), **given})


def _codecs(names: object) -> tuple[str, ...]:
    if isinstance(names, str):
        names = names.replace(",", " ").split()
    if not isinstance(names, (list, tuple)) or not names:
        raise PhoneRefused(f"codecs: name at least one of {', '.join(CODECS)}, the best first")
    return tuple(dict.fromkeys(values.choice(name, "codecs", CODECS) for name in names))
