"""A whole Kamailio moves: a thousand registered phones call one another without registering again, and two
hundred thousand need no more memory than two thousand."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.furnished_kamailio import DOMAIN, furnished_kamailio, phone_of
from tests.harness.mariadb import MariaDB
from tests.harness.phone import hang_up, talk
from tests.harness.sipbox import Sipbox
from tests.harness.template import mariadb_database

pytestmark = [pytest.mark.mariadb, pytest.mark.endurance]

MANY = 1000


@pytest.fixture
def open_files() -> Iterator[None]:
    """A socket for each phone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * MANY)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("open_files")
def test_a_thousand_phones_do_not_register_again(mariadb: MariaDB, tmp_path: Path) -> None:
    where = tmp_path / "old"
    where.write_text(f"mysql://root@localhost/kamailio?unix_socket={mariadb.socket}\n")
    with (
        furnished_kamailio(mariadb, MANY) as kamailio,
        Sipbox(mariadb_database(mariadb)) as box,
        ExitStack() as stack,
    ):
        phones = [stack.enter_context(phone_of(kamailio, n)) for n in range(MANY)]
        for phone in phones:
            assert phone.register(expires=3600).status == 200
        kamailio.stop()
        done = json.loads(box.cli("import", "--from", str(where), "--apply", "--json", timeout=300).stdout)
        assert (done["added"]["subscribers"], done["added"]["phones"]) == (MANY, MANY)
        for phone in phones:
            phone.proxy = box.address
        for caller, callee in zip(phones, phones[1:] + phones[:1], strict=True):
            dialog, _ = talk(caller, callee)
            hang_up(caller, callee, dialog)
        listed = json.loads(box.cli("registration", "list", "--user", DOMAIN, "--json").stdout)
        assert len(listed) == MANY


#: Runs the command, and says with how much memory (kilobytes) it got along.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def crowd(server: MariaDB, count: int) -> None:
    """A Kamailio's tables with so many subscribers; each has an alias, a permission and a phone."""
    server.sql("drop database if exists old; create database old")
    server.client(
        f"""
        create table version (table_name varchar(32), table_version int unsigned);
        insert into version values ('location', 9);
        create table subscriber (id int primary key, username varchar(64), domain varchar(64),
          ha1 varchar(128));
        create table dbaliases (id int primary key, alias_username varchar(64), alias_domain varchar(64),
          username varchar(64), domain varchar(64));
        create table grp (id int primary key, username varchar(64), domain varchar(64), grp varchar(64));
        create table location (id int primary key, username varchar(64), domain varchar(64),
          contact varchar(512), received varchar(255), expires datetime, callid varchar(255), cseq int,
          last_modified datetime, user_agent varchar(255), socket varchar(64), connection_id int);
        insert into subscriber select seq, concat('u', seq), 'a.example', md5(seq) from seq_1_to_{count};
        insert into dbaliases select seq, concat('9', seq), 'a.example', concat('u', seq), 'a.example'
          from seq_1_to_{count};
        insert into grp select seq, concat('u', seq), 'a.example', 'ld' from seq_1_to_{count};
        insert into location select seq, concat('u', seq), 'a.example',
          concat('sip:u', seq, '@192.0.2.', seq % 250, ':5060'), null, now() + interval 5 hour,
          concat('call-', seq), 1, now(), 'a phone', 'udp:192.0.2.1:5060', null from seq_1_to_{count};
        """,
        database="old",
    )


@pytest.mark.timeout(1800)
def test_two_hundred_thousand_need_no_more_memory_than_two_thousand(mariadb: MariaDB, tmp_path: Path) -> None:
    where = tmp_path / "old"
    where.write_text(f"mysql://root@localhost/old?unix_socket={mariadb.socket}\n")
    needed = []
    with Sipbox(mariadb_database(mariadb)) as box:
        box.stop()
        for count in (2_000, 200_000):
            crowd(mariadb, count)
            command = [
                sys.executable,
                "-m",
                "appliance",
                "--config",
                str(box.config),
                "import",
                "--from",
                str(where),
            ]
            done = subprocess.run(
                [sys.executable, "-c", MEASURED, *command, "--apply"],
                env=box.environment,
                cwd=box.program,
                capture_output=True,
                text=True,
                check=True,
            )
            assert "left: 0" in done.stderr, done.stderr
            needed.append(int(done.stdout))
        assert box.sql("select count(*) from location") == [(200_000,)]
    mariadb.sql("drop database old")
    assert needed[1] < needed[0] + 30_000, needed
