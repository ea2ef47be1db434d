"""The gateways to the telephone network: are there any, and which of them failed lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.diagnosis.finding import Finding, count, few, span
from appliance.diagnosis.surroundings import Surroundings


def judge(gateways: Sequence[Mapping[str, Any]], routes: int) -> Finding:
    """``gateways`` as the command ``gateways`` has them; ``routes`` is how many lead to them."""
    if not gateways:
        return Finding("off", "no gateway to the telephone network")
    resting = [each for each in gateways if each["rests"]]
    if resting:
        first = resting[0]
        names = few([each["name"] for each in resting])
        ago = f", {span(first['failed_ago'])} ago" if first.get("failed_ago") is not None else ""
        others = "others come first" if len(resting) < len(gateways) else "there is no other one"
        return Finding(
            "wrong",
            f"{count(len(resting), 'gateway')} of {len(gateways)} failed{ago}: {names}; {others}",
            f"Ask it: sipbox ping '{_uri(first)}'; silent: see to it or to the way there, and it is tried"
            " again by itself; it answers: journalctl -u 'sipbox@*' | grep gateway says what it refuses.",
        )
    if not routes:
        return Finding(
            "wrong",
            f"{count(len(gateways), 'gateway')}, and no number goes there",
            f"Send all numbers there: sipbox route add any {gateways[0]['name']}.",
        )
    failed = [each["failed_ago"] for each in gateways if each.get("failed_ago") is not None]
    last = f"; the last failure was {span(min(failed))} ago" if failed else ", none has failed"
    return Finding("ok", f"on: {few([each['name'] for each in gateways])}, {count(routes, 'route')}{last}")


def look(around: Surroundings) -> Finding:
    """The server's word."""
    return judge(around.ask("gateways"), len(around.ask("routes")))


def _uri(gateway: Mapping[str, Any]) -> str:
    host, port = str(gateway["host"]), gateway["port"]
    address = f"[{host}]" if ":" in host else host
    transport = ";transport=tcp" if gateway["transport"] == "tcp" else ""
    return f"sip:{address}{f':{port}' if port else ''}{transport}"
