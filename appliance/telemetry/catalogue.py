"""Every metric there is: its name, type, labels and help.

Names follow Prometheus' practice: base units, ``_total`` on counters, labels from bounded sets (never a user,
a URI, a Call-ID or an address). Dashboards, alerts and ``metrics`` are held against this list by tests.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

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
TRANSPORT = Label("transport", ("udp", "tcp", "tls", "ws", "wss"))
CODE = Label("code")
QUERY = Label("query")
DIRECTION = Label("direction", ("in", "out"))
#: The methods whose times are told apart: each costs a whole histogram.
TIMED = Label("method", ("INVITE", "BYE", "REGISTER", "OPTIONS", "MESSAGE", OTHER))
ROLE = Label("role", ("server", "client"))
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
    "reason",
    (
        *("unknown_user", "bad_response", "too_many", "no_hash", "stale", "replayed", "wrong_identity"),
        *("malformed", OTHER),
    ),
)
OUTCOME = Label(
    "result", ("answered", "busy", "no_answer", "cancelled", "not_found", "rejected", "failed", OTHER)
)
CLOSING = Label(
    "reason", ("peer", "idle", "error", "malformed", "limit", "shutdown", "handshake", "moved", OTHER)
)
HANDSHAKE = Label("reason", ("timeout", "certificate", "refused", "version", OTHER))
PACKET = Label("kind", ("alive", "news", "want", "ask", "state", "whole"))


class Metric(NamedTuple):
    """One metric: the attribute of ``Metrics`` that holds it, and what Prometheus is told about it.

    ``known`` are the keys that are there from the start where the labels alone do not say them: a rate
    sees nothing of a series' first number.
    """

    attribute: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[Label, ...] = ()
    bounds: tuple[float, ...] = ()
    known: tuple[Any, ...] = ()


#: The codes that dashboards and rules ask for, by the method that has them.
CALL_CODES = (200, 302, 400, 403, 404, 408, 480, 481, 482, 483, 486, 487, 488, 500, 502, 503, 504, 600, 603,
              604, 606)  # fmt: skip
_SHORT = (200, 400, 404, 408, 481, 500, 503)
_ANSWERS = {
    "INVITE": (100, 180, 183, *CALL_CODES, 401, 407),
    "REGISTER": (200, 400, 401, 403, 404, 423, 500, 503),
    **dict.fromkeys(("BYE", "CANCEL", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY"), _SHORT),
}
ANSWERS = tuple((method, code) for method, codes in _ANSWERS.items() for code in codes)

HANDLING = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# T1 is 0.5 s, Timers B and F are 32 s (RFC 3261 §17); beyond it only telephones ring.
TRANSACTION = (0.005, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 180.0)
CALL_TIME = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0)
# 1,300 bytes is where UDP ends (RFC 3261 §18.1.1).
SIZE = (250.0, 500.0, 750.0, 1000.0, 1300.0, 2000.0, 4000.0, 8000.0, 16000.0, 65535.0)
WAITING = (0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0)
LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
QUERY_TIME = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SETUP_TIME = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

CATALOGUE = (
    Metric("requests_received", "sipbox_sip_requests_received_total", "counter",
           "Requests received, without retransmissions that were absorbed.", (METHOD, TRANSPORT)),
    Metric("requests_forwarded", "sipbox_sip_requests_forwarded_total", "counter",
           "Requests sent on, one for each branch.", (METHOD, TRANSPORT)),
    Metric("responses_sent", "sipbox_sip_responses_sent_total", "counter",
           "Responses sent, our own and those passed on.", (METHOD, CODE), (), ANSWERS),
    Metric("responses_received", "sipbox_sip_responses_received_total", "counter",
           "Responses received.", (METHOD, CODE), (), ANSWERS),
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
    Metric("send_errors", "sipbox_sip_send_errors_total", "counter",
           "Messages that could not be sent: no way there, or the connection has ended.",
           (Label("kind", ("request", "response")),)),
    Metric("message_bytes", "sipbox_sip_message_bytes", "histogram",
           "How large messages are.", (DIRECTION,), SIZE),
    Metric("request_handling_seconds", "sipbox_request_handling_seconds", "histogram",
           "From the receipt of a request until it is answered or sent on.", (TIMED,), HANDLING),
    Metric("strangers_dropped", "sipbox_flood_dropped_total", "counter",
           "Messages and connections dropped unread: of a source that sends too much, because all strangers"
           " do, of one that fails too often, that is banned, of a known source that fails.",
           (Label("reason", ("source", "strangers", "failures", "banned", "known")),)),
    Metric("bans", "sipbox_bans_total", "counter",
           "Bans, by the reason.", (Label("reason", ("guessing", "garbage", "administrator")),)),
    Metric("bans_active", "sipbox_bans_active", "gauge",
           "Addresses and networks that are banned now."),
    Metric("requests_in_progress", "sipbox_sip_requests_in_progress", "gauge",
           "Requests that wait for a commit or a lookup."),
    Metric("transactions_active", "sipbox_transactions_active", "gauge",
           "Transactions that live now.",
           (Label("kind", ("invite_client", "invite_server", "client", "server")),)),
    Metric("transaction_timeouts", "sipbox_transaction_timeouts_total", "counter",
           "Client transactions that got no final response (timers B and F).", (METHOD,)),
    Metric("transaction_seconds", "sipbox_transaction_duration_seconds", "histogram",
           "From a transaction's request to its final response.", (TIMED, ROLE), TRANSACTION),
    Metric("registrations", "sipbox_registrations_total", "counter",
           "What became of REGISTER requests, by binding where there was one.",
           (RESULT,)),
    Metric("bindings_active", "sipbox_bindings_active", "gauge",
           "Bindings that are valid now.", (TRANSPORT,)),
    Metric("registered_users", "sipbox_registered_users", "gauge",
           "Addresses of record with at least one binding."),
    Metric("bindings_expired", "sipbox_bindings_expired_total", "counter",
           "Bindings that ran out without being refreshed."),
    Metric("flow_failures", "sipbox_binding_flow_failures_total", "counter",
           "Calls for a phone whose connection was lost: it came back in time, or did not.",
           (Label("result", ("returned", "gone")),)),
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
    Metric("call_responses", "sipbox_call_responses_total", "counter",
           "Final responses to the calls that were let in.", (CODE,), (), CALL_CODES),
    Metric("calls_active", "sipbox_calls_active", "gauge",
           "Calls that are being set up or were answered and have not ended."),
    Metric("call_setup_seconds", "sipbox_call_setup_seconds", "histogram",
           "From the INVITE to its 200.", (), SETUP_TIME),
    Metric("call_ringing_seconds", "sipbox_call_ringing_seconds", "histogram",
           "From the INVITE to the first 18x (post-dial delay).", (), SETUP_TIME),
    Metric("call_duration_seconds", "sipbox_call_duration_seconds", "histogram",
           "From the answer of a call to its BYE.", (), CALL_TIME),
    Metric("gateways", "sipbox_gateways", "gauge",
           "Gateways in order (up), and those that have just failed and are tried last (resting).",
           (Label("state", ("up", "resting")),)),
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
           "Numbers that were looked up in the DNS, by what it said; kept: it had said so before, "
           "stale: nobody answers, and what it said before counts.",
           (Label("result", ("found", "none", "failed", "kept", "stale")),)),
    Metric("dns_lookups", "sipbox_dns_lookups_total", "counter",
           "Questions about the names of servers, by what the DNS said; kept: it had said so before, "
           "stale: nobody answers, and what it said before counts.",
           (Label("result", ("found", "none", "failed", "kept", "stale")),)),
    Metric("next_servers", "sipbox_next_servers_total", "counter",
           "Requests that went on to the next server of a domain, because one was silent, could not be "
           "reached or said 503.",
           (Label("cause", ("silent", "unreachable", "unavailable")),)),
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
    Metric("neighbour_lag_seconds", "sipbox_neighbour_lag_seconds", "gauge",
           "For how long what another node has told is missing here, or its packets are under way.",
           (Label("neighbour"),)),
    Metric("neighbour_bindings", "sipbox_neighbour_bindings", "gauge",
           "Bindings of phones that are registered at other nodes."),
    Metric("neighbour_sent", "sipbox_neighbour_packets_sent_total", "counter",
           "Packets for other nodes, by what they say.", (PACKET,)),
    Metric("neighbour_received", "sipbox_neighbour_packets_received_total", "counter",
           "Packets of other nodes that were believed, by what they say.", (PACKET,)),
    Metric("neighbour_refused", "sipbox_neighbour_packets_refused_total", "counter",
           "Packets that were not believed, by the reason.",
           (Label("reason", ("marker", "signature", "clock", "replayed", "name", "unreadable")),)),
    Metric("cluster_members", "sipbox_cluster_members", "gauge",
           "Boxes of the cluster, this one among them: heard of, not any more, not since the start.",
           (Label("state", ("alive", "silent", "never")),)),
    Metric("cluster_address_held", "sipbox_cluster_address_held", "gauge",
           "1 when this box holds the shared address, else 0."),
    Metric("cluster_address_holders", "sipbox_cluster_address_holders", "gauge",
           "How many boxes say that they hold the shared address: 1 when all is well."),
    Metric("cluster_differences", "sipbox_cluster_differences", "gauge",
           "1 for what is not the same on all boxes of the cluster, else 0.",
           (Label("what", ("version", "settings")),)),
    Metric("connections_active", "sipbox_connections_active", "gauge",
           "Open connections.", (TRANSPORT,)),
    Metric("connections_opened", "sipbox_connections_opened_total", "counter",
           "Connections opened by either side.", (TRANSPORT,)),
    Metric("connections_closed", "sipbox_connections_closed_total", "counter",
           "Connections closed.",
           (CLOSING,)),
    Metric("tls_handshake_failures", "sipbox_tls_handshake_failures_total", "counter",
           "Connections whose TLS did not come about.",
           (HANDSHAKE,)),
    Metric("certificate_expiry", "sipbox_tls_certificate_expiry_timestamp_seconds", "gauge",
           'When a certificate in use expires: "default", or the domain that it is for.',
           (Label("certificate"),)),
    Metric("listener_dropped", "sipbox_listener_dropped_total", "counter",
           "What the kernel dropped because the queue of a listening socket was full.", (TRANSPORT,)),
    Metric("database_up", "sipbox_database_up", "gauge",
           "1 when the database answers, 0 when it is away."),
    Metric("database_queries", "sipbox_database_queries_total", "counter",
           "Named statements run on the database.", (QUERY, Label("result"))),
    Metric("database_query_seconds", "sipbox_database_query_seconds", "histogram",
           "How long named statements took.", (QUERY,), QUERY_TIME),
    Metric("database_connections", "sipbox_database_pool_connections", "gauge",
           "Connections to the database: at work (busy), and open for the next one (idle).",
           (Label("state", ("busy", "idle")),)),
    Metric("database_wait_seconds", "sipbox_database_pool_wait_seconds", "histogram",
           "How long a statement waited for a connection.", (), WAITING),
    Metric("database_spool_rows", "sipbox_database_spool_rows", "gauge",
           "Changes on disk that wait for the database to return."),
    Metric("database_cluster_members", "sipbox_database_cluster_members", "gauge",
           "Members of its cluster that this box's database counts, with the arbitrator; 0: it is away.",
           (Label("member"),)),
    Metric("database_member_synced", "sipbox_database_member_synced", "gauge",
           "1 when this box's member of the database's cluster has all rows and is among the majority.",
           (Label("member"),)),
    Metric("database_flow_control_seconds", "sipbox_database_flow_control_seconds_total", "counter",
           "Seconds for which commits were held back because a member of the cluster could not follow.",
           (Label("member"),)),
    Metric("database_elsewhere", "sipbox_database_elsewhere", "gauge",
           "1 while another member of the database's cluster is asked than the first of the settings."),
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
    Metric("reload_success", "sipbox_config_last_reload_success", "gauge",
           "1 when what is read again without a restart was in order the last time, 0 when it was refused."),
    Metric("reload_time", "sipbox_config_last_reload_timestamp_seconds", "gauge",
           "When it was read last and was in order."),
)  # fmt: skip

#: What all workers know alike: told once, and not by each of them.
SHARED = frozenset(
    {
        "sipbox_bindings_active",
        "sipbox_registered_users",
        "sipbox_nat_bindings",
        "sipbox_bans_active",
        "sipbox_media_nodes",
        "sipbox_cluster_address_held",
        "sipbox_tls_certificate_expiry_timestamp_seconds",
    }
)

# Told by the agent, who asks: a process that is down cannot say so.
UP = Metric("up", "sipbox_up", "gauge", "1 when the SIP process answers, 0 when it does not.")
CHECK_FAILED = Metric("check_failed", "sipbox_check_failed", "gauge",
                      "1 when the diagnosis has found something wrong with this part of the box that no other"
                      " part explains, else 0.",
                      (Label("check"),))  # fmt: skip
CHECKED = Metric(
    "checked", "sipbox_check_timestamp_seconds", "gauge", "When the diagnosis was made last (UTC)."
)
FIREWALL_DROPPED = Metric("firewall_dropped", "sipbox_firewall_dropped_total", "counter",
                          "Packets that the firewall dropped before the server would read them: of a banned"
                          " address, of a known one that sends far too much, of one stranger, of all"
                          " strangers together.",
                          (Label("rule", ("banned", "known", "source", "strangers")),))  # fmt: skip
BY_AGENT = (UP, CHECK_FAILED, CHECKED, FIREWALL_DROPPED)
BUILD_INFO = Metric("build_info", "sipbox_build_info", "gauge", "1, with what is running as labels.",
                    (Label("version"), Label("python")))  # fmt: skip
