"""The role sip, on a deployed box: releases, settings, sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(3600)

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def box(request: pytest.FixtureRequest, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(request.param).boot() as copy:
        yield copy


@pytest.fixture(scope="module")
def host(box: BootedBox) -> Any:
    return box.host()


def listeners_at(box: BootedBox, port: int) -> set[str]:
    """Addresses with that port that somebody listens on, ``udp:192.0.2.1:5060``."""
    lines = box.ssh("ss --no-header --tcp --udp --listening --numeric").stdout.splitlines()
    found = {f"{line.split()[0]}:{line.split()[4]}" for line in lines}
    return {socket for socket in found if socket.endswith(f":{port}")}


def test_release_is_complete_and_root_s(box: BootedBox, host: Any) -> None:
    current = host.file("/opt/sipbox/current").linked_to
    assert re.fullmatch(r"/opt/sipbox/releases/\d+\.\d+\.\d+\+[0-9a-f]{8}", current)
    assert host.file(f"{current}/.complete-{PYTHON[box.release]}").exists
    assert host.file("/usr/local/bin/sipbox").linked_to == f"{current}/venv/bin/sipbox"
    assert ".TH" in host.file("/usr/local/share/man/man1/sipbox-trace.1").content_string
    assert "_SIPBOX_COMPLETE" in host.file("/etc/bash_completion.d/sipbox").content_string
    assert box.ssh("find /opt/sipbox ! -user root -o ! -type l -perm /022").stdout == ""
    # Everybody may run it, and nothing of it is compiled again at each start.
    assert box.ssh("runuser -u nobody -- sipbox version").stdout.strip()
    assert host.file(
        f"{current}/venv/lib/python{PYTHON[box.release]}/site-packages/appliance/__pycache__"
    ).is_directory
    assert not host.file(f"{current}/wheels").exists
    # systemctl help sipbox@1 leads there.
    assert host.file(f"{current}/docs/settings.md").is_file


def test_settings_are_read_by_those_who_need_them(box: BootedBox, host: Any) -> None:
    file = host.file("/etc/sipbox/sipbox.toml")
    assert (file.user, file.group, file.mode) == ("root", "sipbox", 0o640)
    assert box.ssh("sipbox config check").returncode == 0
    assert box.ssh("runuser -u nobody -- cat /etc/sipbox/sipbox.toml", check=False).returncode != 0


def test_services_run_and_are_started_at_boot(host: Any) -> None:
    for unit in ("sipbox.target", "sipbox@1.socket", "sipbox@1.service", "sipbox-agent.service"):
        assert host.service(unit).is_running, unit
        assert host.service(unit).is_enabled, unit
    assert host.run("systemctl --failed --no-legend").stdout == ""
    [process] = host.process.filter(user="sipbox", ppid=1)
    assert "serve --worker 1" in process.args


def test_sip_is_listened_on_where_the_inventory_says_and_nowhere_else(box: BootedBox) -> None:
    assert listeners_at(box, 5060) == {f"udp:{box.address}:5060", f"tcp:{box.address}:5060"}


def test_no_secret_can_be_read_by_everybody(box: BootedBox) -> None:
    places = "/etc /opt /var/lib /var/log /var/backups /run /tmp /root"
    wanted = "-e secret-10 -e secret-11 -e secret-12"
    found = box.ssh(
        f"grep -rlsI {wanted} {places} --exclude-dir=proc | xargs -r stat -c '%A %n'", check=False
    ).stdout
    assert not [line for line in found.splitlines() if line[7] == "r"], found
    assert "secret-1" not in box.ssh("journalctl --no-pager; ps axww", check=False).stdout


def test_nothing_is_wrong_and_an_edit_by_hand_is_found(box: BootedBox) -> None:
    told = box.ssh("sipbox diagnose", check=False)
    assert told.returncode == 0, told.stdout
    assert re.search(r"(?m)^installed +ok +release \S+, \d+ files as they were installed$", told.stdout)
    # Whoever has no rights here is told what he may see, and what root would see.
    told = box.ssh("runuser -u nobody -- sipbox diagnose", check=False)
    assert told.returncode == 0, told.stdout
    assert re.search(r"(?m)^server +ok ", told.stdout)
    assert re.search(r"(?m)^settings +unknown .*\n +Ask as root: ", told.stdout)

    box.ssh("cp -p /etc/sipbox/sipbox.toml /root/kept && echo '# mine' >>/etc/sipbox/sipbox.toml")
    told = box.ssh("sipbox diagnose", check=False)
    assert told.returncode == 3, told.stdout
    assert re.search(r"(?m)^installed +WRONG +/etc/sipbox/sipbox.toml was changed by hand", told.stdout)
    assert re.search(r"(?m)^settings +ok ", told.stdout)  # a comment is nothing to the server

    box.ssh(r"sed -i '/^\[sip\]/a server_header = \"mine\"' /etc/sipbox/sipbox.toml")
    told = box.ssh("sipbox diagnose", check=False)
    assert told.returncode == 3, told.stdout
    assert re.search(r"(?m)^settings +WRONG .*\n +Have it read: (.*)\.$", told.stdout)

    box.ssh("cat /root/kept >/etc/sipbox/sipbox.toml && systemctl restart 'sipbox@*.service'")
    assert box.ssh("sipbox diagnose", check=False).returncode == 0
