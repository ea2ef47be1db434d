"""What MariaDB Galera adds to a commit: three members on loopback, one of which writes.

    python -m benchmarks.scaling_galera     # about a minute; needs mariadb-server, galera-4, rsync, and root

CPU time of the member that writes, over that of a single MariaDB, and of a member that only takes part. The
network is none, so nothing is said about waiting for it. The readings are kept in benchmarks/results/.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.location_mariadb import MariaLocations
from benchmarks import machine, report
from benchmarks.names import SIPBOX
from benchmarks.scaling_pieces import refreshed_rows, whole_rows
from benchmarks.servers import assert_durable
from tests.harness.mariadb import MariaDB
from tests.harness.ports import free_port
from tests.harness.sipbox import Sipbox

RESULTS = Path(__file__).parent / "results"
_PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
_MEMBERS = 3
_PHONES = 10_000
_LARGE, _COMMITS = 100, 300
_SETTINGS = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")


class Spent(NamedTuple):
    """CPU µs of each member for a commit, and for a row of it."""

    commit: tuple[float, ...]
    row: tuple[float, ...]


def single() -> Spent:
    """MariaDB alone."""
    with MariaDB(options=_SETTINGS) as mariadb:
        _fill(mariadb)
        return _spent([mariadb])


def galera() -> Spent:
    """Three members; the first one writes."""
    with ExitStack() as stack:
        members = list(_members(stack))
        size = members[0].sql("show status like 'wsrep_cluster_size'")
        assert size == [("wsrep_cluster_size", str(_MEMBERS))], size
        return _spent(members)


def _members(stack: ExitStack) -> Iterator[MariaDB]:
    """The first one begins the cluster with the tables; the others have its files, so nearly its state."""
    links = [free_port() for _ in range(_MEMBERS)]
    first = stack.enter_context(MariaDB(options=_options(links[0], None), port=free_port()))
    _fill(first)
    first.stop()
    members = [first, *(MariaDB(options=_options(link, links[0]), port=free_port()) for link in links[1:])]
    for member in members:
        stack.callback(member.close)
        if member is not first:
            shutil.copytree(first.data, member.data)
            (member.data / "gvwstate.dat").unlink(missing_ok=True)
        # Root's rsync gives its rights up and has to enter all the same.
        member.directory.chmod(0o755)
        member.data.chmod(0o777)
    for member in members:
        yield member.start(90)


def _options(link: int, first: int | None) -> tuple[str, ...]:
    listening = f"gmcast.listen_addr=tcp://127.0.0.1:{link};ist.recv_addr=127.0.0.1:{free_port()}"
    return (
        *_SETTINGS,
        "--wsrep-on=ON",
        f"--wsrep-provider={_PROVIDER}",
        f"--wsrep-cluster-address=gcomm://{'' if first is None else f'127.0.0.1:{first}'}",
        f"--wsrep-provider-options={listening};gcache.size=64M",
        "--wsrep-sst-method=rsync",
        f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
        f"--wsrep-node-address=127.0.0.1:{link}",
        "--wsrep-slave-threads=4",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
    )


def _fill(mariadb: MariaDB) -> None:
    box = Sipbox(mariadb.url("openser"))
    try:
        box.create_database()
    finally:
        box.close()
    table = MariaLocations(Channel(Database(mariadb.url("openser"))))
    for first in range(0, _PHONES, 500):
        table.upsert(whole_rows(first, 500, 1))


def _spent(members: list[MariaDB]) -> Spent:
    assert_durable(members[0])
    table = MariaLocations(Channel(Database(members[0].url("openser"))))

    def refreshed(size: int, commits: int) -> list[float]:
        groups = [refreshed_rows(number * size % _PHONES, size, number + size) for number in range(commits)]
        before = [member.cpu_seconds() for member in members]
        for group in groups:
            table.refresh(group)
        time.sleep(0.5)  # the others apply what is left
        return [
            (member.cpu_seconds() - begun) / commits * 1e6
            for member, begun in zip(members, before, strict=True)
        ]

    large, one = refreshed(_LARGE, _COMMITS), refreshed(1, 5 * _COMMITS)
    rows = [(many - alone) / (_LARGE - 1) for many, alone in zip(large, one, strict=True)]
    return Spent(tuple(a - b for a, b in zip(one, rows, strict=True)), tuple(rows))


def readings(alone: Spent, together: Spent) -> Iterator[tuple[str, float]]:
    """What the model wants to know; never less than nothing."""
    yield (
        "Galera: a commit more at the member that writes, µs",
        max(0.0, together.commit[0] - alone.commit[0]),
    )
    yield "Galera: a row more at the member that writes, µs", max(0.0, together.row[0] - alone.row[0])
    others = len(together.row) - 1
    yield "Galera: a commit at another member, µs", sum(together.commit[1:]) / others
    yield "Galera: a row at another member, µs", sum(together.row[1:]) / others


def main() -> None:
    """Measure, show and keep."""
    found = []
    for what, value in readings(single(), galera()):
        found.append(report.Reading.of(1, SIPBOX, f"piece: {what}", value))
        print(f"{value:12,.1f}  {what}", flush=True)
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        kept = report.kept(machine.describe(Path(scratch)), {"members": _MEMBERS}, found)
    name = time.strftime("%Y-%m-%d-%H%M%S-galera.json", time.gmtime())
    (RESULTS / name).write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
