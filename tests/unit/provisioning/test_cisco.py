from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.files import file_names
from tests.unit.provisioning.phones_made import MAC, URL, content, elements, phone, site


def test_the_models_file_leads_to_the_phones_own() -> None:
    made = phone("spa504g")
    assert list(file_names(made)) == ["spa504G.cfg", f"{MAC}.xml"]
    for name in ("spa504G.cfg", "spa504g.cfg"):
        said = elements(content(made, name))
        assert said["Profile_Rule"] == f"{URL}$MA.xml"
        assert said["Provision_Enable"] == "Yes"


def test_settings() -> None:
    accounts = [
        {"user": "10", "password": "s3cret&<x", "display_name": "Ada", "voicemail": "*97"},
        {"user": "12", "password": "b", "line": 3},
    ]
    made = phone("spa504g", site(admin_password="adm1n", ntp="192.0.2.1"), accounts=accounts, transport="tcp")
    document = content(made, f"{MAC}.xml")
    assert ET.fromstring(document).tag == "flat-profile"
    said = elements(document)
    expected = {
        "Profile_Rule": f"{URL}$MA.xml",
        "Voice_Mail_Number": "*97",
        "Admin_Passwd": "adm1n",
        "Primary_NTP_Server": "192.0.2.1",
        "Time_Zone": "GMT+01:00",
        "Daylight_Saving_Time_Enable": "Yes",
        "Daylight_Saving_Time_Rule": "start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1:0:0",
        "Line_Enable_1_": "Yes",
        "Display_Name_1_": "Ada",
        "User_ID_1_": "10",
        "Password_1_": "s3cret&<x",
        "Use_Auth_ID_1_": "Yes",
        "Auth_ID_1_": "10",
        "Proxy_1_": "example.org",
        "Outbound_Proxy_1_": "192.0.2.10:5060",
        "Use_Outbound_Proxy_1_": "Yes",
        "SIP_Transport_1_": "TCP",
        "Register_1_": "Yes",
        "Register_Expires_1_": "3600",
        "Preferred_Codec_1_": "G722",
        "Second_Preferred_Codec_1_": "G711a",
        "Third_Preferred_Codec_1_": "G711u",
        "Line_Enable_2_": "No",
        "User_ID_3_": "12",
        "Line_Enable_4_": "No",
    }
    assert said | expected == said
    assert "User_ID_2_" not in said


def test_the_second_sunday_begins_with_the_eighth() -> None:
    said = elements(content(phone("spa504g", site(server=""), time_zone="America/New_York"), f"{MAC}.xml"))
    assert said["Daylight_Saving_Time_Rule"] == "start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=1:0:0"
    assert said["Time_Zone"] == "GMT-05:00"
    assert (said["Outbound_Proxy_1_"], said["Use_Outbound_Proxy_1_"]) == ("", "No")


def test_codecs_that_it_does_not_have() -> None:
    said = elements(content(phone("spa504g", codecs="opus,pcmu"), f"{MAC}.xml"))
    assert said["Preferred_Codec_1_"] == "G711u"
    assert said["Second_Preferred_Codec_1_"] == "Unspecified"
    with pytest.raises(PhoneRefused, match="a spa504g has only pcma, pcmu, g722, g729"):
        content(phone("spa504g", codecs="opus"), f"{MAC}.xml")
