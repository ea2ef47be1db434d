"""The management agent: status page and metrics, FIFO, and the phones' configurations."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from appliance.config.sections import AgentSettings
from appliance.diagnosis.finding import Finding
from appliance.diagnosis.surroundings import Surroundings

_UP = b"\nsipbox_up 1"


class Seen(NamedTuple):
    """``metrics`` are "" when they come, else why not; ``says_up``: they say that the server answers;
    ``fifo``: it is there."""

    metrics: str
    says_up: bool
    fifo: bool


def judge(agent: AgentSettings, seen: Seen, *, server: bool, restart: str) -> Finding:
    """``server``: the server answers us; ``restart`` is what starts the agent anew."""
    if not agent.http and not agent.fifo:
        return Finding("off", "neither metrics nor FIFO (agent.http, agent.fifo)")
    if agent.http and seen.metrics:
        what = f"no metrics at {agent.url}/metrics: {seen.metrics}"
        return Finding("wrong", what, f"Start the agent: {restart}.")
    if agent.http and server and not seen.says_up:
        return Finding(
            "wrong", "the agent does not reach the server, and we do", f"Start it anew: {restart}."
        )
    if agent.fifo and not seen.fifo:
        return Finding("wrong", f"there is no FIFO {agent.fifo}", f"Start the agent: {restart}.")
    pages = f"metrics at {agent.url}/metrics" if agent.http else "no metrics"
    return Finding("ok", f"on: {pages}; {f'FIFO {agent.fifo}' if agent.fifo else 'no FIFO'}")


def look(around: Surroundings) -> Finding:
    """Fetch the metrics as Prometheus does, and look for the FIFO."""
    agent = around.need("agent").agent
    trouble, body = "", b""
    if agent.http:
        try:
            status, body = around.http("/metrics")
            trouble = "" if status == 200 else f"status {status}"
        except OSError as error:
            trouble = error.strerror or str(error)
    seen = Seen(trouble, _UP in body, not agent.fifo or _is_fifo(Path(agent.fifo)))
    restart = "systemctl restart sipbox-agent" if around.systemd else "sipbox agent"
    return judge(agent, seen, server=around.status is not None, restart=restart)


def _is_fifo(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except PermissionError:
        return True  # it is not ours to see
    except OSError:
        return False
