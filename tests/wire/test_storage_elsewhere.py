"""A box without rows makes the tables at other hosts with the account that it has there, and serves phones.

The members are on loopback, asked by TLS. The account is made by the statements of the role database.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.engine import make_url

from appliance.errors import DatabaseRefused, DatabaseUnavailable
from appliance.storage import schema
from appliance.storage.engine import Database
from tests.harness.debian_box import REPOSITORY
from tests.harness.galera import Galera
from tests.harness.mariadb import MariaDB
from tests.harness.member_certificate import written
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

PASSWORD = "made-for-tests"
KEY = "0123456789abcdef" * 4
TEMPLATE = (REPOSITORY / "templates/mariadb.cnf.j2").read_text()
ROLE = yaml.safe_load((REPOSITORY / "roles/database/tasks/guests.yml").read_text())
ASK, LET_IN = (
    task["ansible.builtin.command"]["stdin"].replace("{{ database_guest_password }}", PASSWORD)
    for task in ROLE
)


Url = Callable[[MariaDB], str]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("members") / "ours", KEY)


@pytest.fixture(scope="module")
def url(certificates: Path) -> Url:
    """How a member is asked, as the role sip has it."""
    query = f"ssl_ca={certificates}/certificate.pem&ssl_check_hostname=false"
    return lambda member: f"mysql+pymysql://sipbox:{PASSWORD}@127.0.0.1:{member.port}/openser?{query}"


@pytest.fixture(scope="module")
def cluster(certificates: Path) -> Iterator[Galera]:
    """As the role sets members up that are asked by boxes without rows."""
    settings = dict(
        line.split(" = ") for line in TEMPLATE.splitlines() if line.startswith(("log_bin_", "ssl_"))
    )
    options = [
        f"--{name.replace('_', '-')}={value.replace('{{ database_tls }}', str(certificates))}"
        for name, value in settings.items()
    ]
    assert len(options) == 4, options
    with Galera(3, options=options) as made:
        yield made


@pytest.fixture(scope="module")
def box(cluster: Galera, url: Url) -> Iterator[Sipbox]:
    """Its settings name the members; there are no tables before it has made them."""
    first, *others = cluster.members
    assert first.sql(ASK) == [("CREATE USER",), ("GRANT",)]
    first.client(LET_IN)
    assert first.sql(ASK) == [], "what was done is not done again"
    settings = {"database": {"others": [url(member) for member in others], "connect_timeout_seconds": 2}}
    with Sipbox(url(first), settings=settings) as made:
        for user in ("10", "11"):
            made.cli("subscriber", "add", user, typed=f"secret-{user}\n")
        yield made


def test_its_account_makes_the_tables_and_is_nobody_to_the_server(
    cluster: Galera, box: Sipbox, url: Url
) -> None:
    for member in cluster.members:
        assert schema.status(url(member)).ready
    server = Database(make_url(url(cluster.members[0])).set(database=""))
    try:
        for statement in (
            "CREATE USER other@'%'",
            "CREATE DATABASE other",
            "SELECT * FROM mysql.global_priv",
        ):
            with pytest.raises(DatabaseRefused):
                server.run(lambda connection, said=statement: connection.execute(text(said)))
    finally:
        server.close()


def test_nobody_is_believed_to_be_a_member_who_has_another_certificate(
    cluster: Galera, box: Sipbox, url: Url, tmp_path: Path
) -> None:
    first = cluster.members[0]
    asked = "select count(*) from information_schema.processlist where user = 'sipbox'"
    encrypted = (
        "select variable_value from information_schema.global_status where variable_name = 'ssl_accepts'"
    )
    assert int(first.sql(encrypted)[0][0]) >= int(first.sql(asked)[0][0]) > 0
    other = written(tmp_path / "theirs", "f" * 64)
    theirs = Database(re.sub("ssl_ca=[^&]*", f"ssl_ca={other}/certificate.pem", url(first)))
    try:
        with pytest.raises(DatabaseUnavailable, match="certificate"):
            theirs.run(lambda connection: connection.execute(text("SELECT 1")).scalar())
    finally:
        theirs.close()


def test_phones_register_and_call_while_the_first_member_is_away(
    cluster: Galera, box: Sipbox, url: Url
) -> None:
    first, second, _ = cluster.members
    with box.phone("10", "secret-10") as caller, box.phone("11", "secret-11") as callee:
        assert caller.register().status == callee.register().status == 200
        first.stop()
        try:
            hang_up(caller, callee, talk(caller, callee)[0])
            waited = seconds_to_register(callee)
            print(f"registered after {waited:.1f} s")
            assert waited < 10
            hang_up(caller, callee, talk(caller, callee)[0])
            assert f"asked at {make_url(url(second)).host}: the member before it" in box.log
            assert second.sql("select username from openser.location order by 1") == [("10",), ("11",)]
            # What is done at one member from its begin to its end.
            assert "ready" in box.cli("database", "status").stdout
        finally:
            first.start(60)
        cluster.wait_for_size(3)
        wait_until("the first one is asked again", lambda: "it is well again" in box.log, timeout=60)
        assert callee.register().status == 200


def seconds_to_register(phone: Phone) -> float:
    """From the first try to the one that is answered."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        try:
            if phone.register().status == 200:
                break
        except AssertionError:
            phone.unread.clear()
    return time.monotonic() - began
