"""The services as systemd runs them on a deployed box: sandboxes, restarts, crashes, a reboot.

What concerns the unit files is seen on both releases, what concerns the program on one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.booted_box import BootedBox
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.ports import free_port
from tests.harness.privileges import tried
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(1800)

DOMAIN = "example.org"
WORKER = "sipbox@1.service"
EXPOSURE = {WORKER: 1.3, "sipbox-agent.service": 1.8}

MakePhone = Callable[..., Phone]


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("bookworm").boot() as box:
        yield box


@pytest.fixture(scope="module")
def trixie(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("trixie").boot() as box:
        yield box


@pytest.fixture
def phone(box: BootedBox, box_network: BoxNetwork) -> Iterator[MakePhone]:
    """``phone("10")`` is a phone of that subscriber, on this side of the bridge."""
    with ExitStack() as stack:

        def make(user: str, *, transport: str = "udp") -> Phone:
            made = Phone(
                user,
                f"secret-{user}",
                proxy=(box.address, 5060),
                domain=DOMAIN,
                transport=transport,
                address=box_network.address,
            )
            return stack.enter_context(made)

        yield make


def shown(box: BootedBox, unit: str, name: str) -> str:
    return box.ssh(f"systemctl show {unit} --property={name} --value").stdout.strip()


def main_pid(box: BootedBox) -> int:
    return int(shown(box, WORKER, "MainPID"))


def wait_until_ready(box: BootedBox, timeout: float = 60.0) -> None:
    wait_until(
        f"{WORKER} is up",
        lambda: shown(box, WORKER, "ActiveState") == "active",
        timeout=timeout,
        every=0.2,
    )


def answers(phone: Phone, seconds: float) -> bool:
    """Whether OPTIONS is answered within that time, sent again each half second as over UDP."""
    request = phone.request("OPTIONS", f"sip:{DOMAIN}")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        phone.send(request)
        try:
            return phone.final(request, 0.5).status == 200
        except (AssertionError, ConnectionError):
            continue
    return False


# --------------------------------------------------------------------------------------- files and sandboxes


@pytest.mark.parametrize("release", ["box", "trixie"])
def test_systemd_has_nothing_to_say_and_the_sandboxes_are_tight(
    release: str, request: pytest.FixtureRequest
) -> None:
    box: BootedBox = request.getfixturevalue(release)
    listed = box.ssh(
        "cd /etc/systemd/system && ls sipbox*.service sipbox*.socket sipbox*.timer sipbox.target"
    )
    units = [name.replace("@.", "@1.") for name in listed.stdout.split()]
    assert {WORKER, "sipbox@1.socket", "sipbox.target"} <= set(units)
    verified = box.ssh(f"systemd-analyze verify --man=no {' '.join(units)}", check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    for unit in units:
        if unit.endswith(".service"):
            told = box.ssh(f"systemd-analyze security --no-pager {unit}", check=False).stdout
            level = re.search(r"exposure level for \S+: ([\d.]+)", told)
            assert level, told
            assert float(level[1]) <= EXPOSURE.get(unit, 2.0), told


@pytest.mark.parametrize("release", ["box", "trixie"])
def test_metrics_of_the_process_and_drop_counts_get_through_the_sandboxes(
    release: str, request: pytest.FixtureRequest
) -> None:
    box: BootedBox = request.getfixturevalue(release)
    python = "/opt/sipbox/current/venv/bin/python"
    ask = "import tomllib,urllib.request as u;a=tomllib.load(open('/etc/sipbox/sipbox.toml','rb'));"
    ask += "h=a.get('agent',{}).get('http','127.0.0.1:8080');print(u.urlopen('http://'+h+'/metrics').read().decode())"
    wait_until(
        "the agent is up", lambda: shown(box, "sipbox-agent.service", "ActiveState") == "active", timeout=60
    )
    told = box.ssh(f'{python} -c "{ask}"').stdout
    assert "\nsipbox_up 1.0\n" in told
    for name in ("process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"):
        value = re.search(rf"(?m)^{name} (\S+)$", told)
        assert value, told[-3000:]
        assert float(value[1]) > 0
    assert 'sipbox_listener_dropped_total{transport="udp"}' in told


#: All that a worker may do of what the probe tries.
MAY = {
    *(
        "bind a UDP port",
        "bind a TCP port",
        "read the settings",
        "write its state",
        "make its control socket",
    ),
    # One account has all rows of its database: also where phones fetch their configurations (SECURITY.md).
    *("ask the database", "change a row", "read the rows of phones"),
}


@pytest.mark.parametrize("release", ["box", "trixie"])
def test_a_worker_binds_its_ports_reads_its_settings_and_reaches_its_database_and_nothing_else(
    release: str, request: pytest.FixtureRequest
) -> None:
    """Somebody who has taken it over has its registrations and calls, and no shell, no key and no file."""
    told = tried(request.getfixturevalue(release), WORKER)
    assert {what for what, said in told.items() if said == "yes"} == MAY, told


def test_an_old_client_with_its_reply_fifo_in_tmp_is_answered(box: BootedBox) -> None:
    """OpenSER's tools make their FIFO there; the settings name the directory."""
    box.ssh("cp /etc/sipbox/sipbox.toml /root/sipbox.toml")
    try:
        box.ssh(
            "grep -q '^\\[agent\\]' /etc/sipbox/sipbox.toml || echo '[agent]' >>/etc/sipbox/sipbox.toml; "
            "sed -i -e '/^reply_dir/d' -e '/^\\[agent\\]/a reply_dir = \"/tmp\"' /etc/sipbox/sipbox.toml; "
            "systemctl restart sipbox-agent.service"
        )
        told = box.ssh(
            "rm -f /tmp/answer; mkfifo -m 0666 /tmp/answer; timeout 20 cat /tmp/answer & "
            "printf ':version:answer\\n\\n' >/run/sipbox/fifo; wait; rm -f /tmp/answer"
        ).stdout
        assert told.startswith("200 OK"), told
        assert "sipbox" in told
    finally:
        box.ssh("cat /root/sipbox.toml >/etc/sipbox/sipbox.toml; systemctl restart sipbox-agent.service")


