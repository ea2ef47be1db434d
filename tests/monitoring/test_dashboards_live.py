"""Every query of every dashboard, in a real Prometheus that asks a real server under SIPp's load.

Fifty calls are fifty calls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness import sipp
from tests.harness.mariadb import MariaDB
from tests.harness.ports import free_port
from tests.harness.prometheus import NodeExporter, Prometheus, Sample
from tests.harness.sipp import Sipp
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers
from tests.monitoring.queries import FILES, TARGETS, Target, filled_in

pytestmark = pytest.mark.timeout(600)

ANSWERED, BUSY, UNKNOWN, REFUSED = 50, 10, 5, 20
BACKUP = """
# HELP sipbox_backup_last_success_timestamp_seconds When a backup was made last.
# TYPE sipbox_backup_last_success_timestamp_seconds gauge
sipbox_backup_last_success_timestamp_seconds 1.7e9
"""

#: What this server has not: another week, TLS, a gateway that fails, a firewall, a cluster of databases.
NOTHING = {
    "overview: Certificate",
    "overview: Calls: let in, a week ago",
    "overview: Registered phones: a week ago",
    "sip: Connections that begin and end: no TLS: {{reason}}",
    "sip: Timeouts: {{method}}",
    "sip: Gateways and names: name: {{result}}",
    "sip: Gateways and names: number: {{result}}",
    "registrar: Boxes of the cluster: {{instance}}: seconds behind {{neighbour}}",
    "registrar: Refused before they were handled: firewall: {{rule}}",
    "host: Connections to the database: members",
    "host: Connections to the database: in sync",
    "host: Connections to the database: held back",
    "host: rtpengine: {{command}} {{result}}",
    "host: rtpengine: without sound: {{result}}",
}
#: Where nothing was observed there is no quantile.
NO_NUMBER = {"host: How long rtpengine takes: half", "host: How long rtpengine takes: 99 of 100"}


class Load(NamedTuple):
    """Prometheus, after the load, and between which moments that was."""

    prometheus: Prometheus
    began: float
    ended: float

    def grown(self, target: Target) -> dict[tuple[str, ...], float]:
        """How much the counters behind a rate have grown while there was load, by the labels."""
        window = math.ceil(self.ended - self.began)
        samples = self.prometheus.query(filled_in(target.expr, f"{window}s"), self.ended)
        return {tuple(sorted(each.labels.values())): each.value * window for each in samples}


@pytest.fixture(scope="module")
def load(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    place = tmp_path_factory.mktemp("monitoring")
    with ExitStack() as stack:
        box = stack.enter_context(Workers(mariadb_database(mariadb), count=2, agent=True))
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        (place / "node").mkdir()
        (place / "node" / "sipbox_backup.prom").write_text(BACKUP)
        node = stack.enter_context(NodeExporter(place / "node"))
        targets = {"sipbox": f"127.0.0.1:{box.agent_port}", "node": node.address}
        rules = sorted((FILES / "rules").glob("*.yml"))
        prometheus = stack.enter_context(Prometheus(place / "prometheus", targets, rules))
        # The first samples come before the load, the last ones after it.
        time.sleep(3)
        began = time.time()
        play(box, place)
        time.sleep(3)
        yield Load(prometheus, began, time.time())


def play(box: Workers, place: Path) -> None:
    """Calls that are answered, refused because somebody is busy, or for nobody; and somebody who guesses."""
    keys = {"domain": box.domain, "expires": "3600", "contact_transport": "udp"}
    for user, callee, caller, calls, status in (
        ("11", "callee", "caller", ANSWERED, ""),
        ("12", "busy_callee", "refused_caller", BUSY, "486"),
    ):
        port = free_port()
        row = [user, sipp.digest(user, f"secret-{user}"), f"127.0.0.1:{port}"]
        sipp.run("register", place, box.address, users=[row], keys=keys)
        values = {"LINGER": "0", "STATUS": status}
        target = {"target": box.address, "users": [["10", sipp.digest("10", "secret-10"), user]]}
        with (
            Sipp(callee, place, port=port, calls=calls, values=values) as answering,
            Sipp(caller, place, **target, calls=calls, rate=10, keys=keys, values=values) as calling,  # type: ignore[arg-type]
        ):
            calling.succeed()
            answering.succeed()
    nobody = [["10", sipp.digest("10", "secret-10"), "99"]]
    options = {"users": nobody, "keys": keys, "calls": UNKNOWN, "values": {"STATUS": "480"}}
    sipp.run("refused_caller", place, box.address, **options)
    with box.phone("11", "secret-11", transport="tcp") as phone:
        assert phone.register().status == 200
    for _ in range(REFUSED):
        with box.phone("10", "guessed") as thief:
            assert thief.register().status in (401, 403)


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_a_query_finds_numbers(load: Load, target: Target) -> None:
    window = f"{math.ceil(load.ended - load.began)}s"
    found = load.prometheus.query(filled_in(target.expr, window), load.ended)
    if any(target.name.startswith(name) for name in NOTHING):
        assert found == []
        return
    assert found
    if target.name not in NO_NUMBER:
        assert any(math.isfinite(sample.value) for sample in found)
    if not target.instant:
        series = load.prometheus.query_range(filled_in(target.expr, "5s"), load.began, load.ended)
        assert series


def target(name: str) -> Target:
    return next(each for each in TARGETS if each.name == name)


CALLS = ANSWERED + BUSY + UNKNOWN


@pytest.mark.parametrize(
    ("name", "labels", "count"),
    [
        ("overview: Calls: let in", (), CALLS),
        ("overview: Calls: answered", (), ANSWERED),
        ("overview: Final responses: {{code}}", ("200",), ANSWERED),
        ("overview: Final responses: {{code}}", ("486",), BUSY),
        ("overview: Final responses: {{code}}", ("480",), UNKNOWN),
        # Two for each call: the first one is asked for a password.
        ("overview: Requests: {{method}}", ("INVITE",), 2 * CALLS),
        ("overview: Requests: {{method}}", ("BYE",), ANSWERED),
        ("overview: Requests: {{method}}", ("REGISTER",), 2 * (3 + REFUSED)),
        ("sip: Sent on: {{method}}", ("BYE",), ANSWERED),
        ("sip: Sent on: {{method}}", ("INVITE",), ANSWERED + BUSY),
        ("registrar: Registrations: {{result}}", ("added",), 3),
        ("registrar: Passwords that were wrong: {{reason}}", ("bad_response",), REFUSED),
        ("host: Accounting: {{result}}", ("written",), 2 * ANSWERED + BUSY + UNKNOWN),
    ],
)
def test_fifty_calls_are_fifty_calls(load: Load, name: str, labels: tuple[str, ...], count: int) -> None:
    """A rate knows the ends of its window only as well as there are samples: one a second."""
    grown = load.grown(target(name))
    assert abs(grown[labels] - count) <= 1 + 0.1 * count, grown


def test_a_table_counts_the_same(load: Load) -> None:
    grown = load.prometheus.query(
        filled_in(target("sip: Responses by method and code: __auto").expr, "120s"), load.ended
    )
    counts = {(each.labels["method"], each.labels["code"]): each.value for each in grown}
    assert abs(counts["INVITE", "200"] - ANSWERED) <= 0.1 * ANSWERED
    assert abs(counts["INVITE", "486"] - BUSY) <= 1.5


def test_what_is_told_as_a_state_is_exact(load: Load) -> None:
    def value(name: str) -> float:
        return load.prometheus.query(filled_in(target(f"{name}: __auto").expr), load.ended)[0].value

    assert value("overview: Phones") == 3
    assert value("overview: Server") == value("overview: Database") == 1
    assert value("overview: Calls now") == 0
    assert abs(value("overview: Answered") - ANSWERED / CALLS) < 0.05
    assert abs(value("overview: Reached") - 1) < 0.01
    assert value("overview: Failed") == 0


def test_a_ratio_that_was_recorded_is_there_over_time(load: Load) -> None:
    def recorded() -> list[Sample]:
        return load.prometheus.query("instance:sipbox_call_ser:ratio5m")

    found = wait_until("Prometheus has evaluated its rules", recorded)
    assert [each.labels["instance"] for each in found] == ["box"]
