"""Bans of fail2ban's on this box, which the role agent sets up where the inventory asks for it.

fail2ban bans by itself whom the server has banned, and for longer (``sipbox-sip``), and who asks for phones'
configurations in vain (``sipbox-phones``). Whoever lifts a ban means that one too. Must not know the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.supervision import program

JAILS = ("sipbox-sip", "sipbox-phones")
PLACE = Path("/etc/fail2ban/jail.d")
_SECONDS = 20.0


def client(words: Sequence[str]) -> str:
    """What ``fail2ban-client`` says to it. Raises OSError when it cannot be asked."""
    done = program.run(["fail2ban-client", *words], _SECONDS)
    if done.code:
        raise OSError(done.said.strip())
    return done.printed.strip()


def jails(place: Path = PLACE) -> list[str]:
    """Those of ours that are switched on here."""
    found = []
    for name in JAILS:
        try:
            lines = (place / f"{name}.conf").read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        if any(line.replace(" ", "") == "enabled=true" for line in lines):
            found.append(name)
    return found


def lift(
    address: str, place: Path = PLACE, ask: Callable[[Sequence[str]], str] = client
) -> tuple[bool, list[str]]:
    """Whether one of the jails had banned the address and does so no longer; and the commands of those that
    did not say."""
    lifted, left = False, []
    for jail in jails(place):
        words = ["set", jail, "unbanip", address]
        try:
            lifted = ask(words) not in ("", "0") or lifted
        except OSError:
            left.append(" ".join(["fail2ban-client", *words]))
    return lifted, left