# ----------------------------------------------------------------------------------------- restart and crash


def test_the_status_is_alive(box: BootedBox, phone: MakePhone) -> None:
    assert phone("10").register().status == 200
    wait_until(
        "the status tells of the phone",
        lambda: re.fullmatch(
            r"ready: [1-9]\d* bindings, 0 calls, database answers", shown(box, WORKER, "StatusText")
        ),
        timeout=30,
        every=0.5,
    )


@pytest.mark.parametrize("command", ["systemctl restart", "systemctl kill --signal=KILL"])
def test_a_phone_on_tcp_is_called_by_its_connection(box: BootedBox, phone: MakePhone, command: str) -> None:
    """Its Contact leads nowhere, so that no other way is left."""
    caller, callee = phone("10"), phone("11", transport="tcp")
    assert callee.register(contact=f"<sip:11@{callee.address}:9>").status == 200
    wait_until("it is kept", lambda: int(shown(box, WORKER, "NFileDescriptorStore")) > 0, timeout=60)
    before = main_pid(box)
    box.ssh(f"{command} {WORKER}")
    wait_until("another process runs", lambda: main_pid(box) not in (0, before), timeout=60, every=0.2)
    wait_until_ready(box)
    dialog, _ = talk(caller, callee)
    hang_up(caller, callee, dialog)
    caller.close(), callee.close()
    assert callee.socket.fileno() == -1


def test_connections_that_end_are_let_go_of(box: BootedBox, phone: MakePhone) -> None:
    phone("12", transport="tcp").close()
    wait_until("systemd keeps none", lambda: shown(box, WORKER, "NFileDescriptorStore") == "0", timeout=30)


def test_ten_restarts_within_ten_seconds_lose_nobody(box: BootedBox, phone: MakePhone) -> None:
    asking = phone("10")
    for _ in range(10):
        box.ssh(f"systemctl restart --no-block {WORKER}")
        assert answers(asking, 5.0), "nobody waits for more than five seconds"
    wait_until_ready(box)
    assert shown(box, "sipbox@1.socket", "ActiveState") == "active"


def test_a_worker_that_cannot_start_comes_back_by_itself(box: BootedBox, phone: MakePhone) -> None:
    box.ssh("cp /etc/sipbox/sipbox.toml /root/sipbox.toml; echo '[nonsense]' >>/etc/sipbox/sipbox.toml")
    asking = phone("10")
    try:
        box.ssh(f"systemctl restart --no-block {WORKER}")
        refused = f"journalctl --unit={WORKER} --since=-90s --output=cat | grep -c nonsense"
        wait_until(
            "it is tried again and again",
            lambda: int(box.ssh(refused, check=False).stdout or 0) >= 4,
            timeout=90,
            every=0.5,
        )
        assert not answers(asking, 1.0)
        assert shown(box, "sipbox@1.socket", "ActiveState") == "active", "its sockets were not given up"
    finally:
        box.ssh("cat /root/sipbox.toml >/etc/sipbox/sipbox.toml")
    assert answers(asking, 15.0), box.ssh(f"systemctl status {WORKER} --no-pager", check=False).stdout
    wait_until_ready(box)


