"""The role certificates on a deployed box: an authority of its own, files from outside, and ACME."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_role_sip import listeners_at
from tests.harness.authority import Authority
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.phone import Phone
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)

TAGS = ("--tags", "firewall,certificates,sip,agent")
AGAIN = ("--tags", "certificates,sip")
TLS = {"sipbox_tls": "internal", "sipbox_websocket": True}


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("bookworm").boot() as made:
        yield made


def phone(box: BootedBox, context: ssl.SSLContext, *, transport: str = "tls", name: str = "") -> Phone:
    """A phone in the net of the box that believes whom ``context`` believes."""
    return Phone(
        "12",
        "secret-12",
        proxy=(box.address, {"tls": 5061, "wss": 8443}[transport]),
        domain="example.org",
        transport=transport,
        address=str(box.network.net[1]),
        port=0,
        tls=context,
        server_name=name or box.address,
    )


def believes(box: BootedBox, directory: Path, file: str = "/etc/sipbox/tls/authority.pem") -> ssl.SSLContext:
    (directory / "authority.pem").write_text(box.ssh(f"cat {file}").stdout)
    return ssl.create_default_context(cafile=str(directory / "authority.pem"))


def serial(box: BootedBox) -> str:
    """Of the certificate that the server shows."""
    command = (
        f"openssl s_client -connect {box.address}:5061 </dev/null 2>/dev/null | openssl x509 -noout -serial"
    )
    return box.ssh(command).stdout


def test_from_an_authority_of_its_own_to_files(box: BootedBox, tmp_path: Path) -> None:
    ansible(box, "site.yml", *TAGS, inventory=INVENTORY | TLS).check()
    assert listeners_at(box, 5061) == {f"tcp:{box.address}:5061"}
    context = believes(box, tmp_path)
    with phone(box, context) as one, phone(box, context, transport="wss", name="example.org") as other:
        assert one.register().status == 200
        assert other.register().status == 200
        again = ansible(box, "site.yml", *AGAIN, inventory=INVENTORY | TLS).check()
        assert again.changed == 0, again.changes()

        # It is renewed in time, by a unit in its sandbox, and nobody is cut off.
        before = serial(box)
        box.ssh("systemctl start sipbox-certificate.service")
        assert serial(box) == before, "there is time yet"
        box.ssh("rm /etc/sipbox/tls/names.signed; systemctl start sipbox-certificate.service")
        assert serial(box) != before
        assert one.register().status == 200
        assert other.register().status == 200
        assert "sipbox-certificate.timer" in box.ssh("systemctl list-timers --no-pager").stdout
        key = box.ssh("stat -c '%U %G %a' /etc/sipbox/tls/key.pem /etc/sipbox/tls/authority-key.pem").stdout
        assert key == "root sipbox 640\nroot root 600\n"
        assert box.ssh("sipbox certificate check").returncode == 0

        # Then the site gets a certificate from somebody else. Phones are told no more to believe the box's
        # own authority, which is a setting, and nothing to the server.
        authority = Authority(tmp_path, "The site")
        before = serial(box)
        ansible(box, "site.yml", *AGAIN, inventory=INVENTORY | TLS | files(authority, box)).check()
        assert serial(box) != before
        assert one.register().status == 200
        ansible(box, "playbooks/verify.yml", inventory=INVENTORY | TLS).check()
    with phone(box, authority.client()) as third:
        assert third.register().status == 200
    assert box.ssh("systemctl is-enabled sipbox-certificate.timer", check=False).stdout == "disabled\n"


@pytest.mark.parametrize("release", ["trixie"])
def test_on_the_other_release_phones_are_told_and_the_kernel_knows_them(
    release: str, deployed: Deployments, tmp_path: Path
) -> None:
    with deployed(release).boot() as box:
        ansible(box, "site.yml", *TAGS, inventory=INVENTORY | TLS).check()
        context = believes(box, tmp_path)
        shown = json.loads(box.ssh("sipbox phone show 001565123457 --json").stdout)
        with urllib.request.urlopen(f"{shown['url']}authority.pem", timeout=30) as answer:
            assert answer.read() == (tmp_path / "authority.pem").read_bytes()
        with urllib.request.urlopen(f"{shown['url']}y000000000000.cfg", timeout=30) as answer:
            assert (
                f"static.trusted_certificates.url = {shown['url']}authority.pem\n" in answer.read().decode()
            )
        with phone(box, context) as one, phone(box, context, transport="wss", name="example.org") as other:
            assert one.register().status == 200
            assert other.register().status == 200
            box.ssh("sipbox ban add 192.0.2.77 --seconds 900")
            for name, member in (("known4", one.address), ("banned4", "192.0.2.77")):
                asked = f"nft list set inet sipbox {name}"
                wait_until(
                    f"{member} is in {name}", lambda a=asked, m=member: m in box.ssh(a).stdout, timeout=30
                )
            before = serial(box)
            box.ssh("rm /etc/sipbox/tls/names.signed; systemctl start sipbox-certificate.service")
            assert serial(box) != before
            assert one.register().status == 200
            box.ssh("sipbox ban lift 192.0.2.77")
            banned = "nft list set inet sipbox banned4"
            wait_until("it is lifted", lambda: "192.0.2.77" not in box.ssh(banned).stdout, timeout=30)


def files(authority: Authority, box: BootedBox) -> dict[str, Any]:
    certificate, key = authority.issue("example.org", box.address)
    return {
        "sipbox_tls": "files",
        "sipbox_certificate": certificate.read_text(),
        "sipbox_certificate_key": str(key),
    }


#: Pebble is an authority for tests, by the people of Let's Encrypt. Its own HTTPS has a certificate of ours.
PEBBLE = {
    "pebble": {
        "listenAddress": "127.0.0.1:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/root/pebble/server.pem",
        "privateKey": "/root/pebble/server-key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
    }
}
NAME = "pbx.example.org"


def test_by_acme_and_renewed_by_certbot(box: BootedBox, tmp_path: Path) -> None:
    box.install("pebble")
    authority = Authority(tmp_path, "Pebble itself")
    certificate, key = authority.issue("localhost", "127.0.0.1")
    (tmp_path / "pebble.json").write_text(json.dumps(PEBBLE))
    box.ssh("mkdir -p /root/pebble")
    for text, place in (
        (certificate.read_text(), "/root/pebble/server.pem"),
        (key.read_text(), "/root/pebble/server-key.pem"),
        (authority.file.read_text(), "/usr/local/share/ca-certificates/pebble.crt"),
        (json.dumps(PEBBLE), "/root/pebble/config.json"),
    ):
        box.ssh(f"cat >{place}", typed=text)
    box.ssh(f"update-ca-certificates; echo '{box.address} {NAME}' >>/etc/hosts")
    box.ssh(
        "systemd-run --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0"
        " pebble -config /root/pebble/config.json"
    )
    inventory = INVENTORY | {
        "sipbox_tls": "acme",
        "sipbox_acme_email": "admin@example.org",
        "sipbox_acme_server": "https://localhost:14000/dir",
        "sipbox_certificate_names": [NAME],
    }
    ansible(box, "site.yml", *TAGS, inventory=inventory).check()
    root = box.ssh(
        "python3 -c 'import ssl, urllib.request as u;"
        ' print(u.urlopen("https://localhost:15000/roots/0").read().decode())\''
    ).stdout
    (tmp_path / "root.pem").write_text(root)
    context = ssl.create_default_context(cafile=str(tmp_path / "root.pem"))
    with phone(box, context, name=NAME) as one:
        assert one.register().status == 200
        again = ansible(box, "site.yml", *AGAIN, inventory=inventory).check()
        assert again.changed == 0, again.changes()
        before = serial(box)
        box.ssh("certbot renew --force-renewal --no-random-sleep-on-renew")
        assert serial(box) != before
        assert one.register().status == 200, "nobody was cut off"
    with phone(box, context, name=NAME) as other:
        assert other.register().status == 200
    assert "certbot.timer" in box.ssh("systemctl list-timers --no-pager").stdout

    # Another source: certbot must not put its own in the place of that one.
    ansible(box, "site.yml", *AGAIN, inventory=INVENTORY | TLS).check()
    assert box.ssh("ls /etc/letsencrypt/renewal").stdout == ""
    with phone(box, believes(box, tmp_path)) as last:
        assert last.register().status == 200
