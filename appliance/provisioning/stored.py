"""From settings and rows to the values that are rendered: the site, and a phone whose secrets are opened.

The one place where passwords of phones are opened, at the moment when a configuration is made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from appliance.config import Settings
from appliance.config.listener import names_of, split_address
from appliance.provisioning import authority
from appliance.provisioning.models import find_model
from appliance.provisioning.phone import Line, Phone, Site
from appliance.provisioning.vault import Vault
from appliance.sip.hosts import parse_host_port
from appliance.storage.phones import StoredPhone

SECRET_OPTION = "admin_password"  # noqa: S105 - the name of an option


def site_of(settings: Settings) -> Site:
    """What ``[phones]`` says of all phones; its ``url`` is where the folders of the phones are."""
    said = settings.phones
    host, port = parse_host_port(said.sip_server) if said.sip_server else _listener(settings)
    return Site(
        domain=settings.sip.domains[0] if settings.sip.domains else settings.sip.listeners[0].host,
        server=host,
        port=port or 0,
        outbound_proxy=said.outbound_proxy,
        transport=said.transport,
        time_zone=said.time_zone,
        language=said.language,
        codecs=said.codecs,
        ntp=said.ntp,
        expires=said.expires,
        url=base_url(settings),
    )


def _listener(settings: Settings) -> tuple[str, int]:
    """Where the world finds the socket for the phones' transport: the domain need not be in any DNS."""
    known = names_of(settings.sip.listeners, settings.sip.advertise)
    _, host, port = next((one for one in known if one[0] == settings.phones.transport), known[0])
    return f"[{host}]" if ":" in host else host, port


def base_url(settings: Settings) -> str:
    """Where the folders of the phones are, with a slash at the end; "" while nothing is served."""
    said = settings.phones
    if said.url or not said.http:
        return said.url if said.url.endswith("/") or not said.url else f"{said.url}/"
    scheme = "https" if said.certificate else "http"
    host = settings.sip.listeners[0].address.rpartition(":")[0]
    return f"{scheme}://{host}:{split_address(said.http)[1]}/"


def folder(settings: Settings, token: str) -> str:
    """The URL that one phone is told: its secret is in the path."""
    base = base_url(settings)
    return f"{base}{token}/" if base else ""


def option_owner(mac: str) -> str:
    """Whose a sealed option is, for the vault."""
    return f"phone {mac}"


def phone_of(stored: StoredPhone, settings: Settings, vault: Vault) -> Phone:
    """The phone as it is rendered. Raises PhoneRefused, SealBroken."""
    options: dict[str, Any] = dict(stored.options)
    if SECRET_OPTION in options:
        options[SECRET_OPTION] = vault.open(str(options[SECRET_OPTION]), option_owner(stored.mac))
    believed = settings.phones.authority
    site = replace(
        site_of(settings),
        url=folder(settings, stored.token),
        authority=authority.read(believed) if believed else "",
    ).with_options(options)
    lines = tuple(
        Line(
            number=line.line,
            user=line.username,
            domain=line.domain,
            password=vault.open(line.secret, line.owner) if line.secret else "",
            auth_user=line.auth_user,
            display_name=line.display_name,
            label=line.label,
            voicemail=line.voicemail or settings.phones.voicemail,
        )
        for line in stored.lines
    )
    return Phone(stored.mac, find_model(stored.model), lines, site)
