"""Who is registered, and who tries to be."""

from __future__ import annotations

from scripts.dashboards.shapes import (
    GREEN,
    RED,
    YELLOW,
    Json,
    dashboard,
    graph,
    rate,
    rows,
    series,
    stat,
)

AWAY = 'state="away"'
WRONG = 'reason=~"unknown_user|bad_response|replayed|too_many"'

NOW = [
    stat("Phones", "Registered phones.", f"sum({series('sipbox_bindings_active')})", "short"),
    stat("Users", "Users with a phone.", f"sum({series('sipbox_registered_users')})", "short"),
    stat("Behind a NAT", "Phones behind a NAT.", f"sum({series('sipbox_nat_bindings')})", "short"),
    stat(
        "Registrations refused",
        "IRA (RFC 6076): registrations that were refused, of all; challenges do not count.",
        f"max({series('instance:sipbox_register_ira:ratio5m')})",
        "percentunit",
        ((None, GREEN), (0.02, YELLOW), (0.1, RED)),
        decimals=1,
    ),
    stat(
        "Wrong passwords",
        "Unknown users, wrong passwords and stolen answers, a second.",
        rate("sipbox_auth_failures_total", WRONG),
        "reqps",
        ((None, GREEN), (0.1, YELLOW), (0.5, RED)),
        decimals=2,
    ),
    stat(
        "Refused unread",
        "Messages that were refused or dropped before they were handled, a second.",
        rate("sipbox_sip_messages_rejected_total"),
        "reqps",
        ((None, GREEN), (1, YELLOW), (10, RED)),
        decimals=2,
    ),
    stat(
        "Neighbours away",
        "Other nodes that are not heard of any more.",
        f"max({series('sipbox_neighbours', AWAY)})",
        "short",
        ((None, GREEN), (1, RED)),
    ),
    stat(
        "Waiting on disk",
        "Changes that wait for the database to come back.",
        f"sum({series('sipbox_database_spool_rows')})",
        "short",
        ((None, GREEN), (1, YELLOW), (1000, RED)),
    ),
]

REGISTRAR: Json = dashboard(
    "sipbox-registrar",
    "sipbox: Registrar and security",
    "Registrations, passwords, and what was refused.",
    rows(
        (4, [(3, panel) for panel in NOW]),
        (
            7,
            [
                (
                    8,
                    graph(
                        "Registrations",
                        "What became of REGISTER requests, a second.",
                        [("{{result}}", rate("sipbox_registrations_total", by="result"))],
                        "reqps",
                    ),
                ),
                (
                    8,
                    graph(
                        "Phones that went",
                        "Registrations that ran out, phones that answer no keep-alives, calls for phones "
                        "that lost their connection, a second.",
                        [
                            ("ran out", rate("sipbox_bindings_expired_total")),
                            ("no answer to keep-alives", rate("sipbox_nat_unreachable_total")),
                            (
                                "connection lost: {{result}}",
                                rate("sipbox_binding_flow_failures_total", by="result"),
                            ),
                        ],
                        "reqps",
                    ),
                ),
                (
                    8,
                    graph(
                        "Keep-alives",
                        "Sent to phones behind a NAT and answered, a second; and how late they are.",
                        [
                            ("sent {{transport}}", rate("sipbox_nat_keepalives_total", by="transport")),
                            ("answered", rate("sipbox_nat_keepalives_answered_total")),
                            (
                                "seconds behind",
                                f"max({series('sipbox_nat_keepalives_behind_seconds')})",
                            ),
                        ],
                        "short",
                    ),
                ),
            ],
        ),
        (
            7,
            [
                (
                    8,
                    graph(
                        "Passwords that were wrong",
                        "Credentials that were not accepted, by the reason, a second.",
                        [("{{reason}}", rate("sipbox_auth_failures_total", by="reason"))],
                        "reqps",
                    ),
                ),
                (
                    8,
                    graph(
                        "Challenges and bans",
                        "Requests that were asked for a password, a second, and addresses that are kept out.",
                        [
                            ("challenges", rate("sipbox_auth_challenges_total")),
                            ("banned now", f"max({series('sipbox_bans_active')})"),
                            ("new bans: {{reason}}", rate("sipbox_bans_total", by="reason")),
                        ],
                        "reqps",
                    ),
                ),
                (
                    8,
                    graph(
                        "Refused before they were handled",
                        "By the reason, a second; and what the kernel dropped because it came too fast.",
                        [
                            ("{{reason}}", rate("sipbox_sip_messages_rejected_total", by="reason")),
                            ("unread: {{reason}}", rate("sipbox_flood_dropped_total", by="reason")),
                            ("firewall: {{rule}}", rate("sipbox_firewall_dropped_total", by="rule")),
                            ("dropped by the kernel", rate("sipbox_listener_dropped_total")),
                        ],
                        "reqps",
                    ),
                ),
            ],
        ),
        (
            6,
            [
                (
                    6,
                    graph(
                        "Calls that go elsewhere, and messages that wait",
                        "Forwarded by the occasion, and messages for users who are away, a second.",
                        [
                            ("forwarded: {{occasion}}", rate("sipbox_calls_forwarded_total", by="occasion")),
                            ("message {{result}}", rate("sipbox_offline_messages_total", by="result")),
                        ],
                        "reqps",
                    ),
                ),
                (
                    6,
                    graph(
                        "Neighbours",
                        "Other nodes, and the registrations that are theirs.",
                        [
                            ("{{state}}", f"max by (state) ({series('sipbox_neighbours')})"),
                            ("their registrations", f"max({series('sipbox_neighbour_bindings')})"),
                        ],
                        "short",
                    ),
                ),
                (
                    6,
                    graph(
                        "Packets of neighbours",
                        "What is said to them and by them, and what was not believed, a second.",
                        [
                            ("sent", rate("sipbox_neighbour_packets_sent_total")),
                            ("believed", rate("sipbox_neighbour_packets_received_total")),
                            (
                                "refused: {{reason}}",
                                rate("sipbox_neighbour_packets_refused_total", by="reason"),
                            ),
                        ],
                        "pps",
                    ),
                ),
                (
                    6,
                    graph(
                        "Boxes of the cluster",
                        "As each box sees them: who is there, holds the address, is behind; what differs.",
                        [
                            (
                                "{{instance}}: {{state}}",
                                f"max by (instance, state) ({series('sipbox_cluster_members')})",
                            ),
                            (
                                "{{instance}} holds the address",
                                f"max by (instance) ({series('sipbox_cluster_address_held')})",
                            ),
                            (
                                "{{instance}}: holders",
                                f"max by (instance) ({series('sipbox_cluster_address_holders')})",
                            ),
                            (
                                "{{instance}}: another {{what}}",
                                f"max by (instance, what) ({series('sipbox_cluster_differences')})",
                            ),
                            (
                                "{{instance}}: seconds behind {{neighbour}}",
                                f"max by (instance, neighbour) ({series('sipbox_neighbour_lag_seconds')})",
                            ),
                        ],
                        "short",
                    ),
                ),
            ],
        ),
    ),
)
