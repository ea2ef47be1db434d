"""The SQL of the OpenSER document, typed into the mysql client one by one, and what it shows.

MariaDB runs in its default, strict mode. What differs from the document is said in each test: we make no
``admin`` (his id, 1, stays free), and there may be further tables and columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.storage import schema
from tests.harness.mariadb import MariaDB

pytestmark = pytest.mark.mariadb

# The document's 37 tables.
TABLES = [
    "acc", "active_sessions", "active_watchers", "address", "admin_privileges", "aliases", "cpl",
    "dbaliases", "domain", "domainpolicy", "grp", "gw", "gw_grp", "imc_members", "imc_rooms", "lcr",
    "location", "missed_calls", "pdt", "pending", "phonebook", "presentity", "pua", "re_grp",
    "server_monitoring", "server_monitoring_agg", "silo", "sip_trace", "speed_dial", "subscriber",
    "trusted", "uri", "usr_preferences", "usr_preferences_types", "version", "watchers", "xcap_xml",
]  # fmt: skip

# Field, Type, Null, Key: the document's `describe subscriber`.
DESCRIBED = """
| id                | int(10) unsigned | NO   | PRI |
| username          | varchar(64)      | NO   | MUL |
| domain            | varchar(128)     | NO   |     |
| password          | varchar(25)      | NO   |     |
| first_name        | varchar(25)      | NO   |     |
| last_name         | varchar(45)      | NO   |     |
| email_address     | varchar(50)      | NO   |     |
| datetime_created  | datetime         | NO   |     |
| ha1               | varchar(128)     | NO   |     |
| ha1b              | varchar(128)     | NO   |     |
| timezone          | varchar(128)     | YES  |     |
| rpid              | varchar(128)     | YES  |     |
| phplib_id         | varchar(32)      | NO   | UNI |
| phone             | varchar(15)      | NO   |     |
| datetime_modified | datetime         | NO   |     |
| confirmation      | varchar(64)      | NO   |     |
| flag              | char(1)          | NO   |     |
| sendnotification  | varchar(50)      | NO   |     |
| greeting          | varchar(50)      | NO   |     |
| allow_find        | char(1)          | NO   |     |
"""


@pytest.fixture(scope="module")
def openser(mariadb: MariaDB) -> Iterator[MariaDB]:
    """The database ``openser`` with all groups, as the document's script makes it."""
    url = mariadb.url("openser")
    schema.create(url, schema.GROUPS)
    yield mariadb
    schema.drop(url)


def typed(server: MariaDB, statement: str) -> str:
    """What the mysql client prints, boxes and all."""
    return server.client(statement, "--table", "-vvv", database="openser")


def test_the_server_is_strict_as_it_comes(openser: MariaDB) -> None:
    ((mode,),) = openser.sql("select @@sql_mode")
    assert "STRICT_TRANS_TABLES" in mode


def test_show_databases(openser: MariaDB) -> None:
    names = {name for (name,) in openser.sql("show databases;")}
    assert {"information_schema", "mysql", "openser"} <= names


def test_show_tables_has_all_37(openser: MariaDB) -> None:
    shown = [name for (name,) in openser.sql("use openser; show tables;")]
    assert len(TABLES) == 37
    assert set(TABLES) <= set(shown)
    # What is ours beside them:
    ours = {"alembic_version", "cdrs", "change_log", "domain_attrs", "phone", "phone_line", "phone_seen"}
    assert set(shown) - set(TABLES) == ours


def test_describe_subscriber(openser: MariaDB) -> None:
    shown = [" ".join(row[:4]).split() for row in openser.sql("describe subscriber;", "openser")]
    wanted = [line.replace("|", " ").split() for line in DESCRIBED.strip().splitlines()]
    assert shown[: len(wanted)] == wanted


def test_there_is_no_account_before_somebody_makes_one(openser: MariaDB) -> None:
    assert openser.sql("select * from subscriber", "openser") == []
    assert openser.sql("select * from admin_privileges", "openser") == []


def test_subscribers_are_typed_in(openser: MariaDB) -> None:
    """Chapter 4.2.1: two columns, then the phplib_id, then a second subscriber with one."""
    said = typed(openser, "insert into subscriber (username,password) VALUES ('10','abc10');")
    assert "Query OK, 1 row affected" in said
    assert "Warning" not in said

    assert openser.sql("select id,username,password from subscriber;", "openser") == [("2", "10", "abc10")]

    said = typed(openser, "update subscriber set phplib_id='070418-1235-aa' where id='2';")
    assert "Query OK, 1 row affected" in said
    assert "Rows matched: 1  Changed: 1  Warnings: 0" in said
    assert openser.sql("select id,username,password,phplib_id from subscriber;", "openser") == [
        ("2", "10", "abc10", "070418-1235-aa")
    ]

    said = typed(
        openser,
        "insert into subscriber (username,password,phplib_id) values ('11','abc11','070418-1256-aa');",
    )
    assert "Query OK, 1 row affected" in said
    shown = typed(openser, "select id,username,password,phplib_id from subscriber;")
    assert "|  2 | 10       | abc10    | 070418-1235-aa |" in shown
    assert "|  3 | 11       | abc11    | 070418-1256-aa |" in shown


def test_two_subscribers_with_two_columns_each(openser: MariaDB) -> None:
    """In the document the second one would have met the empty phplib_id of the first."""
    openser.sql("insert into subscriber (username,password) VALUES ('20','abc20');", "openser")
    openser.sql("insert into subscriber (username,password) VALUES ('21','abc21');", "openser")
    ids = openser.sql("select phplib_id from subscriber where username in ('20','21')", "openser")
    assert len(set(ids)) == 2
    assert all(len(token) == 32 for (token,) in ids)


def test_select_from_location(openser: MariaDB) -> None:
    """Chapters 3 and 4.2.4, with the rows as the registrar's columns have them."""
    openser.sql(
        "insert into location (id,username,contact,user_agent) values"
        " (12,'10','sip:10@192.168.1.10','Grandstream BT110 1.0.8.33'),"
        " (13,'11','sip:11@192.168.1.11','Grandstream BT110 1.0.8.33');",
        "openser",
    )
    shown = typed(openser, "select username,contact,user_agent from location;")
    assert "| username | contact             | user_agent                 |" in shown
    assert "| 11       | sip:11@192.168.1.11 | Grandstream BT110 1.0.8.33 |" in shown
    assert "| 10       | sip:10@192.168.1.10 | Grandstream BT110 1.0.8.33 |" in shown

    openser.sql("delete from location where username='11'", "openser")
    shown = typed(openser, "select id,username,contact,user_agent from location;")
    assert "| id | username | contact             | user_agent                 |" in shown
    assert "| 12 | 10       | sip:10@192.168.1.10 | Grandstream BT110 1.0.8.33 |" in shown
    assert "1 row in set" in shown
