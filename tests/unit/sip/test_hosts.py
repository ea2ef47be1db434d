from __future__ import annotations

import pytest

from appliance.errors import MalformedMessage
from appliance.sip.hosts import is_hostname, is_ipv4, is_ipv6_reference, parse_host_port


@pytest.mark.parametrize("text", ["0.0.0.0", "192.0.2.1", "255.255.255.255", "010.1.1.1"])
def test_ipv4(text: str) -> None:
    assert is_ipv4(text)


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.", "1.2.3.x", "1.2.3.٤", "1.2.3.+4", "0001.1.1.1"]
)
def test_not_ipv4(text: str) -> None:
    assert not is_ipv4(text)


@pytest.mark.parametrize("text", ["[::]", "[::1]", "[2001:db8::9:1]", "[::ffff:192.0.2.10]", "[2001:DB8::A]"])
def test_ipv6_reference(text: str) -> None:
    assert is_ipv6_reference(text)


@pytest.mark.parametrize(
    "text", ["", "::1", "[::1", "::1]", "[]", "[:::]", "[fe80::1%eth0]", "[1.2.3.4]", "[" + ":" * 9999 + "]"]
)
def test_not_ipv6_reference(text: str) -> None:
    assert not is_ipv6_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "example.com",
        "EXAMPLE.com",
        "example.com.",
        "my_pbx",
        "a-b.c",
        "1.2.3.4",
        "xn--bcher-kva.example",
    ],
)
def test_hostname(text: str) -> None:
    assert is_hostname(text)


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-a", "a-", "a.-b", "a b", "bücher.example", "a/b", "[::1]"]
)
def test_not_hostname(text: str) -> None:
    assert not is_hostname(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", None),
        ("192.0.2.1:5060", "192.0.2.1", 5060),
        ("Example.COM:65535", "example.com", 65535),
        ("example.com : 4000", "example.com", 4000),
        ("  example.com\t", "example.com", None),
        ("[2001:DB8::1]", "[2001:db8::1]", None),
        ("[2001:db8::1]:5061", "[2001:db8::1]", 5061),
        ("[2001:db8::1] : 5061", "[2001:db8::1]", 5061),
        ("host:0", "host", 0),
        ("host:00080", "host", 80),
    ],
)
def test_host_and_port(text: str, host: str, port: int | None) -> None:
    assert parse_host_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5060",
        "host:",
        "host:x",
        "host:65536",
        "host:-1",
        "host:+1",
        "host:1_0",
        "host:٥٠٦٠",
        "host:000000",
        "a b",
        "a@b",
        "[::1",
        "[::1]5060",
        "[::1]:",
        "::1",
        "a\x00b",
        "\u212a.example",  # the Kelvin sign, whose lower case is a plain k
        "a" * 301,
    ],
)
def test_neither_host_nor_port(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_host_port(text)
