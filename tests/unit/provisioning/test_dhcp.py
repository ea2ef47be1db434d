from __future__ import annotations

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.dhcp import Option, dhcp_options, dnsmasq

URL = "http://192.0.2.10:8088/"


def test_what_each_vendors_phones_read() -> None:
    assert dhcp_options(URL) == [
        Option("grandstream", 66, "http://192.0.2.10:8088"),
        Option("yealink", 66, URL),
        Option("snom", 66, URL),
        Option("polycom", 160, f"{URL}000000000000.cfg"),
        Option("polycom", 66, f"{URL}000000000000.cfg"),
        Option("cisco", 66, f"{URL}spa$PSN.cfg"),
        Option("cisco", 160, f"{URL}spa$PSN.cfg"),
    ]
    assert dhcp_options("http://192.0.2.10:8088", "yealink") == [Option("yealink", 66, URL)]


@pytest.mark.parametrize("url", ["", "tftp://192.0.2.10/", 'http://x/"\n', "http://x/a b"])
def test_only_a_url(url: str) -> None:
    with pytest.raises(PhoneRefused, match="url"):
        dhcp_options(url or "x")


def test_each_phone_is_told_its_own_folder() -> None:
    text = dnsmasq([("00:0B:82:12:34:56", "grandstream", f"{URL}secret/")])
    assert text.splitlines()[1:] == [
        "",
        "dhcp-mac=set:sipbox-phone,00:0b:82:12:34:56",
        "dhcp-mac=set:phone-000b82123456,00:0b:82:12:34:56",
        'dhcp-option=tag:phone-000b82123456,66,"http://192.0.2.10:8088/secret"',
    ]


def test_all_others_are_told_where_to_ask() -> None:
    said = dnsmasq([], URL).splitlines()
    assert "dhcp-mac=set:snom,00:04:13:*:*:*" in said
    assert f'dhcp-option=tag:polycom,tag:!sipbox-phone,160,"{URL}000000000000.cfg"' in said
    assert [line for line in said if "dhcp-option" in line and "tag:!sipbox-phone" not in line] == []
