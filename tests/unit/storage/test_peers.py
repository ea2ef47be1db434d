from __future__ import annotations

import pytest

from appliance.errors import StorageError
from appliance.storage.changes import Change, ChangeLog
from appliance.storage.engine import Database
from appliance.storage.peers import Address, Gateway, Peers, Route, Rows, Trusted
from tests.unit.storage.made import sql


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def peers(database: Database, warnings: list[str]) -> Peers:
    return Peers(database, warnings.append)


def test_the_rows_of_all_four_tables(database: Database, peers: Peers, warnings: list[str]) -> None:
    sql(database, "insert into gw_grp (grp_id, grp_name) values (1, 'carrier')")
    sql(
        database,
        "insert into gw (gw_name, grp_id, ip_addr, port, uri_scheme, transport, strip, prefix, hostname)"
        " values ('one', 1, '192.0.2.9', 5070, 1, 2, 1, '+49', 'sip.carrier.example'),"
        " ('two', 2, '2001:DB8::9', null, null, null, null, null, null)",
    )
    sql(
        database,
        "insert into lcr (prefix, from_uri, grp_id, priority) values ('00', null, 1, 5), (null, 'x', 2, 9)",
    )
    sql(
        database,
        "insert into trusted (src_ip, proto, from_pattern, tag) values"
        " ('192.0.2.1', 'UDP', '^sip:', 'int'), ('192.0.2.2', '', null, null)",
    )
    sql(database, "insert into address (grp, ip_addr, mask, port) values (1, '192.0.2.0', 24, 5060)")
    peers.load()
    assert peers.rows == Rows(
        (
            Gateway(1, "one", 1, "carrier", "192.0.2.9", 5070, "tcp", 1, "+49", "sip.carrier.example"),
            Gateway(2, "two", 2, "", "2001:db8::9", 0, "", 0, "", ""),
        ),
        (Route(1, "00", "", 1, 5), Route(2, "", "x", 2, 9)),
        (Trusted(1, "192.0.2.1", "udp", "^sip:", "int"), Trusted(2, "192.0.2.2", "any", "", "")),
        (Address(1, 1, "192.0.2.0", 24, 5060),),
    )
    assert peers.has_gateways()
    assert warnings == []


def test_what_cannot_be_used_is_left_out_and_told_once(
    database: Database, peers: Peers, warnings: list[str]
) -> None:
    sql(
        database,
        "insert into gw (gw_name, grp_id, ip_addr, transport, uri_scheme) values"
        " ('name', 1, 'gw.example', 1, 1), ('sctp', 1, '192.0.2.9', 4, 1),"
        " ('sips', 1, '192.0.2.9', 1, 2), ('good', 1, '192.0.2.10', 1, 1)",
    )
    sql(database, "insert into trusted (src_ip, proto) values ('somewhere', 'any')")
    sql(database, "insert into address (ip_addr, mask) values ('192.0.2.0', 200)")
    peers.load()
    peers.load()
    assert [gateway.name for gateway in peers.rows.gateways] == ["good"]
    assert (peers.rows.trusted, peers.rows.addresses) == ((), ())
    assert len(warnings) == 5
    assert all("left out" in warning for warning in warnings)


def test_who_watches_is_told_now_and_when_something_has_changed(database: Database, peers: Peers) -> None:
    told: list[Rows] = []
    peers.watch(told.append)
    assert told == [Rows()]
    peers.load()
    assert told == [Rows()]  # nothing is there, so nothing has changed
    sql(database, "insert into gw (gw_name, grp_id, ip_addr) values ('one', 1, '192.0.2.9')")
    peers.follow([Change("grp", "10", "example.com")])
    assert len(told) == 1
    peers.follow([Change("gw", "", "")])
    assert [len(rows.gateways) for rows in told] == [0, 1]
    sql(database, "delete from gw")
    peers.forget_all()
    peers.follow([])
    assert [len(rows.gateways) for rows in told] == [0, 1, 0]


@pytest.mark.parametrize(
    ("table", "insert", "change"),
    [
        ("gw", "(gw_name, ip_addr) values ('one', '192.0.2.9')", "gw_name = 'other'"),
        ("gw_grp", "(grp_name) values ('one')", "grp_name = 'other'"),
        ("lcr", "(prefix, grp_id) values ('0', 1)", "prefix = '1'"),
        ("trusted", "(src_ip, proto) values ('192.0.2.9', 'any')", "proto = 'udp'"),
        ("address", "(ip_addr) values ('192.0.2.9')", "mask = 24"),
    ],
)
def test_plain_sql_is_told_by_the_change_log(
    database: Database, table: str, insert: str, change: str
) -> None:
    log = ChangeLog(database)
    log.poll()
    for statement in (
        f"insert into {table} {insert}",
        f"update {table} set {change}",
        f"delete from {table}",
    ):
        sql(database, statement)
        assert {entry.table for entry in log.poll()} == {table}


def test_what_could_not_be_read_is_read_later(database: Database, peers: Peers) -> None:
    peers.load()
    sql(database, "insert into lcr (prefix, grp_id) values ('0', 1)")
    sql(database, "alter table gw_grp rename to elsewhere")
    with pytest.raises(StorageError):
        peers.follow([Change("lcr", "", "")])
    assert peers.rows.routes == ()
    sql(database, "alter table elsewhere rename to gw_grp")
    peers.follow([])
    assert [route.prefix for route in peers.rows.routes] == ["0"]
