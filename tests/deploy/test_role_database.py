"""The role database, on a deployed box: MariaDB that nobody reaches but through its socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def box(request: pytest.FixtureRequest, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(request.param).boot() as copy:
        yield copy


@pytest.fixture(scope="module")
def host(box: BootedBox) -> Any:
    return box.host()


def sql(box: BootedBox, statement: str, user: str = "root") -> list[str]:
    done = box.ssh(f"runuser -u {user} -- mariadb --batch --skip-column-names", typed=statement)
    return done.stdout.splitlines()


def test_mariadb_runs_and_is_started_at_boot(host: Any) -> None:
    assert host.package("mariadb-server").is_installed
    assert host.service("mariadb").is_running
    assert host.service("mariadb").is_enabled


def test_nobody_listens_on_the_network(box: BootedBox, host: Any) -> None:
    assert not {
        listener
        for listener in box.listeners()
        if listener[2] in ("mariadbd", "rpcbind") or listener[1] == 3306
    }
    assert host.file("/run/mysqld/mysqld.sock").is_socket
    for unit in ("mariadb.socket", "mariadb-extra.socket"):
        assert host.file(f"/etc/systemd/system/{unit}").linked_to == "/dev/null"
    assert sql(box, "SELECT @@skip_networking") == ["1"]


def test_no_package_came_that_is_only_recommended(host: Any) -> None:
    for package in ("rpcbind", "mariadb-plugin-provider-bzip2", "libhtml-template-perl"):
        assert not host.package(package).is_installed


def test_settings_are_root_s_and_hold(box: BootedBox, host: Any) -> None:
    file = host.file("/etc/mysql/mariadb.conf.d/90-sipbox.cnf")
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)
    assert sql(box, "SELECT @@innodb_flush_log_at_trx_commit, @@local_infile, @@skip_name_resolve") == [
        "1\t0\t1"
    ]
    assert sql(box, "SELECT @@innodb_buffer_pool_size = @@innodb_buffer_pool_size_max") == ["1"]


def test_there_are_no_accounts_but_those_that_are_needed(box: BootedBox) -> None:
    accounts = set(sql(box, "SELECT CONCAT(user, '@', host) FROM mysql.user"))
    ours = {"root@localhost", "sipbox@localhost", "sipbox-agent@localhost"}
    assert ours <= accounts
    # MariaDB's own, which nobody can log in as but the system user mysql.
    assert accounts - ours <= {"mariadb.sys@localhost", "mysql@localhost"}
    by_password = "SELECT user FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.plugin') <> 'unix_socket'"
    assert set(sql(box, by_password)) <= {"mariadb.sys", "mysql"}
    refused = box.ssh("runuser -u sipbox -- mariadb --user=root -e 'SELECT 1'", check=False)
    assert "Access denied" in refused.stderr
    assert sql(box, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'test'") == []


def test_workers_may_read_and_write_rows_and_no_more(box: BootedBox) -> None:
    grants = [line.split(" TO ")[0] for line in sql(box, "SHOW GRANTS FOR sipbox@localhost")]
    assert set(grants) == {"GRANT USAGE ON *.*", "GRANT SELECT, INSERT, UPDATE, DELETE ON `openser`.*"}
    for statement in ("DROP TABLE subscriber", "CREATE TABLE mine (id INT)", "SELECT * FROM mysql.user"):
        denied = box.ssh(f"runuser -u sipbox -- mariadb openser -e '{statement}'", check=False)
        assert "denied" in denied.stderr, statement


def test_agent_may_not_read_who_has_which_password(box: BootedBox) -> None:
    grants = sql(box, "SHOW GRANTS FOR `sipbox-agent`@localhost")
    assert not any("openser`.*" in line for line in grants), grants
    denied = box.ssh(
        "runuser -u sipbox-agent -- mariadb openser -e 'SELECT ha1 FROM subscriber'", check=False
    )
    assert "denied" in denied.stderr


def test_tables_are_there_and_up_to_date(box: BootedBox) -> None:
    assert box.ssh("sipbox database status", check=False).returncode == 0
