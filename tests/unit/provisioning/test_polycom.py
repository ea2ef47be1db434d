from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.unit.provisioning.phones_made import MAC, content, phone, site


def attributes(document: bytes) -> dict[str, str]:
    root = ET.fromstring(document)
    return {name: value for each in root.iter() for name, value in each.items()}


def test_the_master_file_names_the_phones_own() -> None:
    made = phone("vvx411")
    for name in ("000000000000.cfg", f"{MAC}.cfg"):
        root = ET.fromstring(content(made, name))
        assert root.tag == "APPLICATION"
        assert root.get("CONFIG_FILES") == "[PHONE_MAC_ADDRESS]-user.cfg"
        assert root.get("APP_FILE_PATH") == ""


def test_settings() -> None:
    accounts = [
        {"user": "10", "password": "s3\"cret'&<x", "display_name": 'Ada" x="1', "voicemail": "*97"},
        {"user": "12", "password": "b", "line": 3},
    ]
    made = phone(
        "vvx411", site(language="de", ntp="ntp.example.org", admin_password="1234"), accounts=accounts
    )
    said = attributes(content(made, f"{MAC}-user.cfg"))
    expected = {
        "reg.1.address": "10@example.org",
        "reg.1.displayName": 'Ada" x="1',
        "reg.1.label": "10",
        "reg.1.auth.userId": "10",
        "reg.1.auth.password": "s3\"cret'&<x",
        "reg.1.server.1.address": "example.org",
        "reg.1.server.1.port": "5060",
        "reg.1.server.1.transport": "UDPOnly",
        "reg.1.server.1.expires": "3600",
        "reg.1.server.1.register": "1",
        "reg.1.outboundProxy.address": "192.0.2.10",
        "reg.1.outboundProxy.port": "5060",
        "msg.mwi.1.callBack": "*97",
        "reg.3.address": "12@example.org",
        "voice.codecPref.G722": "1",
        "voice.codecPref.G711_A": "2",
        "voice.codecPref.G711_Mu": "3",
        "voice.codecPref.G729_AB": "0",
        "tcpIpApp.sntp.address": "ntp.example.org",
        "tcpIpApp.sntp.gmtOffset": "3600",
        "tcpIpApp.sntp.daylightSavings.enable": "1",
        "tcpIpApp.sntp.daylightSavings.start.month": "3",
        "tcpIpApp.sntp.daylightSavings.start.dayOfWeek": "1",
        "tcpIpApp.sntp.daylightSavings.start.dayOfWeek.lastInMonth": "1",
        "tcpIpApp.sntp.daylightSavings.stop.month": "10",
        "tcpIpApp.sntp.daylightSavings.stop.time": "3",
        "lcl.ml.lang": "German_Germany",
        "device.set": "1",
        "device.auth.localAdminPassword": "1234",
    }
    assert said | expected == said
    assert "x" not in said
    assert "msg.mwi.3.callBack" not in said


def test_the_second_sunday_begins_with_the_eighth() -> None:
    said = attributes(content(phone("vvx411", time_zone="America/New_York"), f"{MAC}-user.cfg"))
    start = "tcpIpApp.sntp.daylightSavings.start"
    assert (said[f"{start}.date"], said[f"{start}.dayOfWeek.lastInMonth"]) == ("8", "0")
    assert said["tcpIpApp.sntp.gmtOffset"] == "-18000"


def test_without_daylight_saving() -> None:
    said = attributes(content(phone("vvx411", time_zone="Asia/Tokyo", transport="tls"), f"{MAC}-user.cfg"))
    assert said["tcpIpApp.sntp.daylightSavings.enable"] == "0"
    assert "tcpIpApp.sntp.daylightSavings.start.month" not in said
    assert said["reg.1.server.1.transport"] == "TLS"
    assert "device.set" not in said
