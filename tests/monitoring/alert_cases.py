"""For each alert: series with which it fires, and others, close to them, with which it stays silent.

Series are in promtool's notation, a sample each minute: ``0+60x30`` grows by 60 in each, for half an hour.
``{}`` in a series' name stands for the labels that all have. Each is looked at after ``minutes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Case(NamedTuple):
    fires: Mapping[str, str]
    silent: Mapping[str, str]
    minutes: int = 20


def _histogram(name: str, labels: str, bounds: str, counts: str, minutes: int = 30) -> dict[str, str]:
    """A histogram whose buckets grow by ``counts`` in each minute."""
    pairs = zip(bounds.split(), counts.split(), strict=True)
    return {f'{name}_bucket{{{{{labels},le="{bound}"}}}}': f"0+{count}x{minutes}" for bound, count in pairs}


def _calls(**each_minute: int) -> dict[str, str]:
    """Final responses to calls, so many a minute: ``_calls(c200=30)``."""
    return {
        f'sipbox_call_responses_total{{{{code="{code[1:]}"}}}}': f"0+{count}x40"
        for code, count in each_minute.items()
    }


def _registers(**each_minute: int) -> dict[str, str]:
    return {
        f'sipbox_sip_responses_sent_total{{{{method="REGISTER",code="{code[1:]}"}}}}': f"0+{count}x40"
        for code, count in each_minute.items()
    }


DAY = 86_400
NODE = 'node_filesystem_{}_bytes{{{{job="node",fstype="ext4",mountpoint="/"}}}}'
SIZE = NODE.format("size")
FREE = NODE.format("avail")

CASES = {
    "SipboxAgentDown": Case({"up{{}}": "1x10 0x10"}, {"up{{}}": "1x18 0 1"}),
    "SipboxDown": Case({"sipbox_up{{}}": "1x10 0x10"}, {"sipbox_up{{}}": "1x18 0 1"}),
    "SipboxWorkerDown": Case(
        {
            'process_start_time_seconds{{worker="1"}}': "0x30",
            'process_start_time_seconds{{worker="2"}}': "0x10 stale",
        },
        # It has started again in the place of the first.
        {
            'process_start_time_seconds{{worker="1"}}': "0x30",
            'process_start_time_seconds{{worker="2"}}': "0x10 600x20",
        },
    ),
    "SipboxRestarted": Case(
        {"process_start_time_seconds{{}}": "0x17 1080x12"}, {"process_start_time_seconds{{}}": "0x12 780x18"}
    ),
    "SipboxCrashLooping": Case(
        {"process_start_time_seconds{{}}": "0x10 660 720 780 840 900 900x20"},
        {"process_start_time_seconds{{}}": "0x10 660x3 900x20"},
    ),
    "SipboxDatabaseDown": Case(
        {'sipbox_database_up{{worker="1"}}': "1x30", 'sipbox_database_up{{worker="2"}}': "1x10 0x20"},
        {'sipbox_database_up{{worker="1"}}': "1x30", 'sipbox_database_up{{worker="2"}}': "1x18 0 1"},
    ),
    "SipboxDatabaseOutOfSync": Case(
        {'sipbox_database_member_synced{{member="this box"}}': "1x10 0x20"},
        {'sipbox_database_member_synced{{member="this box"}}': "1x10 0 1x20"},
    ),
    "SipboxClusterSmall": Case(
        {'sipbox_database_cluster_members{{member="this box"}}': "3x10 2x20"},
        {'sipbox_database_cluster_members{{member="this box"}}': "2x10 3x20"},
    ),
    "SipboxDatabaseSlow": Case(
        _histogram("sipbox_database_query_seconds", 'query="save"', "0.1 0.5 +Inf", "50 60 60"),
        _histogram("sipbox_database_query_seconds", 'query="save"', "0.1 0.5 +Inf", "60 60 60"),
    ),
    "SipboxPoolExhausted": Case(
        _histogram("sipbox_database_pool_wait_seconds", 'worker="1"', "0.1 0.5 +Inf", "50 60 60"),
        _histogram("sipbox_database_pool_wait_seconds", 'worker="1"', "0.1 0.5 +Inf", "60 60 60"),
    ),
    "SipboxSpoolStays": Case(
        {"sipbox_database_up{{}}": "1x30", "sipbox_database_spool_rows{{}}": "7x30"},
        {"sipbox_database_up{{}}": "0x30", "sipbox_database_spool_rows{{}}": "7x30"},
    ),
    "SipboxRegistrationsDropped": Case(
        {
            'sipbox_bindings_active{{transport="udp"}}': "30x14 3x20",
            'sipbox_bindings_active{{transport="tcp"}}': "5x30",
        },
        {
            'sipbox_bindings_active{{transport="udp"}}': "18x14 3x20",
            'sipbox_bindings_active{{transport="tcp"}}': "1x30",
        },
    ),
    "SipboxRegistersFail": Case(_registers(c200=6, c503=2, c401=8), _registers(c200=6, c401=80)),
    "SipboxCallsFail": Case(_calls(c200=30, c503=3), _calls(c200=30, c486=30, c503=1)),
    "SipboxSerLow": Case(_calls(c200=2, c404=10), _calls(c200=2, c486=10), 30),
    "SipboxTransactionTimeouts": Case(
        {
            'sipbox_transaction_timeouts_total{{method="INVITE"}}': "0+6x40",
            'sipbox_sip_requests_forwarded_total{{method="INVITE",transport="udp"}}': "0+30x40",
        },
        {
            'sipbox_transaction_timeouts_total{{method="INVITE"}}': "0+6x40",
            'sipbox_sip_requests_forwarded_total{{method="INVITE",transport="udp"}}': "0+70x40",
        },
    ),
    "SipboxRetransmissionsHigh": Case(
        {
            'sipbox_sip_retransmissions_total{{direction="out",kind="request"}}': "0+20x40",
            'sipbox_sip_requests_received_total{{method="INVITE",transport="udp"}}': "0+60x40",
            'sipbox_sip_responses_received_total{{method="INVITE",code="200"}}': "0+60x40",
        },
        {
            'sipbox_sip_retransmissions_total{{direction="out",kind="request"}}': "0+20x40",
            'sipbox_sip_requests_received_total{{method="INVITE",transport="udp"}}': "0+160x40",
            'sipbox_sip_responses_received_total{{method="INVITE",code="200"}}': "0+60x40",
        },
    ),
    "SipboxLoopLate": Case(
        _histogram("sipbox_hub_lag_seconds", 'worker="1"', "0.1 0.25 +Inf", "50 60 60"),
        _histogram("sipbox_hub_lag_seconds", 'worker="1"', "0.1 0.25 +Inf", "60 60 60"),
    ),
    "SipboxMessagesDropped": Case(
        {'sipbox_listener_dropped_total{{transport="udp"}}': "0x10 0+5x20"},
        {'sipbox_listener_dropped_total{{transport="udp"}}': "900x30"},
    ),
    "SipboxOverloaded": Case(
        {'sipbox_sip_messages_rejected_total{{reason="overload"}}': "0x10 0+5x20"},
        {'sipbox_sip_messages_rejected_total{{reason="loop"}}': "0x10 0+5x20"},
    ),
    "SipboxPasswordsGuessed": Case(
        {'sipbox_auth_failures_total{{reason="bad_response"}}': "0+40x30"},
        {
            'sipbox_auth_failures_total{{reason="bad_response"}}': "0+3x30",
            'sipbox_auth_failures_total{{reason="stale"}}': "0+400x30",
        },
    ),
    "SipboxGuesserBanned": Case(
        {'sipbox_bans_total{{reason="guessing"}}': "0x10 1x20"},
        {'sipbox_bans_total{{reason="guessing"}}': "4x30", 'sipbox_bans_total{{reason="garbage"}}': "0+1x30"},
    ),
    "SipboxFlood": Case(
        {
            'sipbox_flood_dropped_total{{reason="strangers"}}': "0+300x30",
            'sipbox_firewall_dropped_total{{rule="strangers"}}': "0+400x30",
        },
        {'sipbox_flood_dropped_total{{reason="strangers"}}': "0+300x30"},
    ),
    "SipboxRejectsStrangers": Case(
        {'sipbox_sip_messages_rejected_total{{reason="malformed"}}': "0+90x30"},
        {'sipbox_sip_messages_rejected_total{{reason="malformed"}}': "0+30x30"},
    ),
    "SipboxGatewayFails": Case(
        {
            'sipbox_gateways{{state="resting"}}': "0x10 1x20",
            'sipbox_gateways{{state="up"}}': "2x10 1x20",
            'sipbox_gateway_requests_total{{result="failed_over"}}': "0x10 0+2x20",
        },
        {
            'sipbox_gateways{{state="resting"}}': "0x30",
            'sipbox_gateways{{state="up"}}': "2x30",
            'sipbox_gateway_requests_total{{result="sent"}}': "0x10 0+2x20",
        },
    ),
    "SipboxNoGateway": Case(
        {'sipbox_gateways{{state="resting"}}': "0x15 2x20", 'sipbox_gateways{{state="up"}}': "2x15 0x20"},
        {'sipbox_gateways{{state="resting"}}': "0x30", 'sipbox_gateways{{state="up"}}': "0x30"},
    ),
    "SipboxMediaNodeDown": Case(
        {'sipbox_media_nodes{{state="away"}}': "0x10 1x20", 'sipbox_media_nodes{{state="up"}}': "2x10 1x20"},
        {'sipbox_media_nodes{{state="away"}}': "0x30", 'sipbox_media_nodes{{state="up"}}': "2x30"},
    ),
    "SipboxNoMediaNode": Case(
        {'sipbox_media_nodes{{state="away"}}': "0x10 2x20", 'sipbox_media_nodes{{state="up"}}': "2x10 0x20"},
        {'sipbox_media_nodes{{state="away"}}': "0x10 1x20", 'sipbox_media_nodes{{state="up"}}': "2x10 1x20"},
    ),
    "SipboxCallsWithoutSound": Case(
        {'sipbox_media_unrelayed_total{{result="passed"}}': "0x15 1x20"},
        {'sipbox_media_unrelayed_total{{result="passed"}}': "5x30"},
    ),
    "SipboxNeighbourAway": Case(
        {'sipbox_neighbours{{state="away"}}': "0x10 1x20"}, {'sipbox_neighbours{{state="away"}}': "0x18 1 0"}
    ),
    "SipboxNeighbourLags": Case(
        {'sipbox_neighbour_lag_seconds{{neighbour="pbx-2"}}': "0x10 5+60x20"},
        {'sipbox_neighbour_lag_seconds{{neighbour="pbx-2"}}': "0x10 30x3 0.1x20"},
    ),
    "SipboxSplitBrain": Case(
        {"sipbox_cluster_address_holders{{}}": "1x10 2x20"},
        {"sipbox_cluster_address_holders{{}}": "1x18 0 1"},
    ),
    "SipboxClusterDiffers": Case(
        {'sipbox_cluster_differences{{what="version"}}': "1x90"},
        {'sipbox_cluster_differences{{what="version"}}': "1x30 0x60"},
        80,
    ),
    "SipboxAccountingLost": Case(
        {'sipbox_accounting_requests_total{{result="refused"}}': "0x15 0+1x20"},
        {'sipbox_accounting_requests_total{{result="spooled"}}': "0x15 0+1x20"},
    ),
    "SipboxCertificateExpiresSoon": Case(
        {'sipbox_tls_certificate_expiry_timestamp_seconds{{certificate="default"}}': f"{20 * DAY}x90"},
        {'sipbox_tls_certificate_expiry_timestamp_seconds{{certificate="default"}}': f"{30 * DAY}x90"},
        80,
    ),
    "SipboxCertificateExpires": Case(
        {'sipbox_tls_certificate_expiry_timestamp_seconds{{certificate="default"}}': "600x30"},
        {'sipbox_tls_certificate_expiry_timestamp_seconds{{certificate="default"}}': f"{4 * DAY}x30"},
    ),
    "SipboxReloadFailed": Case(
        {"sipbox_config_last_reload_success{{}}": "1x10 0x20"},
        {"sipbox_config_last_reload_success{{}}": "1x10 0 1x20"},
    ),
    "SipboxFilesExhausted": Case(
        {"process_open_fds{{}}": "900x30", "process_max_fds{{}}": "1000x30"},
        {"process_open_fds{{}}": "700x30", "process_max_fds{{}}": "1000x30"},
    ),
    "SipboxDnsFails": Case(
        {
            'sipbox_dns_lookups_total{{result="failed"}}': "0+6x30",
            'sipbox_dns_lookups_total{{result="found"}}': "0+2x30",
        },
        {
            'sipbox_dns_lookups_total{{result="failed"}}': "0+6x30",
            'sipbox_dns_lookups_total{{result="found"}}': "0+12x30",
        },
    ),
    "SipboxCheckFailed": Case(
        {'sipbox_check_failed{{check="disk"}}': "0x10 1x20"},
        {'sipbox_check_failed{{check="disk"}}': "0x10 1x3 0x20"},
    ),
    "SipboxBackupTooOld": Case(
        {'sipbox_backup_last_success_timestamp_seconds{{job="node"}}': "0x2300"},
        {'sipbox_backup_last_success_timestamp_seconds{{job="node"}}': "0x1440 86400x900"},
        2200,
    ),
    "SipboxDiskFull": Case({FREE: "4x30", SIZE: "100x30"}, {FREE: "6x30", SIZE: "100x30"}),
    "SipboxDiskFillsSoon": Case(
        {FREE: "380-0.5x600", SIZE: "1000x600"}, {FREE: "380-0.1x600", SIZE: "1000x600"}, 480
    ),
    "SipboxClockOff": Case(
        {
            'node_timex_offset_seconds{{job="node"}}': "0x60",
            'node_timex_sync_status{{job="node"}}': "1x10 0x50",
            'node_timex_maxerror_seconds{{job="node"}}': "0.01x10 16x50",
        },
        {
            'node_timex_offset_seconds{{job="node"}}': "0.1x60",
            'node_timex_sync_status{{job="node"}}': "1x60",
            'node_timex_maxerror_seconds{{job="node"}}': "0.01x60",
        },
        40,
    ),
}
