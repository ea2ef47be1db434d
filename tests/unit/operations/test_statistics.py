"""OpenSER's statistics by its names."""

from __future__ import annotations

from appliance.operations.registrations import Registrations
from appliance.operations.statistics import Statistics
from appliance.operations.uac import UserAgent
from tests.unit.operations.conftest import Bench

NAMES = {
    "core": "rcv_requests rcv_replies fwd_requests fwd_replies drop_requests drop_replies err_requests "
    "err_replies bad_URIs_rcvd unsupported_methods bad_msg_hdr",
    "shmem": "total_size used_size real_used_size max_used_size free_size fragments",
    "tm": "received_replies relayed_replies local_replies UAS_transactions UAC_transactions 2xx_transactions "
    "3xx_transactions 4xx_transactions 5xx_transactions 6xx_transactions inuse_transactions",
    "sl": "1xx_replies 2xx_replies 3xx_replies 4xx_replies 5xx_replies 6xx_replies sent_replies "
    "sent_err_replies received_ACKs",
    "usrloc": "registered_users location-users location-contacts location-expires",
    "registrar": "max_expires max_contacts default_expire accepted_regs rejected_regs",
}


def of(bench: Bench) -> Statistics:
    return Statistics(bench.box, UserAgent(bench.box))


def values(statistics: Statistics, *names: str) -> dict[str, int]:
    return {f"{row['group']}:{row['name']}": row["value"] for row in statistics.get(names)}


def test_every_name_of_openser_is_there_in_its_order(bench: Bench) -> None:
    expected = [f"{group}:{name}" for group, names in NAMES.items() for name in names.split()]
    assert list(values(of(bench), "all")) == expected


def test_a_group_a_name_and_what_is_not_there(bench: Bench) -> None:
    statistics = of(bench)
    assert list(values(statistics, "usrloc:")) == [f"usrloc:{name}" for name in NAMES["usrloc"].split()]
    assert list(
        values(statistics, "RCV_requests", "tm:inuse_transactions", "nothing", "tm:rcv_requests")
    ) == [
        "core:rcv_requests",
        "tm:inuse_transactions",
    ]
    assert statistics.get(["nothing", "nothing:"]) == []


def test_the_numbers_are_those_of_the_metrics(bench: Bench) -> None:
    metrics = bench.metrics
    metrics.requests_received["REGISTER", "udp"] += 5
    metrics.requests_received["ACK", "tcp"] += 3
    metrics.requests_forwarded["ACK", "udp"] += 2
    metrics.responses_received["INVITE", 180] += 4
    metrics.responses_sent["REGISTER", 200] += 3
    metrics.responses_sent["REGISTER", 401] += 2
    metrics.responses_sent["INVITE", 180] += 4
    metrics.responses_forwarded["INVITE", 180] += 4
    metrics.stateless_responses[401] += 2
    metrics.messages_rejected["malformed"] += 1
    metrics.messages_rejected["bad_uri"] += 2
    metrics.messages_rejected["overload"] += 6
    metrics.registrations["rejected"] += 7
    metrics.bindings_expired += 8
    Registrations(bench.box).add("10@example.org", "sip:10@192.0.2.5", 60)
    Registrations(bench.box).add("10@example.org", "sip:10@192.0.2.6", 60)
    assert (
        values(of(bench), "core:", "tm:", "sl:", "usrloc:", "registrar:").items()
        >= {
            "core:rcv_requests": 8,
            "core:fwd_requests": 2,
            "core:rcv_replies": 4,
            "core:fwd_replies": 4,
            "core:drop_requests": 6,
            "core:err_requests": 3,
            "core:bad_URIs_rcvd": 2,
            "core:bad_msg_hdr": 1,
            "tm:received_replies": 4,
            "tm:relayed_replies": 4,
            "tm:local_replies": 3,
            "tm:2xx_transactions": 3,
            "tm:4xx_transactions": 0,
            "sl:4xx_replies": 2,
            "sl:sent_replies": 2,
            "sl:sent_err_replies": 2,
            "sl:received_ACKs": 1,
            "usrloc:registered_users": 1,
            "usrloc:location-users": 1,
            "usrloc:location-contacts": 2,
            "usrloc:location-expires": 8,
            "registrar:max_expires": 7200,
            "registrar:max_contacts": 10,
            "registrar:default_expire": 3600,
            "registrar:accepted_regs": 3,
            "registrar:rejected_regs": 7,
        }.items()
    )


def test_transactions_of_either_side(bench: Bench) -> None:
    agent = UserAgent(bench.box)
    statistics = Statistics(bench.box, agent)
    agent.send("OPTIONS", "sip:x@192.0.2.9", headers="From: <sip:a@b>\r\nTo: <sip:c@d>\r\n")
    request = bench.request()
    bench.transactions.begin_server(request, bench.wire[0][1], bench.now)
    assert (
        values(statistics, "tm:").items()
        >= {
            "tm:UAS_transactions": 1,
            "tm:UAC_transactions": 1,
            "tm:inuse_transactions": 2,
        }.items()
    )


def test_a_reset_begins_anew_and_leaves_the_metrics_alone(bench: Bench) -> None:
    statistics = of(bench)
    bench.metrics.requests_received["REGISTER", "udp"] += 5
    assert statistics.reset(["RCV_REQUESTS", "nothing"]) == 1
    bench.metrics.requests_received["REGISTER", "udp"] += 2
    assert values(statistics, "rcv_requests") == {"core:rcv_requests": 2}
    assert bench.metrics.requests_received.total() == 7


def test_what_cannot_be_reset_stays_and_counts_as_found(bench: Bench) -> None:
    statistics = of(bench)
    Registrations(bench.box).add("10@example.org", "sip:10@192.0.2.5", 60)
    before = values(statistics, "registered_users", "max_contacts", "total_size")
    assert statistics.reset(["registered_users", "max_contacts", "total_size"]) == 3
    assert values(statistics, "registered_users", "max_contacts", "total_size") == before


def test_only_single_statistics_are_reset(bench: Bench) -> None:
    assert of(bench).reset(["core:"]) == 0
    assert of(bench).reset(["all"]) == 0


def test_memory_is_in_bytes(bench: Bench) -> None:
    told = values(of(bench), "shmem:")
    assert 1_000_000 < told["shmem:used_size"] <= told["shmem:max_used_size"] < told["shmem:total_size"]


def test_the_metrics_of_prometheus(bench: Bench) -> None:
    bench.metrics.call_attempts += 4
    told = of(bench).metrics()
    assert told["snapshot"]["sipbox_call_attempts_total"] == [([], 4)]
    assert told["pid"] > 1
