"""What the SIP process does when it is asked by the control socket: one file for each kind of question.

``commands(box)`` gives them by name, for ``control.ControlServer``. Each takes plain arguments and gives
plain data, or an iterator of it. A ``ControlError`` says no with a code and the words that OpenSER's
clients know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from appliance.operations.bans import Bans
from appliance.operations.box import Box
from appliance.operations.certificates import Certificates
from appliance.operations.cluster import Cluster
from appliance.operations.coming_bindings import ComingBindings
from appliance.operations.domains import ServedNames
from appliance.operations.media import MediaNodes
from appliance.operations.nat import Nat
from appliance.operations.peers import KnownPeers
from appliance.operations.ping import Ping
from appliance.operations.process import Process
from appliance.operations.registrations import Registrations
from appliance.operations.resync import Resync
from appliance.operations.site_prefixes import KnownPrefixes
from appliance.operations.statistics import Statistics
from appliance.operations.status import Status
from appliance.operations.trace import Trace
from appliance.operations.transactions import Transactions
from appliance.operations.uac import UserAgent

__all__ = ["Box", "commands"]


def commands(box: Box) -> dict[str, Callable[..., Any]]:
    """Every control command of the SIP process by its name."""
    process = Process(box)
    agent = UserAgent(box)
    statistics = Statistics(box, agent)
    registrations = Registrations(box)
    transactions = Transactions(box)
    names = ServedNames(box)
    peers = KnownPeers(box)
    prefixes = KnownPrefixes(box)
    media = MediaNodes(box)
    certificates = Certificates(box)
    trace = Trace(box)
    bans = Bans(box)
    return {
        "process": process.describe,
        "processes": process.processes,
        "workers": process.workers,
        "outdated": process.outdated,
        "kill": process.kill,
        "reload": process.reload,
        "domains": names.dump,
        "domains_reload": names.reload,
        "gateways": peers.gateways,
        "routes": peers.routes,
        "trusted": peers.trusted,
        "addresses": peers.addresses,
        "peers_reload": peers.reload,
        "route": peers.route,
        "prefixes": prefixes.rows,
        "prefix_add": prefixes.add,
        "prefix_remove": prefixes.remove,
        "prefixes_reload": prefixes.reload,
        "forget": process.forget,
        "status": Status(box).describe,
        "metrics": statistics.metrics,
        "statistics": statistics.get,
        "reset_statistics": statistics.reset,
        "registrations": registrations.bindings,
        "registration_add": registrations.add,
        "registration_remove": registrations.remove,
        "registrations_remove": registrations.remove_all,
        "bindings_take": ComingBindings(box).take,
        "online": registrations.online,
        "flush": registrations.flush,
        "failed_destinations": process.failed_destinations,
        "transactions": transactions.rows,
        "transaction_slots": transactions.slots,
        "transaction_reply": transactions.reply,
        "uac": agent.send,
        "uac_cancel": transactions.cancel,
        "bans": bans.rows,
        "ban_add": bans.add,
        "ban_lift": bans.lift,
        "known_sources": bans.known_sources,
        "known_news": bans.known_news,
        "ping": Ping(box, agent).ping,
        "nat_ping": Nat(box).enable_ping,
        "certificates": certificates.dump,
        "fitness": Cluster(box).fitness,
        "certificates_reload": certificates.reload,
        "media_nodes": media.nodes,
        "media_enable": media.enable,
        "resync": Resync(box, agent).resync,
        "trace": trace.watch,
        "trace_show": trace.show,
        "trace_shown": trace.shown,
    }
