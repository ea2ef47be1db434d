"""Which process reads what: who has to start anew when the file has changed.

The agent reads all of it. Must not know the processes.
"""

from __future__ import annotations

from msgspec.structs import replace

from appliance.config.sections import Settings

#: What no SIP process looks at.
AGENTS_OWN = frozenset({"agent", "phones"})


def same_but_for_reload(one: Settings, other: Settings) -> bool:
    """The same but for domains and certificates, which a SIP process reads again without a restart."""
    one, other = _without_reloaded(one), _without_reloaded(other)
    return all(
        getattr(one, name) == getattr(other, name)
        for name in Settings.__struct_fields__
        if name not in AGENTS_OWN
    )


def with_domains(settings: Settings, of: Settings) -> Settings:
    """``settings`` with the domains ``of`` others."""
    return replace(settings, domains=of.domains, sip=replace(settings.sip, domains=of.sip.domains))


def _without_reloaded(settings: Settings) -> Settings:
    return replace(
        settings,
        domains={},
        sip=replace(settings.sip, domains=()),
        tls=replace(settings.tls, certificate="", certificate_key=""),
    )
