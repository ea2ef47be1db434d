"""What the world's DNS says of our own domains (RFC 3263): whether others find this box by them.

It is nobody's fault when they do not: phones may be told an address, and a site may have no calls from
outside. So it is said, and never wrong; but a domain that leads to somebody else is worth a look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import gevent

from appliance.diagnosis.dns import is_address
from appliance.diagnosis.finding import Finding, few
from appliance.diagnosis.surroundings import Surroundings
from appliance.errors import MalformedMessage
from appliance.network import resolver_of
from appliance.proxy.locating import Locator, Unroutable
from appliance.sip.uri import Uri
from appliance.telemetry.metrics import Metrics

_MOST = 3  # domains that are asked for: somebody waits for the answer


def judge(found: Mapping[str, Sequence[str]], own: Sequence[str]) -> Finding:
    """``found`` are the hops of each domain, as texts; ``own`` the addresses of this box."""
    if not found:
        return Finding("off", "no names are needed: the domains are addresses")
    ours = {name: hops[0] for name, hops in found.items() if hops and _host(hops[0]) in own}
    others = {name: hops[0] for name, hops in found.items() if hops and name not in ours}
    said = [f"{name} leads to {hop}" for name, hop in {**ours, **others}.items()]
    if not said:
        return Finding("off", f"nobody finds {few(list(found))} by name: no records (docs/dns.md)")
    if others and not ours:
        return Finding("off", f"{'; '.join(said)}, which is no address of this box (docs/dns.md)")
    return Finding("ok", "; ".join(said))


def look(around: Surroundings) -> Finding:
    """Look the first domains up, as somebody elsewhere would."""
    settings = around.need("sip", "dns")
    domains = settings.sip.domains if around.status is None else around.status["domains"]
    names = [name for name in domains if not is_address(name)][:_MOST]
    if not names:
        return judge({}, [])
    listeners = [(each.transport, each.host, each.port) for each in settings.sip.listeners]
    locator = Locator(resolver_of(settings, Metrics()), listeners, records=settings.dns.records)
    own = [host for _, host, _ in listeners] + [text.rpartition(":")[0] for text in settings.sip.advertise]
    asking = {name: gevent.spawn(_hops, locator.servers, name) for name in names}
    gevent.joinall(list(asking.values()))
    return judge({name: each.value or [] for name, each in asking.items()}, own)


def _hops(servers: Callable[[Uri], Sequence[object]], name: str) -> list[str]:
    try:
        return [str(hop) for hop in servers(Uri.parse(f"sip:{name}"))]
    except (Unroutable, MalformedMessage):
        return []


def _host(hop: str) -> str:
    return hop.partition(":")[2].rpartition(":")[0].strip("[]")
