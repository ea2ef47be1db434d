from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning.phone import Line, Site, parse_phone

SITE = Site(domain="example.org", server="192.0.2.10")


def test_an_entry_with_one_user() -> None:
    phone = parse_phone({"mac": "00:0B:82:12:34:56", "model": "budgetone-100", "user": 10}, SITE)
    assert phone.mac == "000b82123456"
    assert phone.vendor == "grandstream"
    assert phone.lines == (Line(user="10", domain="example.org"),)
    assert phone.lines[0].auth_user == phone.lines[0].display_name == phone.lines[0].label == "10"


def test_an_entry_with_accounts_and_options() -> None:
    phone = parse_phone(
        {
            "mac": "001565aabbcc",
            "model": "t46s",
            "accounts": [
                {"user": "10", "display_name": "Ada"},
                {"user": "12", "line": "4", "domain": "b.org"},
            ],
            "transport": "TLS",
            "time_zone": "Asia/Tokyo",
            "codecs": "pcmu, opus pcmu",
            "expires": "600",
        },
        SITE,
    )
    assert [(line.number, line.user, line.domain) for line in phone.lines] == [
        (1, "10", "example.org"),
        (4, "12", "b.org"),
    ]
    assert phone.site.codecs == ("pcmu", "opus")
    assert (phone.site.transport, phone.site.port, phone.site.expires) == ("tls", 5061, 600)
    assert (SITE.transport, SITE.port) == ("udp", 5060)
    assert phone.line(4) is phone.lines[1]
    assert phone.line(2) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mac": None}, "mac: is missing"),
        ({"model": ""}, "model: is missing"),
        ({"model": "toaster"}, "model: 'toaster' is unknown"),
        ({"user": None}, "user: is missing"),
        ({"colour": "red"}, "colour: is no key of a phone"),
        ({"accounts": [{"user": "10"}]}, "what an account says stands in it"),
        ({"user": "a b"}, "user: 'a b' is no user name"),
        ({"display_name": "a\nb"}, "display_name: .* cannot be printed"),
        ({"transport": "sctp"}, "transport: 'sctp' is none of udp, tcp, tls"),
        ({"language": "xx"}, "language: 'xx' is none of"),
        ({"codecs": []}, "codecs: name at least one"),
        ({"codecs": ["mp3"]}, "codecs: 'mp3' is none of"),
        ({"time_zone": "Mars/Base"}, "time_zone: 'Mars/Base' is no time zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone: .* is no time zone"),
        ({"expires": 10}, "expires: 10 is no whole number"),
        ({"admin_password": 'a\n"'}, "admin_password: has to be one line"),
        ({"ntp": "a b"}, "ntp: 'a b' is neither"),
        ({"domain": "a..b"}, "domain: 'a..b' is neither"),
    ],
)
def test_what_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    entry = {"mac": "000b82123456", "model": "gxp2135", "user": "10"} | changes
    with pytest.raises(PhoneRefused, match=words) as caught:
        parse_phone(entry, SITE)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ([{"user": str(n)} for n in range(5)], "a gxp2135 has 4, not 5"),
        ([{"user": "10", "line": 5}], "has no line 5"),
        ([{"user": "10"}, {"user": "12", "line": 1}], "for the same line"),
        ([{"user": "10", "colour": "red"}], "colour: is no key of an account"),
        ([{}], "user: is missing"),
        (["10"], "is no account"),
        ("10", "has to be a list"),
        ([], "user: is missing"),
    ],
)
def test_accounts_that_are_refused(accounts: Any, words: str) -> None:
    with pytest.raises(PhoneRefused, match=words):
        parse_phone({"mac": "000b82123456", "model": "gxp2135", "accounts": accounts}, SITE)


def test_nothing_shows_a_password() -> None:
    entry = {"mac": "000b82123456", "model": "gxp2135", "user": "10", "password": "s3cret"}
    phone = parse_phone(entry | {"admin_password": "adm1n"}, SITE)
    assert "s3cret" not in repr(phone)
    assert "adm1n" not in repr(phone)


def test_where_requests_are_sent() -> None:
    assert SITE.proxy_for("example.org") == ("192.0.2.10", 5060)
    assert SITE.proxy_address("example.org") == "192.0.2.10:5060"
    itself = Site(domain="example.org", port=5080)
    assert itself.proxy_for("example.org") is None
    assert itself.registrar("example.org") == "example.org:5080"
    assert itself.proxy_for("other.org") == ("example.org", 5080)
    beyond = Site(domain="example.org", outbound_proxy="[2001:db8::1]", transport="tls")
    assert beyond.proxy_for("example.org") == ("[2001:db8::1]", 5061)
    assert beyond.registrar("example.org") == "example.org"


def test_an_option_that_is_none() -> None:
    with pytest.raises(PhoneRefused, match="domain: is no option"):
        SITE.with_options({"domain": "other.org"})


def test_what_is_no_account_is_not_repeated() -> None:
    with pytest.raises(PhoneRefused) as refused:
        parse_phone({"mac": "001565123456", "model": "t46s", "accounts": [["10", "s3cret"]]}, SITE)
    assert "s3cret" not in str(refused.value)
