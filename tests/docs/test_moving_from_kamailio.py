"""docs/moving-from-kamailio.md, typed with databases as Kamailio and OpenSIPS make them: passwords go on."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.transcript import Transcript
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone
from tests.harness.sipbox import REPOSITORY, Sipbox

pytestmark = pytest.mark.mariadb

PAGE = REPOSITORY / "docs" / "moving-from-kamailio.md"

SHARED = """
create table dbaliases (id int unsigned auto_increment primary key not null,
  alias_username varchar(64) default '' not null, alias_domain varchar(64) default '' not null,
  username varchar(64) default '' not null, domain varchar(64) default '' not null);
create table grp (id int unsigned auto_increment primary key not null,
  username varchar(64) default '' not null, domain varchar(64) default '' not null,
  grp varchar(64) default '' not null, last_modified datetime default '1900-01-01 00:00:01' not null);
create table domain (id int unsigned auto_increment primary key not null, domain varchar(64) not null,
  {domain}, last_modified datetime default '1900-01-01 00:00:01' not null);
create table subscriber (id int unsigned auto_increment primary key not null,
  username varchar(64) default '' not null, domain varchar(64) default '' not null,
  password varchar(64) default '' not null, {subscriber},
  constraint account_idx unique (username, domain));
"""
#: The columns in which the two differ, as their newest releases have them.
SCHEMAS = {
    "kamailio": SHARED.format(
        domain="did varchar(64) default null",
        subscriber="ha1 varchar(128) default '' not null, ha1b varchar(128) default '' not null",
    ),
    "opensips": SHARED.format(
        domain="attrs char(255) default null, accept_subdomain int unsigned default 0 not null",
        subscriber="ha1 char(64) default '' not null, ha1_sha256 char(64) default '' not null,"
        " ha1_sha512t256 char(64) default '' not null, email_address varchar(64) default '' not null,"
        " rpid varchar(64) default null",
    ),
}


def ha1(user: str, realm: str, password: str) -> str:
    return hashlib.md5(f"{user}:{realm}:{password}".encode()).hexdigest()


ROWS = f"""
insert into domain (domain) values ('example.org'), ('example.net');
insert into subscriber (username, domain, password, ha1) values
  ('10', 'example.org', '', '{ha1("10", "example.org", "old-ten")}'),
  ('11', 'example.org', 'old eleven, in plain text', ''),
  ('10', 'example.net', 'not this one', '{ha1("10", "example.net", "old-net")}');
insert into dbaliases (alias_username, alias_domain, username, domain) values
  ('100', 'example.org', '10', 'example.org'), ('reception', 'example.org', '10', 'example.org');
insert into grp (username, domain, grp) values ('10', 'example.org', 'ld'), ('10', 'example.org', 'local');
"""


@pytest.fixture(params=SCHEMAS)
def old_database(request: pytest.FixtureRequest, mariadb: MariaDB) -> Iterator[str]:
    """The database ``kamailio`` of the page; OpenSIPS's has the same name here."""
    mariadb.sql("drop database if exists kamailio; create database kamailio")
    mariadb.client(SCHEMAS[request.param] + ROWS, database="kamailio")
    yield request.param
    mariadb.sql("drop database kamailio")


def test_who_comes_from_there_goes_on(old_database: str, mariadb: MariaDB, tmp_path: Path) -> None:
    with Sipbox(settings={"sip": {"domains": ["127.0.0.1"]}}) as box:
        variables = {
            "SIPBOX_CONFIG": str(box.config),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(REPOSITORY),
        }
        (tmp_path / ".my.cnf").write_text(f"[client]\nsocket = {mariadb.socket}\n")
        with Transcript(PAGE, tmp_path, str(Path(sys.executable).parent), {}, variables) as page:
            assert page.run() >= 8
        for user, domain, password in (
            ("10", "example.org", "old-ten"),
            ("11", "example.org", "old eleven, in plain text"),
            ("10", "example.net", "old-net"),
        ):
            with Phone(user, password, proxy=box.address, domain=domain) as phone:
                assert phone.register().status == 200
            with Phone(user, "another", proxy=box.address, domain=domain) as phone:
                assert phone.register().status != 200
        with Phone("10", "old-ten", proxy=box.address, domain="example.org") as ten:
            assert ten.register().status == 200
            with Phone("11", "old eleven, in plain text", proxy=box.address, domain="example.org") as eleven:
                eleven.invite("reception")
                assert ten.expect("INVITE").uri == ten.contact
