"""The certificates for TLS: are the files in order, for how long yet, and are they what phones are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.diagnosis.finding import Finding, count
from appliance.diagnosis.surroundings import Surroundings
from appliance.errors import SettingsError
from appliance.transport.certificates import DAYS_LEFT, look_at

_RENEW = "sipbox certificate check; then put new files in their place, and: sipbox certificate reload"


def judge(
    files: Sequence[dict[str, Any]], problem: str, shown: Sequence[dict[str, Any]] | None, now: float
) -> Finding:
    """``files`` are the certificates in the files, ``problem`` what is wrong with one of them (""), ``shown``
    those that the server shows, None while nobody can say."""
    if problem:
        return Finding("wrong", problem, f"{_RENEW}.")
    soonest = min(files, key=_expiry)
    days = int((_expiry(soonest) - now) // 86_400)
    if days < DAYS_LEFT:
        return Finding("wrong", f"{soonest['file']} expires in {count(days, 'day')}", f"{_RENEW}.")
    if shown is not None and {each["name"]: each["expires"] for each in shown} != {
        each["name"]: each["expires"] for each in files
    }:
        return Finding(
            "wrong", "the server shows other certificates than the files have", "sipbox certificate reload."
        )
    return Finding("ok", f"on: {count(len(files), 'certificate')}, good for {count(days, 'day')}")


def look(around: Surroundings) -> Finding:
    """The files, and what the server says."""
    wanted = around.need("tls", "domains").certificates
    if not wanted:
        return Finding("off", "no certificate (tls.certificate): no TLS")
    now = around.wall()
    shown = None if around.status is None else around.ask("certificates")
    try:
        files = [look_at(each, now).told() for each in wanted]
    except SettingsError as error:
        return judge([], error.problem, shown, now)
    return judge(files, "", shown, now)


def _expiry(certificate: dict[str, Any]) -> float:
    return float(certificate["expires"])
