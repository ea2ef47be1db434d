from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.files import file_names
from tests.unit.provisioning.phones_made import MAC, content, elements, phone, site

NAME = f"cfg{MAC}.xml"


def test_p_values() -> None:
    made = phone(
        "gxp2135",
        site(admin_password="adm<1n", ntp="ntp.example.org"),
        display_name='"Ada" <b>',
        voicemail="*97",
    )
    document = content(made, NAME)
    root = ET.fromstring(document)
    assert (root.tag, root.get("version"), root[1].tag, root[1].get("version")) == (
        "gs_provision", "1", "config", "1",
    )  # fmt: skip
    expected = {
        "mac": MAC,
        "P271": "1",
        "P47": "example.org",
        "P48": "192.0.2.10:5060",
        "P35": "10",
        "P36": "10",
        "P34": "s3cret&<x",
        "P3": '"Ada" <b>',
        "P33": "*97",
        "P99": "1",
        "P31": "1",
        "P32": "60",
        "P81": "0",
        "P130": "0",
        "P57": "9",
        "P58": "8",
        "P59": "0",
        "P401": "0",
        "P501": "0",
        "P601": "0",
        "P30": "ntp.example.org",
        "P64": "customize",
        "P246": "STD-1DST-2,M3.5.0,M10.5.0/3",
        "P1362": "en",
        "P212": "1",
        "P237": "192.0.2.10:8088/token",
        "P2": "adm<1n",
    }
    said = elements(document)
    assert said | expected == said


def test_the_second_account_and_tls() -> None:
    accounts = [{"user": "10", "password": "a"}, {"user": "12", "password": "b", "display_name": "Grace"}]
    made = phone(
        "gxp2135", site(url="https://pbx.example.org/t"), accounts=accounts, transport="tls", expires=90
    )
    said = elements(content(made, NAME))
    expected = {
        "P401": "1", "P417": "12", "P402": "example.org", "P403": "192.0.2.10:5061", "P404": "12",
        "P405": "12", "P406": "b", "P407": "Grace", "P426": "", "P130": "2", "P32": "1", "P212": "2",
        "P237": "pbx.example.org/t",
    }  # fmt: skip
    assert {name: said[name] or "" for name in expected} == expected


def test_names() -> None:
    made = phone("grp2612", site(admin_password="adm1n"), display_name="Ada & Co", transport="tcp")
    document = content(made, NAME)
    root = ET.fromstring(document)
    config = root.find("config")
    assert config is not None
    assert config.get("version") == "2"
    said = {item.get("name"): item.text for item in config if len(item) == 0}
    assert said == {
        "account.1.enable": "Yes",
        "account.1.name": "10",
        "account.1.sip.server.1.address": "example.org",
        "account.1.sip.outboundProxy.1.address": "192.0.2.10:5060",
        "account.1.sip.userid": "10",
        "account.1.sip.subscriber.userid": "10",
        "account.1.sip.subscriber.password": "s3cret&<x",
        "account.1.sip.subscriber.name": "Ada & Co",
        "account.1.sip.transport": "TCP",
        "account.1.sip.registration": "Yes",
        "account.1.sip.registerExpiration": "60",
        "account.2.enable": "No",
        "users.admin.password": "adm1n",
    }
    # P-values are fetched and ignored here.
    assert not any(each.tag.startswith("P") and each.tag[1:].isdigit() for each in root.iter())


def test_each_model_has_one_file() -> None:
    assert list(file_names(phone("gxp2000"))) == [f"cfg{MAC}"]
    assert list(file_names(phone("gxp2135"))) == [NAME]
    assert list(file_names(phone("grp2612"))) == [NAME]


def test_an_old_phone_without_a_codec_of_its_own() -> None:
    with pytest.raises(PhoneRefused, match="a budgetone-100 has only pcmu, pcma, g729"):
        content(phone("budgetone-100", codecs="opus"), f"cfg{MAC}")
