"""What SIP does, in detail: for whoever knows the protocol."""

from __future__ import annotations

from scripts.dashboards.shapes import (
    Json,
    dashboard,
    graph,
    heatmap,
    quantile,
    rate,
    rows,
    series,
    table,
)

MESSAGES = [
    (
        8,
        table(
            "Responses by method and code",
            "Responses that were sent within the time that is shown.",
            f"sum by (method, code) (increase({series('sipbox_sip_responses_sent_total')}[$__range])) > 0",
            "short",
            ("method", "code"),
            "Responses",
        ),
    ),
    (
        4,
        graph(
            "Requests by transport",
            "Requests that came, a second.",
            [("{{transport}}", rate("sipbox_sip_requests_received_total", by="transport"))],
            "reqps",
        ),
    ),
    (
        4,
        graph(
            "Sent on",
            "Requests that were sent on, one for each branch, a second.",
            [("{{method}}", rate("sipbox_sip_requests_forwarded_total", by="method") + " > 0")],
            "reqps",
        ),
    ),
    (
        4,
        graph(
            "Responses of others",
            "Responses that came, and those of them that were passed on, a second.",
            [
                ("came", rate("sipbox_sip_responses_received_total")),
                ("passed on", rate("sipbox_sip_responses_forwarded_total")),
                ("without a transaction", rate("sipbox_sip_stateless_responses_total")),
            ],
            "reqps",
        ),
    ),
    (
        4,
        graph(
            "Not sent",
            "Messages that could not be sent, and requests that went on to a domain's next server, a second.",
            [
                ("{{kind}}", rate("sipbox_sip_send_errors_total", by="kind")),
                ("next server: {{cause}}", rate("sipbox_next_servers_total", by="cause")),
            ],
            "reqps",
        ),
    ),
]
TRANSACTIONS = [
    (
        6,
        graph(
            "Retransmissions",
            "Messages that came (in) or were sent (out) again, a second. Out: packets are lost.",
            [("{{direction}} {{kind}}", rate("sipbox_sip_retransmissions_total", by="direction, kind"))],
            "reqps",
        ),
    ),
    (
        6,
        graph(
            "Timeouts",
            "Requests that nobody has answered within 32 seconds, a second.",
            [("{{method}}", rate("sipbox_transaction_timeouts_total", by="method") + " > 0")],
            "reqps",
        ),
    ),
    (
        6,
        heatmap(
            "How long an INVITE takes",
            "From the INVITE to its final response: people who answer, mostly.",
            rate("sipbox_transaction_duration_seconds_bucket", 'method="INVITE", role="server"', "le"),
            "s",
        ),
    ),
    (
        6,
        graph(
            "Handling",
            "From the receipt of a request until it is answered or sent on: what 99 of 100 take at most.",
            [("{{method}}", quantile(0.99, "sipbox_request_handling_seconds", by="method"))],
            "s",
        ),
    ),
]
TRANSPORT = [
    (
        6,
        graph(
            "Size of messages",
            "What half and 99 of 100 have at most; beyond 1,300 bytes UDP is cut into pieces.",
            [
                ("half, {{direction}}", quantile(0.5, "sipbox_sip_message_bytes", by="direction")),
                ("99 of 100, {{direction}}", quantile(0.99, "sipbox_sip_message_bytes", by="direction")),
            ],
            "bytes",
        ),
    ),
    (
        6,
        graph(
            "Connections",
            "Open connections, by what is spoken on them.",
            [("{{transport}}", f"sum by (transport) ({series('sipbox_connections_active')})")],
            "short",
        ),
    ),
    (
        6,
        graph(
            "Connections that begin and end",
            "Opened, closed by their reason, and those that never got through TLS, a second.",
            [
                ("opened {{transport}}", rate("sipbox_connections_opened_total", by="transport") + " > 0"),
                ("closed: {{reason}}", rate("sipbox_connections_closed_total", by="reason") + " > 0"),
                ("no TLS: {{reason}}", rate("sipbox_tls_handshake_failures_total", by="reason") + " > 0"),
            ],
            "cps",
        ),
    ),
    (
        6,
        graph(
            "In progress",
            "Transactions that live, and requests that wait for the database or a name server.",
            [
                ("{{kind}}", f"sum by (kind) ({series('sipbox_transactions_active')})"),
                ("waiting", f"sum({series('sipbox_sip_requests_in_progress')})"),
            ],
            "short",
        ),
    ),
]
OUTSIDE = [
    (
        6,
        graph(
            "Gateways",
            "Those in order, and those that have just failed.",
            [("{{state}}", f"max by (state) ({series('sipbox_gateways')})")],
            "short",
        ),
    ),
    (
        6,
        graph(
            "Gateways and names",
            "What became of them, a second; and numbers and names that were looked up in the DNS.",
            [
                ("{{result}}", rate("sipbox_gateway_requests_total", by="result")),
                ("name: {{result}}", rate("sipbox_dns_lookups_total", by="result") + " > 0"),
                ("number: {{result}}", rate("sipbox_enum_lookups_total", by="result") + " > 0"),
            ],
            "reqps",
        ),
    ),
    (
        6,
        heatmap(
            "How long calls last",
            "From the answer to the end. Many short ones: no sound, or somebody who tries numbers.",
            rate("sipbox_call_duration_seconds_bucket", by="le"),
            "s",
        ),
    ),
    (
        6,
        graph(
            "Between workers",
            "Messages that were handed over to the worker that they belong to, a second.",
            [
                ("{{kind}}", rate("sipbox_handed_over_total", by="kind")),
                ("lost", rate("sipbox_worker_dropped_total")),
                ("trace lost", rate("sipbox_trace_dropped_total")),
            ],
            "reqps",
        ),
    ),
]

SIP: Json = dashboard(
    "sipbox-sip",
    "sipbox: SIP in detail",
    "Messages, transactions, transports and gateways.",
    rows((6, MESSAGES), (6, TRANSACTIONS), (6, TRANSPORT), (6, OUTSIDE)),
)
