"""The 200 OK means durable: processes killed in the middle of a load, a database that goes and comes back."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator

import pytest

from appliance.storage.durability import flush_settings
from appliance.storage.engine import Database
from tests.harness.crowd import Crowd
from tests.harness.mariadb import MariaDB
from tests.harness.message import Message
from tests.harness.phone import SDP, Phone, hang_up, talk
from tests.harness.ports import LOOPBACK
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

USERS = [f"u{number}" for number in range(1000, 1400)]
CONTACTS = "select username, contact from location"


@pytest.fixture
def private() -> Iterator[MariaDB]:
    """A MariaDB that the test may end."""
    with MariaDB() as server:
        yield server


@pytest.fixture
def fragile(private: MariaDB) -> Iterator[Sipbox]:
    """A server with its agent on that MariaDB, which notices within a second or two that it is away."""
    settings = {"database": {"connect_timeout_seconds": 1, "query_timeout_seconds": 2}}
    box = Sipbox(private.url("openser"), settings=settings, agent=True)
    try:
        box.create_database()
        # Before it starts: a row that has just been written is read again when the change log tells of it.
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        box.add_subscribers(dict.fromkeys(USERS, "secret"))
        yield box.start()
    finally:
        box.close()


def crowd_of(box: Sipbox) -> Crowd:
    return Crowd(USERS, proxy=box.address, domain=box.domain)


def assert_all_there(box: Sipbox, crowd: Crowd) -> None:
    """Everybody who was answered has the row that was answered, and is called there at once."""
    with box.phone("10", "secret-10") as caller:
        called = crowd.called_by(caller, list(crowd.answered))
    assert called == list(crowd.answered.values())
    contacts = crowd.contacts_in(box.sql(CONTACTS))
    missing = [user for user, contact in crowd.answered.items() if contact not in contacts.get(user, set())]
    assert not missing, f"{len(missing)} of {len(crowd.answered)} answered bindings have no row"


def refused_while_unknown(reply: Message) -> None:
    assert reply.status == 503, reply
    assert int(reply.get("Retry-After")) >= 1


# ------------------------------------------------------------------------------------------ killed under load


def test_every_answered_binding_survives_kill_9(box: Sipbox) -> None:
    box.add_subscribers(dict.fromkeys(USERS, "secret"))
    with crowd_of(box) as crowd:
        crowd.register(at=250, disaster=box.kill9)
        assert 250 <= len(crowd.answered) < len(USERS), "killed in the middle"
        box.start()
        assert_all_there(box, crowd)


def test_commits_reach_the_disk(box: Sipbox) -> None:
    """A process that is killed proves nothing about the disk; these settings do."""
    database = Database(box.database_url)
    try:
        settings = flush_settings(database)
    finally:
        database.close()
    if box.database_url.startswith("sqlite"):
        assert settings == {"journal_mode": "wal", "synchronous": "2"}
    else:
        assert settings["innodb_flush_log_at_trx_commit"] == "1"
        assert settings["innodb_doublewrite"] == "ON"


@pytest.mark.mariadb
def test_every_answered_binding_survives_kill_9_of_mariadb(fragile: Sipbox, private: MariaDB) -> None:
    """And of sipbox right behind it: what was answered meanwhile is in the spool."""
    with crowd_of(fragile) as crowd:
        crowd.register(1)
        before = dict(crowd.answered)
        assert len(before) == len(USERS)
        crowd.register(2, at=150, disaster=private.kill)
        fragile.kill9()
        private.start()
        fragile.start()
        wait_until("the spool is empty", lambda: fragile.status()["state"] == "ok", timeout=20, every=0.3)
        contacts = crowd.contacts_in(fragile.sql(CONTACTS))
        newer = {user: contact for user, contact in crowd.answered.items() if contact != before[user]}
        assert len(newer) > 150, "registrations went on without the database"
        for user, contact in newer.items():
            assert {before[user], contact} <= contacts[user]
        assert set(contacts) == set(USERS)


# --------------------------------------------------------------------------------------- the database is away


@pytest.mark.mariadb
def test_while_mariadb_is_away_known_subscribers_go_on(fragile: Sipbox, private: MariaDB) -> None:
    with (
        fragile.phone("10", "secret-10") as ten,
        fragile.phone("11", "secret-11") as eleven,
        fragile.phone("11", "secret-11") as moved,
        fragile.phone("12", "secret-12") as unknown,
    ):
        assert ten.register().status == eleven.register().status == 200
        private.stop()

        # 11 leaves its desk, comes back with another phone, and is called there.
        assert eleven.register(expires=0).status == 200
        assert moved.register(timeout=10).status == 200
        dialog, _ = talk(ten, moved)
        hang_up(ten, moved, dialog)
        eleven.silent(0.1)

        # Whom nobody knows yet is told to come back: neither refused, nor not found.
        refused_while_unknown(
            unknown.ask(unknown.request("REGISTER", "sip:127.0.0.1", to=f"<{unknown.aor}>"))
        )

        told = fragile.cli("status", check=False)
        assert told.returncode == 3
        assert "degraded" in told.stdout and "is away" in told.stdout
        status = fragile.status()
        assert status["state"] == "degraded"
        assert not status["database"]["available"] and status["database"]["spooled"] >= 2
        metrics = metrics_of(fragile)
        assert metrics["sipbox_database_up"] == 0 and metrics["sipbox_database_spool_rows"] >= 2
        assert "event=database-lost" in fragile.log

        # A power cut on top of it: nothing is lost.
        fragile.kill9()
        private.start()
        fragile.start()
        dialog, _ = talk(ten, moved)
        hang_up(ten, moved, dialog)
        wait_until("all is well", lambda: fragile.status()["state"] == "ok", every=0.3)
        assert fragile.cli("status").returncode == 0
        assert metrics_of(fragile)["sipbox_database_up"] == 1
        rows = fragile.sql("select username, contact from location order by username")
        assert rows == [("10", ten.contact), ("11", moved.contact)], "the removal came to the table too"


def metrics_of(box: Sipbox) -> dict[str, float]:
    """The metrics without labels, as Prometheus reads them."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{box.agent_port}/metrics", timeout=5) as page:
        text = page.read().decode()
    return {name: float(value) for name, value in re.findall(r"(?m)^(\w+) (\S+)$", text)}


