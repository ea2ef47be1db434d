from __future__ import annotations

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.files import file_names
from appliance.provisioning.rendering import shipped_templates
from tests.unit.provisioning.phones_made import MAC, URL, content, lines, phone, site


def test_the_boot_file_names_the_others() -> None:
    made = phone("t46s")
    boot = content(made, f"{MAC}.boot").decode()
    included = [line.split('"')[1] for line in boot.splitlines() if line.startswith("include:config")]
    assert included == ["y000000000000.cfg", f"{MAC}.cfg"]
    assert boot.splitlines()[0] == "#!version:1.0.0.1"
    assert "overwrite_mode = 1" in boot.splitlines()
    assert {*included, f"{MAC}.boot"} == set(file_names(made))
    # Older firmware asks for the common file by the number of its model.
    assert content(made, "y000000000066.cfg") == content(made, "y000000000000.cfg")


def test_accounts() -> None:
    accounts = [
        {"user": "10", "password": "s3cret", "display_name": "Ada Lovelace", "voicemail": "*97"},
        {"user": "12", "password": "t0p#x", "line": 3, "label": "Door"},
    ]
    said = lines(content(phone("t46s", accounts=accounts, transport="tls", codecs="opus,pcmu"), f"{MAC}.cfg"))
    expected = {
        "account.1.enable": "1",
        "account.1.label": "10",
        "account.1.display_name": "Ada Lovelace",
        "account.1.user_name": "10",
        "account.1.auth_name": "10",
        "account.1.password": "s3cret",
        "account.1.sip_server.1.address": "example.org",
        "account.1.sip_server.1.port": "5061",
        "account.1.sip_server.1.transport_type": "2",
        "account.1.sip_server.1.expires": "3600",
        "account.1.outbound_proxy_enable": "1",
        "account.1.outbound_proxy.1.address": "192.0.2.10",
        "account.1.outbound_proxy.1.port": "5061",
        "account.1.subscribe_mwi": "1",
        "voice_mail.number.1": "*97",
        "account.1.codec.opus.priority": "1",
        "account.1.codec.pcmu.priority": "2",
        "account.1.codec.pcma.enable": "0",
        "account.2.enable": "0",
        "account.3.enable": "1",
        "account.3.label": "Door",
        "account.3.password": "t0p#x",
        "voice_mail.number.3": "%NULL%",
        "account.16.enable": "0",
    }
    assert said | expected == said
    assert "account.17.enable" not in said


def test_the_sites_settings() -> None:
    made = phone("t46s", site(language="de", ntp="ntp.example.org", admin_password="adm1n"))
    assert lines(content(made, "y000000000000.cfg")) == {
        "lang.gui": "German",
        "lang.wui": "German",
        "local_time.time_zone": "+1",
        "local_time.summer_time": "1",
        "local_time.dst_time_type": "1",
        "local_time.start_time": "3/5/7/2",
        "local_time.end_time": "10/5/7/3",
        "local_time.offset_time": "60",
        "local_time.ntp_server1": "ntp.example.org",
        "static.auto_provision.server.url": URL,
        "sip.notify_reboot_enable": "1",
        "static.security.user_password": "admin:adm1n",
    }


def test_a_zone_without_daylight_saving() -> None:
    said = lines(content(phone("t46s", time_zone="Asia/Kolkata"), "y000000000000.cfg"))
    assert (said["local_time.time_zone"], said["local_time.summer_time"]) == ("+5:30", "0")
    assert "local_time.start_time" not in said


def test_the_domain_itself_needs_no_proxy() -> None:
    said = lines(content(phone("t46s", site(server="")), f"{MAC}.cfg"))
    assert said["account.1.outbound_proxy_enable"] == "0"
    assert "account.1.outbound_proxy.1.address" not in said


@pytest.mark.parametrize("name", ['Ada "Lovelace"', "%NULL%", "%null%"])
def test_what_such_a_file_cannot_say_is_refused(name: str) -> None:
    with pytest.raises(PhoneRefused, match="cannot be told to a phone of this make"):
        content(phone("t46s", display_name=name), f"{MAC}.cfg")


def test_a_password_that_it_cannot_say_is_not_repeated() -> None:
    with pytest.raises(PhoneRefused, match=r"^yealink/accounts\.cfg\.j2:\d+: the value cannot") as refused:
        content(phone("t46s", password='my"secret'), f"{MAC}.cfg")
    assert "secret" not in str(refused.value)
    said = (shipped_templates() / "yealink" / "accounts.cfg.j2").read_text().splitlines()
    line = int(str(refused.value).split(":")[1])
    assert "line.password" in said[line - 1]
