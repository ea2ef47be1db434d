"""Role base: time, security upgrades, users, limits, and the site's own certificate authorities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.debian_box import check

pytestmark = pytest.mark.timeout(1800)


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


def test_box_is_well_after_its_boot(host: Any) -> None:
    assert host.run("systemctl is-system-running").stdout == "running\n"
    assert host.run("systemctl --failed --quiet").stdout == ""


@pytest.mark.parametrize(
    "package",
    ["ca-certificates", "chrony", "tzdata", "unattended-upgrades", "iputils-ping", "procps", "tcpdump"],
)
def test_package_is_installed(host: Any, package: str) -> None:
    assert host.package(package).is_installed


def test_time_service_is_enabled_and_leaves_a_clock_that_is_not_its_own(host: Any) -> None:
    assert host.service("chrony").is_enabled
    assert not host.service("chrony").is_running  # a container: it has no CAP_SYS_TIME


def test_upgrades_come_from_the_security_archive_alone(host: Any) -> None:
    origin = "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"
    assert host.check_output("apt-config dump Unattended-Upgrade::Origins-Pattern").splitlines()[1:] == [
        f'Unattended-Upgrade::Origins-Pattern:: "{origin}";'
    ]
    assert host.run("apt-config shell value APT::Periodic::Unattended-Upgrade").stdout == "value='1'\n"
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_enabled
        assert host.service(timer).is_running


@pytest.mark.parametrize(
    ("user", "groups"), [("sipbox", ["sipbox"]), ("sipbox-agent", ["sipbox", "sipbox-agent"])]
)
def test_services_have_users_who_cannot_log_in(host: Any, user: str, groups: list[str]) -> None:
    assert host.user(user).shell == "/usr/sbin/nologin"
    assert host.user(user).uid < 1000
    assert sorted(host.user(user).groups) == groups
    assert host.check_output(f"passwd --status {user}").split()[1] == "L"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/apt/apt.conf.d/60sipbox",
        "/etc/sysctl.d/90-sipbox.conf",
        "/etc/systemd/journald.conf.d/sipbox.conf",
    ],
)
def test_file_is_roots(host: Any, path: str) -> None:
    file = host.file(path)
    assert (file.user, file.group, file.mode) == ("root", "root", 0o644)


def test_journal_is_kept_over_a_reboot_and_limited(host: Any) -> None:
    assert host.file("/var/log/journal").is_directory
    assert host.file("/etc/systemd/journald.conf.d/sipbox.conf").contains("^SystemMaxUse=1000M$")


def test_site_authority_is_trusted_as_long_as_the_inventory_names_it(pbx: BootedBox, tmp_path: Path) -> None:
    authority, key = tmp_path / "authority.pem", tmp_path / "authority.key"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Site"]
    check([*request, "-keyout", key, "-out", authority])
    named = {**INVENTORY, "base_certificate_authorities": [str(authority)]}
    text = {**INVENTORY, "base_certificate_authorities": [authority.read_text()]}
    pbx.install("openssl")
    pbx.ssh("cat >/root/authority.pem", typed=authority.read_text())
    trusted = "openssl verify -CApath /etc/ssl/certs /root/authority.pem"
    assert pbx.ssh(trusted, check=False).returncode != 0

    assert ansible(pbx, "site.yml", "--tags", "base", inventory=named).check().changed > 0
    assert pbx.ssh(trusted).stdout == "/root/authority.pem: OK\n"
    # As a text it is the same authority.
    again = ansible(pbx, "site.yml", "--tags", "base", inventory=text).check()
    assert again.changes() == []
    ansible(pbx, "site.yml", "--tags", "base").check()
    assert pbx.ssh(trusted, check=False).returncode != 0

    wrong = {**INVENTORY, "base_certificate_authorities": [str(key)]}
    refused = ansible(pbx, "site.yml", "--tags", "base", inventory=wrong)
    assert refused.returncode != 0
    assert "base_certificate_authorities is neither a PEM text nor a file with one" in " ".join(
        refused.output.split()
    )
