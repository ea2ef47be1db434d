"""A private MariaDB Galera cluster on loopback: members that may be stopped, killed, hung, and cut off.

::

    with Galera(2) as cluster:
        first, second = cluster.members
        first.sql("create database openser")
        cluster.cut_off(second)      # it has no majority, and answers nobody

Rows come to a member that joins by rsync, which Debian's mariadb-server brings along. A cut is made with a
provider option of Galera's own (``gmcast.isolate``), so no firewall is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from tests.harness.mariadb import MariaDB, MariaDBFailed
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

_PROVIDER = "/usr/lib/galera/libgalera_smm.so"


class Galera:
    """``count`` members, the first of which began the cluster; all of them at work. ``provider`` are further
    options of Galera's, each behind a semicolon, ``options`` those of mariadbd.
    """

    def __init__(self, count: int = 2, *, provider: str = "", options: Sequence[str] = ()) -> None:
        self._provider = provider
        self._further = tuple(options)
        self._links = [free_port() for _ in range(count)]
        self._parts = [(free_port(), free_port()) for _ in range(count)]
        self.members = [
            MariaDB(port=free_port(), options=self._options(number, number == 0)) for number in range(count)
        ]
        try:
            for number, member in enumerate(self.members):
                self._open(member)
                member.start(120)
                self.wait_for_size(number + 1)
            self.members[0].options = self._options(0, False)  # from now on it joins, as all do
        except BaseException:
            self.close()
            raise

    def _open(self, member: MariaDB) -> None:
        """The rsync of root gives its rights up, and has to write all the same."""
        member.make_data()
        member.directory.chmod(0o755)
        for path in (member.data, *member.data.rglob("*")):
            path.chmod(0o777)

    def _options(self, number: int, begins: bool) -> tuple[str, ...]:
        link, (ist, sst) = self._links[number], self._parts[number]
        others = ",".join(f"127.0.0.1:{other}" for other in self._links if other != link)
        provider = (
            f"gmcast.listen_addr=tcp://127.0.0.1:{link};ist.recv_addr=127.0.0.1:{ist};gcache.size=16M;"
            "evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.3S;evs.suspect_timeout=PT2S;"
            "evs.inactive_timeout=PT6S;evs.install_timeout=PT6S"
            f"{self._provider}"
        )
        return (
            "--wsrep-on=ON",
            f"--wsrep-provider={_PROVIDER}",
            f"--wsrep-cluster-address=gcomm://{'' if begins else others}",
            f"--wsrep-provider-options={provider}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{sst}",
            f"--wsrep-node-address=127.0.0.1:{link}",
            f"--wsrep-node-name=member-{number}",
            "--wsrep-retry-autocommit=8",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            *self._further,
        )

    def wait_for_size(self, size: int, member: MariaDB | None = None) -> None:
        """Until a member (the first) is at work among so many."""
        asked = member or self.members[0]

        def reached() -> bool:
            said = dict(asked.sql("show status like 'wsrep_%'"))  # type: ignore[arg-type]
            return (
                said.get("wsrep_cluster_size") == str(size)
                and said.get("wsrep_cluster_status") == "Primary"
                and said.get("wsrep_local_state_comment") == "Synced"
            )

        wait_until(f"{size} members at work", reached, timeout=60, every=0.1)

    def cut_off(self, member: MariaDB) -> None:
        """No other member hears it any more, nor it them; the clients do."""
        member.sql("set global wsrep_provider_options='gmcast.isolate=1'")

    def heal(self, member: MariaDB) -> None:
        """It is heard again."""
        member.sql("set global wsrep_provider_options='gmcast.isolate=0'")

    def close(self) -> None:
        """End all of them and remove all that they wrote."""
        for member in self.members:
            with suppress(MariaDBFailed):
                member.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
