from __future__ import annotations

import pytest

from appliance.config import parse
from appliance.provisioning.stored import base_url, folder, phone_of, site_of
from appliance.provisioning.vault import Vault
from appliance.storage.phones import StoredLine, StoredPhone

LISTEN = """
[sip]
listen = ["udp:192.0.2.10:5070", "tcp:[2001:db8::1]:5080"]
domains = ["example.org"]
[phones]
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ("192.0.2.10", 5070)),
        ('transport = "tcp"', ("[2001:db8::1]", 5080)),
        ('sip_server = "pbx.example.org"', ("pbx.example.org", 5060)),
        ('sip_server = "[2001:db8::2]:5090"', ("[2001:db8::2]", 5090)),
        ('sip_server = "example.org"', None),
        ('outbound_proxy = "edge.example.org:5061"', ("edge.example.org", 5061)),
    ],
)
def test_where_phones_send_to(said: str, expected: tuple[str, int] | None) -> None:
    assert site_of(parse(LISTEN + said)).proxy_for("example.org") == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ""),
        ('http = "0.0.0.0:8088"', "http://192.0.2.10:8088/"),
        ('http = "0.0.0.0:8088"\nurl = "https://pbx.example.org/phones"', "https://pbx.example.org/phones/"),
    ],
)
def test_what_phones_are_told(said: str, expected: str) -> None:
    settings = parse(LISTEN + said)
    assert base_url(settings) == expected
    assert folder(settings, "token") == (f"{expected}token/" if expected else "")


def test_a_row_with_its_secrets_opened() -> None:
    vault = Vault([bytes(32)])
    line = StoredLine(2, "10", "example.org", "", "Ada", "", "", vault.seal("s3cret", "10@example.org"))
    options = {"language": "de", "admin_password": vault.seal("adm1n", "phone 001565aabbcc")}
    row = StoredPhone(
        mac="001565aabbcc",
        vendor="yealink",
        model="t46s",
        token="token",
        enabled=True,
        options=options,
        serial=1,
        served=0,
        first_seen=None,
        last_seen=None,
        last_address="",
        user_agent="",
        managed_by="",
        lines=(line,),
    )
    made = phone_of(row, parse(LISTEN + 'http = "192.0.2.10:8088"\nvoicemail = "*97"'), vault)
    assert made.site.url == "http://192.0.2.10:8088/token/"
    assert (made.site.language, made.site.admin_password) == ("de", "adm1n")
    assert (made.lines[0].number, made.lines[0].password, made.lines[0].voicemail) == (2, "s3cret", "*97")
