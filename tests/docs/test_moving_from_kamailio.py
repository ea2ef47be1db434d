"""docs/moving-from-kamailio.md, typed with a database as Kamailio makes it: passwords go on."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from tests.docs.transcript import Transcript
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone
from tests.harness.sipbox import REPOSITORY, Sipbox

pytestmark = pytest.mark.mariadb

PAGE = REPOSITORY / "docs" / "moving-from-kamailio.md"
#: Where the page's phone is; here it is the test's.
THERE = "192.0.2.20:5060"

TABLES = """
create table version (table_name varchar(32) not null, table_version int unsigned default 0 not null);
insert into version values ('location', 9), ('subscriber', 7);
create table dbaliases (id int unsigned auto_increment primary key not null,
  alias_username varchar(64) default '' not null, alias_domain varchar(64) default '' not null,
  username varchar(64) default '' not null, domain varchar(64) default '' not null);
create table grp (id int unsigned auto_increment primary key not null,
  username varchar(64) default '' not null, domain varchar(64) default '' not null,
  grp varchar(64) default '' not null, last_modified datetime default '1900-01-01 00:00:01' not null);
create table domain (id int unsigned auto_increment primary key not null, domain varchar(64) not null,
  did varchar(64) default null, last_modified datetime default '1900-01-01 00:00:01' not null);
create table subscriber (id int unsigned auto_increment primary key not null,
  username varchar(64) default '' not null, domain varchar(64) default '' not null,
  password varchar(64) default '' not null, ha1 varchar(128) default '' not null,
  ha1b varchar(128) default '' not null, constraint account_idx unique (username, domain));
create table address (id int unsigned auto_increment primary key not null,
  grp int unsigned default 1 not null,
  ip_addr varchar(50) not null, mask int default 32 not null, port smallint unsigned default 0 not null,
  tag varchar(64));
create table location (id int unsigned auto_increment primary key not null, ruid varchar(64) not null,
  username varchar(64) not null, domain varchar(64), contact varchar(512) not null, received varchar(128),
  path varchar(512), expires datetime not null, q float(10, 2) default 1.0 not null,
  callid varchar(255) default 'a call' not null, cseq int default 1 not null, last_modified datetime not null,
  flags int default 0 not null, cflags int default 0 not null, user_agent varchar(255) default '' not null,
  socket varchar(64), methods int, instance varchar(255), reg_id int default 0 not null,
  server_id int default 0 not null, connection_id int default 0 not null);
"""


def ha1(user: str, realm: str, password: str) -> str:
    return hashlib.md5(f"{user}:{realm}:{password}".encode()).hexdigest()


ROWS = f"""
insert into domain (domain) values ('example.org'), ('example.net');
insert into subscriber (username, domain, password, ha1) values
  ('10', 'example.org', '', '{ha1("10", "example.org", "old-ten")}'),
  ('11', 'example.org', 'old eleven, in plain text', ''),
  ('10', 'example.net', 'not this one', '{ha1("10", "example.net", "old-net")}');
insert into dbaliases (alias_username, alias_domain, username, domain) values
  ('100', 'example.org', '10', 'example.org'), ('reception', 'example.org', '10', 'example.org'),
  ('old', 'example.org', 'gone', 'example.org');
insert into grp (username, domain, grp) values ('10', 'example.org', 'ld'), ('10', 'example.org', 'local'),
  ('11', 'example.org', 'premium');
insert into address (ip_addr, mask) values ('192.0.2.64', 28);
insert into location (ruid, username, domain, contact, received, expires, last_modified, socket) values
  ('a', '10', 'example.org', 'sip:10@{THERE}', null, now() + interval 1 hour, now(),
   'udp:198.51.100.1:5060'),
  ('b', '11', 'example.org', 'sip:11@10.0.0.7:5060', 'sip:203.0.113.5:41000', now() + interval 1 hour, now(),
   'udp:198.51.100.1:5060'),
  ('c', '10', 'example.org', 'sip:10@10.0.0.8:5062;transport=tls', null, now() + interval 1 hour, now(),
   'tls:198.51.100.1:5061'),
  ('d', '10', 'example.org', 'sip:10@192.0.2.21:5060', null, now() - interval 1 hour, now(), null);
"""


def test_who_comes_from_there_goes_on(mariadb: MariaDB, tmp_path: Path) -> None:
    with (
        Sipbox(settings={"sip": {"domains": ["127.0.0.1"]}}) as box,
        Phone("10", "old-ten", proxy=box.address, domain="example.org") as ten,
        Phone("11", "old eleven, in plain text", proxy=box.address, domain="example.org") as eleven,
    ):
        place = f"127.0.0.1:{ten.port}"
        mariadb.sql("drop database if exists kamailio; create database kamailio")
        mariadb.client(TABLES + ROWS.replace(THERE, place), database="kamailio")
        variables = {
            "SIPBOX_CONFIG": str(box.config),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(REPOSITORY),
        }
        here = {"/run/mysqld/mysqld.sock": str(mariadb.socket), THERE: place}
        with Transcript(PAGE, tmp_path, str(Path(sys.executable).parent), here, variables) as page:
            assert page.run() >= 5
        mariadb.sql("drop database kamailio")
        # He has not registered here.
        eleven.invite("reception")
        assert ten.expect("INVITE").uri == ten.contact
        for user, domain, password in (
            ("10", "example.org", "old-ten"),
            ("11", "example.org", "old eleven, in plain text"),
            ("10", "example.net", "old-net"),
        ):
            with Phone(user, password, proxy=box.address, domain=domain) as phone:
                assert phone.register().status == 200
            with Phone(user, "another", proxy=box.address, domain=domain) as phone:
                assert phone.register().status != 200
