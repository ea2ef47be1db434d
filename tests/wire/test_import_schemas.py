"""The databases of OpenSIPS 3 and OpenSER 1.2, by the columns that their SQL scripts make, read from MariaDB.

Kamailio's own tables are in ``test_import``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.errors import StorageError
from appliance.storage.importing import old_url, opened
from tests.harness.mariadb import MariaDB

pytestmark = pytest.mark.mariadb

VERSION = (
    "create table version (table_name char(32) not null, table_version int unsigned default 0 not null);"
)
ALIASES = """
create table dbaliases (id int auto_increment primary key, alias_username char(64), alias_domain char(64),
  username char(64), domain char(64));
create table grp (id int auto_increment primary key, username char(64), domain char(64), grp char(64));
insert into dbaliases (alias_username, alias_domain, username, domain) values
  ('100', 'a.example', '10', 'a.example');
insert into grp (username, domain, grp) values ('10', 'a.example', 'ld');
"""
OPENSIPS = f"""
{VERSION}{ALIASES}
insert into version values ('location', 1013), ('subscriber', 8), ('address', 5), ('domain', 4);
create table subscriber (id int auto_increment primary key, username char(64), domain char(64),
  password char(25) default '' not null, ha1 char(64) default '' not null,
  ha1_sha256 char(64) default '' not null, ha1_sha512t256 char(64) default '' not null);
create table domain (id int auto_increment primary key, domain char(64) default '' not null, attrs char(255),
  accept_subdomain int unsigned default 0 not null,
  last_modified datetime default '1900-01-01 00:00:01' not null);
create table address (id int auto_increment primary key, grp smallint unsigned default 0 not null,
  ip char(50) not null, mask smallint unsigned default 32 not null, port smallint unsigned default 0 not null,
  proto char(4) default 'any' not null, pattern char(64), context_info char(32));
create table location (contact_id bigint unsigned auto_increment primary key not null,
  username char(64) default '' not null, domain char(64), contact text not null, received char(255),
  path char(255), expires int unsigned not null, q float(10,2) default 1.0 not null,
  callid char(255) default 'Default-Call-ID' not null, cseq int default 13 not null,
  last_modified datetime default '1900-01-01 00:00:01' not null, flags int default 0 not null,
  cflags char(255), user_agent char(255) default '' not null, socket char(64), methods int,
  sip_instance char(255), kv_store text(512), attr char(255));
insert into subscriber (username, domain, ha1, ha1_sha512t256) values ('10', 'a.example', repeat('a', 32),
  repeat('b', 64));
insert into domain (domain, attrs) values ('a.example', 'x=1');
insert into address (grp, ip, mask) values (1, '192.0.2.0', 24);
insert into location (username, domain, contact, expires, last_modified, sip_instance) values
  ('10', 'a.example', 'sip:10@192.0.2.5', unix_timestamp() + 600, now(), '"<urn:uuid:1>"');
"""
OPENSER = f"""
{VERSION}{ALIASES}
insert into version values ('location', 1004), ('subscriber', 6), ('trusted', 4), ('domain', 1);
create table subscriber (id int auto_increment primary key, username varchar(64), domain varchar(128),
  password varchar(25) default '' not null, first_name varchar(25) default '' not null,
  last_name varchar(45) default '' not null, email_address varchar(50) default '' not null,
  datetime_created datetime, ha1 varchar(128) default '' not null, ha1b varchar(128) default '' not null,
  timezone varchar(128), rpid varchar(128), phplib_id varchar(32));
create table domain (id int auto_increment primary key, domain varchar(128) default '' not null,
  last_modified datetime);
create table trusted (id int auto_increment primary key, src_ip varchar(39) not null,
  proto varchar(4) not null, from_pattern varchar(64), tag varchar(32));
create table location (id int auto_increment primary key, username varchar(64), domain varchar(128),
  contact varchar(255) default '' not null, received varchar(255), path varchar(255),
  expires datetime not null, q float(10,2) default 1.0 not null, callid varchar(255) not null,
  cseq int not null, last_modified datetime not null, flags int, cflags int,
  user_agent varchar(255) default '' not null, socket varchar(128), methods int);
insert into subscriber (username, domain, password, first_name, phplib_id) values
  ('10', '', 'secret', 'Ann', 'x');
insert into domain (domain) values ('a.example');
insert into trusted (src_ip, proto) values ('192.0.2.9', 'any');
insert into location (username, domain, contact, expires, callid, cseq, last_modified) values
  ('10', '', 'sip:10@192.0.2.5', now() + interval 600 second, 'a call', 3, now());
"""


@pytest.fixture
def reader(mariadb: MariaDB) -> Iterator[MariaDB]:
    """A user who may only read, and no database yet."""
    mariadb.sql("drop database if exists old; create database old; create user reader@localhost")
    mariadb.sql("grant select on old.* to reader@localhost")
    yield mariadb
    mariadb.sql("drop database old; drop user reader@localhost")


def url(server: MariaDB) -> str:
    return f"mysql://reader@localhost/old?unix_socket={server.socket}"


def rows(server: MariaDB, table: str, time_zone: str | None = None) -> list[dict[str, Any]]:
    with opened(old_url(url(server)), time_zone=time_zone) as found:
        return list(found.rows(table))


def test_opensips(reader: MariaDB) -> None:
    reader.client(OPENSIPS, database="old")
    with opened(old_url(url(reader))) as found:
        assert found.kind == "OpenSIPS"
        assert [found.count(table) for table in ("domain", "subscriber", "trusted", "location")] == [
            1,
            1,
            0,
            1,
        ]
        assert found.domains() == ["a.example"]
        assert [row["ha1_sha512_256"] for row in found.rows("subscriber")] == ["b" * 64]
        assert [row["attrs"] for row in found.rows("domain")] == ["x=1"]
        assert [row["ip_addr"] for row in found.rows("address")] == ["192.0.2.0"]
        assert list(found.rows("trusted")) == []
        (phone,) = found.rows("location")
    assert phone["instance"] == '"<urn:uuid:1>"'
    assert abs(phone["expires"] - phone["last_modified"] - 600) <= 1
    assert "reg_id" not in phone


def test_openser(reader: MariaDB) -> None:
    reader.client(OPENSER, database="old")
    with opened(old_url(url(reader))) as found:
        assert found.kind == "OpenSER"
    assert rows(reader, "subscriber")[0]["first_name"] == "Ann"
    assert rows(reader, "trusted")[0]["src_ip"] == "192.0.2.9"
    (phone,) = rows(reader, "location")
    assert 0 < phone["expires"] - time.time() <= 601
    # The same moments, written by a machine five hours east of the database's own zone.
    (zone,) = reader.sql("select timestampdiff(second, utc_timestamp(), now())")
    hours = round(int(zone[0]) / 3600) + 5
    (moved,) = rows(reader, "location", f"{hours:+03d}:00")
    assert phone["expires"] - moved["expires"] == 5 * 3600


def test_what_is_none_of_them_is_refused_in_one_line(reader: MariaDB) -> None:
    with pytest.raises(StorageError, match="cannot be read: it is none of Kamailio's"):
        rows(reader, "subscriber")
    reader.client(VERSION + "insert into version values ('location', 9);", database="old")
    reader.client(
        "create table subscriber (username int, domain int); create table grp (a int)", database="old"
    )
    with pytest.raises(StorageError, match="its table grp has no column username"):
        rows(reader, "subscriber")
    with (
        pytest.raises(StorageError, match=r"the old database says .*Access denied"),
        opened(old_url(url(reader).replace("/old?", "/mysql?"))),
    ):
        pass
