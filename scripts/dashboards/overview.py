"""The first look: do the telephones work."""

from __future__ import annotations

from scripts.dashboards.shapes import (
    GREEN,
    RED,
    YELLOW,
    Json,
    dashboard,
    graph,
    quantile,
    rate,
    rows,
    series,
    stat,
    table,
)

_ANSWERED = f"rate({series('sipbox_sip_responses_sent_total')}[$__rate_interval])"
_CLASS = f'sum by (class) (label_replace({_ANSWERED}, "class", "${{1}}xx", "code", "([1-6]).."))'
AWAY = 'state="away"'
FIRING = 'alertstate="firing", alertname=~"Sipbox.+"'

HEALTH = [
    stat(
        "Server",
        "Whether the SIP server answers.",
        f"min({series('sipbox_up')})",
        "none",
        words={"1": ("up", GREEN), "0": ("down", RED)},
    ),
    stat(
        "Version",
        "What is running.",
        [("{{version}}", f"max by (version) ({series('sipbox_build_info')})")],
        "none",
        text="name",
    ),
    stat(
        "Running",
        "Since when the worker that started last runs.",
        f"time() - max({series('process_start_time_seconds')} and on (job, instance) {series('sipbox_up')})",
        "s",
        ((None, YELLOW), (300, GREEN)),
    ),
    stat("Calls now", "Calls that ring or are up.", f"sum({series('sipbox_calls_active')})", "short"),
    stat("Phones", "Registered phones.", f"sum({series('sipbox_bindings_active')})", "short"),
    stat(
        "Answered",
        "SER (RFC 6076): calls that were answered, of all. That people are busy or away lowers it.",
        f"min({series('instance:sipbox_call_ser:ratio5m')})",
        "percentunit",
        ((None, RED), (0.3, YELLOW), (0.5, GREEN)),
        decimals=0,
    ),
    stat(
        "Reached",
        "SEER (RFC 6076): calls that reached somebody, busy or not: what the box has to answer for.",
        f"min({series('instance:sipbox_call_seer:ratio5m')})",
        "percentunit",
        ((None, RED), (0.8, YELLOW), (0.95, GREEN)),
        decimals=0,
    ),
    stat(
        "Failed",
        "Calls that ended with an error of a server (5xx), of all.",
        f"max({series('instance:sipbox_call_failure:ratio5m')})",
        "percentunit",
        ((None, GREEN), (0.01, YELLOW), (0.05, RED)),
        decimals=1,
    ),
    stat(
        "Late",
        "How late the server comes to what is due: 99 of 100 times at most.",
        f"max({series('instance:sipbox_hub_lag_seconds:p99_5m')})",
        "s",
        ((None, GREEN), (0.05, YELLOW), (0.1, RED)),
    ),
    stat(
        "Database",
        "Whether every worker reaches it.",
        f"min({series('sipbox_database_up')})",
        "none",
        words={"1": ("up", GREEN), "0": ("away", RED)},
    ),
    stat(
        "Media away",
        "Nodes of rtpengine that do not answer.",
        f"max({series('sipbox_media_nodes', AWAY)})",
        "short",
        ((None, GREEN), (1, RED)),
    ),
    stat(
        "Certificate",
        "How long the certificate that ends first is valid.",
        f"min({series('sipbox_tls_certificate_expiry_timestamp_seconds')}) - time()",
        "s",
        ((None, RED), (3 * 86400, YELLOW), (21 * 86400, GREEN)),
    ),
]

OVERVIEW: Json = dashboard(
    "sipbox-overview",
    "sipbox: Overview",
    "Do the telephones work?",
    rows(
        (4, [(2, panel) for panel in HEALTH]),
        (
            7,
            [
                (
                    12,
                    graph(
                        "Requests",
                        "Requests that came, by method, a second.",
                        [("{{method}}", rate("sipbox_sip_requests_received_total", by="method"))],
                        "reqps",
                        stacked=True,
                    ),
                ),
                (
                    12,
                    graph(
                        "Responses",
                        "Responses that were sent, by class, a second. 4xx are challenges too.",
                        [("{{class}}", _CLASS)],
                        "reqps",
                        stacked=True,
                    ),
                ),
            ],
        ),
        (
            7,
            [
                (
                    12,
                    graph(
                        "Calls",
                        "Calls that were let in, those that were answered, and how many came a week ago.",
                        [
                            ("let in", rate("sipbox_call_attempts_total")),
                            ("answered", rate("sipbox_calls_completed_total", 'result="answered"')),
                            ("let in, a week ago", rate("sipbox_call_attempts_total", offset="1w")),
                        ],
                        "reqps",
                    ),
                ),
                (
                    6,
                    graph(
                        "Calls at once",
                        "Calls that ring or are up.",
                        [("calls", f"sum({series('sipbox_calls_active')})")],
                        "short",
                    ),
                ),
                (
                    6,
                    graph(
                        "Final responses",
                        "How calls ended, by the code that the caller was told.",
                        [("{{code}}", rate("sipbox_call_responses_total", by="code") + " > 0")],
                        "reqps",
                        stacked=True,
                    ),
                ),
            ],
        ),
        (
            6,
            [
                (
                    8,
                    graph(
                        "Registered phones",
                        "By transport, and all of them a week ago.",
                        [
                            (
                                "{{transport}}",
                                f"sum by (transport) ({series('sipbox_bindings_active')})",
                            ),
                            (
                                "a week ago",
                                f"sum({series('sipbox_bindings_active')} offset 1w)",
                            ),
                        ],
                        "short",
                    ),
                ),
                (
                    8,
                    graph(
                        "Time until it rings and is answered",
                        "From the INVITE, for half of the calls.",
                        [
                            ("rings", quantile(0.5, "sipbox_call_ringing_seconds")),
                            ("is answered", quantile(0.5, "sipbox_call_setup_seconds")),
                        ],
                        "s",
                    ),
                ),
                (
                    8,
                    table(
                        "Alerts",
                        "What is wrong now; docs/alerts.md says what to do.",
                        f"sum by (alertname, severity, instance) ({series('ALERTS', FIRING)})",
                        "short",
                        ("alertname", "severity", "instance"),
                        "Number",
                    ),
                ),
            ],
        ),
    ),
)
