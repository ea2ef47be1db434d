from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from appliance.errors import PhoneRefused
from appliance.provisioning import values


@pytest.mark.parametrize(
    "text", ["000b82123456", "00:0B:82:12:34:56", "00-0b-82-12-34-56", "000b.8212.3456", " 000B82123456 "]
)
def test_a_mac_address_in_each_notation(text: str) -> None:
    assert values.mac_address(text) == "000b82123456"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("00:0b:82:12:34", "is no MAC address"),
        ("00:0b:82:12:34:5g", "is no MAC address"),
        ("00:0b:82:12:34\n:56", "is no MAC address"),
        ("00:0b:82:12:34:56:78", "is no MAC address"),
        ("ff:ff:ff:ff:ff:ff", "of no single phone"),
        ("00:00:00:00:00:00", "of no single phone"),
        (413123456, "write it in quotes"),
        (None, "write it in quotes"),
    ],
)
def test_what_is_no_mac_address(value: object, words: str) -> None:
    with pytest.raises(PhoneRefused, match=words) as caught:
        values.mac_address(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "value", "words"),
    [
        (values.printable, "a\nb", "cannot be printed"),
        (values.printable, "a\x00", "cannot be printed"),
        (values.printable, "a\u202eb", "cannot be printed"),
        (values.printable, "a\ud800", "cannot be printed"),
        (values.printable, "x" * 129, "longer than 128"),
        (values.printable, None, "is no text"),
        (values.printable, True, "is no text"),
        (values.user_name, "a b", "no user name"),
        (values.user_name, 'a"', "no user name"),
        (values.user_name, "a@b", "no user name"),
        (values.user_name, "", "no user name"),
        (values.dialled, "*97;x", "nothing that a phone can dial"),
        (values.host, "exa mple", "neither a host name nor an address"),
        (values.host, "1.2.3.256", "neither a host name nor an address"),
        (values.host, "2001:db8::1", "neither a host name nor an address"),
        (values.host, "", "neither a host name nor an address"),
        (values.host_and_port, "example.org:x", "HOST or HOST:PORT"),
        (values.web_address, "ftp://example.org/", "no http:// or https:// URL"),
        (values.web_address, 'http://example.org/"', "no http:// or https:// URL"),
        (values.web_address, "http://exämple.org/", "no http:// or https:// URL"),
    ],
)
def test_what_is_refused(call: Callable[[Any, str], Any], value: Any, words: str) -> None:
    with pytest.raises(PhoneRefused, match=words) as caught:
        call(value, "this")
    assert str(caught.value).startswith("this: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["s3cr\net", " s3cret", "s3cret ", "s3cret" * 30])
def test_no_message_repeats_a_password(text: str) -> None:
    with pytest.raises(PhoneRefused) as caught:
        values.secret(text, "password")
    assert "s3cr" not in str(caught.value)


def test_hosts() -> None:
    assert values.host("PBX.Example.org.", "server") == "pbx.example.org"
    assert values.host("[2001:DB8::1]", "server") == "[2001:db8::1]"
    assert values.host_and_port("192.0.2.1:5080", "server") == ("192.0.2.1", 5080)
    assert values.host_and_port("[2001:db8::1]", "server") == ("[2001:db8::1]", None)


def test_numbers_may_be_written_as_text() -> None:
    assert values.whole_number("60", "expires", 60, 100) == 60
    for wrong in ("59", 101, "6o", True, None, 60.0, "٦٠"):
        with pytest.raises(PhoneRefused, match="no whole number from 60 to 100"):
            values.whole_number(wrong, "expires", 60, 100)
