"""Boxes that are one telephone system: two with the rows, and one that only has a vote, made by site.yml.

::

    with BoxCluster(network) as cluster:
        first, second = cluster.boxes
        cluster.play("site.yml").check()

The tests of a running cluster share one (fixture ``cluster``), each gets it whole (``mend``): it holds an
address in turn (``address``), speaks TLS, and has thousands of subscribers more (``CROWD``).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible
from tests.harness.box_network import BoxNetwork
from tests.harness.waiting import wait_until

#: Subscribers of the shared cluster, beside those of INVENTORY. Passwords are 'secret-100000' and so on.
CROWD = tuple(str(number) for number in range(100_000, 120_000))
#: Two more, who call one another all the time and do nothing else.
CALLER, CALLEE = "120000", "120001"

#: What a box consists of, and nothing that starts: with them site.yml is through sooner. What makes it a
#: member of a cluster is not among them.
_FURNITURE = (
    "python3",
    "python3-apt",
    "python3-venv",
    "mariadb-client",
    "mariadb-server-core",
    "nftables",
    "openssl",
)


class BoxCluster:
    """Bare boxes with an inventory that makes them a cluster; nothing is deployed yet.

    With ``databases``, so many further hosts have the rows, and the boxes have none.
    ``layers`` are those of the boxes' disks, where they are not to begin quite bare (``furnished``).
    """

    def __init__(
        self,
        network: BoxNetwork,
        count: int = 2,
        *,
        databases: int = 0,
        release: str = "bookworm",
        variables: Mapping[str, Any] = INVENTORY,
        arbitrator: bool = True,
        layers: Sequence[Path] | None = None,
    ) -> None:
        self.network = network
        self.release = release
        self.boxes: list[BootedBox] = []
        self.databases: list[BootedBox] = []
        self.arbitrator: BootedBox | None = None
        self.layers = layers
        self.variables = {
            **variables,
            "sipbox_cluster": True,
            "sipbox_cluster_key": secrets.token_hex(32),
            "database_buffer_pool_mb": 64,
        }
        try:
            for number in range(count):
                self.add(f"pbx{number + 1}")
            for number in range(databases):
                self.databases.append(BootedBox(release, network, hostname=f"db{number + 1}", layers=layers))
            if arbitrator:
                self.arbitrator = BootedBox(release, network, hostname="witness", layers=layers)
        except BaseException:
            self.close()
            raise

    def add(self, hostname: str) -> BootedBox:
        """One more box, which the next play deploys."""
        box = BootedBox(self.release, self.network, hostname=hostname, layers=self.layers)
        self.boxes.append(box)
        return box

    @property
    def hosts(self) -> list[BootedBox]:
        """The boxes, the hosts of the database, and the arbitrator behind them."""
        last = [self.arbitrator] if self.arbitrator is not None else []
        return [*self.boxes, *self.databases, *last]

    @property
    def address(self) -> str:
        """The address that they hold in turn."""
        return str(self.variables["sipbox_shared_address"]).partition("/")[0]

    def inventory(self) -> dict[str, Any]:
        """All hosts by their groups."""
        children: dict[str, Any] = {
            "sipbox": {
                "hosts": {box.hostname: _host(box) for box in self.boxes},
                "vars": dict(self.variables),
            }
        }
        if self.databases:
            children["database"] = {
                "hosts": {host.hostname: _host(host) for host in self.databases},
                "vars": {"database_buffer_pool_mb": 64},
            }
        if self.arbitrator is not None:
            children["arbitrator"] = {"hosts": {self.arbitrator.hostname: _host(self.arbitrator)}}
        return {"all": {"children": children}}

    def play(self, playbook: str, *extra: str, **arguments: Any) -> AnsibleRun:
        """Run a playbook with this inventory."""
        path = self.network.directory / f"inventory-{secrets.token_hex(4)}.yml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.inventory()))
        try:
            # One box after the other: it takes as much longer than a single one as there are.
            limit = {"timeout": 1500.0 * len(self.hosts)}
            return ansible(self.boxes, playbook, *extra, inventory=Path(path), **(limit | arguments))
        finally:
            path.unlink()

    def wait_for_size(self, box: BootedBox, size: int, *, timeout: float = 120.0) -> None:
        """Until the database of ``box`` has the majority, and counts so many with the arbitrator."""
        wait_until(
            f"{box.hostname} counts {size} members",
            lambda: status(box) == ("Primary", "Synced", str(size)),
            timeout=timeout,
            every=0.5,
        )

    def mend(self) -> None:
        """Whole again, whatever a test has left: all are on, with all rows, and one holds the address.

        10, 11, 12 and CALLEE are registered nowhere."""
        for host in self.hosts:
            if not host.running:
                host.cut_power()  # what is left of a boot that failed
                host.poweron()
        self.heal()
        for box in self.boxes:
            box.ssh("sipbox-address back; systemctl start sipbox.target keepalived", check=False)
        try:
            for box in self.boxes:
                self.wait_for_size(box, len(self.hosts), timeout=60)
        except AssertionError:
            self.play("playbooks/recover.yml").check()
            for box in self.boxes:
                self.wait_for_size(box, len(self.hosts))
        wait_until("they are one system", self._is_one, timeout=120, every=0.5)
        # Phones of the tests do not say that they go.
        self.boxes[0].ssh(
            f"for user in 10 11 12 {CALLEE}; do sipbox registration remove $user --yes; done", check=False
        )

    def _is_one(self) -> bool:
        """Whether each box says that it hears all, and that one holds the address."""
        told = [seen_from(box) for box in self.boxes]
        return all(
            len(each.get("holders", ())) == 1
            and all(member["state"] in ("this", "alive") for member in each["members"])
            for each in told
        )

    # ------------------------------------------------------------------------------- the network between them

    def cut(self, pairs: Iterable[tuple[BootedBox, BootedBox]]) -> None:
        """Nothing passes between these any more, and nobody is told so; what was cut before is healed."""
        from_whom: dict[str, list[str]] = {}
        for one, other in pairs:
            from_whom.setdefault(one.hostname, []).append(_link_address(other))
            from_whom.setdefault(other.hostname, []).append(_link_address(one))
        for host in self.hosts:
            if host.running:
                _let_nobody_in(host, from_whom.get(host.hostname, []))

    def heal(self) -> None:
        """Everything passes again."""
        self.cut([])

    def close(self) -> None:
        """Away with all of them."""
        for box in self.hosts:
            box.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def furnished(release: str, network: BoxNetwork) -> BootedBox:
    """A box that is powered off, with packages that run nothing; others begin with its ``disk.layers``."""
    box = BootedBox(release, network, hostname="furniture")
    try:
        box.install(*_FURNITURE)
        box.power_off()
    except BaseException:
        box.close()
        raise
    return box


def sql(box: BootedBox, statement: str) -> list[str]:
    """What the database of ``box`` answers its root; nothing when it does not answer."""
    done = box.ssh("mariadb --batch --skip-column-names", typed=statement, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def add_crowd(box: BootedBox) -> None:
    """CROWD, CALLER and CALLEE, as rows: so many in an inventory would be most of what site.yml reads."""
    first, last = CROWD[0], CALLEE
    added = sql(
        box,
        "INSERT INTO openser.subscriber (username, domain, ha1) "
        "SELECT seq, 'example.org', MD5(CONCAT(seq, ':example.org:secret-', seq)) "
        f"FROM openser.seq_{first}_to_{last}; "
        "SELECT COUNT(*) FROM openser.subscriber WHERE LENGTH(username) = 6",
    )
    assert added == [str(len(CROWD) + 2)], added


def status(box: BootedBox) -> tuple[str, str, str]:
    """Of the cluster as ``box`` sees it: majority or not, its own state, how many."""
    said = dict(line.split("\t", 1) for line in sql(box, "SHOW STATUS LIKE 'wsrep_%'"))
    return (
        said.get("wsrep_cluster_status", ""),
        said.get("wsrep_local_state_comment", ""),
        said.get("wsrep_cluster_size", ""),
    )


def seen_from(box: BootedBox) -> dict[str, Any]:
    """What the server of ``box`` says of all boxes; nothing while it does not answer."""
    done = box.ssh("sipbox status --cluster --json", check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def registered_rows(box: BootedBox) -> list[str]:
    """Where phones can be reached, as the database of ``box`` has it."""
    return sorted(sql(box, "SELECT CONCAT(username, ' ', contact) FROM openser.location"))


def registered_known(box: BootedBox) -> list[str]:
    """Where phones can be reached, as the server of ``box`` knows it."""
    rows = json.loads(box.ssh("sipbox registration list --json").stdout)
    return sorted(f"{row['aor'].partition('@')[0].removeprefix('sip:')} {row['contact']}" for row in rows)


def _host(box: BootedBox) -> dict[str, str]:
    return {
        "ansible_host": box.address,
        "ansible_user": "root",
        "ansible_ssh_common_args": f"-F {box.network.ssh_config}",
    }


def _link_address(box: BootedBox) -> str:
    return box.run_inside(["cat", "/sys/class/net/host0/address"]).stdout.strip()


def _let_nobody_in(box: BootedBox, addresses: Sequence[str]) -> None:
    """Nothing from these link addresses: it is lost on the way, and the sender hears of nothing."""
    rules = "add table inet tests\\ndelete table inet tests\\n"
    if addresses:
        rules += (
            "add table inet tests\\n"
            "add chain inet tests lost { type filter hook input priority -500; }\\n"
            f"add rule inet tests lost ether saddr {{ {', '.join(addresses)} }} drop\\n"
        )
    box.run_inside(["sh", "-c", f"ip link set host0 up; printf '{rules}' | nft -f -"])
