"""Role agent: the service, its key, its rights, and phones that get their configuration from outside."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_snapshot import Deployments
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(1800)

KEY = "/etc/sipbox/credentials/phones.key"
MAC = "0004f2000001"


@pytest.fixture(scope="module")
def release() -> str:
    """Debian 13 is in tests/endurance."""
    return "bookworm"


@pytest.fixture(scope="module")
def pbx(release: str, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(release).boot() as box:
        yield box


@pytest.fixture(scope="module")
def host(pbx: BootedBox) -> Any:
    return pbx.host()


def test_the_agent_runs_as_itself(host: Any) -> None:
    service = host.service("sipbox-agent")
    assert service.is_running
    assert service.is_enabled
    pid = host.run("systemctl show sipbox-agent --property=MainPID --value").stdout.strip()
    assert host.run(f"stat --format=%U /proc/{pid}").stdout.strip() == "sipbox-agent"


def test_only_root_has_the_key(host: Any) -> None:
    key = host.file(KEY)
    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    assert len(key.content_string.strip()) == 64
    assert host.file("/etc/sipbox/credentials").mode == 0o700
    for user in ("sipbox", "sipbox-agent"):
        assert host.run(f"runuser -u {user} -- cat {KEY}").rc != 0
    assert key.content_string.strip() not in host.run("journalctl --no-pager").stdout


def test_its_account_reads_phones_and_no_subscribers(host: Any) -> None:
    def sql(statement: str) -> int:
        return int(host.run(f"runuser -u sipbox-agent -- mariadb openser --execute='{statement}'").rc)

    assert sql("select count(*) from phone") == 0
    assert sql("select secret from phone_line limit 1") == 0
    for refused in ("select ha1 from subscriber", "delete from phone", "update phone_line set secret = 1"):
        assert sql(refused) != 0


def test_a_phone_is_served_over_the_network_and_a_stranger_is_not(pbx: BootedBox, host: Any) -> None:
    pbx.ssh(f"sipbox phone remove {MAC} --yes", check=False)  # of a first try
    pbx.ssh(f"sipbox phone add {MAC} vvx411 90 --display-name Door")
    shown = json.loads(pbx.ssh(f"sipbox phone show {MAC} --json").stdout)
    assert shown["url"].startswith(f"http://{pbx.address}:8088/")
    with urllib.request.urlopen(f"{shown['url']}{MAC}-user.cfg", timeout=30) as answer:
        text = answer.read().decode()
    assert 'reg.1.auth.userId="90"' in text
    assert pbx.address in text
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{pbx.address}:8088/{'x' * 27}/{MAC}-user.cfg", timeout=30)
    assert refused.value.code == 404
    refused.value.close()

    def denials() -> list[str]:
        return list(host.run("journalctl --output=cat EVENT=phone-denied").stdout.splitlines())

    denied = wait_until("a line in the journal", denials, timeout=30)
    assert denied[-1].endswith(f'refused "wrong secret" mac={MAC}')
    listed = json.loads(pbx.ssh("sipbox phone list --json").stdout)["phones"]
    assert {each["mac"]: each["state"] for each in listed}[MAC] == "up to date"
    pbx.ssh(f"sipbox phone remove {MAC} --yes && sipbox subscriber remove 90 --yes")
