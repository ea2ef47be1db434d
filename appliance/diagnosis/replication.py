"""Neighbour nodes: wanted or not, and which of them is heard of."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.config import Settings
from appliance.diagnosis.finding import Finding, Unknown, count, few
from appliance.diagnosis.surroundings import Surroundings

_BEHIND = 2.0  # seconds


def judge(
    settings: Settings, heard: Mapping[str, bool], refused: float, lags: Mapping[str, float] | None = None
) -> Finding:
    """``heard`` says of each node that was heard of whether it still is; ``refused`` packets were not
    believed; ``lags`` are seconds that we are behind what each has told."""
    wanted = settings.replication
    if not wanted.enabled:
        return Finding("off", "no neighbours (replication.group, replication.peers)")
    way = f"multicast group {wanted.group}" if wanted.group else f"to {few(list(wanted.peers))}"
    see = f"tcpdump -n udp port {wanted.port} shows what comes, docs/replication.md what it means"
    silent = [name for name, alive in heard.items() if not alive]
    if silent:
        what = f"nothing is heard of {few(silent)}: its phones behind a NAT cannot be called from here"
        return Finding("wrong", what, f"See that it runs (sipbox status there); {see}.")
    if not heard:
        not_believed = f", and {count(refused, 'packet')} were not believed" if refused else ""
        what = f"no neighbour is heard of so far ({way}){not_believed}"
        return Finding("wrong", what, f"See that the other node runs, and has the same key; {see}.")
    behind = {name: lag for name, lag in (lags or {}).items() if lag > _BEHIND}
    if behind:
        name, lag = max(behind.items(), key=lambda each: each[1])
        return Finding(
            "wrong",
            f"since {lag:.0f} s something that {name} has told is not known here",
            "Wait, if either has just started. Otherwise packets are lost or late, or the clocks differ:"
            f" ping {name}, chronyc tracking on both, sipbox diagnose queues.",
        )
    return Finding("ok", f"on: {way}; {count(len(heard), 'neighbour')} heard of: {few(list(heard))}")


def look(around: Surroundings) -> Finding:
    """The server's word."""
    settings = around.need("replication")
    if not settings.replication.enabled:
        return judge(settings, {}, 0)
    told = around.needs_status()
    if "neighbours" not in told:
        raise Unknown("the server does not say")
    refused = 0.0 if around.forbidden else around.number("sipbox_neighbour_packets_refused_total")
    lags = {} if around.forbidden else around.numbers("sipbox_neighbour_lag_seconds")
    return judge(settings, told["neighbours"], refused, lags)