@pytest.mark.mariadb
def test_it_starts_while_mariadb_is_away_and_says_503_until_it_knows(
    fragile: Sipbox, private: MariaDB
) -> None:
    with fragile.phone("10", "secret-10") as ten, fragile.phone("11", "secret-11") as eleven:
        assert ten.register().status == 200
        private.stop()
        assert ten.register(expires=1800).status == 200  # this goes into the spool
        fragile.kill9()

        fragile.start()

        # Nobody can be asked for a password, because nobody knows it.
        registration = eleven.request("REGISTER", "sip:127.0.0.1", to=f"<{eleven.aor}>")
        refused_while_unknown(eleven.ask(registration))
        # A stranger may call people here; where 11 is, nobody can know yet. What the spool holds is known.
        stranger = Phone("alice", proxy=fragile.address, domain="elsewhere.example")
        with stranger:
            # A domain that is not in the settings may be in a row.
            refused_while_unknown(stranger.register())
            for user in ("11", "nobody"):
                refused_while_unknown(
                    stranger.ask(stranger.request("INVITE", f"sip:{user}@127.0.0.1", body=SDP))
                )
            call = stranger.request("INVITE", "sip:10@127.0.0.1", body=SDP)
            stranger.send(call)
            incoming = ten.expect("INVITE")
            ten.reply(incoming, 486, "Busy Here")
            busy = stranger.final(call)
            assert busy.status == 486
            stranger.send(stranger.ack(call, busy))
            ten.expect("ACK")
            assert fragile.status()["state"] in ("starting", "degraded")
            assert fragile.cli("status", check=False).returncode == 3

            private.start()
            wait_until("all is well", lambda: fragile.status()["state"] == "ok", timeout=20, every=0.3)
            assert eleven.register().status == 200
            missing = stranger.ask(stranger.request("INVITE", "sip:nobody@127.0.0.1", body=SDP))
            assert missing.status == 480
            # The rows of domains are asked for once a second.
            wait_until("it is known that there are no others", lambda: stranger.register().status == 403)


