"""Every metric there is: its name, type, labels and help.

Names follow Prometheus' practice: base units, ``_total`` on counters, labels from bounded sets (never a user,
a URI, a Call-ID or an address). Dashboards, alerts and ``metrics`` are held against this list by tests.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

METHODS = (
    "INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "OPTIONS", "MESSAGE",
    "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "INFO", "UPDATE", "PRACK",
)  # fmt: skip
OTHER = "other"


class Label(NamedTuple):
    """A label: its values, or None when the code that counts chooses them (names of queries, codes)."""

    name: str
    values: tuple[str, ...] | None = None


METHOD = Label("method", (*METHODS, OTHER))
TRANSPORT = Label("transport", ("udp", "tcp"))
CODE = Label("code")
QUERY = Label("query")
DIRECTION = Label("direction", ("in", "out"))
REJECTION = Label(
    "reason",
    (
        "malformed",
        "bad_uri",
        "too_large",
        "unsupported",
        "loop",
        "too_many_hops",
        "acl",
        "overload",
        "unmatched",
        "rate_limited",
        "scanner",
        OTHER,
    ),
)
RESULT = Label(
    "result", ("added", "refreshed", "removed", "fetched", "challenged", "rejected", "unavailable", OTHER)
)
FAILURE = Label(
    "reason", ("unknown_user", "bad_response", "stale", "replayed", "wrong_identity", "malformed", OTHER)
)
OUTCOME = Label(
    "result", ("answered", "busy", "no_answer", "cancelled", "not_found", "rejected", "failed", OTHER)
)
PACKET = Label("kind", ("alive", "news", "want", "ask", "state", "whole"))
CLOSING = Label("reason", ("peer", "idle", "error", "malformed", "limit", "shutdown", OTHER))


class Metric(NamedTuple):
    """One metric: the attribute of ``Metrics`` that holds it, and what Prometheus is told about it."""

    attribute: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[Label, ...] = ()
    bounds: tuple[float, ...] = ()


LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
QUERY_TIME = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SETUP_TIME = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

CATALOGUE = (
    Metric("requests_received", "sipbox_sip_requests_received_total", "counter",
           "Requests received, without retransmissions that were absorbed.", (METHOD, TRANSPORT)),
    Metric("requests_forwarded", "sipbox_sip_requests_forwarded_total", "counter",
           "Requests sent on, one for each branch.", (METHOD, TRANSPORT)),
    Metric("responses_sent", "sipbox_sip_responses_sent_total", "counter",
           "Responses sent, our own and those passed on.", (METHOD, CODE)),
    Metric("responses_received", "sipbox_sip_responses_received_total", "counter",
           "Responses received.", (METHOD, CODE)),
    Metric("responses_forwarded", "sipbox_sip_responses_forwarded_total", "counter",
           "Responses of others that were passed on.", (METHOD, CODE)),
    Metric("stateless_responses", "sipbox_sip_stateless_responses_total", "counter",
           "Responses of our own that were sent without a transaction.", (CODE,)),
    Metric("retransmissions", "sipbox_sip_retransmissions_total", "counter",
           "Messages that came (in) or were sent (out) again.",
           (DIRECTION, Label("kind", ("request", "response")))),
    Metric("messages_rejected", "sipbox_sip_messages_rejected_total", "counter",
           "Messages that were refused or dropped before they were handled.",
           (REJECTION,)),
    Metric("requests_in_progress", "sipbox_sip_requests_in_progress", "gauge",
           "Requests that wait for a commit or a lookup."),
    Metric("transactions_active", "sipbox_transactions_active", "gauge",
           "Transactions that live now.",
           (Label("kind", ("invite_client", "invite_server", "client", "server")),)),
    Metric("transaction_timeouts", "sipbox_transaction_timeouts_total", "counter",
           "Client transactions that got no final response (timers B and F).", (METHOD,)),
    Metric("registrations", "sipbox_registrations_total", "counter",
           "What became of REGISTER requests, by binding where there was one.",
           (RESULT,)),
    Metric("bindings_active", "sipbox_bindings_active", "gauge",
           "Bindings that are valid now.", (TRANSPORT,)),
    Metric("registered_users", "sipbox_registered_users", "gauge",
           "Addresses of record with at least one binding."),
    Metric("bindings_expired", "sipbox_bindings_expired_total", "counter",
           "Bindings that ran out without being refreshed."),
    Metric("auth_challenges", "sipbox_auth_challenges_total", "counter",
           "Challenges sent with 401 or 407."),
    Metric("auth_failures", "sipbox_auth_failures_total", "counter",
           "Credentials that were not accepted.",
           (FAILURE,)),
    Metric("call_attempts", "sipbox_call_attempts_total", "counter",
           "Calls that were let in."),
    Metric("calls_completed", "sipbox_calls_completed_total", "counter",
           "What became of the calls that were let in.",
           (OUTCOME,)),
    Metric("calls_active", "sipbox_calls_active", "gauge",
           "Calls that are being set up or were answered and have not ended."),
    Metric("call_setup_seconds", "sipbox_call_setup_seconds", "histogram",
           "From the INVITE to its 200.", (), SETUP_TIME),
    Metric("call_ringing_seconds", "sipbox_call_ringing_seconds", "histogram",
           "From the INVITE to the first 18x (post-dial delay).", (), SETUP_TIME),
    Metric("gateway_requests", "sipbox_gateway_requests_total", "counter",
           "Requests for gateways: sent, gone over to the next one, forbidden, stopped by the guard.",
           (Label("result", ("sent", "failed_over", "forbidden", "stopped")),)),
    Metric("calls_forwarded", "sipbox_calls_forwarded_total", "counter",
           "Calls that a user has forwarded, by the occasion.",
           (Label("occasion", ("always", "not_registered", "busy", "no_answer")),)),
    Metric("offline_messages", "sipbox_offline_messages_total", "counter",
           "Messages for users who were away: kept, refused because too many wait, delivered, not taken.",
           (Label("result", ("kept", "refused", "delivered", "failed")),)),
    Metric("enum_lookups", "sipbox_enum_lookups_total", "counter",
           "Numbers that were looked up in the DNS, by what it said; kept: it had said so before.",
           (Label("result", ("found", "none", "failed", "kept")),)),
    Metric("nated_phones", "sipbox_nat_bindings", "gauge",
           "Bindings of phones behind a NAT."),
    Metric("keepalives_sent", "sipbox_nat_keepalives_total", "counter",
           "Keep-alives sent to phones behind a NAT.", (TRANSPORT,)),
    Metric("keepalives_answered", "sipbox_nat_keepalives_answered_total", "counter",
           "Keep-alives that a phone has answered."),
    Metric("keepalives_behind_seconds", "sipbox_nat_keepalives_behind_seconds", "gauge",
           "How far keep-alives are behind their time, because there are more than may be sent in a second."),
    Metric("keepalives_removed", "sipbox_nat_unreachable_total", "counter",
           "Bindings that were removed because keep-alives had no answer."),
    Metric("media_nodes", "sipbox_media_nodes", "gauge",
           "Nodes of rtpengine that answer (up), and that do not (away).", (Label("state", ("up", "away")),)),
    Metric("media_commands", "sipbox_media_commands_total", "counter",
           "What rtpengine was asked, and whether it did it, refused, or said nothing.",
           (Label("command", ("offer", "answer", "delete", "ping", OTHER)),
            Label("result", ("ok", "refused", "silent")))),
    Metric("media_command_seconds", "sipbox_media_command_seconds", "histogram",
           "How long rtpengine took to answer, or was waited for.", (), QUERY_TIME),
    Metric("media_unrelayed", "sipbox_media_unrelayed_total", "counter",
           "Descriptions that no rtpengine took: the request was refused, or passed as it was.",
           (Label("result", ("refused", "passed")),)),
    Metric("neighbours", "sipbox_neighbours", "gauge",
           "Other nodes that are heard of (alive), and that are not any more (away).",
           (Label("state", ("alive", "away")),)),
    Metric("neighbour_bindings", "sipbox_neighbour_bindings", "gauge",
           "Bindings of phones that are registered at other nodes."),
    Metric("neighbour_sent", "sipbox_neighbour_packets_sent_total", "counter",
           "Packets for other nodes, by what they say.", (PACKET,)),
    Metric("neighbour_received", "sipbox_neighbour_packets_received_total", "counter",
           "Packets of other nodes that were believed, by what they say.", (PACKET,)),
    Metric("neighbour_refused", "sipbox_neighbour_packets_refused_total", "counter",
           "Packets that were not believed, by the reason.",
           (Label("reason", ("marker", "signature", "clock", "replayed", "name", "unreadable")),)),
    Metric("connections_active", "sipbox_connections_active", "gauge",
           "Open connections.", (TRANSPORT,)),
    Metric("connections_opened", "sipbox_connections_opened_total", "counter",
           "Connections opened by either side.", (TRANSPORT,)),
    Metric("connections_closed", "sipbox_connections_closed_total", "counter",
           "Connections closed.",
           (CLOSING,)),
    Metric("listener_dropped", "sipbox_listener_dropped_total", "counter",
           "What the kernel dropped because the queue of a listening socket was full.", (TRANSPORT,)),
    Metric("database_up", "sipbox_database_up", "gauge",
           "1 when the database answers, 0 when it is away."),
    Metric("database_queries", "sipbox_database_queries_total", "counter",
           "Named statements run on the database.", (QUERY, Label("result"))),
    Metric("database_query_seconds", "sipbox_database_query_seconds", "histogram",
           "How long named statements took.", (QUERY,), QUERY_TIME),
    Metric("database_spool_rows", "sipbox_database_spool_rows", "gauge",
           "Changes on disk that wait for the database to return."),
    Metric("accounting_requests", "sipbox_accounting_requests_total", "counter",
           "Accounted requests (INVITE and BYE) by what became of them; spooled ones are written later.",
           (Label("result", ("written", "spooled", "refused", "lost")),)),
    Metric("accounting_waiting", "sipbox_accounting_waiting", "gauge",
           "Accounted requests that are not in the database yet.", (Label("place", ("memory", "disk")),)),
    Metric("trace_dropped", "sipbox_trace_dropped_total", "counter",
           "Traced messages that a slow reader did not get."),
    Metric("hub_lag_seconds", "sipbox_hub_lag_seconds", "histogram",
           "How late the loop comes to a timer that is due.", (), LAG),
    Metric("greenlets", "sipbox_greenlets", "gauge",
           "Greenlets that handle requests, parked ones included."),
    Metric("handed_over", "sipbox_handed_over_total", "counter",
           "Messages that were handed over to the worker that they belong to.",
           (Label("kind", ("response", "request")),)),
    Metric("worker_dropped", "sipbox_worker_dropped_total", "counter",
           "What could not be said to another worker, because it does not read."),
)  # fmt: skip

#: What all workers know alike: told once, and not by each of them.
SHARED = frozenset(
    {
        "sipbox_bindings_active",
        "sipbox_registered_users",
        "sipbox_nat_bindings",
        "sipbox_media_nodes",
    }
)

# Told by the agent, who asks: a process that is down cannot say so.
UP = Metric("up", "sipbox_up", "gauge", "1 when the SIP process answers, 0 when it does not.")
BUILD_INFO = Metric("build_info", "sipbox_build_info", "gauge", "1, with what is running as labels.",
                    (Label("version"), Label("python")))  # fmt: skip