def test_restarts_under_load_fail_nothing(box: BootedBox, box_network: BoxNetwork, tmp_path: Path) -> None:
    """A quarter of what tests/endurance has, for two restarts."""
    restarts_under_load(box, box_network, tmp_path, registrations=50, calls=5, restarts=2)


def restarts_under_load(
    box: BootedBox, box_network: BoxNetwork, tmp_path: Path, *, registrations: int, calls: int, restarts: int
) -> None:
    """So many a second, and a restart every ten seconds: no registration fails, and no call set-up."""
    users = [f"u{number}" for number in range(1000, 1200)]
    values = ", ".join(f"('{user}', '{DOMAIN}', 'secret')" for user in users)
    box.ssh(
        f'mariadb openser -e "insert ignore into subscriber (username, domain, password) values {values}"'
    )
    here, target, seconds = box_network.address, (box.address, 5060), 10 * restarts
    port = free_port(address=here)
    rows = [
        [user, sipp.digest(user, "secret"), f"{here}:{20000 + index}"] for index, user in enumerate(users)
    ]
    call = ["10", sipp.digest("10", "secret-10"), "11"]
    with (
        Phone("11", "secret-11", proxy=target, domain=DOMAIN, address=here) as eleven,
        sipp.Sipp(
            "patient_register", tmp_path, target=target, users=rows, calls=seconds * registrations,
            at_once=20 * registrations, rate=registrations, address=here, timeout=3 * seconds + 60,
            strict=False, keys={"domain": DOMAIN, "expires": "3600", "contact_transport": "udp"},
        ) as registering,
        sipp.Sipp(
            "callee", tmp_path, port=port, calls=seconds * calls, address=here, timeout=3 * seconds + 60,
            strict=False, values={"LINGER": "0"},
        ) as answering,
    ):  # fmt: skip
        assert eleven.register(contact=f"<sip:11@{here}:{port}>").status == 200
        with sipp.Sipp(
            "patient_caller", tmp_path, target=target, users=[call], calls=seconds * calls, rate=calls,
            address=here, keys={"domain": DOMAIN}, timeout=3 * seconds + 60, strict=False,
        ) as calling:  # fmt: skip
            for _ in range(restarts):
                time.sleep(9)
                box.ssh(f"systemctl restart {WORKER}")
            registering.succeed()
            calling.succeed()
            answering.succeed()


# ---------------------------------------------------------------------- the database, the watchdog, a reboot


def test_no_outage_of_the_database_starts_it_again(box: BootedBox, phone: MakePhone) -> None:
    ten = phone("10")
    assert ten.register().status == 200
    before = main_pid(box)
    box.ssh("systemctl stop mariadb.service")
    try:
        wait_until(
            "the status says so",
            lambda: "database away" in shown(box, WORKER, "StatusText"),
            timeout=60,
            every=0.5,
        )
        time.sleep(35)  # longer than the watchdog waits
        assert ten.register().status == 200
        assert main_pid(box) == before
    finally:
        box.ssh("systemctl start mariadb.service")
    wait_until(
        "it is back", lambda: "database answers" in shown(box, WORKER, "StatusText"), timeout=60, every=0.5
    )


def test_a_process_that_hangs_is_replaced(box: BootedBox, phone: MakePhone) -> None:
    before = main_pid(box)
    box.ssh(f"systemctl kill --signal=STOP {WORKER}")
    wait_until("another process runs", lambda: main_pid(box) not in (0, before), timeout=150, every=1.0)
    assert answers(phone("10"), 30.0)


def test_after_a_real_reboot_a_phone_is_called_at_once(box: BootedBox, phone: MakePhone) -> None:
    callee, caller = phone("11"), phone("10")
    assert callee.register().status == 200
    box.reboot()
    assert answers(caller, 60.0)
    dialog, _ = talk(caller, callee)
    hang_up(caller, callee, dialog)