@pytest.mark.mariadb
def test_the_database_comes_back_and_has_everything(fragile: Sipbox, private: MariaDB) -> None:
    """Without a restart of sipbox, and with the load going on all the time."""
    with crowd_of(fragile) as crowd:
        crowd.register(1)
        private.kill()
        crowd.register(2)
        assert set(crowd.answered) == set(USERS)
        private.start()
        crowd.register(3)
        wait_until("all is well", lambda: fragile.status()["state"] == "ok", timeout=20, every=0.3)
        contacts = crowd.contacts_in(fragile.sql(CONTACTS))
        for user in USERS:
            assert contacts[user] == {crowd.contact_of(user, generation) for generation in (1, 2, 3)}
    assert "event=database-back" in fragile.log


# ----------------------------------------------------------------------------------------------- less durable


def test_write_back_loses_at_most_what_was_not_written(box: Sipbox) -> None:
    box.write_settings({"registrar": {"location_mode": "write-back", "write_back_seconds": 3600}})
    box.restart()
    with box.phone("10", "secret-10") as ten, box.phone("11", "secret-11") as eleven:
        assert ten.register().status == 200
        assert box.sql(CONTACTS) == []
        box.stop()  # a stop in order writes all of it
        assert box.sql(CONTACTS) == [("10", ten.contact)]
        box.start()
        assert eleven.register().status == 200
        box.kill9()
        assert box.sql(CONTACTS) == [("10", ten.contact)], (
            "what was written is there; the rest was not promised"
        )
        box.start()
        assert [line["contact"] for line in registrations(box)] == [ten.contact]


def registrations(box: Sipbox) -> list[dict[str, object]]:
    return list(json.loads(box.cli("registration", "list", "--json").stdout))


# ----------------------------------------------------------------------------------------------------- expiry


def test_a_binding_ends_to_the_second_and_its_row_goes(box: Sipbox) -> None:
    box.write_settings({"registrar": {"min_expires": 1}})
    box.restart()
    with box.phone("10", "secret-10") as ten, box.phone("11", "secret-11") as eleven:
        assert eleven.register(expires=4).status == 200
        asked, answered = (passed.at for passed in eleven.history[-2:])  # counts from its arrival
        last_reached = answered
        while True:
            request = ten.request("INVITE", "sip:11@127.0.0.1", body=SDP)
            begun = time.monotonic()
            reply = decline(ten, eleven, request)
            if reply.status == 480:
                break
            assert reply.status == 486
            last_reached = begun
            wait_until("a moment later", lambda begun=begun: time.monotonic() > begun + 0.1)
        assert 2.0 < last_reached - answered < 4.05, "reached as long as it was promised"
        assert time.monotonic() - asked > 3.95 and begun - answered < 5.0, "and no longer"
        wait_until("the row is gone", lambda: box.sql(CONTACTS) == [], timeout=3)


def decline(caller: Phone, callee: Phone, request: Message) -> Message:
    """The final reply to an authenticated call, which the callee declines if it gets it."""
    caller.send(request)
    challenged = caller.final(request)
    caller.send(caller.ack(request, challenged))
    request = caller.authorized(request, challenged)
    caller.send(request)

    def arrived() -> bool:
        callee.take_in(0.01)
        caller.take_in(0.01)
        return any(message.method == "INVITE" for message in callee.unread if message.is_request) or any(
            message.status >= 200 for message in caller.unread
        )

    wait_until("an answer", arrived)
    if any(message.is_request and message.method == "INVITE" for message in callee.unread):
        callee.reply(callee.expect("INVITE"), 486, "Busy Here")
        callee.expect("ACK")
    reply = caller.final(request)
    caller.send(caller.ack(request, reply))
    return reply


def test_rows_that_died_while_nobody_looked_are_removed(box: Sipbox) -> None:
    with box.phone("10", "secret-10") as ten, box.phone("11", "secret-11") as eleven:
        assert ten.register().status == eleven.register().status == 200
        box.kill9()
        box.sql("update location set expires = '2007-04-22 18:46:09' where username = '11'")
        box.start()
        wait_until("the dead row is gone", lambda: len(box.sql(CONTACTS)) == 1)
        assert box.sql(CONTACTS) == [("10", ten.contact)]
        assert [line["contact"] for line in registrations(box)] == [ten.contact]
