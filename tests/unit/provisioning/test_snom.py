from __future__ import annotations

import xml.etree.ElementTree as ET

from appliance.provisioning.files import file_names
from tests.unit.provisioning.phones_made import MAC, URL, content, elements, phone, site

UPPER = MAC.upper()


def by_index(document: bytes, number: int) -> dict[str, str]:
    root = ET.fromstring(document)
    return {each.tag: each.text or "" for each in root.iter() if each.get("idx") == str(number)}


def test_the_index_leads_to_the_settings() -> None:
    made = phone("d785")
    assert list(file_names(made)) == [f"snomD785-{UPPER}.htm", f"{UPPER}.xml"]
    for name in (f"snomD785-{UPPER}.htm", "snomD785.htm", f"snomD785-{MAC}.htm"):
        root = ET.fromstring(content(made, name))
        assert root.tag == "setting-files"
        assert [file.get("url") for file in root] == [f"{URL}{UPPER}.xml"]


def test_settings() -> None:
    accounts = [
        {
            "user": "10",
            "password": "s3cret&<x",
            "display_name": "Ada <b>",
            "label": "Desk",
            "voicemail": "*97",
        },
        {"user": "12", "password": "b", "line": 4},
    ]
    made = phone("d785", site(language="fr", admin_password="adm1n"), accounts=accounts, transport="tcp")
    document = content(made, f"{UPPER}.xml")
    assert by_index(document, 1) == {
        "user_active": "on",
        "user_idle_text": "Desk",
        "user_realname": "Ada <b>",
        "user_name": "10",
        "user_pname": "10",
        "user_pass": "s3cret&<x",
        "user_host": "example.org",
        "user_outbound": "192.0.2.10:5060;transport=tcp",
        "user_expiry": "3600",
        "keepalive_interval": "30",
        "user_mailbox": "*97",
        "user_srtp": "off",
        "codec_priority_list": "g722,pcma,pcmu,telephone-event",
    }
    assert by_index(document, 2) == {"user_active": "off"}
    assert by_index(document, 4)["user_name"] == "12"
    assert by_index(document, 12) == {"user_active": "off"}
    said = elements(document)
    expected = {
        "setting_server": URL,
        "language": "Français",
        "utc_offset": "+3600",
        "dst": "3600 03.05.07 02:00:00 10.05.07 03:00:00",
        "http_user": "admin",
        "http_pass": "adm1n",
        "admin_mode_password": "adm1n",
    }
    assert said | expected == said


def test_west_of_greenwich_and_a_domain_that_is_the_server() -> None:
    made = phone("370", site(server="", time_zone="America/New_York"), transport="tls")
    said = elements(content(made, f"{UPPER}.xml"))
    assert said["utc_offset"] == "-18000"
    assert said["dst"] == "3600 03.02.07 02:00:00 11.01.07 02:00:00"
    assert by_index(content(made, f"{UPPER}.xml"), 1)["user_outbound"] == "example.org:5061;transport=tls"
    assert "http_pass" not in said
