"""Floods and guessers: whether strangers are limited now, and who is banned.

A flood ends in the kernel where the firewall has the same limits, and the server hears little of it: so both
are asked. The firewall's counters tell nothing of when; two looks do.
"""

from __future__ import annotations

import time
from typing import Any

from appliance.config import Settings
from appliance.diagnosis.finding import Finding, count
from appliance.diagnosis.surroundings import Surroundings
from appliance.telemetry.kernel_drops import COMMAND, counted

_BETWEEN = 0.5
_OFF = "Set protection.enabled = true, unless no stranger can reach this box."
_KEEP_OUT = "keep it out: sipbox ban add NETWORK; or let in only your own: sipbox_sip_from (docs/attacks.md)"
_BY_KERNEL = f"See where it comes from: nft list set inet sipbox heard4; {_KEEP_OUT}."
_BY_SERVER = f"See where it comes from: tcpdump -n -c 100 udp port 5060; {_KEEP_OUT}."


def judge(settings: Settings, told: dict[str, Any] | None, kernel: tuple[int, int] = (0, 0)) -> Finding:
    """``told`` is what the server says of it; None: nobody knows. ``kernel`` is what the firewall drops of
    strangers in a moment, because they are too many together, and because one is too loud."""
    if not settings.protection.enabled:
        return Finding("off", "nobody is limited, and nobody who guesses passwords is stopped", _OFF)
    together, alone = kernel
    bans = f"{count(told['bans'], 'ban')} now" if told is not None else ""
    if together or (told is not None and told["hard"]):
        what = "strangers send more than may be and are limited together; registered phones pass"
        return Finding("wrong", f"{what}; {bans}" if bans else what, _BY_KERNEL if together else _BY_SERVER)
    loud = ", the firewall drops what is too much of single addresses" if alone else ""
    if told is None:
        return Finding("ok", f"on{loud}")
    dropped = count(sum(told["dropped"].values()), "message")
    return Finding("ok", f"on: {bans}, {dropped} of strangers dropped since the start{loud}")


def look(around: Surroundings) -> Finding:
    """The settings, what the server tells, and two looks at the firewall, where there is one."""
    settings = around.need("protection")
    told = None if around.status is None else around.status.get("flood")
    if not settings.protection.enabled:
        return judge(settings, told)
    return judge(settings, told, _dropped_now(around))


def _dropped_now(around: Surroundings) -> tuple[int, int]:
    before = counted(around.run(COMMAND))
    if not before:
        return 0, 0
    time.sleep(_BETWEEN)
    after = counted(around.run(COMMAND))
    strangers, source = (max(after.get(name, 0) - before.get(name, 0), 0) for name in ("strangers", "source"))
    return strangers, source
