"""The boxes of one telephone system: which is away, who holds the address, what is not the same on all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.config import Settings
from appliance.diagnosis.finding import Finding, Unknown, count, few
from appliance.diagnosis.surroundings import Surroundings


def judge(settings: Settings, told: Mapping[str, Any]) -> Finding:
    """``told`` is what the server says of the boxes; empty while this one is the only member."""
    if not settings.cluster.key_file:
        return Finding("off", "one box (cluster.key_file)")
    if not told:
        return Finding("ok", "on: this box is the only member so far")
    problems, members = told["problems"], told["members"]
    if problems:
        return Finding("wrong", problems[0]["what"].rstrip("."), problems[0]["todo"])
    silent = [each["name"] for each in members if each["state"] == "silent"]
    if silent:
        what = f"{few(silent)} is away: nothing is heard of it any more"
        return Finding("wrong", what, f"See that it runs: sipbox status on {silent[0]}, or its console.")
    unfit = {each["name"]: each["unfit"] for each in members if each.get("unfit")}
    if unfit:
        name, why = next(iter(unfit.items()))
        return Finding("wrong", f"{name} would not take the address: {why}", f"sipbox diagnose on {name}")
    held = f", {told['shared_address']} is held by {few(told['holders'])}" if told["shared_address"] else ""
    return Finding("ok", f"on: {count(len(members), 'box', 'boxes')}, all heard of{held}")


def look(around: Surroundings) -> Finding:
    """The server's word."""
    settings = around.need("cluster")
    if not settings.cluster.key_file:
        return judge(settings, {})
    told = around.needs_status()
    if "cluster" not in told:
        raise Unknown("the server does not say")
    return judge(settings, told["cluster"])
