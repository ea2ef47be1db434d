from __future__ import annotations

import pytest

from appliance.proxy.plain_address import is_loopback, is_one_host, plain_address, wire_address


@pytest.mark.parametrize(
    "written",
    [
        "192.0.2.9",
        "192.000.002.009",
        "::ffff:192.0.2.9",
        "::FFFF:C000:209",
        "0:0:0:0:0:ffff:192.0.2.9",
        "64:ff9b::192.0.2.9",
        "2002:c000:209::1",
        "::192.0.2.9",
        "::ffff:192.0.2.9%eth0",
    ],
)
def test_every_writing_of_an_address_is_the_same_text(written: str) -> None:
    assert plain_address(written) == "192.0.2.9"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::1", "::1"),
        ("::", "::"),
        ("gw.example.org", "gw.example.org"),
        ("1.2.3", "1.2.3"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("a:b:zz", "a:b:zz"),
    ],
)
def test_what_is_another_address_or_none_stays_one(written: str, plain: str) -> None:
    assert plain_address(written) == plain


@pytest.mark.parametrize(
    ("written", "sent_to"),
    [
        # inet_aton would read 011 as nine: what was looked at and what is sent to must not differ.
        ("192.0.2.011", "192.0.2.11"),
        ("192.0.2.9", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("64:ff9b::192.0.2.9", "64:ff9b::c000:209"),  # the translator is where it goes
        ("192.0.2.256", None),
        ("gw.example.org", None),
        ("3221225993", None),
    ],
)
def test_a_socket_gets_it_written_plainly(written: str, sent_to: str | None) -> None:
    assert wire_address(written) == sent_to


@pytest.mark.parametrize(
    ("host", "one"),
    [
        ("192.0.2.9", True),
        ("2001:db8::1", True),
        ("127.0.0.1", True),
        ("224.0.0.1", False),
        ("224.0.1.75", False),
        ("ff02::1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_many_hosts_and_none_are_not_one(host: str, one: bool) -> None:
    assert is_one_host(host) is one


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *(("127.0.0.1", True), ("127.1.2.3", True), ("127.000.000.001", True), ("::1", True)),
        *(("::ffff:127.0.0.1", True), ("0:0:0:0:0:0:0:1", True), ("::ffff:7f00:1", True)),
        *(("128.0.0.1", False), ("192.0.2.127", False), ("::2", False), ("127.example", False)),
    ],
)
def test_loopback_in_any_writing(host: str, own: bool) -> None:
    assert is_loopback(host) is own
