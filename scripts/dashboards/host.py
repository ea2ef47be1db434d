"""What the telephones stand on: database, rtpengine, processes and the machine."""

from __future__ import annotations

from scripts.dashboards.shapes import Json, dashboard, graph, halves, quantile, rate, rows, series

DISK = 'fstype!~"tmpfs|ramfs|overlay|squashfs"'
SIZE = "node_filesystem_size_bytes"
#: Only of what has a sipbox beside it: the node exporter and Prometheus are processes too.
OF_SIPBOX = f"and on (job, instance) {series('sipbox_up')}"
IDLE = 'mode="idle"'
IDLING = f"rate({series('node_cpu_seconds_total', IDLE)}[$__rate_interval])"
OUTSIDE = 'device!="lo"'
DATABASE = [
    (
        6,
        graph(
            "Statements",
            "Named statements on the database, by what became of them, a second.",
            [
                (
                    "{{query}} {{result}}",
                    rate("sipbox_database_queries_total", by="query, result") + " > 0",
                )
            ],
            "ops",
        ),
    ),
    (
        6,
        graph(
            "How long statements take",
            "What 99 of 100 take at most, by their name.",
            [("{{query}}", quantile(0.99, "sipbox_database_query_seconds", by="query"))],
            "s",
        ),
    ),
    (
        6,
        graph(
            "Connections to the database",
            "At work and idle; how long 99 of 100 statements wait for one at most; in a cluster its members.",
            [
                ("{{state}}", f"sum by (state) ({series('sipbox_database_pool_connections')})"),
                ("seconds of waiting", quantile(0.99, "sipbox_database_pool_wait_seconds")),
                ("members", f"min({series('sipbox_database_cluster_members')})"),
                ("in sync", f"sum({series('sipbox_database_member_synced')})"),
                ("another's is asked", f"max({series('sipbox_database_elsewhere')})"),
                ("held back", f"sum({rate('sipbox_database_flow_control_seconds_total', by='instance')})"),
            ],
            "short",
        ),
    ),
    (
        6,
        graph(
            "Waiting to be written",
            "Changes on disk while the database is away, and rows of calls that are not in it yet.",
            [
                ("registrations", f"sum({series('sipbox_database_spool_rows')})"),
                ("calls, {{place}}", f"sum by (place) ({series('sipbox_accounting_waiting')})"),
            ],
            "short",
        ),
    ),
]
MEDIA = [
    (
        6,
        graph(
            "Accounting",
            "Accounted requests by what became of them, a second. Lost and refused ones never should be.",
            [("{{result}}", rate("sipbox_accounting_requests_total", by="result"))],
            "reqps",
        ),
    ),
    (
        6,
        graph(
            "rtpengine",
            "Nodes that answer and that do not, and what they were asked, a second.",
            [
                ("nodes {{state}}", f"max by (state) ({series('sipbox_media_nodes')})"),
                (
                    "{{command}} {{result}}",
                    rate("sipbox_media_commands_total", by="command, result") + " > 0",
                ),
                ("without sound: {{result}}", rate("sipbox_media_unrelayed_total", by="result") + " > 0"),
            ],
            "short",
        ),
    ),
    (
        6,
        graph(
            "How long rtpengine takes",
            "What half and 99 of 100 questions take at most.",
            halves("sipbox_media_command_seconds"),
            "s",
        ),
    ),
    (
        6,
        graph(
            "Lateness of the loop",
            "How late the server comes to what is due: half and 99 of 100 times at most.",
            halves("sipbox_hub_lag_seconds"),
            "s",
        ),
    ),
]
PROCESSES = [
    (
        6,
        graph(
            "Processor of sipbox",
            "Of one core, by worker. At 1 a worker can do no more.",
            [
                (
                    "worker {{worker}}",
                    f"rate({series('process_cpu_seconds_total')}[$__rate_interval]) {OF_SIPBOX}",
                )
            ],
            "percentunit",
        ),
    ),
    (
        6,
        graph(
            "Memory of sipbox",
            "Resident memory, by worker.",
            [
                (
                    "worker {{worker}}",
                    f"{series('process_resident_memory_bytes')} and on (job, instance) {series('sipbox_up')}",
                )
            ],
            "bytes",
        ),
    ),
    (
        6,
        graph(
            "Files and greenlets",
            "Open files (sockets are files), how many there may be, and greenlets.",
            [
                (
                    "files, worker {{worker}}",
                    f"{series('process_open_fds')} and on (job, instance) {series('sipbox_up')}",
                ),
                (
                    "most files",
                    f"min({series('process_max_fds')} and on (job, instance) {series('sipbox_up')})",
                ),
                ("greenlets", f"sum({series('sipbox_greenlets')})"),
            ],
            "short",
        ),
    ),
    (
        6,
        graph(
            "Starts, reloads, diagnoses and backups",
            "How long ago the last ones were.",
            [
                (
                    "start",
                    f"time() - max({series('process_start_time_seconds')} {OF_SIPBOX})",
                ),
                (
                    "reload",
                    f"time() - max({series('sipbox_config_last_reload_timestamp_seconds')})",
                ),
                ("diagnosis", f"time() - max({series('sipbox_check_timestamp_seconds')})"),
                ("backup", f"time() - max({series('sipbox_backup_last_success_timestamp_seconds')})"),
            ],
            "s",
        ),
    ),
]
MACHINE = [
    (
        6,
        graph(
            "Processor",
            "How much of all cores is used, and how long tasks wait for one.",
            [
                (
                    "busy {{instance}}",
                    f"1 - avg by (instance) ({IDLING})",
                ),
                (
                    "waiting {{instance}}",
                    f"rate({series('node_pressure_cpu_waiting_seconds_total')}[$__rate_interval])",
                ),
            ],
            "percentunit",
        ),
    ),
    (
        6,
        graph(
            "Memory",
            "What programs could still have, and all.",
            [
                ("available {{instance}}", series("node_memory_MemAvailable_bytes")),
                ("all {{instance}}", series("node_memory_MemTotal_bytes")),
            ],
            "bytes",
        ),
    ),
    (
        6,
        graph(
            "Disks",
            "What is free, of all; and how busy they are.",
            [
                (
                    "free {{mountpoint}}",
                    f"{series('node_filesystem_avail_bytes', DISK)} / {series(SIZE, DISK)}",
                ),
                (
                    "busy {{device}}",
                    f"rate({series('node_disk_io_time_seconds_total')}[$__rate_interval])",
                ),
            ],
            "percentunit",
        ),
    ),
    (
        6,
        graph(
            "Network",
            "What comes and goes, a second.",
            [
                (
                    "comes {{device}}",
                    f"rate({series('node_network_receive_bytes_total', OUTSIDE)}[$__rate_interval])",
                ),
                (
                    "goes {{device}}",
                    f"rate({series('node_network_transmit_bytes_total', OUTSIDE)}[$__rate_interval])",
                ),
            ],
            "Bps",
        ),
    ),
]

HOST: Json = dashboard(
    "sipbox-host",
    "sipbox: Host and dependencies",
    "Database, rtpengine, processes and the machine.",
    rows((6, DATABASE), (6, MEDIA), (6, PROCESSES), (6, MACHINE)),
)
