"""The role monitoring on a deployed box: what it asks, what it sees, and who is told of what is wrong."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.harness.alert_receiver import AlertReceiver
from tests.harness.authority import Authority
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.fake_grafana import FakeGrafana
from tests.harness.grafana_package import GrafanaPackage
from tests.harness.phone import Phone
from tests.harness.sipbox import REPOSITORY
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)

RULES = REPOSITORY / "roles" / "monitoring" / "files" / "rules"
DASHBOARDS = REPOSITORY / "roles" / "monitoring" / "files" / "dashboards"
SERVICES = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
PORTS = {9090, 9093, 9094, 9100}


@pytest.fixture(scope="module")
def release() -> str:
    """Debian 12 is in tests/endurance."""
    return "trixie"


@pytest.fixture(scope="module")
def box(release: str, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(release).boot() as copy:
        yield copy


@pytest.fixture(scope="module")
def receiver(box: BootedBox) -> Iterator[AlertReceiver]:
    with AlertReceiver(str(box.network.address), token="secret-hook") as listening:
        yield listening


@pytest.fixture(scope="module")
def wanted(
    receiver: AlertReceiver, box: BootedBox, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the inventory says: watch, tell, and a certificate that ends the day after tomorrow."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.issue("example.org", box.address, days=2)
    return {
        "sipbox_tls": "files",
        "sipbox_certificate": certificate.read_text(),
        "sipbox_certificate_key": key.read_text(),
        "sipbox_monitoring": True,
        "sipbox_alerts": [{"webhook": receiver.url, "token": "secret-hook"}],
        "monitoring_interval": "5s",
        "monitoring_group_wait": "1s",
        "monitoring_group_interval": "5s",
    }


def play(box: BootedBox, tags: str = "monitoring", **variables: Any) -> AnsibleRun:
    return ansible(box, "site.yml", "--tags", tags, inventory={**INVENTORY, **variables}).check()


def ask(box: BootedBox, path: str) -> Any:
    """Prometheus, by its API."""
    program = (
        f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9090/api/v1/{path}').read().decode())"
    )
    return json.loads(box.ssh(f'python3 -c "{program}"').stdout)["data"]


def test_without_a_word_in_the_inventory_there_is_none(box: BootedBox) -> None:
    host = box.host()
    assert not any(host.package(service).is_installed for service in SERVICES)


def test_with_one_it_watches(box: BootedBox, wanted: dict[str, Any]) -> None:
    play(box, "firewall,certificates,sip,monitoring", **wanted)

    def targets() -> bool:
        found = {
            each["labels"]["job"]: (each["labels"]["instance"], each["health"])
            for each in ask(box, "targets")["activeTargets"]
        }
        return found == {"sipbox": (box.hostname, "up"), "node": (box.hostname, "up")}

    wait_until("both targets are up", targets, timeout=60, every=1)
    again = play(box, **wanted)
    assert again.changed == 0, again.changes()


def test_all_rules_are_loaded_and_none_has_failed(box: BootedBox) -> None:
    def rules() -> list[dict[str, Any]]:
        found = [rule for group in ask(box, "rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] == "ok" for rule in found) else []

    loaded = {rule["name"] for rule in wait_until("every rule was looked at", rules, timeout=60)}
    written = {
        rule.get("alert") or rule["record"]
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    }
    assert loaded == written


def test_nobody_else_reaches_it_and_it_is_in_a_sandbox(box: BootedBox) -> None:
    assert not [listener for listener in box.listeners() if listener[1] in PORTS]
    for service, bound in zip(SERVICES, (2.0, 2.0, 4.0), strict=True):
        told = box.ssh(f"systemd-analyze security --no-pager {service}").stdout
        level = re.search(r"exposure level for \S+: ([\d.]+)", told)
        assert level, told
        assert float(level[1]) <= bound, told
    mode = box.ssh("stat --format='%U:%G %a' /etc/prometheus/sipbox-alertmanager.yml").stdout.strip()
    assert mode == "root:prometheus 640"


def test_a_backup_says_that_it_was_made(box: BootedBox) -> None:
    query = "query?query=sipbox_backup_last_success_timestamp_seconds"
    before = float(ask(box, query)["result"][0]["value"][1])
    box.ssh("systemctl start sipbox-backup")

    def newer() -> bool:
        return float(ask(box, query)["result"][0]["value"][1]) > before

    wait_until("the node exporter shows the new backup", newer, timeout=60, every=1)


def test_three_things_that_are_wrong_are_told(box: BootedBox, receiver: AlertReceiver) -> None:
    """A certificate that ends, somebody who guesses passwords, and a database that stops: all at once."""
    elsewhere = str(box.network.net[240])
    subprocess.run(["ip", "address", "add", f"{elsewhere}/24", "dev", box.network.name], check=True)
    proxy = (box.address, 5060)
    with Phone("11", "wrong", proxy=proxy, domain="example.org", address=elsewhere, port=0) as thief:
        while not json.loads(box.ssh("sipbox ban list --json").stdout):
            with contextlib.suppress(AssertionError):  # whoever is banned gets no answer
                thief.register()
    box.ssh("systemctl stop mariadb")
    try:
        ends = receiver.wait_for("SipboxCertificateExpires")
        assert ends["labels"]["certificate"] == "default"
        guessed = receiver.wait_for("SipboxGuesserBanned")
        assert box.hostname in guessed["annotations"]["summary"]
        gone = receiver.wait_for("SipboxDatabaseDown")
        assert gone["labels"]["severity"] == "critical"
        assert "systemctl start mariadb" in gone["annotations"]["action"]
    finally:
        box.ssh("systemctl start mariadb")
    receiver.wait_for("SipboxDatabaseDown", "resolved")


def test_a_grafana_that_is_there_is_given_everything(box: BootedBox, wanted: dict[str, Any]) -> None:
    with FakeGrafana(str(box.network.address), "secret-token") as grafana:
        there = {
            "monitoring_grafana": "api",
            "monitoring_grafana_url": grafana.url,
            "sipbox_grafana_token": "secret-token",
            "monitoring_grafana_datasource": f"http://{box.address}:9090",
        }

        told = play(box, "monitoring_grafana", **wanted, **there)
        assert "secret-token" not in told.output
        assert [folder["title"] for folder in grafana.folders] == ["sipbox"]
        assert grafana.datasources["sipbox"]["url"] == f"http://{box.address}:9090"
        made = {json.loads(file.read_text())["uid"] for file in DASHBOARDS.glob("*.json")}
        assert set(grafana.dashboards) == made
        assert grafana.refused == 0
        again = play(box, "monitoring_grafana", **wanted, **there)
        assert again.changed == 0, again.changes()


def of_grafana(box: BootedBox, path: str, password: str) -> Any:
    """What the Grafana on the box answers its admin."""
    program = (
        "import base64, json, sys, urllib.request as r\n"
        f"request = r.Request('http://127.0.0.1:3000/api/{path}')\n"
        f"key = base64.b64encode(b'admin:{password}').decode()\n"
        "request.add_header('Authorization', 'Basic ' + key)\n"
        "print(r.urlopen(request, timeout=10).read().decode())\n"
    )
    return json.loads(box.ssh("python3 -", typed=program).stdout)


@pytest.mark.parametrize("source", ["repository", "file"])
def test_a_grafana_is_installed_and_shows_everything(
    box: BootedBox, wanted: dict[str, Any], source: str
) -> None:
    """What stands in for it reads the same files, and is asked by the same API."""
    password = "secret-grafana"
    with GrafanaPackage() as package:
        package.bring(box, "/srv/grafana")
        there: dict[str, Any] = {"monitoring_grafana": "package", "sipbox_grafana_password": password}
        if source == "repository":
            uri, key = "file:/srv/grafana", package.key
            there["monitoring_grafana_repository"] = {"uri": uri, "key": key}
        else:
            box.ssh("systemctl stop grafana-server; apt-get purge -y grafana", check=False)
            there["monitoring_grafana_package"] = str(package.file)
        told = play(box, "monitoring_grafana", **wanted, **there)
        assert password not in told.output
        assert box.ssh("dpkg-query -W -f '${Version}' grafana").stdout == "11.6.0"

        wait_until(
            "Grafana answers",
            lambda: box.ssh("ss -tln | grep -q '127.0.0.1:3000 '", check=False).returncode == 0,
            timeout=60,
            every=1,
        )
        [source_of_data] = of_grafana(box, "datasources", password)
        assert (source_of_data["uid"], source_of_data["url"]) == ("sipbox", "http://127.0.0.1:9090")
        made = {json.loads(file.read_text())["uid"] for file in DASHBOARDS.glob("*.json")}
        assert {each["uid"] for each in of_grafana(box, "search", password)} == made
        for uid in made:
            assert of_grafana(box, f"dashboards/uid/{uid}", password)["meta"]["folderTitle"] == "sipbox"
        assert not [listener for listener in box.listeners() if listener[1] == 3000]
        mode = box.ssh("stat --format='%U:%G %a' /etc/grafana/sipbox-password").stdout.strip()
        assert mode == "root:grafana 640"
        again = play(box, "monitoring_grafana", **wanted, **there)
        assert again.changed == 0, again.changes()


def test_what_is_wanted_no_more_is_stopped(box: BootedBox, wanted: dict[str, Any]) -> None:
    play(box, **{**wanted, "sipbox_monitoring": False})
    host = box.host()
    assert not any(host.service(service).is_running for service in SERVICES)
    assert not any(host.service(service).is_enabled for service in SERVICES)
