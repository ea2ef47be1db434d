"""Ten faults, one at a time, on a box that watches itself: the diagnosis, the status page and an alert name
the true cause and no other, and what the diagnosis advises, done as it is printed, mends it.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.harness.authority import Authority
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.name_server import NameServer
from tests.harness.phone import Phone
from tests.harness.process import Process
from tests.harness.time_server import TimeServer
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)

FLOOD = Path(__file__).parents[1] / "harness" / "flood.py"
CARRIER = 5080
PATIENCE = 90.0
PASSWORD = "secret-10"
PAGE = (
    "import urllib.request as r, urllib.error as e\n"
    "try: told = r.urlopen('http://127.0.0.1:8080/', timeout=10)\n"
    "except e.HTTPError as error: told = error\n"
    "print(told.read().decode())\n"
)
ALERTS = (
    "import urllib.request as r\n"
    "print(r.urlopen('http://127.0.0.1:9090/api/v1/alerts', timeout=10).read().decode())\n"
)


class Trial:
    """The box, and how it tells what is wrong with it."""

    def __init__(self, box: BootedBox, authority: Authority, name_server: NameServer) -> None:
        self.box = box
        self.authority = authority
        self.name_server = name_server
        self.here = str(box.network.address)
        self.seen = ""

    def names(self, part: str, *, code: int = 3, alert: str = "SipboxCheckFailed") -> str:
        """Waits until diagnosis, page and alerts name this part as the one cause; the advice."""
        advice = self.diagnoses(part, code)

        def shown() -> bool:
            page = self.box.ssh("python3 -", typed=PAGE).stdout
            sentence = re.search(r"<strong>(.*?)</strong>", page)
            assert sentence, page
            self.seen = html.unescape(sentence[1])
            return self.seen.startswith(f"{part.capitalize()}: ")

        def alerted() -> bool:
            self.box.ssh("python3 -", typed=PAGE)  # somebody looks: the agent looks again
            alerts = json.loads(self.box.ssh("python3 -", typed=ALERTS).stdout)["data"]["alerts"]
            labels = [each["labels"] for each in alerts]
            self.seen = json.dumps(labels)
            parts = {each["check"] for each in labels if each["alertname"] == "SipboxCheckFailed"}
            return parts == {part} and alert in {each["alertname"] for each in labels}

        self._wait(f"the page names {part}", shown)
        self._wait(f"{alert} is raised", alerted)
        return advice

    def diagnoses(self, part: str, code: int = 3) -> str:
        """Waits until the diagnosis names this part as the one cause; the advice."""

        def diagnosed() -> dict[str, Any] | None:
            done = self.box.ssh("sipbox diagnose --json", check=False)
            found = [each for each in json.loads(done.stdout)["checks"] if each["state"] in ("wrong", "down")]
            causes = [each for each in found if not each["because"]]
            self.seen = f"exit {done.returncode}: {found}"
            named = [each["part"] for each in causes] == [part] and done.returncode == code
            return causes[0] if named else None

        return str(self._wait(f"the diagnosis names {part}", diagnosed)["todo"])

    def follow(self, advice: str, command: str, *, check: bool = True) -> str:
        """Runs the command of the advice that fits the pattern ``command``, as it is printed."""
        printed = re.search(command, advice)
        assert printed, f"no {command} in: {advice}"
        return self.box.ssh(printed[0], check=check).stdout

    def is_well(self) -> None:
        """The diagnosis finds nothing any more."""

        def well() -> bool:
            done = self.box.ssh("sipbox diagnose", check=False)
            self.seen = done.stdout
            return done.returncode == 0 and done.stdout.endswith("\nNothing is wrong.\n")

        self._wait("nothing is wrong", well)

    def _wait(self, what: str, question: Callable[[], Any]) -> Any:
        try:
            return wait_until(what, question, timeout=PATIENCE, every=2)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {self.seen}") from None

    @contextmanager
    def phone(self) -> Iterator[Phone]:
        options: dict[str, Any] = {"proxy": (self.box.address, 5060), "domain": "example.org"}
        with Phone("10", PASSWORD, address=self.here, port=0, **options) as phone:
            yield phone

    def put_certificate(self, days: float) -> None:
        """Files of one that is good for so long, where the old ones were."""
        pair = self.authority.issue("example.org", self.box.address, days=days)
        for name, file in zip(("certificate", "key"), pair, strict=True):
            self.box.ssh(f"cat >/etc/sipbox/tls/{name}.pem", typed=file.read_text())


@pytest.fixture(scope="module")
def release() -> str:
    """Debian 13 is in tests/endurance."""
    return "bookworm"


@pytest.fixture(scope="module")
def trial(release: str, deployed: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with deployed(release).boot() as box:
        here = str(box.network.address)
        with NameServer(address=(here, 53)) as name_server:
            ansible(box, "playbooks/deploy.yml", inventory=wanted(box, authority)).check()
            box.ssh(f"echo nameserver {here} >/etc/resolv.conf")
            yield Trial(box, authority, name_server)


def wanted(box: BootedBox, authority: Authority) -> dict[str, Any]:
    """What the inventory says: all that can fail."""
    certificate, key = authority.issue("example.org", box.address, days=60)
    ada, *others = INVENTORY["subscribers"]
    return {
        **INVENTORY,
        "subscribers": [{**ada, "permissions": ["local"]}, *others],
        "sipbox_tls": "files",
        "sipbox_certificate": certificate.read_text(),
        "sipbox_certificate_key": key.read_text(),
        "sipbox_media": "nated",
        "sipbox_rtp_ports": ["21000-21099"],
        "sipbox_monitoring": True,
        "monitoring_interval": "5s",
        "sipbox_gateways": [{"name": "carrier", "address": str(box.network.address), "port": CARRIER}],
        "sipbox_lcr": [{"prefix": "any", "group": "carrier"}],
        "sip_settings": {"gateway": {"rest_seconds": 30}},
    }


def test_at_first_nothing_is_wrong(trial: Trial) -> None:
    trial.is_well()


def test_the_database_is_stopped(trial: Trial) -> None:
    with trial.phone() as phone:
        assert phone.register(timeout=PATIENCE).status == 200
        trial.box.ssh("systemctl stop mariadb")
        wait_until(
            "it is missed",
            lambda: "degraded" in trial.box.ssh("sipbox status", check=False).stdout,
            timeout=PATIENCE,
            every=0.5,
        )
        assert phone.register(expires=1800, timeout=PATIENCE).status == 200
    advice = trial.names("database", alert="SipboxDatabaseDown")
    told = trial.box.ssh("sipbox diagnose", check=False).stdout
    assert re.search(r"(?m)^locations +WRONG +1 change waits on disk \(follows from: database\)$", told), told
    assert "Something is wrong: database. What follows from it: locations" in told
    trial.follow(advice, r"systemctl start \w+")
    trial.is_well()


def test_the_disk_is_full(trial: Trial) -> None:
    """A small one, full of what the journal has kept."""
    box = trial.box
    box.ssh(
        "mount -t tmpfs -o size=600M,mode=755 small /var/log && cd /var/log"
        " && mkdir -p journal/$(cat /etc/machine-id) && cd journal/*"
        f" && fallocate -l 599M system@{'0' * 31}1-{'0' * 15}1-0005e00000000000.journal"
    )
    try:
        advice = trial.names("disk")
        assert "system@" not in trial.follow(
            advice, r"du -xh [^;]*\| tail -n 20"
        )  # directories, in a few lines
        trial.follow(advice, r"journalctl --vacuum-size=\w+")
        trial.is_well()
    finally:
        box.ssh("umount --lazy /var/log")


def test_the_certificate_has_expired(trial: Trial) -> None:
    trial.put_certificate(days=25 / 86_400)
    trial.box.ssh("sipbox certificate reload")
    wait_until(
        "it has expired",
        lambda: "has expired" in trial.box.ssh("sipbox diagnose certificates", check=False).stdout,
        timeout=PATIENCE,
        every=1,
    )
    advice = trial.names("certificates", alert="SipboxCertificateExpires")
    assert trial.box.ssh(re.findall(r"sipbox certificate check", advice)[0], check=False).returncode == 1
    assert "put new files in their place" in advice
    trial.put_certificate(days=60)
    trial.follow(advice, "sipbox certificate reload")
    trial.is_well()


def test_the_name_server_is_dead(trial: Trial) -> None:
    trial.name_server.silent = True
    other = str(trial.box.network.net[241])
    subprocess.run(["ip", "address", "add", f"{other}/24", "dev", trial.box.network.name], check=True)
    try:
        advice = trial.names("dns")
        assert "3 received" in trial.follow(advice, r"ping -c 3 [\d.]+")
        assert advice.endswith("if it answers, name another server in /etc/resolv.conf.")
        with NameServer(address=(other, 53)):
            trial.box.ssh(f"echo nameserver {other} >/etc/resolv.conf")
            trial.is_well()
    finally:
        trial.name_server.silent = False
        trial.box.ssh(f"echo nameserver {trial.here} >/etc/resolv.conf")
        subprocess.run(["ip", "address", "del", f"{other}/24", "dev", trial.box.network.name], check=False)


def test_the_port_is_taken(trial: Trial) -> None:
    box = trial.box
    box.ssh("systemctl stop sipbox@1.service sipbox@1.socket")
    stranger = f"import socket,time; s=socket.socket(2,2); s.bind(('{box.address}',5060)); time.sleep(3600)"
    box.ssh(f'systemd-run --quiet --collect --unit=stranger python3 -c "{stranger}"')
    box.ssh("systemctl start sipbox.target", check=False)
    try:
        advice = trial.names("listeners", code=1)
        told = box.ssh("sipbox diagnose", check=False).stdout
        assert f"udp:{box.address}:5060 is taken by python3 (process " in told
        assert re.search(r"(?m)^server +DOWN .*\(follows from: listeners\)$", told), told
        [process] = set(re.findall(r"pid=(\d+)", trial.follow(advice, r"ss -lnp '[^']+'")))
        box.ssh(f"kill {process}")
        trial.follow(advice, r"systemctl start \S+\b")
        trial.is_well()
    finally:
        box.ssh("systemctl stop stranger; systemctl start sipbox.target", check=False)


def test_rtpengine_is_dead(trial: Trial) -> None:
    trial.box.ssh("systemctl stop rtpengine-daemon")
    advice = trial.names("media", alert="SipboxNoMediaNode")
    trial.follow(advice, r"systemctl restart [\w-]+")
    trial.is_well()


def test_the_gateway_is_dead(trial: Trial) -> None:
    box = trial.box
    with trial.phone() as phone:
        call = phone.request("INVITE", "sip:123456@example.org")
        assert phone.ask(call, timeout=PATIENCE).status >= 400
        advice = trial.names("gateways", alert="SipboxNoGateway")
    # It is seen to, and asked as the advice says.
    proxy = (box.address, 5060)
    with (
        Phone("carrier", proxy=proxy, address=trial.here, port=CARRIER) as carrier,
        ThreadPoolExecutor(1) as pool,
    ):
        asked = pool.submit(trial.follow, advice, r"sipbox ping '[^']+'")
        carrier.reply(carrier.expect("OPTIONS", timeout=PATIENCE), 200)
        assert "200 OK" in asked.result()
    trial.is_well()


def test_the_clock_is_off(trial: Trial) -> None:
    """No clock is set: chronyd only says what it would do (-x), and the server's is the one that moves."""
    box = trial.box
    keeper = "systemd-run --quiet --collect --unit=keeper chronyd -x -n -f /run/keeper.conf"
    with TimeServer(trial.here, offset=30.0) as server:
        line = f"server {trial.here} port {server.port} iburst minpoll 0 maxpoll 0"
        box.ssh("cat >/run/keeper.conf", typed=f"{line}\n")
        box.ssh(keeper)
        try:
            advice = trial.names("clock")
            told = box.ssh("sipbox diagnose clock", check=False).stdout
            assert re.search(r"the clock is (29|30)\.\d s off its time servers", told), told
            trial.follow(advice, "chronyc makestep", check=False)
            server.offset = 0.0
            box.ssh(f"systemctl stop keeper; {keeper}")
            assert "Leap status" in trial.follow(advice, "chronyc tracking")
            wait_until(
                "it is followed",
                lambda: "synchronised (chrony)" in box.ssh("sipbox diagnose clock", check=False).stdout,
                timeout=PATIENCE,
                every=1,
            )
            trial.is_well()
        finally:
            box.ssh("systemctl stop keeper", check=False)


