"""What settings and rows become."""

from __future__ import annotations

import pytest

from appliance.config import parse
from appliance.provisioning.stored import base_url, folder, phone_of, site_of
from tests.unit.agent.phones_made import MAC, VAULT, stored

SIP = '[sip]\nlisten = ["udp:192.0.2.1:5062", "tcp:192.0.2.1:5063"]\ndomains = ["example.org"]\n'


@pytest.mark.parametrize(
    ("phones", "url"),
    [
        ("", ""),
        ('http = "0.0.0.0:8088"', "http://192.0.2.1:8088/"),
        ('http = "0.0.0.0:8088"\nurl = "https://phones.example.org/p"', "https://phones.example.org/p/"),
        (
            'http = "0.0.0.0:8088"\ncertificate = "/c.pem"\ncertificate_key = "/k.pem"',
            "https://192.0.2.1:8088/",
        ),
    ],
)
def test_where_phones_are_sent(phones: str, url: str) -> None:
    settings = parse(f"{SIP}[phones]\n{phones}\n")
    assert base_url(settings) == url
    assert folder(settings, "token") == (f"{url}token/" if url else "")


def test_the_server_is_the_one_that_listens_unless_another_is_named() -> None:
    assert site_of(parse(SIP)).proxy_for("example.org") == ("192.0.2.1", 5062)
    tcp = parse(f'{SIP}[phones]\ntransport = "tcp"\n')
    assert site_of(tcp).proxy_for("example.org") == ("192.0.2.1", 5063)
    advertised = parse(SIP.replace("[sip]", '[sip]\nadvertise = ["tcp:192.0.2.1:5063=203.0.113.7:5070"]'))
    assert site_of(advertised).proxy_for("example.org") == ("192.0.2.1", 5062)
    advertised = parse(SIP.replace("[sip]", '[sip]\nadvertise = ["203.0.113.7"]'))
    assert site_of(advertised).proxy_for("example.org") == ("203.0.113.7", 5062)
    named = parse(f'{SIP}[phones]\nsip_server = "sip.example.org:5070"\n')
    assert site_of(named).proxy_for("example.org") == ("sip.example.org", 5070)


def test_a_stored_phone_with_its_secrets_opened() -> None:
    options = {"language": "de", "admin_password": VAULT.seal("geheim", f"phone {MAC}")}
    settings = parse(f'{SIP}[phones]\nhttp = "192.0.2.1:8088"\nvoicemail = "*97"\n')
    phone = phone_of(stored()._replace(options=options), settings, VAULT)
    assert (phone.site.language, phone.site.admin_password) == ("de", "geheim")
    assert (phone.lines[0].password, phone.lines[0].voicemail) == ("secret-10", "*97")
    assert "geheim" not in repr(phone)
    assert "secret-10" not in repr(phone)
