"""Phones behind a NAT: told or not, and whether their keep-alives are in time."""

from __future__ import annotations

from appliance.config import Settings
from appliance.diagnosis.finding import Finding, count
from appliance.diagnosis.surroundings import Surroundings


def judge(settings: Settings, phones: int | None, late: float) -> Finding:
    """``phones`` are behind a NAT (None: nobody knows), keep-alives ``late`` seconds behind their time."""
    nat = settings.nat
    if not nat.detect:
        return Finding("off", "phones behind a NAT are not told from others (nat.detect)")
    if late > nat.keepalive_seconds / 2:
        what = f"keep-alives to {phones} phones are {late:.0f} s late: their NATs may forget them"
        todo = "Raise nat.keepalives_per_second, or let more workers share the phones: sipbox config show."
        return Finding("wrong", what, todo)
    kept = "no keep-alives"
    if nat.keepalive != "off":
        kept = f"{'OPTIONS' if nat.keepalive == 'options' else 'CRLF'} every {nat.keepalive_seconds} s"
    now = "" if phones is None else f", {count(phones, 'phone')} now"
    advertised = f"; advertised as {', '.join(settings.sip.advertise)}" if settings.sip.advertise else ""
    return Finding("ok", f"on: told by {', '.join(nat.tests)}; {kept}{now}{advertised}")


def look(around: Surroundings) -> Finding:
    """The settings, and what the server counts."""
    settings = around.need("nat", "sip")
    if around.status is None:
        return judge(settings, None, 0.0)
    late = 0.0
    if not around.forbidden:
        late = around.number("sipbox_nat_keepalives_behind_seconds")
    return judge(settings, around.status.get("nated", 0), late)