def test_a_flood(trial: Trial, tmp_path: Path) -> None:
    """From a thousand addresses; it goes on when it is mended.

    OPTIONS of strangers are not answered; the route keeps in the box's own network what would be.
    """
    box = trial.box
    box.ssh("ip route replace 10.99.0.0/16 dev host0")
    words = ("options", 1000, 5000, 240, box.network.name, box.address, 5060)
    flood = Process([sys.executable, str(FLOOD), *map(str, words)], log=tmp_path / "flood.log")
    try:
        advice = trial.names("flood", alert="SipboxFlood")
        heard = re.findall(r"10\.99\.\d+\.\d+", trial.follow(advice, "nft list set inet sipbox heard4"))
        network = str(ip_network(f"{heard[0]}/16", strict=False))
        trial.follow(advice.replace("NETWORK", network), r"sipbox ban add [\d./]+")
        trial.is_well()
        assert flood.running, flood.log
    finally:
        flood.close()
        box.ssh("sipbox ban lift 10.99.0.0/16", check=False)
        box.ssh("ip route del 10.99.0.0/16 dev host0")


def test_the_settings_are_wrong_after_an_edit_by_hand(trial: Trial) -> None:
    box = trial.box
    box.ssh(r"sed -i 's/^\[sip\]$/[sip]\nring_secnds = 30/' /etc/sipbox/sipbox.toml")
    box.ssh("systemctl restart 'sipbox@*.service'", check=False)
    advice = trial.names("settings", code=1)
    told = box.ssh("sipbox diagnose", check=False).stdout
    assert re.search(r"(?m)^settings +WRONG +/etc/sipbox/sipbox.toml:\d+: sip.ring_secnds: ", told), told
    assert "Something is wrong: settings. What follows from it: installed, server.\n" in told
    assert "ring_seconds" in box.ssh(re.findall("sipbox config check", advice)[0], check=False).stderr
    assert "ansible-playbook site.yml" in advice
    ansible(box, "site.yml", "--tags", "sip", inventory=wanted(box, trial.authority)).check()
    trial.is_well()


@pytest.mark.parametrize(
    ("unit", "part"),
    [("prometheus", "monitoring"), ("prometheus-alertmanager", "monitoring"), ("sipbox-agent", "agent")],
)
def test_the_watchers_themselves_are_dead(trial: Trial, unit: str, part: str) -> None:
    """Nobody is left who would raise an alert, so the diagnosis tells it, and the watchdog's silence."""
    trial.box.ssh(f"systemctl stop {unit}")
    advice = trial.diagnoses(part)
    trial.follow(advice, r"systemctl (re)?start [\w-]+")
    trial.is_well()
